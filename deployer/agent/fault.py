"""Where can a command be cut off?  Named points, so that a test can kill it at every one of them.

`DEPLOYER_FAULT=stage.link:3` kills this process with SIGKILL the third time it passes that point, `stage.link:3:stop`
stops it there with SIGSTOP, until the test that did so lets it go on; `stage.link:3:EIO` has the disk refuse there,
with that error, and `stage.link:3:EROFS+` there and at every change of the disk after it.
`DEPLOYER_FAULT_TRACE=FILE` appends each point that is passed, with the pid.  Every change of the disk
(`agent/durable.py`), every word to a process manager and every request to a host passes one: a sweep over the trace is
a sweep over all steps.
"""

from __future__ import annotations

import os
import signal

FAULT, TRACE = "DEPLOYER_FAULT", "DEPLOYER_FAULT_TRACE"
ON_DISK = ("create", "rename", "link", "symlink", "unlink", "rmtree", "append", "syncfs")  # how points of changes end
_passed: dict[str, int] = {}
_refusing: list[str] = []  # the error that the disk gives from now on


def point(name: str) -> None:
    """Pass the point `name`; die, stop or be refused here if the environment says so."""
    trace = os.environ.get(TRACE)
    if trace:
        descriptor = os.open(trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(descriptor, f"{os.getpid()} {name}\n".encode())
        os.close(descriptor)
    fatal = os.environ.get(FAULT)
    if fatal:
        _fail(name, fatal)


def changes_disk(name: str) -> bool:
    """Whether the point `name` stands before a change of the disk."""
    return name.rpartition(".")[2] in ON_DISK


def _fail(name: str, fatal: str) -> None:
    wanted, _, rest = fatal.partition(":")
    nth, _, how = rest.partition(":")
    if wanted == name:
        _passed[name] = _passed.get(name, 0) + 1
        if _passed[name] == int(nth or 1):
            if how[:1] == "E":
                _refusing.append(how)
            else:
                os.kill(os.getpid(), signal.SIGSTOP if how == "stop" else signal.SIGKILL)
    if _refusing and changes_disk(name):
        import errno  # noqa: PLC0415 - only a test comes here

        how = _refusing[0] if _refusing[0].endswith("+") else _refusing.pop()
        number = getattr(errno, how.rstrip("+"))
        raise OSError(number, os.strerror(number), f"(the disk at {name})")
