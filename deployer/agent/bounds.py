"""What may a one-off process use up that somebody watches?  What its process type may: put on it before it begins.

It waits between fork and exec until it is bounded.  Memory and processors are bounded by systemd, in a scope around it,
where systemd keeps the target's processes alive; elsewhere nobody can bound them, for the formation no more than here.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import threading
import time
from typing import Callable, Iterator, Optional

from deployer.agent import unit_setup
from deployer.agent.layout import Layout
from deployer.agent.systemctl import PATIENCE, Systemctl
from deployer.core.errors import RunFailed
from deployer.core.manifest import ProcessType

GO, PAUSE = b".", 0.01
MANAGER = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")


@contextlib.contextmanager
def bounded(files: Layout, kind: Optional[ProcessType]) -> Iterator[Optional[Callable[[], None]]]:
    """What the process is to call between fork and exec, to be bounded as those of `kind` are; None: nothing."""
    if kind is None or not (kind.memory or kind.cpu or kind.files):
        yield None
        return
    told, tell = os.pipe()
    wait, go = os.pipe()
    failed: list[BaseException] = []

    def hold() -> None:
        os.close(go)  # our own copy of it would keep us from hearing that the agent is gone
        os.close(told)
        os.write(tell, f"{os.getpid()}\n".encode())
        if os.read(wait, 1) != GO:
            raise OSError

    def bound() -> None:
        pid = os.read(told, 32)
        try:
            if pid:
                _bound(files, kind, int(pid))
            os.write(go, GO)
        except BaseException as error:  # noqa: BLE001 - raised again where the process was to begin
            failed.append(error)
            os.write(go, b"!")

    waiter = threading.Thread(target=bound, daemon=True)
    waiter.start()
    try:
        yield hold
    except subprocess.SubprocessError:
        waiter.join()
        raise failed[0] if failed else RunFailed("it could not be started") from None
    finally:
        os.close(tell)
        waiter.join()
        for descriptor in (told, wait, go):
            os.close(descriptor)


def _bound(files: Layout, kind: ProcessType, pid: int) -> None:
    if kind.files:
        hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
        most = kind.files if os.getuid() == 0 or hard == resource.RLIM_INFINITY else min(kind.files, hard)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
    if (kind.memory or kind.cpu) and unit_setup.user(files) == os.geteuid():
        _enclose(f"{files.app}-{files.target}.{os.urandom(6).hex()}.scope", kind, pid)


def _enclose(name: str, kind: ProcessType, pid: int) -> None:
    """Have systemd put the process into a scope of its own, whose limits are those of `kind`."""
    properties = [["PIDs", "au", "1", str(pid)], ["CollectMode", "s", "inactive-or-failed"]]
    if kind.memory:
        properties.append(["MemoryMax", "t", str(kind.memory)])
    if kind.cpu:
        properties.append(["CPUQuotaPerSecUSec", "t", str(round(kind.cpu * 1_000_000))])
    words = [word for each in properties for word in each]
    call = ["call", *MANAGER, "StartTransientUnit", "ssa(sv)a(sa(sv))", name, "fail", str(len(properties)), *words, "0"]
    answer = Systemctl().ask("busctl", *call)
    deadline = time.monotonic() + PATIENCE
    while answer.code == 0 and time.monotonic() < deadline:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
            if name in file.read():
                return
        time.sleep(PAUSE)
    raise RunFailed("systemd refuses to bound the process", output=answer.errors)
