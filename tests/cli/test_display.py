"""What is printed, on a terminal of 80 columns and elsewhere."""

import re
from datetime import UTC, datetime

import pytest

from deployer.cli.display import columns, times, visible

from .terminal import on_a_terminal, python

WORK = """
import os, sys, time
from deployer.cli.display.screen import Screen
from deployer.cli.display import progress
from deployer.stages.events import Event
screen = Screen(sys.stdout, sys.stderr, os.environ)
screen.quiet = "-q" in sys.argv
with progress.shown(screen) as shown:
    shown.report(Event("step", "staging v7 " + "x" * 100))
    time.sleep(0.5)
    shown.report(Event("output", "\\x1b[32mnpm\\x1b[0m \\x1b]0;owned\\x07 10%\\r100%"))
    shown.report(Event("warning", "the disk is nearly full", "web1"))
    shown.report(Event("done", "staging v7 " + "x" * 100))
screen.answer({"release": "v7"}, screen.table(["release", "by"], [["v7", "y" * 100], ["v8", "z"]]))
"""


def test_without_a_terminal_progress_is_plain_lines_on_standard_error():
    done = python(WORK)
    assert re.fullmatch(
        r"staging v7 x+ \.\.\.\n  100%\nwarning: web1: the disk is nearly full\nstaging v7 x+ \.\.\. [\d.]+ s\n",
        done.stderr,
    )
    assert done.stdout == f"release  by\nv7       {'y' * 100}\nv8       z\n"


def test_a_long_step_is_announced_before_it_ends():
    done = python(WORK.replace("time.sleep(0.5)", "time.sleep(2.5); print('slept', file=sys.stderr)"))
    assert done.stderr.startswith(f"staging v7 {'x' * 100} ...\nslept\n")


def test_quiet_leaves_the_warnings():
    done = python(WORK.replace('"-q" in sys.argv', "True"))
    assert done.stderr == "warning: web1: the disk is nearly full\n"
    assert done.stdout


def test_on_a_terminal_there_is_a_live_line_that_fits_and_goes_away():
    code, shown = on_a_terminal(WORK)
    assert code == 0
    assert re.search(r"[\d.]+ s", shown)
    assert "\x1b[?25l" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)):
        if line[:1] in "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏" and line:
            assert len(line) < 80


def test_a_table_on_a_terminal_fits_eighty_columns():
    _, shown = on_a_terminal(WORK.replace('"y" * 100', '"word " * 30'))
    table = shown[shown.rindex("release") :].splitlines()
    assert [columns.cells_of(re.sub(r"\x1b\[[0-9;]*m", "", line)) <= 80 for line in table] == [True] * 5
    assert "…" not in " ".join(table)
    assert " ".join(table).split().count("word") == 30, "broken between words, and none of them is lost"


def test_a_row_with_a_word_that_is_wider_than_the_terminal_is_a_paragraph():
    digest = "d" * 64
    lines = columns.table(["release", "build"], [["v7", digest], ["v8", "short"]], 40)
    assert lines == ["v7", "  build", f"    {digest}", "v8", "  build short"]


PROCESSES = """
import os, sys
from deployer.cli import ps
from deployer.cli.display.screen import Screen
from deployer.core.requests import Seen
rows = [("local", Seen("clock.1", 3, "scheduled", 0, 0, 0, 0, "next 2026-11-22T23:30:00Z")),
        ("local", Seen("web.1", 12, "draining", 1234567, 5000, 1, 0, "was killed: it did not stop in time")),
        ("local", Seen("worker.1", 12, "up", 1234568, 5100, 1, 0, ""))]
print("\\n".join(ps.lines(rows, Screen(sys.stdout, sys.stderr, os.environ))))
"""


def test_why_a_process_is_in_its_state_is_not_cut_off_on_a_terminal():
    _, shown = on_a_terminal(PROCESSES)
    assert "…" not in shown
    assert re.search(r"clock\.1 .* scheduled .*\r?\n  next 2026-11-22T23:30:00Z\r?\n", shown)
    assert re.search(r"web\.1 .* draining .*\r?\n  was killed: it did not stop in time\r?\n", shown)
    assert "scheduled (next 2026-11-22T23:30:00Z)" in python(PROCESSES).stdout


def test_what_a_program_prints_cannot_retitle_the_terminal():
    _, shown = on_a_terminal(WORK.replace(" 10%\\r100%", ""))
    assert "\x1b]0;" not in shown
    assert "\\x1b]0;owned\\x07" in shown


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"CI": "true"}, {"TERM": "dumb"}])
def test_a_terminal_that_wants_plain_lines_gets_them(environ):
    _, shown = on_a_terminal(WORK, **environ)
    assert "\x1b" not in shown
    assert "staging v7 x" in shown


def test_force_color_colours_a_pipe_but_makes_nothing_live():
    done = python(WORK, FORCE_COLOR="1")
    assert "\x1b[33mwarning" in done.stderr
    assert "\x1b[?25l" not in done.stderr


def test_a_step_that_fails_is_named():
    done = python(WORK.replace('shown.report(Event("output"', 'raise SystemExit(3)\n    shown.report(Event("output"'))
    assert re.search(r"staging v7 x+ \.\.\. failed after [\d.]+ s\n", done.stderr)


def test_a_name_that_no_encoding_has_is_written_out():
    done = python(WORK.replace('"y" * 100', "chr(0xDCFF)"), PYTHONIOENCODING="ascii")
    assert "\\udcff" in done.stdout


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain", "plain"), ("a\x1b[2Jb", "a\\x1b[2Jb"), ("a\u202eb", "a\\u202eb"), ("a\x9bb", "a\\x9bb"), ("é\n", "é\n")],
)
def test_control_characters_are_written_out(text, shown):
    assert visible.visible(text) == shown


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ("2026-01-02T03:04:00Z", "just now"),
        ("2026-01-02T03:02:00Z", "2 min ago"),
        ("2026-01-02T00:04:00Z", "3 h ago"),
        ("2025-12-30T03:04:00Z", "3 d ago"),
        ("nonsense", "nonsense"),
    ],
)
def test_times_are_told_as_people_say_them(at, shown):
    assert times.moment(at, now=datetime(2026, 1, 2, 3, 4, 30, tzinfo=UTC)) == shown


def test_durations_and_sizes_are_short():
    assert [times.took(s) for s in (0.32, 42.4, 185)] == ["0.3 s", "42 s", "3 min 5 s"]
    assert [times.size(n) for n in (512, 4100, 11_500_000, 123_000_000, 3_100_000_000)] == [
        "512 B",
        "4.1 kB",
        "11.5 MB",
        "123 MB",
        "3.1 GB",
    ]


def test_wide_characters_take_two_columns():
    assert columns.table(["a", "b"], [["日本", "x"]], None) == ["a     b", "日本  x"]


def test_the_columns_that_may_be_cut_go_before_those_that_have_to_be_read():
    head = ["release", "state", "subject", "by"]
    rows = [["v8", "failed: hosts differ", "a subject that is rather long for such a terminal", "someone@a-long-name"]]
    lines = columns.table(head, rows, 60, ("subject", "by"))
    assert "failed: hosts differ" in lines[1]
    assert max(map(len, lines)) <= 60
    assert lines[1].count("…") == 2
    assert max(map(len, columns.table(head, rows, 40, ("subject", "by")))) <= 40
