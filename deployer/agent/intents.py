"""Which relative command was asked for and has not ended?  `run/intent` on the primary (core/intents.py)."""

from __future__ import annotations

import json
from typing import Optional

from deployer.agent import durable, ledger, pending
from deployer.agent.context import Host
from deployer.agent.layout import Layout
from deployer.core import intents, requests, wire
from deployer.core.intents import Intent

NAME = "intent"


def intend(request: requests.Intend, host: Host) -> requests.Intended:
    """Note the command, unless it is noted already and was cut off after its run had succeeded."""
    known, there = ledger.read(host.files), _read(host.files)
    if there is not None and there.command == request.command and intents.reached(there, known):
        return requests.Intended(reached=True, release=there.release)
    intent = Intent(request.command, request.cause, known.current, known.head[0])
    pending.write_with_room(host.files, host.files.run / NAME, wire.dump(wire.encode(intent)), name=NAME)
    return requests.Intended(reached=False, release=intent.release)


def end_intent(_: requests.EndIntent, host: Host) -> requests.Done:
    """Forget it."""
    durable.remove(host.files.run / NAME, name=NAME)
    return requests.Done()


def _read(files: Layout) -> Optional[Intent]:
    """What is noted; what a broken disk has damaged is none."""
    try:
        return wire.decode(Intent, json.loads((files.run / NAME).read_bytes()))
    except (FileNotFoundError, ValueError):
        return None
