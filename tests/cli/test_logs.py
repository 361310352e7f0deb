"""Which lines `deploy logs` shows, and how each is named."""

import io
import re
import sys
import time

import pytest

from deployer.cli import logs
from deployer.cli.display.screen import Screen
from deployer.core.errors import UsageError
from deployer.stages.logs import Written

WEB = [Written("local", "web.1", at, f"GET /{at:g}\n".encode()) for at in (100.0, 200.0, 300.0)]


def shown(lines, **asked):
    wanted = logs.Wanted(**asked)
    return [line.text.decode().strip() for line in lines if wanted.of(line)]


def test_lines_are_left_out_that_are_too_old_or_do_not_match():
    assert shown(WEB, moment=200.0) == ["GET /200", "GET /300"]
    assert shown(WEB, pattern=re.compile(rb"/[13]00$")) == ["GET /100", "GET /300"]
    assert shown([Written("local", "web.1", 0.0, b"when?\n")], moment=200.0) == ["when?"], "never too old"


def test_the_newest_lines_of_each_process_are_those_that_were_found():
    other = [Written("local", "worker.1", 150.0, b"job\n")]
    assert [line.at for line in logs._newest([*WEB, *other], 2)] == [200.0, 300.0, 150.0]


def test_a_time_is_so_long_ago_or_a_moment():
    assert logs._moment(None) == 0
    assert abs(logs._moment("10m") - (time.time() - 600)) < 5
    assert logs._moment("2026-11-30T12:00:00+00:00") == 1796040000
    for wrong in ("yesterday", "10 minutes"):
        with pytest.raises(UsageError, match="--since"):
            logs._moment(wrong)
    with pytest.raises(UsageError, match="--grep"):
        logs._pattern("[")


def test_each_line_may_stand_behind_its_time():
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    weave = logs.Weave(Screen(out, sys.stderr, {"NO_COLOR": "1"}), several=False, times=True)
    for line in (WEB[0], Written("local", "worker.1", 0.0, b"job\n")):
        weave.emit(line)
    first, second = out.buffer.getvalue().decode().splitlines()
    assert re.fullmatch(r"1970-01-0\d \d\d:\d\d:40 web\.1 \| GET /100", first)
    assert second == f"{'-':<19} worker.1 | job"
