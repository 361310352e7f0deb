"""The release command: run once for a release, before its first switch, with the release's own environment.

A mark says that it succeeded; a record of its process lets the next session end one that outlived its agent, so that
two never run at the same time.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from typing import Optional

from deployer.agent import child, durable, stage
from deployer.agent.context import Host
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.procfs import stat
from deployer.core import requests, wire


def run_release_command(request: requests.RunReleaseCommand, host: Host) -> requests.Ended:
    """Run it; its output goes to the operator as it comes.  Left out where it has succeeded before."""
    spec = stage.spec(host.files, request.version)
    mark = host.files.run / f"released-v{request.version}"
    if not spec.launch.release_command or mark.exists():
        return requests.Ended(0, skipped=True)
    begun = time.monotonic()
    point("command.start")
    process = subprocess.Popen(
        ["/bin/sh", "-c", spec.launch.release_command],
        cwd=child.home(host.files, request.version),
        env=child.environment_of(host.files, spec, "release"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **child.identity(spec),
    )
    with child.ending(process):
        _record(host.files, process.pid)
        _relay(process, host)
        code = child.exit_code(process.wait())
    point("command.ended")
    if code == 0:
        durable.write(mark, b"", name="released")
    durable.remove(host.files.run / "command", name="command")
    return requests.Ended(code, time.monotonic() - begun)


def end_leftover_command(files: Layout) -> list[str]:
    """End a release command whose agent died, so that it never runs twice at once."""
    try:
        left = json.loads((files.run / "command").read_bytes())
    except FileNotFoundError:
        return []
    told = []
    if started(left["pid"]) == left["started"]:
        child.end_group(left["pid"], lambda: started(left["pid"]) is None)
        told.append("a release command that was cut off was ended")
    durable.remove(files.run / "command", name="command")
    return told


def started(pid: int) -> Optional[int]:
    """When the process `pid` began, in ticks since boot; None where there is none.  With it a pid names one process."""
    found = stat(pid)
    return found.started if found and found.alive else None


def _record(files: Layout, pid: int) -> None:
    durable.write(files.run / "command", wire.dump({"pid": pid, "started": started(pid)}), name="command")


def _relay(process: subprocess.Popen[bytes], host: Host) -> None:
    """Pass the output on until the command has ended; what its own background children print later is nobody's."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    while True:
        host.session.check()
        ended = process.poll() is not None
        ready, _, _ = select.select([descriptor], [], [], 0 if ended else 0.1)
        block = os.read(descriptor, 1 << 16) if ready else b""
        if block:
            host.session.send(wire.STDOUT, block)
        elif ready or ended:
            return
