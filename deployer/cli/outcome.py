"""How is the outcome of a run told: `deploy run`, `ship`, `rollback`, `scale` and their like?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployer.cli import ps
from deployer.cli.display import columns, times
from deployer.cli.display.screen import Screen
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


def show(ran: Ran, screen: Screen, *, note: str = "", **more: Any) -> None:
    """Answer with the release that runs now; `note` says more of it, and `more` is told by --json alone."""
    name = release_name(ran.release)
    if note or not ran.changed:
        screen.note(f"{name} {note or 'runs already; nothing was changed'}")
    if ran.urls:
        screen.note(f"{name} is live: {', '.join(ran.urls)}")
    if len(ran.hosts) > 1 and not screen.quiet:
        for line in _table(ran):
            screen.say(line)
    screen.answer({**document(ran), **more}, [name])


def _table(ran: Ran) -> list[str]:
    """How long each of several hosts took."""
    rows = [[host.host, name_or_none(host.release) or "-", times.took(host.seconds)] for host in ran.hosts]
    return columns.table(["host", "serves", "took"], rows, None)


def show_formation(ran: Ran, target: Target, screen: Screen) -> None:
    """Answer with the processes that run now."""
    from deployer.stages import view

    rows = view.ps(target)
    if not ran.changed:
        screen.note("it was so already; nothing was changed")
    screen.answer({**document(ran), "processes": ps.document(rows)}, ps.lines(rows, screen) if rows else [])
