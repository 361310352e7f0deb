"""Does supervisord itself run, and how is it started and ended?

It runs in a session of its own, in the target's root, with no descriptor of ours (least of all the target's lock),
nothing of our environment and a umask that keeps its files to itself.  Its code is what the operator has shipped
(`agent/supervisor-<digest>`), never the host's own: that lacks what hosts/supervisord_main.py mends.  A shell is its
parent, and starts it anew when it has ended without being told to: it reads its files then, and its launchers end what
the earlier ones have left.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess

from deployer.agent import durable, procfs, supervisor_conf
from deployer.agent.environment import PATH, base
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.python import interpreter
from deployer.agent.supervisor_client import PATIENCE, Client, Unanswered
from deployer.agent.waiting import until
from deployer.core.errors import RunFailed

BOOT = 20.0
SLOWEST = 5  # seconds between two tries to have a supervisord that does not begin any more
SHIPPED = "supervisor-"
ERRORS = "run/supervisord.err"
BROKE = 75  # the exit code of a supervisord that has run and ended untold (hosts/supervisord_main.py)
# Its arguments are supervisord and the arguments of that.  One that was told to end ends with 0.  One that cannot begin
# is not tried again; one that has run is, whatever becomes of it: a full disk may keep it from its files for a while.
# Where the target's folder was removed under it, there is nothing to keep.
KEEPER = f"""\
unset PWD OLDPWD SHLVL
{{
    begun= pause=1
    while "$@" 2>{ERRORS}; code=$?; [ $code != 0 ]; do
        if [ $code = {BROKE} ] || [ $code -gt 128 ]; then begun=yes; fi
        [ "$begun" ] && [ -d run ] || exit
        if [ $code -gt 128 ]; then pause=1; fi
        sleep $pause
        [ $pause = {SLOWEST} ] || pause=$((pause + 1))
    done
}} &
"""


class Daemon:
    """The supervisord of one app's target."""

    def __init__(self, files: Layout, client: Client) -> None:
        self._files, self._client = files, client

    def answers(self, patience: float = PATIENCE) -> bool:
        """Whether it runs and answers; one that is just starting is waited for, one that hangs is not."""
        try:
            return bool(self._client.call("getPID"))
        except Unanswered as silence:
            if silence.hung:
                return False
        until(lambda: self._speaks() or not self.pids(), patience)
        return self._speaks()

    def pids(self, *, launching: bool = False) -> list[int]:
        """The supervisords of this root, whether they answer or not, and the shells that keep them.

        With `launching`, their unrecorded children too.

        A child is not recorded (agent/started.py) until just before it leaves the root for the release's `app`.
        """
        alive = [process.pid for process in procfs.everyone() if process.alive]
        return [pid for pid in alive if self._is_ours(procfs.arguments(pid), launching) and self._is_here(pid)]

    def start(self) -> None:
        """Start it with the configuration as it is on disk; returns when it answers."""
        files = self._files
        for folder in (files.run, files.root / supervisor_conf.PROCESSES, files.log):
            durable.make_directory(folder, mode=0o700)
        conf = supervisor_conf.main(files.app, files.target)
        durable.write(files.root / supervisor_conf.MAIN, conf, mode=0o600, name="supervisor.conf")
        point("supervisor.start")
        self._spawn([*self._program(), "-n", "-c", supervisor_conf.MAIN])
        point("supervisor.started")
        if not until(lambda: self._speaks() or not self.pids(), BOOT):
            raise RunFailed(f"supervisord was started in {files.root} but does not answer", hint=self._hint())
        if not self.pids():
            self._refuse_limit()
            output = (files.root / ERRORS).read_text("utf-8", "replace").strip()
            raise RunFailed(f"supervisord does not start in {files.root}", hint=self._hint(), output=output)

    def kill(self) -> None:
        """End it at once: it hangs, or did not end when asked to.  Its processes go on, but no new one begins."""
        if not until(self._killed, PATIENCE):
            raise RunFailed(f"supervisord in {self._files.root} cannot be ended", hint=self._hint())

    def await_end(self, seconds: float) -> bool:
        """Whether it has ended within `seconds`."""
        return until(lambda: not self.pids(), seconds)

    def _speaks(self) -> bool:
        try:
            return bool(self._client.call("getPID"))
        except Unanswered:
            return False

    def _killed(self) -> bool:
        found = self.pids(launching=True)
        for pid in found:
            point("supervisor.kill")
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not found

    def _is_ours(self, arguments: list[str], too: bool) -> bool:  # noqa: FBT001 - private, and named at the call
        return supervisor_conf.MAIN in arguments or (too and launching(arguments))

    def _is_here(self, pid: int) -> bool:
        try:
            return os.path.samefile(f"/proc/{pid}/cwd", self._files.root)
        except OSError:
            return False

    def _spawn(self, program: list[str]) -> None:
        variables = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": base()["HOME"]}
        subprocess.run(
            ["/bin/sh", "-c", KEEPER, "sh", *program],
            cwd=self._files.root,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=True,
            start_new_session=True,
            umask=0o077,
            check=True,
        )

    def _program(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            shipped = [entry for entry in os.scandir(self._files.agent) if entry.name.startswith(SHIPPED)]
            if shipped:
                newest = max(shipped, key=lambda entry: (entry.stat().st_mtime_ns, entry.name))
                return [interpreter(), "-IS", f"agent/{newest.name}"]
        raise RunFailed(
            f"{self._files.root} has no supervisor to keep processes alive",
            hint="`deploy run`, `ship` or `rollback` brings it; a supervisord of the host's own is never used",
        )

    @staticmethod
    def _refuse_limit() -> None:
        """Say that this session may not have as many files open as supervisord needs: only root may have more."""
        allowed, needed = resource.getrlimit(resource.RLIMIT_NOFILE)[1], supervisor_conf.OPEN_FILES
        if 0 <= allowed < needed:
            raise RunFailed(
                f"the process manager needs {needed} open files, and this session may have {allowed}",
                hint="`ulimit -Hn` shows that limit: take it away (`ulimit -n` in a script, `LimitNOFILE=` of a unit,"
                " `nofile` in /etc/security/limits.conf), log in again, and run the command again",
            )

    def _hint(self) -> str:
        return f"see {self._files.log}/supervisord.log"


def launching(arguments: list[str]) -> bool:
    """Whether a process with these arguments is a launcher still, and not yet what it becomes."""
    return "launch" in arguments and any(word.endswith("/agent.pyz") for word in arguments)
