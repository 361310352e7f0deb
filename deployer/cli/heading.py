"""The first line of a command that changes a target, and its last: what is done where, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deployer.cli.call import Call
from deployer.cli.display.times import took
from deployer.core.names import release_name

if TYPE_CHECKING:
    from deployer.settings import TargetSettings
    from deployer.stages.run import Ran
    from deployer.stages.target import Target

MOST_NAMED = 3  # hosts, or URLs, in one line
SHORT = 7  # characters of a commit


def begin(call: Call, target: Target, *parts: str) -> None:
    """Say what is about to change, and where: `shop → production: web1, web2 · v41 → v42`."""
    call.screen.headline([place(target.app, target.settings), *parts])


def end(call: Call, what: str, *parts: str) -> None:
    """Say in green what is now the case, and how long it took."""
    call.progress.finish()
    call.progress.stop()
    call.screen.headline([what, took(call.progress.clock() - call.began), *parts], "bold green")


def place(app: str, target: TargetSettings) -> str:
    """`shop → production: web1, web2`; the target `local` is this machine and has no names."""
    names = list(target.chosen) or [host.host for host in target.hosts]
    return f"{app} → {target.name}" + ("" if target.is_local else f": {several(names)}")


def several(names: Sequence[str]) -> str:
    """`web1, web2, web3 and 47 more`."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def step(target: Target, version: int) -> str:
    """`v41 → v42`: what is current, and what is to be."""
    current = target.ledger.current
    if current is None or current == version:
        return release_name(version)
    return f"{release_name(current)} → {release_name(version)}"


def commit(target: Target, of: str) -> str:
    """`commit abc1234 Fix the cart`."""
    from deployer.stages.release import subject

    return f"commit {of[:SHORT]} {subject(target, of)}".rstrip()


def commit_of(target: Target, version: int) -> str:
    """The commit of a release."""
    return commit(target, target.ledger.release(version).commit)


def live(ran: Ran) -> str:
    """`v42 is live: https://shop.example.com`."""
    return f"{release_name(ran.release)} is live" + (f": {several(ran.urls)}" if ran.urls else "")


def now(target: Target) -> str:
    """The release that is current: `v41`."""
    current = target.ledger.current
    return "nothing runs yet" if current is None else release_name(current)


def formation(target: Target) -> str:
    """`web=3 worker=1`: how many run of each type."""
    run = target.ledger.current_run
    return " ".join(f"{kind}={count}" for kind, count in run.formation.items()) if run else ""
