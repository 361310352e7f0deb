"""Where can a command be cut off?  Named points, so that a test can kill it at every one of them.

`DEPLOYER_FAULT=stage.link:3` kills this process with SIGKILL the third time it passes that point, `stage.link:3:stop`
stops it there with SIGSTOP, until the test that did so lets it go on;
`DEPLOYER_FAULT_TRACE=FILE` appends each point that is passed, with the pid.  Every change of the disk
(`agent/durable.py`), every word to a process manager and every request to a host passes one: a sweep over the trace is
a sweep over all steps.
"""

from __future__ import annotations

import os
import signal

FAULT, TRACE = "DEPLOYER_FAULT", "DEPLOYER_FAULT_TRACE"
_passed: dict[str, int] = {}


def point(name: str) -> None:
    """Pass the point `name`; die or stop here if the environment says so."""
    trace = os.environ.get(TRACE)
    if trace:
        descriptor = os.open(trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(descriptor, f"{os.getpid()} {name}\n".encode())
        os.close(descriptor)
    fatal = os.environ.get(FAULT)
    if fatal:
        wanted, _, rest = fatal.partition(":")
        nth, _, how = rest.partition(":")
        if wanted == name:
            _passed[name] = _passed.get(name, 0) + 1
            if _passed[name] == int(nth or 1):
                os.kill(os.getpid(), signal.SIGSTOP if how == "stop" else signal.SIGKILL)
