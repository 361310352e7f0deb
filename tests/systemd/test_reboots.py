"""Runs of all kinds are cut off at random moments, by power cuts and reboots: then one formation runs, and no more."""

import random

from .reboots import PHASES, Trial, cut_off

RUNS = 4


def test_after_a_boot_exactly_the_formation_of_current_runs(lab, host, tmp_path):
    trial = Trial(lab, host, tmp_path, "caddy")
    trial.begin()
    seen = list(cut_off(trial, RUNS, random.Random(1)))
    assert len(seen) == RUNS
    assert {one.phase for one in seen} <= set(PHASES)
    assert {(one.word, one.end): one.violations for one in seen if one.violations} == {}
