"""A real sshd of this machine's user on 127.0.0.1, with keys of its own, and an operator's home that knows it.

    with Sshd(tmp_path / "sshd") as sshd:
        home = sshd.operator(tmp_path / "home", "web1", "web2")  # HOME of whoever deploys

Several aliases lead to the same sshd: as hosts of a target they are told apart by their `path`.
"""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 200
MaxSessions 100
LogLevel VERBOSE
"""
ALIAS = """\
Host {names}
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {key}
  IdentitiesOnly yes
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def keygen(path: Path, *, kind: str = "ed25519", passphrase: str = "", more: tuple[str, ...] = ()) -> Path:
    """A new key pair, `path` and `path`.pub."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", str(path), *more]
    subprocess.run(line, check=True, stdin=subprocess.DEVNULL)
    return path


def fingerprint(public: Path) -> str:
    """`SHA256:…` as ssh-keygen shows it."""
    done = subprocess.run(["ssh-keygen", "-lf", str(public)], check=True, capture_output=True, text=True)
    return done.stdout.split()[1]


class Sshd:
    """One sshd.  `options` are lines of sshd_config that come first and so win; `environment` is what sessions get.

    Sessions have a home of their own (`home`), where a .bashrc may print, and a PATH that begins with `bin`, where
    `python3` leads to `python`.
    """

    def __init__(self, folder, *, options=(), environment=None, python=None, kinds=("ed25519",)):
        if SSHD is None:
            pytest.skip("not installed: sshd")
        self.folder = Path(folder)
        self.home, self.bin = self.folder / "home", self.folder / "bin"
        for made in (self.folder, self.home, self.bin):
            made.mkdir(parents=True, exist_ok=True)
        self.options, self.environment = list(options), dict(environment or {})
        self.user = getpass.getuser()
        self.port = free_port()
        self.key = keygen(self.folder / "login")
        self.host_keys = {kind: keygen(self.folder / f"host_{kind}", kind=kind) for kind in kinds}
        self.process = None
        self.authorize(self.key)
        self.python(python or getattr(sys, "_base_executable", sys.executable))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def authorize(self, key: Path) -> None:
        """Let whoever has `key` in."""
        with open(self.folder / "authorized_keys", "a", encoding="utf-8") as file:
            file.write(Path(f"{key}.pub").read_text())

    def python(self, program: str) -> None:
        """Make `program` the sessions' python3."""
        link = self.bin / "python3"
        link.unlink(missing_ok=True)
        link.symlink_to(program)

    def start(self) -> None:
        """Listen."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        path = f"{self.bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        environment = {"PATH": path, "HOME": str(self.home), **self.environment}
        lines = [*self.options, CONFIG.format(port=self.port, folder=self.folder)]
        lines += [f"HostKey {key}" for key in self.host_keys.values()]
        lines += ["SetEnv " + " ".join(f'"{name}={value}"' for name, value in environment.items())]
        config = self.folder / "sshd_config"
        config.write_text("\n".join(lines) + "\n")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError(f"sshd does not start:\n{self.log.read_text()}") from None
                time.sleep(0.02)

    @property
    def log(self) -> Path:
        """What sshd says."""
        return self.folder / "sshd.log"

    def stop(self) -> None:
        """Listen no more, and cut every connection."""
        if self.process is None:
            return
        for pid in [*descendants(self.process.pid), self.process.pid]:
            try:
                if named(pid) == "sshd":  # what the sessions started hears of it as it would in life
                    os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(10)
        self.process = None

    def known(self, *names, kinds=None) -> str:
        """Lines of known_hosts; for the address and port of this sshd if no names are given."""
        names = names or (f"[127.0.0.1]:{self.port}",)
        keys = [key for kind, key in self.host_keys.items() if kinds is None or kind in kinds]
        return "".join(f"{','.join(names)} {' '.join(Path(f'{key}.pub').read_text().split()[:2])}\n" for key in keys)

    def operator(self, home: Path, *aliases: str, known: bool = True, more: str = "") -> Path:
        """Give the operator's `home` an .ssh folder: these aliases of this sshd, its host key unless not `known`.

        `more` are lines of ssh_config for these aliases; a second call (another sshd, other aliases) adds to the first.
        """
        folder = Path(home) / ".ssh"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(folder / "config", "a", encoding="utf-8") as file:
            file.write(ALIAS.format(names=" ".join(aliases), port=self.port, user=self.user, key=self.key))
            file.write("".join(f"  {line}\n" for line in more.splitlines()))
        with open(folder / "known_hosts", "a", encoding="utf-8") as file:
            file.write(self.known() if known else "")
        return Path(home)


def descendants(pid: int) -> list[int]:
    """The processes below `pid`, children first."""
    found = []
    with contextlib.suppress(OSError):  # it ends meanwhile
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *descendants(child)]
    return found


def named(pid: int) -> str:
    """The name of the process `pid`, '' where it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
