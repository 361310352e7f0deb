"""`deploy router`: what the hosts' routers have of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from deployer.cli import failure
from deployer.cli.call import Call
from deployer.core.errors import Drift

if TYPE_CHECKING:
    from deployer.core.requests import RouterSeen, UpstreamSeen

HEAD = ["host", "router", "at", "to", "processes", "busy", "state"]


def show(ctx: typer.Context) -> int:
    """Show where the routers send requests to.

    As each router itself says, with the requests that have not ended yet. Exit code 50 where that is not what it was
    told, 40 where a host cannot be reached.
    """
    from deployer.stages import router as stage

    call: Call = ctx.obj
    with call.opened(partial=True) as target:
        found, missing = stage.shown(target), target.fleet.missing
    if not any(seen.kind for seen in found.values()):
        call.screen.note(f"no router sends anything here: {stage.way_to_one(target)}")
    document = {"hosts": [_document(host, seen) for host, seen in found.items()]}
    rows = [row for host, seen in found.items() if seen.kind for row in _rows(host, seen)]
    lines = call.screen.table(HEAD, rows) if rows else []
    wrong = {host: seen.drift for host, seen in found.items() if seen.drift}
    if missing or not wrong:
        return failure.answer(call.screen, document, lines, missing)
    hosts = [{"host": host, "ok": host not in wrong, "error": wrong.get(host)} for host in found]
    told = "; ".join(f"{host}: {drift}" for host, drift in wrong.items())
    hints = [found[host].hint for host in wrong if found[host].hint]
    hint = hints[0] if hints else "`deploy restart` tells the router again"
    error = Drift(told, hint=hint, details={"hosts": hosts})
    return failure.found(error, call.screen, document, lines)


def _document(host: str, seen: RouterSeen) -> dict[str, Any]:
    closed = seen.maintenance
    return {
        "host": host,
        "router": seen.kind or None,
        "at": seen.at or None,
        "upstreams": [
            {
                "address": one.address,
                "host": one.host or host,
                "processes": one.processes,
                "listens": one.listens,
                "busy": one.busy,
            }
            for one in seen.upstreams
        ],
        "maintenance": {"retry_after": closed.retry_after, "message": closed.message or None} if closed else None,
        "drift": seen.drift or None,
    }


def _rows(host: str, seen: RouterSeen) -> list[list[str]]:
    if not seen.upstreams:
        state = seen.drift or ("maintenance" if seen.maintenance else "503: nothing runs")
        return [[host, seen.kind, seen.at, "", "", "", state]]
    return [
        [
            host,
            seen.kind,
            seen.at,
            one.address,
            one.host or ", ".join(one.processes),
            str(one.busy),
            seen.drift or _state(one),
        ]
        for one in seen.upstreams
    ]


def _state(one: UpstreamSeen) -> str:
    return "up" if one.listens else "nobody listens"
