"""The release command: run once for a release, before its first switch, with the release's own environment.

A mark says that it succeeded; a note, written before it starts, lets the next session end one that outlived its agent,
so that two never run at the same time.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time

from deployer.agent import child, durable, leftovers, stage
from deployer.agent.context import Host
from deployer.agent.environment import marks
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.started import Started
from deployer.core import requests, wire
from deployer.core.release import Spec

KIND = "release"  # what its processes find as DEPLOY_PROCESS


def run_release_command(request: requests.RunReleaseCommand, host: Host) -> requests.Ended:
    """Run it; its output goes to the operator as it comes.  Left out where it has succeeded before.

    One that does not end in time is ended, wherever its processes went.
    """
    spec = stage.spec(host.files, request.version)
    mark = host.files.run / f"released-v{request.version}"
    if not spec.launch.release_command or mark.exists():
        return requests.Ended(0, skipped=True)
    begun = time.monotonic()
    _announce(host.files, spec)
    point("command.start")
    process = subprocess.Popen(
        ["/bin/sh", "-c", spec.launch.release_command],
        cwd=child.working_folder(host.files, spec),
        env=child.environment_of(host.files, spec, KIND),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **child.identity(spec),
    )
    with child.ending(process):
        overdue = not _relay(process, host, begun + request.timeout)
    code = child.exit_code(process.wait())
    point("command.ended")
    if overdue:
        end_leftover_command(host.files)
    elif code == 0:
        durable.write(mark, b"", name="released")
    durable.remove(host.files.run / "command", name="command")
    return requests.Ended(code, time.monotonic() - begun, overdue=overdue)


def end_leftover_command(files: Layout) -> list[str]:
    """End a release command whose agent died, wherever its processes went, so that it never runs twice at once."""
    told: list[str] = []
    try:
        marked = [str(mark) for mark in json.loads((files.run / "command").read_bytes())["marks"]]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError):  # a broken disk has damaged the note: there is nothing to find it by
        marked = []
        told.append(f"{files.run / 'command'} was damaged: a release command that was cut off may still run")
    nobody = Started(pid=0, ticks=0, boot="", at=0, starts=0, port=0, stop_timeout=child.PATIENCE, marks=marked)
    if marked and leftovers.members(nobody):
        leftovers.end(nobody)
        told.append("a release command that was cut off was ended")
    durable.remove(files.run / "command", name="command")
    return told


def _announce(files: Layout, spec: Spec) -> None:
    """Say before it starts by what its processes are known: a pid would come too late for a kill just after."""
    marked = marks(spec, KIND, app=child.home(files, spec.version))
    told = {"marks": [f"{name}={value}" for name, value in marked.items()]}
    durable.write(files.run / "command", wire.dump(told), name="command")


def _relay(process: subprocess.Popen[bytes], host: Host, deadline: float) -> bool:
    """Pass the output on until the command has ended, or until `deadline`: then it is False.

    What its own background children print after its end is nobody's.
    """
    assert process.stdout is not None
    descriptor, left, opened = process.stdout.fileno(), child.LAST, True
    while left > 0 and opened:
        host.session.check()
        if time.monotonic() > deadline:
            return process.poll() is not None
        ended = process.poll() is not None
        ready, _, _ = select.select([descriptor], [], [], 0 if ended else 0.1)
        block = os.read(descriptor, 1 << 16) if ready else b""
        if block:
            host.session.send(wire.STDOUT, block)
            left -= len(block) if ended else 0
        else:
            opened = not (ready or ended)
    while process.poll() is None:  # it writes elsewhere
        host.session.check()
        if time.monotonic() > deadline:
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    return True
