"""Outcome of an interrupted command: what was made so far, and what serves now, of which the hosts are asked."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deployer.core.errors import DeployError, Interrupted
from deployer.core.names import release_name

if TYPE_CHECKING:
    from deployer.cli.call import Call

SETTLED = 10.0  # seconds that a host has for putting back what was not confirmed
PAUSE = 0.2


@dataclass
class Progress:
    """What this command has done: the build that it made, and whether it was the target's writer.

    `newest` is the target's newest release from before; None before there was any.
    """

    build: str = ""
    wrote: bool = False
    newest: int | None = None


def failure(call: Call) -> Interrupted:
    """The failure that tells it.  A second Ctrl-C ends the asking."""
    made = [f"build {call.done.build} was made"] if call.done.build else []
    details: dict[str, Any] = {"build": call.done.build} if call.done.build else {}
    serves = ""
    if call.done.wrote:
        try:
            releases, hosts = _asked(call)
        except (DeployError, OSError) as error:
            serves = f"what serves is not known ({getattr(error, 'message', error)}): `deploy status` asks again"
        else:
            made += [f"{release_name(version)} was released" for version in releases]
            details |= {"releases": [release_name(version) for version in releases], "hosts": hosts}
            serves = _serving(hosts)
    told = "; ".join([part for part in (", ".join(made), serves) if part])
    return Interrupted(
        f"interrupted: {told}" if told else "interrupted",
        hint="the same command again finishes or cleans up what was begun",
        details=details,
    )


def _asked(call: Call) -> tuple[list[int], list[dict[str, Any]]]:
    """The releases that were made meanwhile, and what each host serves when it has put back what was not confirmed."""
    from deployer.stages import view

    deadline = time.monotonic() + SETTLED
    while True:
        with call.looking() as target:
            looked = view.looked(target)
            ledger, missing = target.ledger, dict(target.fleet.missing)
        if not any(seen.pending for seen in looked.values()) or time.monotonic() > deadline:
            break
        time.sleep(PAUSE)
    made = [version for version in ledger.releases if version > (call.done.newest or 0)]
    hosts = [
        {
            "host": host,
            "release": seen.current if any(p.state in ("up", "starting") for p in seen.processes) else None,
            "ok": not seen.pending,
            **({"error": f"a run of {seen.pending} is not confirmed yet"} if seen.pending else {}),
        }
        for host, seen in looked.items()
    ]
    hosts += [{"host": host, "release": None, "ok": False, "error": why.message} for host, why in missing.items()]
    return sorted(made), hosts


def _serving(hosts: list[dict[str, Any]]) -> str:
    known = [host for host in hosts if "error" not in host]
    releases = {host["release"] for host in known}
    if len(known) == len(hosts) and len(releases) == 1:
        (release,) = releases
        return f"{release} serves" if release else "nothing runs"
    parts = [f"{host['host']} serves {host['release'] or 'nothing'}" for host in known]
    return ", ".join([*parts, *(f"{host['host']}: {host['error']}" for host in hosts if "error" in host)])
