"""`deploy ledger`: the records, their copies on the hosts, and whose copy counts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployer.cli import failure, options
from deployer.cli.call import Call
from deployer.core.errors import Drift, UsageError
from deployer.core.names import release_name, short

if TYPE_CHECKING:
    from deployer.core.copies import Standing
    from deployer.core.ledger import Record
    from deployer.stages.ledgers import Ledgers
    from deployer.stages.promotion import Plan, Promoted

SHOWN = ["seq", "kind", "what", "digest", "by", "at"]
VERIFIED = ["host", "records", "result"]


def show(
    ctx: typer.Context,
    *,
    lines: Annotated[str | None, typer.Option("-n", "--lines", metavar="N", help="The newest N.")] = None,
) -> int:
    """List the records of the ledger.

    Oldest first. Their digests are those that the next record names. `--json` has every record in full.
    """
    call: Call = ctx.obj
    newest = options.number("-n", lines) if lines is not None else None
    with call.opened(partial=True) as target:
        records, missing = target.ledger.records, target.outdated
    chosen = records if newest is None else records[max(0, len(records) - newest) :]
    rows = [_shown(call, record) for record in chosen]
    if not rows:
        call.screen.note("the ledger has no records")
    told = {
        "records": [
            {"seq": one.seq, "digest": one.digest, "prev": one.prev, "kind": one.kind, "body": one.body}
            for one in chosen
        ]
    }
    return failure.answer(call.screen, told, call.screen.table(SHOWN, rows) if rows else [], missing)


def _shown(call: Call, record: Record) -> list[str]:
    body = record.body
    moment = call.screen.moment(str(body.get("at", "")))
    return [str(record.seq), record.kind, _what(record), short(record.digest), str(body.get("by", "")), moment]


def _what(record: Record) -> str:
    body = record.body
    if record.kind == "release":
        return f"{release_name(body['version'])} of build {short(body['build'])} ({body['cause']})"
    if record.kind == "run":
        where = "" if body.get("whole", True) else f" on {', '.join(body['hosts'])}"
        return f"{release_name(body['release'])}{where}: {body['outcome']} ({body['cause']})"
    return f"{body['host']}'s ledger counts"


def verify(ctx: typer.Context) -> int:
    """Check every host's copy of the ledger in full.

    Against that of the host whose ledger counts. A copy that is behind is brought up to date by the next run; exit
    code 50 where one is forked (another history) or altered, 40 where a host cannot be reached.
    """
    from deployer.stages import ledgers as stage

    call: Call = ctx.obj
    with stage.looked_at(call.project, call.target) as ledgers:
        found, missing = stage.standings(ledgers), ledgers.fleet.missing
        total = len(ledgers.copies[ledgers.reference].lines)
    hosts = [_verified(ledgers, host, standing, total) for host, standing in found.items()]
    hosts += [{"host": host, "state": "unreachable", "error": error.message} for host, error in missing.items()]
    bad = [host for host, standing in found.items() if not standing.fits]
    document = {
        "ok": not bad and not missing,
        "counts": ledgers.counts,
        "compared_with": ledgers.reference,
        "records": total,
        "hosts": [{**UNKNOWN, **one} for one in hosts],
    }
    rows = [[one["host"], str(one.get("records", "-")), _result(one, ledgers)] for one in hosts]
    lines = call.screen.table(VERIFIED, rows)
    if not bad:
        return failure.answer(call.screen, document, lines, missing)
    error = Drift(
        f"the ledger is not the same on every host: {', '.join(bad)}",
        hint=f"`deploy ledger promote {ledgers.reference} --set-aside` lets {ledgers.reference}'s count, and keeps "
        "what does not fit in a folder beside it",
    )
    return failure.found(error, call.screen, document, lines)


UNKNOWN = {"records": None, "behind": None, "at": None, "here": None, "there": None, "error": None}


def _verified(ledgers: Ledgers, host: str, standing: Standing, total: int) -> dict[str, Any]:
    return {
        "host": host,
        "state": standing.state,
        "records": standing.records,
        "behind": total - standing.records if standing.fits else None,
        "at": standing.at or None,
        "here": standing.here or None,
        "there": standing.counts or None,
        "error": ledgers.copies[host].damage or None,
    }


def _result(one: dict[str, Any], ledgers: Ledgers) -> str:
    """One host in words."""
    if one["state"] == "unreachable":
        return "cannot be reached"
    if one["state"] == "same":
        return "intact, its ledger counts" if one["host"] == ledgers.counts else "intact"
    if one["state"] == "behind":
        return f"behind by {one['behind']} records"
    here, there = short(one["here"] or "none"), short(one["there"] or "none")
    told = f"{one['state']} at record {one['at']}: {here}, {ledgers.reference} has {there}"
    return f"{told}; {one['error']}" if one["error"] else told


def promote(
    ctx: typer.Context,
    host: Annotated[str, typer.Argument(metavar="HOST", help="A host of deploy.yaml that has a copy.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="Where another history is, keep it in a folder beside the ledger.")
    ] = False,
) -> None:
    """Let the ledger of another host be the one that counts.

    For when the host whose ledger counted is lost: it need not be reached. Every host that can be gets the records it
    lacks. Refused where a host has records that HOST would lose; nothing is ever removed.
    """
    from deployer.stages import ledgers as stage
    from deployer.stages import promotion

    call: Call = ctx.obj
    with stage.looked_at(call.project, call.target) as ledgers:
        plan = promotion.planned(ledgers, host, set_aside=set_aside)
        first = ledgers.settings.hosts[0].host
        if plan.needed:
            _ask(call, plan, yes=yes)
            command, report = f"{call.command} {host}", call.progress.report
            done = promotion.promote(ledgers, plan, command=command, wait=call.wait, report=report)
        else:
            call.screen.note(f"{host}'s ledger counts already; nothing was changed")
            done = promotion.Promoted(plan)
    for other, folder in done.folders.items():
        call.screen.note(f"{other}: its records are in {folder} now")
    if first != host:
        call.screen.note(f"put {host} first in `hosts` of {ledgers.settings.name} in deploy.yaml, too")
    call.screen.answer(_promoted(done), [host])


def _promoted(done: Promoted) -> dict[str, Any]:
    plan = done.plan
    hosts = [*plan.missed, *plan.aside]
    return {
        "counts": plan.host,
        "previous": plan.previous,
        "hosts": [{"host": one, "missed": plan.missed.get(one), "set_aside": done.folders.get(one)} for one in hosts],
        "left_out": list(plan.left_out),
    }


def _ask(call: Call, plan: Plan, *, yes: bool) -> None:
    """Tell what will be done, and go on after a yes."""
    screen = call.screen
    screen.say(f"{plan.host}'s ledger, record {plan.ledger.head[0]} ({short(plan.ledger.head[1])}), is to count")
    for host, error in plan.left_out.items():
        screen.say(f"  {host}: left out: {error.message}")
    for host in plan.aside:
        screen.say(f"  {host}: its records are set aside")
    if plan.source != plan.host:
        screen.say(f"  {plan.host}: {plan.missed[plan.host]} records come from {plan.source}")
    if yes:
        return
    if screen.json or not sys.stdin.isatty() or not screen.err.isatty():
        raise UsageError("which ledger counts is not changed unasked", hint="say --yes")
    call.progress.finish()
    if not typer.confirm("Is that what you want?", default=False, err=True):
        raise UsageError("nothing was changed", hint="")
