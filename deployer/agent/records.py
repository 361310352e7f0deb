"""The ledger's and the events' verbs: read, and append one record."""

from __future__ import annotations

import contextlib

from deployer.agent import config, events, ledger, pending
from deployer.agent.context import Host
from deployer.core import requests
from deployer.core.ledger import BROUGHT_UP, SUCCEEDED


def read_ledger(request: requests.ReadLedger, host: Host) -> requests.LedgerLines:
    """All records after a number: checked, or as they are."""
    if request.raw:
        return requests.LedgerLines([line.decode(errors="replace") for line in ledger.raw(host.files)[request.after :]])
    known = ledger.read(host.files).records[request.after :]
    return requests.LedgerLines([record.render().decode() for record in known])


def append(request: requests.Append, host: Host) -> requests.Done:
    """Publish records; that of a run that succeeded, the last of them, is what confirms its pending switch."""
    grown = ledger.append(host.files, [line.encode() for line in request.lines])
    record = grown.records[-1]
    if grown.releases:
        with contextlib.suppress(OSError):
            config.forget_draft(host.files)
    if record.kind == "run" and record.body["outcome"] == SUCCEEDED:
        here = host.asked.host in record.body.get("hosts", ())
        from deployer.agent import crash_loops, recovery, shared_route  # noqa: PLC0415 - who only reads confirms nothing

        recovery.confirm_pending(host.files, record.body["attempt"])
        with contextlib.suppress(OSError):  # it is confirmed: what a broken disk refuses now, the next writer does
            shared_route.confirm(host.files, record.body["attempt"], here=here)
            if here and record.body["cause"] in BROUGHT_UP:
                crash_loops.forget(host.files, record.body["release"])
            if here:  # the host may have another name since its last run
                pending.keep_name(host.files, host.asked.host)
        if host.guard:
            host.guard.dismiss()
    return requests.Done()


def read_events(request: requests.ReadEvents, host: Host) -> requests.Events:
    """The newest entries of the host's own events."""
    return requests.Events(list(events.read(host.files, request.lines)))
