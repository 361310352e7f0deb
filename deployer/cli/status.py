"""`deploy status`: drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from deployer.cli import failure
from deployer.cli.call import Call
from deployer.cli.outcome import name_or_none
from deployer.core.errors import Drift
from deployer.core.names import release_name

if TYPE_CHECKING:
    from deployer.stages.view import HostStatus

HEAD = ["host", "current", "processes", "drift"]


def status(ctx: typer.Context) -> int:
    """Compare the ledger, `current` and what runs.

    And what the routers have. Exit code 50 where they differ, 40 where a host cannot be reached and all others are
    well.
    """
    from deployer.stages import view

    call: Call = ctx.obj
    with call.opened(lenient=True) as target:
        hosts, missing = view.status(target), target.fleet.missing
        current, name = name_or_none(target.ledger.current), target.settings.name
    differing = [host for host in hosts if host.drift]
    document: dict[str, Any] = {
        "target": name,
        "current": current,
        "ok": not differing and not missing,
        "hosts": [_document(host) for host in hosts],
    }
    rows = [[host.host, host.current or "-", _processes(host), _drift(host)] for host in hosts]
    wrong = [at for at, host in enumerate(hosts) if host.drift or host.error]
    lines = [f"{name}: {current or 'nothing runs here yet'}", *call.screen.table(HEAD, rows, wrong=wrong)]
    for host in hosts:
        if host.changing:
            call.screen.note(f"{host.host}: {host.changing}")
        elif host.holder:
            call.screen.note(f"{host.host}: held by {host.holder}")
    if not differing:
        return failure.answer(call.screen, document, lines, missing)
    told = "; ".join(f"{h.host}: {h.error or ', '.join(h.drift)}" for h in hosts if h.error or h.drift)
    error = Drift(f"{name} is not as the ledger says: {told}", hint=_hint(differing))
    return failure.found(error, call.screen, document, lines)


def _hint(differing: list[HostStatus]) -> str:
    """What to do: to launch anew what ends by itself would change nothing."""
    if all(len(host.drift) == len(host.risks) for host in differing):
        return "all that should run runs; fix this before something crashes"
    ending = [process for host in differing for process in host.ending]
    if len(ending) < sum(len(host.drift) for host in differing):
        return "`deploy converge` fixes it"
    return f"`deploy logs {ending[0]}` tells why; `deploy rollback` goes back"


def _document(host: HostStatus) -> dict[str, Any]:
    return {
        "host": host.host,
        "current": host.current or None,
        "release_processes": [
            {"process": seen.process, "release": release_name(seen.release), "state": seen.state}
            for seen in host.processes
        ],
        "drift": host.drift,
        "holder": host.holder or None,
        "changing": host.changing or None,
        "manager": host.manager or None,
        "error": host.error or None,
    }


def _processes(host: HostStatus) -> str:
    known = ", ".join(f"{seen.process} {seen.state}" for seen in host.processes) or "none"
    return "unknown" if host.error else known


def _drift(host: HostStatus) -> str:
    if host.fault:
        return host.fault
    return "a run is under way" if host.changing else "; ".join(host.drift) or "none"
