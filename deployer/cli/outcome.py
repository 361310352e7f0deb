"""How is the outcome of a run told: `deploy run`, `ship`, `rollback`, `scale` and their like?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployer.cli import heading, ps
from deployer.cli.call import Call
from deployer.cli.display import columns, times
from deployer.core.names import release_name

if TYPE_CHECKING:
    from deployer.stages.run import Ran
    from deployer.stages.target import Target


def name_or_none(version: int | None) -> str | None:
    """`v99`, or None."""
    return None if version is None else release_name(version)


def document(ran: Ran) -> dict[str, Any]:
    """What `--json` tells of a run."""
    return {
        "release": release_name(ran.release),
        "build": ran.build,
        "outcome": ran.outcome,
        "previous": name_or_none(ran.previous),
        "changed": ran.changed,
        "ports": dict(ran.ports),
        "urls": list(ran.urls),
        "hosts": [
            {
                "host": host.host,
                "release": name_or_none(host.release),
                "ok": host.ok,
                "seconds": round(host.seconds, 3),
                "error": host.error,
            }
            for host in ran.hosts
        ],
    }


def show(ran: Ran, call: Call, *parts: str, note: str = "", **more: Any) -> None:
    """Answer with the release that runs now; `note` and `parts` say more of it, and `more` is told by --json alone.

    The line of the answer is for programs: a person at a terminal reads the last line, which has it.
    """
    screen, name = call.screen, release_name(ran.release)
    if note or not ran.changed:
        screen.note(f"{name} {note or 'runs already; nothing was changed'}")
    if len(ran.hosts) > 1 and not screen.quiet:
        for line in _table(ran):
            screen.say(line)
    seen = screen.terminal and screen.err_width is not None and not screen.quiet
    screen.answer({**document(ran), **more}, [] if seen else [name])
    heading.end(call, heading.live(ran), *parts)


def _table(ran: Ran) -> list[str]:
    """How long each of several hosts took."""
    rows = [[host.host, name_or_none(host.release) or "-", times.took(host.seconds)] for host in ran.hosts]
    return columns.table(["host", "serves", "took"], rows, None)


def show_formation(ran: Ran, target: Target, call: Call, done: str) -> None:
    """Answer with the processes that run now."""
    from deployer.stages import view

    rows, screen = view.ps(target), call.screen
    if not ran.changed:
        screen.note("it was so already; nothing was changed")
    screen.answer({**document(ran), "processes": ps.document(rows)}, ps.lines(rows, screen) if rows else [])
    heading.end(call, done, *([heading.several(ran.urls)] if ran.urls else []))
