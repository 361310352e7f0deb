"""Does the release command end well a second time, too?  A run that is repeated may run it again."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path

from deployer.core import requests
from deployer.stages.check import judge, missing
from deployer.stages.check.row import Row, failed, passed
from deployer.stages.check.scene import FIRST
from deployer.stages.events import OUTPUT, Event, step
from deployer.stages.listener import Listener
from deployer.stages.target import Target

TIMES = ("first", "second")
ADVICE = {
    "first": "see that it runs in a fresh checkout, with the declared config and its backing services",
    "second": "let it change only what is not changed yet: a release that is run again may run it again",
}


def twice(target: Target, given: Collection[str], hidden: Callable[[str], str]) -> tuple[Row, bool]:
    """Run it twice; what came of it, and whether it ended well at least once."""
    begun = time.monotonic()
    for which in TIMES:
        last: list[str] = []
        with step(target.report, f"the release command, for the {which} time", ""):
            ended = _run(target, last)
        if ended.overdue or ended.code:
            how = "did not end in time" if ended.overdue else f"ended with code {ended.code}"
            missed = missing.named(last, given) if which == TIMES[0] else []
            if missed:
                return failed("release", "", f"{how}: missed {', '.join(missed)}", judge.declare(missed)), False
            said = next((f": {hidden(line.strip())}" for line in reversed(last) if line.strip()), "")
            return failed("release", "", f"{how} the {which} time{said}", ADVICE[which]), which != TIMES[0]
        (Path(target.primary.host.root) / "run" / f"released-v{FIRST}").unlink(missing_ok=True)
    return passed("release", "", "ended well twice", time.monotonic() - begun), True


def _run(target: Target, last: list[str]) -> requests.Ended:
    def report(event: Event) -> None:
        if event.kind == OUTPUT:
            last.append(event.text)
        target.report(event)

    listener = Listener(report, target.primary)
    asked = requests.RunReleaseCommand(FIRST, target.settings.release_timeout)
    try:
        return target.primary.call(asked, requests.Ended, heard=listener)
    finally:
        listener.end()
