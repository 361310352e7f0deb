"""The ssh program as the way to a host, for what paramiko cannot do.

It reads the caller's own configuration, behind lines of ours that win: never a question, never a forwarding, and no
host key that is not trusted already, on the hosts of a ProxyJump too.  What it logs says why a login failed.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

from deployer.core.errors import HostUnreachable
from deployer.hosts.known_hosts import Key, KnownHosts
from deployer.hosts.openssh.pipes import TICK, Errors, Input, Output
from deployer.hosts.openssh.resolve import Resolver
from deployer.hosts.ssh_route import Route
from deployer.hosts.ssh_settings import CONNECT_TIMEOUT, SshSettings

PAUSE = (0.3, 1.0)  # seconds before the second try
BUFFER = 1 << 16
LONGEST = 60.0  # seconds for a whole login, with all the hosts on the way
USUAL = ("id_ed25519", "id_ed25519_sk", "id_ecdsa", "id_ecdsa_sk", "id_rsa")
KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
RSA = ("rsa-sha2-512", "rsa-sha2-256")  # how a key of type ssh-rsa signs
ALWAYS = (
    "BatchMode yes", "StrictHostKeyChecking yes", "ForwardAgent no", "ForwardX11 no", "ClearAllForwardings yes",
    "PermitLocalCommand no", "RequestTTY no", "Tunnel no", "EscapeChar none", "ServerAliveCountMax 3",
)  # fmt: skip
IF_KNOWN = (  # younger than the oldest ssh that is in use, which refuses words that it does not know
    "UpdateHostKeys no", "StdinNull no", "ForkAfterAuthentication no", "SessionType default", "RemoteCommand none",
)  # fmt: skip


class Passing(HostUnreachable):
    """A refusal that may be gone in a second: an sshd that restarts, or has too many logins."""


class OpenSsh:
    """The ssh program, for all hosts of one command."""

    def __init__(self, resolver: Resolver, settings: SshSettings) -> None:
        self._resolver, self.settings = resolver, settings
        self._at_once = threading.BoundedSemaphore(settings.concurrency)
        self._number = 0
        self._counting = threading.Lock()

    def opened(self, route: Route, command: str) -> OpenSshChannel:
        """`command`, starting on the host of `route`: whether the login succeeds shows when it is read from."""
        if not self._resolver.program:
            raise HostUnreachable(
                f"{route.name}: `ssh: {{client: openssh}}` needs the ssh program, which is not installed here",
                hint="install it (Debian: apt install openssh-client), or take `client` away",
            )
        known = KnownHosts(route.known_hosts, route.known_as, route.revoked)
        log = self._resolver.files.scratch() / f"log-{self._next()}"
        log.touch(0o600)
        line = [*self._line(route), "-E", str(log), "-o", "LogLevel=DEBUG1", *route.asked, "--", route.alias, command]
        login = Login(self, route, known, log, self._at_once)
        try:
            return OpenSshChannel(line, self.settings, login)
        except OSError as error:
            login.done()
            raise HostUnreachable(
                f"{route.name}: {self._resolver.program} cannot be started: {error.strerror}",
                hint="is this machine out of memory, processes or open files? `ulimit -a` shows the limits",
            ) from error

    def host_key(self, route: Route, kinds: Sequence[str]) -> Key:
        """The key that the host shows, of the first of `kinds` that it has; nothing but that is asked."""
        kept = self._resolver.files.scratch() / f"known-{self._next()}"
        options = [
            f"UserKnownHostsFile={kept}", "GlobalKnownHostsFile=none", "StrictHostKeyChecking=accept-new",
            f"HostKeyAlgorithms={','.join(_algorithms(kinds))}", "HashKnownHosts=no", "PreferredAuthentications=none",
            "ControlPath=none", "LogLevel=DEBUG1",
        ]  # fmt: skip
        log = self._resolver.files.scratch() / f"log-{self._next()}"
        log.touch(0o600)
        given = [word for option in options for word in ("-o", option)]
        line = [self._resolver.program, *given, *self._line(route)[1:], "-E", str(log), *route.asked, "--", route.alias]
        with self._at_once:
            channel = OpenSshChannel([*line, "true"], self.settings, None)
            with contextlib.suppress(OSError):
                channel.reader.read()
            channel.drop()
        entries = KnownHosts([kept], route.known_as).keys
        if not entries:
            from deployer.hosts.openssh import failures  # noqa: PLC0415 - only a failure needs it, and paramiko's import

            raise failures.refusal(self, route, None, log.read_text(errors="replace"), channel.complaint())
        return entries[0].key

    def _line(self, route: Route) -> list[str]:
        said = dict(route.options)
        lines = [*ALWAYS, f"ServerAliveInterval {max(1, int(self.settings.silence / 3))}"]
        lines += [line for line in IF_KNOWN if line.split()[0].lower() in said]
        if said.get("controlpersist", "no") == "no":
            lines.append("ControlMaster no")  # a master that ends with this command would cut others off
        if self.settings.connect_timeout:
            lines.append(f"ConnectTimeout {self.settings.connect_timeout:.0f}")
        last = [f"ConnectTimeout {CONNECT_TIMEOUT:.0f}", "SendEnv -*"]
        file = self._resolver.configuration(lines, last)
        return [self._resolver.program, "-F", str(file), "-T", *self._usual_keys(route)]

    def _usual_keys(self, route: Route) -> list[str]:
        """The keys in HOME, where ssh would look for them elsewhere."""
        if not self._resolver.files.moved or route.identities:
            return []
        found = [self._resolver.files.home / ".ssh" / name for name in USUAL]
        return [word for path in found if path.exists() for word in ("-i", str(path))]

    def _next(self) -> int:
        with self._counting:
            self._number += 1
            return self._number


class Login:
    """A login of the ssh program that is under way."""

    def __init__(
        self, client: OpenSsh, route: Route, known: KnownHosts, log: Path, at_once: threading.BoundedSemaphore
    ) -> None:
        self._client, self._route, self._known, self._log, self._at_once = client, route, known, log, at_once
        self._held = False

    def begin(self) -> None:
        """Wait for one of the logins that may be under way at a time."""
        self._at_once.acquire()
        self._held = True

    def done(self) -> None:
        """Let the next one log in."""
        if self._held:
            self._held = False
            self._at_once.release()

    def refusal(self, complaint: str) -> HostUnreachable | None:
        """Why there was no session; None if there was one."""
        from deployer.hosts.openssh import failures  # noqa: PLC0415 - only a failure needs it

        log = self._log.read_text(errors="replace")
        if failures.was_let_in(log):
            return None
        return failures.refusal(self._client, self._route, self._known, log, complaint)


class OpenSshChannel:
    """A command on a host, by the ssh program."""

    def __init__(self, line: Sequence[str], settings: SshSettings, login: Login | None) -> None:
        self._login, self._silence = login, settings.silence
        if login:
            login.begin()
        self._process = subprocess.Popen(
            list(line),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the operator alone
        )
        stdin, stdout, stderr = (
            _taken(pipe) for pipe in (self._process.stdin, self._process.stdout, self._process.stderr)
        )
        self._errors = Errors(stderr)
        self._input, self._output = Input(stdin, self._silence), Output(stdout, self._errors, LONGEST)
        self.writer = cast("BinaryIO", self._input)
        self.reader = cast("BinaryIO", io.BufferedReader(self._output, BUFFER))

    def begun(self) -> None:
        """The login is done with: the next one may begin, and from here on the host is heard every few seconds."""
        self._output.silence = self._silence
        if self._login:
            self._login.done()

    def close(self, *, timeout: float) -> None:
        """End its input, wait up to `timeout` seconds for its end, and log out."""
        self._input.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        self.drop()

    def drop(self) -> None:
        """Log out, whatever it does."""
        self.begun()
        self._process.terminate()
        try:
            self._process.wait(TICK)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.take()
        self._errors.close()
        self._input.close()
        self._output.close()

    def ended(self) -> int | None:
        """Its exit code, once its output has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(TICK)
        code = self._process.returncode
        return None if code is None or code < 0 else code

    def complaint(self) -> str:
        """The end of what it printed on stderr."""
        return self._errors.text()

    def refusal(self) -> HostUnreachable | None:
        """Why there was no session; None if there was one."""
        return self._login.refusal(self.complaint()) if self._login else None


def _taken(pipe: object) -> int:
    """The descriptor of a pipe of Popen's, which closes its own."""
    with cast("io.FileIO", pipe) as file:
        return os.dup(file.fileno())


def _algorithms(kinds: Sequence[str]) -> list[str]:
    """The algorithms of host keys, those of `kinds` first."""
    ordered = list(dict.fromkeys([*kinds, *KINDS]))
    return [algorithm for kind in ordered for algorithm in (RSA if kind == "ssh-rsa" else (kind,))]


def pause() -> None:
    """Wait before the second try."""
    time.sleep(random.uniform(*PAUSE))  # noqa: S311 - not a secret
