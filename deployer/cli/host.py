"""`deploy host`: what is on the hosts, and whether they are who they say."""

from __future__ import annotations

import sys
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployer.cli import failure
from deployer.cli.call import Call
from deployer.core.errors import HostUnreachable, UsageError

if TYPE_CHECKING:
    from deployer.stages.hosts import Shown, Trust

HEAD = ["host", "address", "python", "machine", "path", "manager", "agent", "current"]
Names = Annotated[list[str] | None, typer.Argument(metavar="[HOST]...", help="Hosts of the target; else all.")]


def host(ctx: typer.Context) -> int:
    """Show what is on the hosts of the target."""
    return show(ctx)


def show(ctx: typer.Context, hosts: Names = None) -> int:
    """Show what is there: address, Python, agent, releases.

    The agent is put where it is missing. Exit code 40 where a host cannot be reached.
    """
    from deployer.settings import Narrow
    from deployer.stages import hosts as stage

    call: Call = ctx.obj
    rows, missing = stage.show(call.project, call.target, Narrow(hosts=tuple(hosts)) if hosts else call.narrow)
    document = {"hosts": [_document(one) for one in rows]}
    lines = call.screen.table(HEAD, [_row(one) for one in rows])
    return failure.answer(call.screen, document, lines, dict(missing))


def _document(shown: Shown) -> dict[str, Any]:
    told = asdict(shown)
    told["agent"] = None if shown.error else "sent" if told.pop("sent") else "present"
    told.pop("sent", None)
    return {key: value if value != "" else None for key, value in told.items()}


def _row(shown: Shown) -> list[str]:
    if shown.error:
        return [shown.host, "cannot be reached", *["-"] * (len(HEAD) - 2)]
    agent, current = "sent" if shown.sent else "present", shown.current or "-"
    current += f" of {len(shown.releases)}" if shown.releases else ""
    address = shown.address or "-"
    return [shown.host, address, shown.python, shown.machine, shown.root, shown.manager or "-", agent, current]


def trust(
    ctx: typer.Context,
    hosts: Annotated[list[str], typer.Argument(metavar="HOST...", help="Hosts of deploy.yaml, or any for ssh.")],
    *,
    fingerprint: Annotated[
        str | None,
        typer.Option("--fingerprint", metavar="SHA256:...", help="Add the key that has it, and ask nothing."),
    ] = None,
) -> None:
    """Trust a host's key, after you have compared it.

    Shows the keys' fingerprints, asks, and adds them to ~/.ssh/known_hosts. `ssh-keygen -lf` shows the same on the
    host itself: for F in /etc/ssh/ssh_host_*.pub; do ssh-keygen -lf $F; done
    """
    from deployer.stages import hosts as stage

    call: Call = ctx.obj
    if fingerprint and len(hosts) > 1:
        raise UsageError("--fingerprint is of one host", hint="name one host")
    results = []
    for name in hosts:
        results.append(stage.trust(call.project, call.target, name, partial(_decided, call, name, fingerprint)))
        call.screen.note(f"{name}: {_told(results[-1])}")
    call.screen.answer({"hosts": [_trusted(done) for done in results]})


def _trusted(done: Trust) -> dict[str, Any]:
    keys = [{"type": kind, "fingerprint": key} for kind, key in done.keys]
    return {"host": done.host, "known_as": done.known_as, "keys": keys, "added": done.added, "file": done.file}


def _told(done: Trust) -> str:
    if not done.added:
        return "trusted already"
    return f"added to {done.file} as {done.known_as}: {', '.join(done.added)}"


def _decided(call: Call, name: str, wanted: str | None, known_as: str, keys: list[tuple[str, str]]) -> list[str]:
    """The fingerprints to trust: the one that was given, or all after a yes; never without either."""
    shown = [key for _, key in keys]
    if wanted:
        if wanted in shown:
            return [wanted]
        raise HostUnreachable(
            f"{name}: none of its keys has the fingerprint {wanted}; it shows {', '.join(shown)}",
            hint="do not connect: somebody may be in between, or the fingerprint is another host's",
        )
    lines = "\n".join(f"  {key}  {kind}" for kind, key in keys)
    if call.screen.json or not sys.stdin.isatty() or not call.screen.err.isatty():
        raise HostUnreachable(
            f"{name}: not trusted yet ({known_as}); it shows\n{lines}",
            hint=f"compare them, then `deploy host trust {name} --fingerprint SHA256:...`",
        )
    call.screen.say(f"{name} ({known_as}) shows\n{lines}")
    if not typer.confirm("Are these its keys?", default=False, err=True):
        raise HostUnreachable(f"{name}: not trusted", hint="ask whoever runs the host for its fingerprints")
    return shown
