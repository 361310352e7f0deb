"""The logs of processes, as a stream: each frame names its process."""

from __future__ import annotations

from deployer.agent import ledger, pending, rehearsal
from deployer.agent.context import Host
from deployer.core import requests, wire
from deployer.core.errors import NotFound
from deployer.core.formation import Process, expand, selected
from deployer.core.names import process_name


def logs(request: requests.Logs, host: Host) -> requests.Done:
    """Send the last lines of the chosen processes, and with `follow` all that come until the operator cancels."""
    chosen = _chosen(request, host)

    def emit(process: Process, text: bytes) -> None:
        host.session.send(wire.STDOUT, process.name.encode() + b"\0" + text)

    def idle() -> bool:
        host.session.check()
        return host.session.cancelled.is_set()

    if request.follow:
        host.manager.follow(chosen, request.lines, emit, idle)
    else:
        for process in chosen:
            emit(process, host.manager.tail(process, request.lines))
    return requests.Done()


def _chosen(request: requests.Logs, host: Host) -> list[Process]:
    known = ledger.read(host.files)
    here = pending.name(host.files)
    run = known.run_of(here)
    version = request.version or (run.release if run else known.newest)
    if version is None:
        raise NotFound("there is no release yet, so there are no logs", hint="`deploy ship` makes and runs one")
    counts = next((r.on(here) for r in reversed(known.runs) if r.release == version and r.covers(here)), {})
    everything = expand(version, counts, dict.fromkeys(counts, 0) | pending.ports(host.files))
    if not request.processes:
        return everything
    chosen: list[Process] = []
    for text in request.processes:
        named = process_name(text)
        if named is None:
            raise NotFound(f"{text!r} is no process", hint="say `web` or `web.1`")
        if named[1] == rehearsal.NUMBER:
            everything.append(Process(version, named[0], rehearsal.NUMBER, 0))
        chosen += [process for process in selected(everything, *named) if process not in chosen]
    return chosen
