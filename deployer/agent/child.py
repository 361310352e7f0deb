"""How does the agent run one command of the user's to its end?  In a group of its own, ended when nobody listens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any, Callable

from deployer.agent import config
from deployer.agent.environment import base, environment
from deployer.agent.environment import working_folder as working_folder_of
from deployer.agent.layout import Layout
from deployer.core.release import Spec
from deployer.core.secret import reveal

PATIENCE = 10.0  # seconds between SIGTERM and SIGKILL
LAST = 1 << 20  # bytes that a pipe can hold: more, after a command's end, was written by what it has left behind


def identity(spec: Spec) -> dict[str, Any]:
    """Popen's arguments that make a process the target's user's (design: `run_as`), where we may."""
    if not spec.run_as or os.geteuid() != 0:
        return {}
    import grp  # noqa: PLC0415 - few targets need them
    import pwd  # noqa: PLC0415

    user = pwd.getpwnam(spec.run_as)
    groups = [group.gr_gid for group in grp.getgrall() if spec.run_as in group.gr_mem]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": groups}


def environment_of(files: Layout, spec: Spec, process: str, terminal: str = "") -> dict[str, str]:
    """The environment of a command that is no process of the formation: the same, but for a port."""
    return environment(
        spec,
        reveal(config.variables(files, spec.version)),
        app=home(files, spec.version),
        process=process,
        port=None,
        base=base(spec.run_as if os.geteuid() == 0 else "", terminal),
    )


def home(files: Layout, version: int) -> str:
    """A release's tree: its `app`, by the release's own name, never through `current`."""
    return f"{files.release(version)}/app"


def working_folder(files: Layout, spec: Spec) -> str:
    """Where the commands of a release run."""
    return working_folder_of(spec, home(files, spec.version))


def exit_code(returncode: int) -> int:
    """A shell's way of it: 128 + n for a process that signal n ended."""
    return 128 - returncode if returncode < 0 else returncode


@contextlib.contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """However the block is left, nothing of the process's group is left behind."""
    try:
        yield
    finally:
        end_group(process.pid, lambda: process.poll() is not None)


def end_group(group: int, gone: Callable[[], bool]) -> None:
    """SIGTERM to the whole group, SIGKILL to what is left of it after `PATIENCE` seconds."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            gone()  # reaps our own child, whose zombie would keep the group alive
            os.killpg(group, 0)
            time.sleep(0.02)
        os.killpg(group, signal.SIGKILL)
        gone()
