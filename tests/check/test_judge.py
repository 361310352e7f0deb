"""What was seen of a life, and what is said of it: one fault, one row."""

import pytest

from deployer.core.manifest import ProcessType
from deployer.stages.check.bench import Start
from deployer.stages.check.judge import Case, judged
from deployer.stages.check.row import FACTORS
from deployer.stages.check.seen import Seen
from deployer.stages.check.under_way import Cut

WEB = ProcessType("web", "serve", binds_port=True, stop_timeout=4)
WORKER = ProcessType("worker", "work")
UP, DOWN = Start(0.5), Start(3, "exited with code 1")
FINE = {"address": "127.0.0.1", "stopped": 0.2, "cut": Cut(2, []), "lines": ["works"]}


def said(kind=WEB, start=UP, **seen):
    life = Seen(start, 5000, **{**(FINE if start is UP else {}), **seen})
    return judged(Case(kind, life, ["SECRET_KEY"], ["API_TOKEN"]))


def failing(**seen):
    return [row.check for row in said(**seen) if row.result == "fail"]


def test_a_fine_life_keeps_every_rule():
    assert {row.result for row in said()} == {"pass"}
    assert [row.check for row in said()] == ["config", "start", "port", "requests", "stop", "writes", "daemon", "logs"]
    assert {row.check for row in said(kind=WORKER, address="", cut=None)} == {row.check for row in said()} - {
        "requests"
    }


@pytest.mark.parametrize(
    ("check", "seen"),
    [
        ("start", {"start": DOWN, "lines": ["cannot work"]}),
        ("config", {"start": DOWN, "lines": ["KeyError: 'API_TOKEN'"]}),
        ("daemon", {"start": Start(1, "exited with code 0"), "left": ["serve (77)"]}),
        ("daemon", {"left": ["tail (78)"]}),
        ("daemon", {"pid_files": ["/run/web.pid"]}),
        ("port", {"start": Start(60, "does not listen on port 5000"), "others": [("0.0.0.0", 8000)]}),
        ("port", {"others": [("127.0.0.1", 9090)]}),
        ("port", {"kind": WORKER, "address": "", "cut": None, "others": [("::", 9090)]}),
        ("requests", {"cut": Cut(3, ["got half an answer"])}),
        ("stop", {"stopped": None}),
        ("writes", {"changed": ["cache/x"]}),
        ("writes", {"start": DOWN, "refused": ["PermissionError: [Errno 13] Permission denied: 'cache/x'"]}),
        ("logs", {"logs": ["log/web.log"]}),
    ],
)
def test_one_fault_fails_one_row(check, seen):
    assert failing(**seen) == [check]


def test_what_cannot_be_told_is_skipped():
    assert [row.check for row in said(cut=Cut(0, []), lines=[]) if row.result == "skipped"] == ["requests", "logs"]
    down = said(start=DOWN, lines=["KeyError: 'API_TOKEN'"])
    assert [row.found for row in down if row.check == "start"] == ["exited with code 1; `config` says why"]


def test_every_row_that_fails_says_what_to_change_and_which_factor_it_is():
    for row in said(start=DOWN) + said(stopped=None, cut=Cut(1, ["got half an answer"]), logs=["x.log"]):
        assert row.factor == FACTORS[row.check]
        assert bool(row.advice) == (row.result == "fail")


def test_the_signal_of_the_type_is_named():
    kind = ProcessType("web", "uwsgi", binds_port=True, stop_timeout=4, stop_signal="INT")
    rows = {row.check: row for row in said(kind, stopped=None, cut=Cut(1, ["got half an answer"]))}
    assert rows["stop"].found == "went on 4 s after SIGINT, and was killed"
    assert "`stop_signal:`" in rows["stop"].advice
    assert rows["requests"].found == "1 of 1 under way at SIGINT got half an answer"
