"""Many hosts at work: a live line for each on a terminal, plain lines with their names elsewhere."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.cli.display import steps
from deployer.cli.display.columns import cells_of
from deployer.cli.display.steps import PLAIN, Step

from .terminal import on_a_terminal, python

WORK = """
import os, sys, threading
from concurrent.futures import ThreadPoolExecutor
from deployer.cli.display.screen import Screen
from deployer.cli.display import progress
from deployer.stages.events import Event
COUNT, FAILING = 3, "none"
screen = Screen(sys.stdout, sys.stderr, os.environ)
hosts = [f"web{n:02}.example.com" for n in range(1, COUNT + 1)]
meet = threading.Barrier(COUNT)
with progress.shown(screen) as shown:
    shown.hosts = hosts
    def work(host):
        for step in ("sending 4 files", "running v7"):
            meet.wait()
            shown.report(Event("step", step, host))
            meet.wait()
            threading.Event().wait(0.3)
            shown.report(Event("failed" if host.startswith(FAILING) and step == "running v7" else "done", step, host))
    with ThreadPoolExecutor(COUNT) as pool:
        list(pool.map(work, hosts))
screen.answer({}, ["v7"])
"""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def lines_of(shown):
    return [line for line in re.split(r"[\r\n]+", ESCAPES.sub("", shown)) if line.strip()]


def test_on_a_terminal_every_host_has_its_line():
    code, shown = on_a_terminal(WORK)
    lines = lines_of(shown)
    assert code == 0
    for host in ("web01", "web02", "web03"):
        assert [line for line in lines if re.match(rf"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] {host}.example.com  running v7 [\d.]+ s$", line)]
    assert lines[-1] == "v7"
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_a_step_that_all_hosts_have_done_is_one_line_that_stays():
    _, shown = on_a_terminal(WORK.replace("COUNT, FAILING = 3", "COUNT, FAILING = 5"))
    assert len(re.findall(r"5 hosts: running v7 \.\.\. [\d.]+ s", shown)) == 1
    assert len(re.findall(r"5 hosts: sending 4 files \.\.\. [\d.]+ s", shown)) == 1


def test_a_host_that_failed_is_named_at_once():
    _, shown = on_a_terminal(WORK.replace('"none"', '"web02"'))
    lines = lines_of(shown)
    assert [line for line in lines if re.match(r"✗ web02.example.com: running v7 \.\.\. failed after [\d.]+ s$", line)]
    assert [line for line in lines if re.match(r"✓ web0\d.example.com, web0\d.example.com: running v7 \.\.\. 0", line)]


def test_more_hosts_than_lines_are_counted():
    _, shown = on_a_terminal(WORK.replace("COUNT, FAILING = 3", "COUNT, FAILING = 40"))
    assert re.search(r"\d+ of 40 hosts done", shown)
    frames = re.split(r"\x1b\[1A\x1b\[2K(?!\x1b\[1A)", shown)
    assert max(frame.count("example.com  ") for frame in frames) <= 24


def test_without_a_terminal_every_line_begins_with_its_host():
    done = python(WORK.replace('"none"', '"web02"'))
    told = done.stderr.splitlines()
    for host in ("web01", "web03"):
        assert [line for line in told if re.fullmatch(rf"{host}.example.com: running v7 \.\.\. [\d.]+ s", line)]
    assert [line for line in told if re.fullmatch(r"web02.example.com: running v7 \.\.\. failed after [\d.]+ s", line)]
    assert len(told) == 6


@pytest.mark.parametrize("count", [1, 0])
def test_one_host_goes_without_its_name(count):
    work = WORK.replace("shown.hosts = hosts", f"shown.hosts = hosts[:{count}]").replace(
        "COUNT, FAILING = 3", "COUNT, FAILING = 1"
    )
    assert "example.com" not in python(work).stderr
    _, shown = on_a_terminal(work)
    assert "example.com" not in shown
    assert re.search(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] running v7 \.\.\. 0", shown)


def test_steps_that_did_not_end_are_told_once_for_all_hosts():
    more = """
    for host in hosts:
        shown.report(Event("step", "checking", host))
    raise SystemExit(3)
screen.answer"""
    done = python(WORK.replace("screen.answer", more))
    assert done.returncode == 3
    assert re.search(
        r"web01.example.com, web02.example.com, web03.example.com: checking \.\.\. failed after [\d.]+ s\n$",
        done.stderr,
    )


STEPS = st.builds(
    Step,
    text=st.text(max_size=120),
    began=st.floats(0, 100),
    ended=st.one_of(st.none(), st.floats(100, 200)),
    failed=st.booleans(),
)


@given(
    st.dictionaries(st.text(min_size=1, max_size=40), STEPS, max_size=60),
    st.integers(20, 200),
    st.integers(2, 60),
)
def test_the_lines_always_fit_the_terminal(known, width, height):
    lines = steps.live(known, list(known), marks=PLAIN, now=150.0, width=width, height=height)
    assert len(lines) <= height
    for _, line in lines:
        assert cells_of(line) <= width
        assert "\n" not in line


def test_failed_and_unfinished_hosts_are_shown_before_those_that_are_done():
    known = {f"h{n}": Step("run", 0.0, ended=1.0) for n in range(10)}
    known["h3"], known["h7"] = Step("run", 0.0), Step("run", 0.0, ended=1.0, failed=True)
    lines = [line for _, line in steps.live(known, list(known), marks=PLAIN, now=2.0, width=80, height=4)]
    assert lines == ["| h3  run 2.0 s", "x h7  run 1.0 s", "  8 of 10 hosts done"]


WAITS = """
import os, sys, time
from deployer.cli.display import progress
from deployer.cli.display.screen import Screen
from deployer.stages.events import Event
progress.SLOW = 0.2
with progress.shown(Screen(sys.stdout, sys.stderr, os.environ)) as shown:
    shown.report(Event("step", "running v42", "local"))
    shown.report(Event("phase", "web.1: waiting for an answer to GET /up on port 8000", "local", 12.0, 60.0))
    time.sleep(0.7)
"""


@pytest.mark.parametrize("columns", [40, 80])
def test_a_step_that_waits_says_for_what_and_how_long_of_how_long(columns):
    _, shown = on_a_terminal(WAITS, columns=columns)
    shown = " ".join(ESCAPES.sub("", shown).split())
    assert re.search(
        r"running v42 \.\.\. [\d.]+ s web.1: waiting for an answer to GET /up on port 8000, 1\d of 60 s", shown
    )


def test_a_plain_log_says_what_takes_long_once():
    told = python(WAITS).stderr.splitlines()
    assert told[0] == "web.1: waiting for an answer to GET /up on port 8000, 12 of 60 s"
    assert re.fullmatch(r"running v42 \.\.\. [\d.]+ s", told[1])
    assert len(told) == 2


def test_a_step_that_is_interrupted_is_not_said_to_have_failed():
    more = """
    shown.report(Event("step", "checking"))
    raise KeyboardInterrupt
screen.answer"""
    done = python(WORK.replace("screen.answer", more))
    assert re.search(r"checking \.\.\. interrupted after [\d.]+ s\n", done.stderr)
    assert "failed" not in done.stderr
