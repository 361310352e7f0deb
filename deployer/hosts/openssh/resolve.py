"""What does ssh's configuration say of a host?  `ssh -G` is asked, which resolves it and connects nowhere.

Include, Match, tokens and canonical names hold as they do for ssh, because ssh reads them.  It takes some 8 ms: an
answer is kept for as long as the files are the same (config_files.py).  Where there is no ssh program, paramiko's
parser reads the files, as far as it can (parsed.py).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from deployer.core.errors import SettingsError
from deployer.hosts.openssh import expansion
from deployer.hosts.openssh.config_files import ConfigFiles, home_of_passwd

LONGEST = 30.0  # seconds: a `Match exec` or a name server may be slow
AT_ONCE = 2 * (os.cpu_count() or 1)
ENDING = "terminating, "  # how many mistakes there were, after each of them
FORMAT = "1"  # of what is kept
LEFT_OUT = ("setenv", "sendenv")  # may be secret, and is not wanted
Options = Mapping[str, Sequence[str]]  # small letters; a value for each line


class Resolver:
    """The caller's ssh configuration.  `cache` is the folder for answers; None keeps them for this command alone."""

    def __init__(self, home: Path, cache: Path | None = None) -> None:
        self.files = ConfigFiles(home)
        self.program = program()
        self._cache = cache / "ssh" if cache else None
        self._asking = threading.BoundedSemaphore(AT_ONCE)
        self._known: dict[tuple[str, ...], Options] = {}
        self._lock = threading.Lock()

    def options(self, host: str, more: Sequence[str] = ()) -> Options:
        """What holds for `host`, with `more` (-l USER -p PORT) given to ssh.  `SettingsError` for what ssh refuses."""
        if not self.program:
            from deployer.hosts.openssh.parsed import parsed  # noqa: PLC0415 - imports paramiko

            return parsed(self.files, host, more)
        asked = (*more, "--", host)
        with self._asking:
            if asked not in self._known:
                self._known[asked] = self._kept(asked) or self._keep(asked, self._ask(asked))
            return self._known[asked]

    def arguments(self) -> list[str]:
        """What ssh needs to read the caller's files: nothing, where its home is the caller's."""
        return ["-F", str(self.configuration([], []))] if self.files.moved else []

    def configuration(self, first: Sequence[str], last: Sequence[str]) -> Path:
        """A file for `ssh -F`: the lines `first`, which win, what holds for the caller, and `last`, which give way."""
        home = self.files.home
        with self._lock:
            name = sha256("\n".join([*first, "", *last]).encode()).hexdigest()[:16]
            file = self.files.scratch() / f"config-{name}"
            if not file.exists():
                lines = [*first, *(f'Include "{path}"' for path in self.files.roots()), *last]
                if self.files.moved:
                    lines.append(f'UserKnownHostsFile "{home}/.ssh/known_hosts" "{home}/.ssh/known_hosts2"')
                part = file.with_suffix(".part")
                part.write_text("\n".join(lines) + "\n", errors="surrogateescape")
                part.rename(file)
        return file

    def _ask(self, asked: Sequence[str]) -> Options:
        done = self._run(asked)
        if done.returncode:  # `Host *` may make a jump host jump from itself: there ssh gives up, and we go straight
            direct = self._run(["-o", "ProxyJump=none", *asked])
            if direct.returncode:
                raise self._refusal(asked[-1], done.stderr)
            done = direct
        found: dict[str, list[str]] = {}
        for line in done.stdout.splitlines():
            key, _, value = line.partition(" ")
            found.setdefault(key.lower(), []).append(value)
        return {key: values for key, values in found.items() if key not in LEFT_OUT}

    def _run(self, asked: Sequence[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self.program, *self.arguments(), "-G", "-T", *asked],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="surrogateescape",
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SettingsError(
                f"{asked[-1]}: `ssh -G {asked[-1]}` did not answer within {LONGEST:g} s",
                hint="look for a `Match exec` in ~/.ssh/config that hangs, or a name server that is silent",
            ) from None

    def _refusal(self, host: str, complaint: str) -> SettingsError:
        lines = [line for line in self.files.original(complaint).splitlines() if line and ENDING not in line]
        said = "; ".join(lines[:2]).replace(f"{self.files.home}/", "~/") or "ssh refuses it, and does not say why"
        return SettingsError(
            f"{host}: ssh's configuration: {said}",
            hint=f"fix it; `ssh -G {host}` reads the same files and says the same",
            output=self.files.original(complaint),
        )

    def _place(self, asked: Sequence[str]) -> tuple[Path, str] | None:
        """Where the answer is kept, and what it is good for; None where none is."""
        digest = self._cache and self.files.digest(expansion.variables())
        if not self._cache or not digest:
            return None
        found = os.stat(self.program)
        depends = [FORMAT, digest, self.program, str(found.st_mtime_ns), str(found.st_size), os.uname().nodename]
        name = sha256("\0".join([str(os.getuid()), str(self.files.home), *asked]).encode()).hexdigest()[:32]
        return self._cache / f"{name}.json", "\n".join(depends)

    def _kept(self, asked: Sequence[str]) -> Options | None:
        place = self._place(asked)
        if place is None:
            return None
        try:
            kept = json.loads(place[0].read_bytes())
            found: Options | None = kept["options"] if kept["depends"] == place[1] else None
        except (OSError, ValueError, TypeError, KeyError):  # none is kept yet, or it is damaged
            return None
        return found

    def _keep(self, asked: Sequence[str], options: Options) -> Options:
        place = self._place(asked)
        if place is not None:
            with contextlib.suppress(OSError):  # it saves time, and nothing else: a full disk is told of elsewhere
                place[0].parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                part = place[0].with_suffix(f".{os.getpid()}.{threading.get_ident()}")
                descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
                with open(descriptor, "w", encoding="utf-8") as file:
                    json.dump({"depends": place[1], "options": options}, file)
                part.rename(place[0])
        return options


def program() -> str:
    """The ssh program; '' where there is none, or it would refuse to run: it wants users that the database knows."""
    return (shutil.which("ssh") or "") if home_of_passwd() else ""
