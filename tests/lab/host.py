"""What can one do with a host of the lab?  Boot it, log in, cut its power or its line, fill its disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import disk
from .access import DOOR, key_pair, public
from .base import base
from .cgroup import Group
from .network import bridge
from .programs import LabError, call, wait_until

USERS = {"root": (0, "/root"), "deploy": (1000, "/home/deploy"), "admin": (1001, "/home/admin")}
BOOT_TIME = 120  # seconds, with fifty of them booting on two cores


@dataclass(frozen=True)
class Host:
    """One host: its overlay on the base, and its processes.  All it knows is on disk, for other programs to find."""

    name: str
    address: str
    folder: Path
    suite: str
    lab: int
    operator: Path  # the key that may log in

    @property
    def root(self) -> Path:
        """The host's `/`, as this machine sees it."""
        return self.folder / "root"

    @property
    def machine(self) -> str:
        """The host's name among all that run on this machine."""
        return f"lab{self.lab}-{self.name}"

    @property
    def link(self) -> str:
        """This machine's end of the host's wire: nspawn names it, and it just fits into 15 characters."""
        return f"vb-{self.machine}"

    @property
    def group(self) -> Group:
        """Its processes."""
        return Group(self.machine)

    @property
    def key(self) -> Path:
        """Its private host key: the same after a reset."""
        return key_pair(self.folder / "host_key", self.name)

    @property
    def running(self) -> bool:
        """Whether its power is on."""
        return self.group.alive

    # Power

    def start(self) -> None:
        """Switch it on, and do not wait."""
        if self.running:
            return
        self._mount()
        self.group.make()
        options = ("--register=no", "--keep-unit", "--kill-signal=SIGRTMIN+3", "--link-journal=no", "--settings=no")
        as_debian = ("--resolv-conf=off", "--timezone=off", f"--hostname={self.name}")
        where = (f"--directory={self.root}", f"--machine={self.machine}", f"--network-bridge={bridge(self.lab)}")
        with (self.folder / "console").open("ab") as console:
            subprocess.run(  # setsid forks: it is nobody's child, and outlives `python -m tests.lab up`
                [*self._into("."), "setsid", "--fork", "systemd-nspawn", "-q", "--boot", *where, *options, *as_debian],
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_NSPAWN_TMPFS_TMP": "0"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                check=True,
            )

    def boot(self) -> None:
        """Switch it on and wait until one can log in.

        Raises:
            LabError: it does not come up; the message has the end of its console.

        """
        self.start()
        try:
            wait_until(self._up, f"{self.name} is up", timeout=BOOT_TIME)
        except LabError as error:
            said = (self.folder / "console").read_text(errors="replace")[-2000:]
            raise LabError(f"{error}\n{said}") from error

    def power_cut(self) -> None:
        """Kill all of its processes at once: nothing in it is told.  What it wrote to its disk stays."""
        self.group.kill()
        self.group.wait_for_the_end()
        self.group.remove()  # what the killed systemd left in it would be taken for running services at the next boot
        self._wait_for_the_wire()

    def power_off(self) -> None:
        """Shut it down as `poweroff` does, and wait until it is off."""
        if (nspawn := self.group.nspawn) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(nspawn, signal.SIGTERM)
        self.group.wait_for_the_end()
        self._wait_for_the_wire()

    def reboot(self) -> None:
        """Shut it down and boot it again."""
        self.power_off()
        self.boot()

    def reset(self) -> None:
        """Cut its power, and make it what it was when it was new: off, with an empty disk, its host key the same."""
        self.power_cut()
        self._unmount()
        for part in ("upper", "work", "disks"):
            shutil.rmtree(self.folder / part, ignore_errors=True)

    def remove(self) -> None:
        """Take away all there is of it."""
        self.reset()
        self.group.remove()
        shutil.rmtree(self.folder)

    def _up(self) -> bool:
        """Its user manager runs, which starts when users may log in, and its sshd answers."""
        if not self.running:
            raise LabError(f"{self.name} has died while booting")
        init = self.group.init
        if init is None or not Path(f"/proc/{init}/root/run/user/1000/systemd/private").exists():
            return False
        try:
            with socket.create_connection((self.address, DOOR), timeout=0.5) as line:
                return line.recv(4) == b"SSH-"
        except OSError:
            return False

    def _wait_for_the_wire(self) -> None:
        gone = lambda: call("ip", "link", "show", self.link, check=False).returncode != 0
        wait_until(gone, f"{self.link} goes away", timeout=30)

    # Its line

    def unplug(self) -> None:
        """Pull its network cable: whatever is sent either way is lost, and neither side is told."""
        call("ip", "link", "set", self.link, "nomaster")

    def plug(self) -> None:
        """Put the cable back."""
        call("ip", "link", "set", self.link, "master", bridge(self.lab))

    # Inside

    def run(
        self, command: str, *, user: str = "root", timeout: float = 60, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command on it, past the network; `timeout` is in seconds.

        Raises:
            LabError: it is off, the command failed and `check` holds, or it took too long.

        """
        init = self.group.init
        if init is None:
            raise LabError(f"{self.name} is off")
        uid, home = USERS[user]
        (self.group.path / "visitors").mkdir(exist_ok=True)  # and so a power cut takes it too
        return call(
            *(*self._into("visitors"), "nsenter", f"--target={init}", "--all"),
            *(
                "runuser",
                "-u",
                user,
                "--",
                "env",
                "-i",
                f"--chdir={home}",
                f"HOME={home}",
                f"USER={user}",
                f"LOGNAME={user}",
            ),
            *("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", f"XDG_RUNTIME_DIR=/run/user/{uid}"),
            *("bash", "-c", command),
            timeout=timeout,
            check=check,
        )

    def _into(self, group: str) -> tuple[str, ...]:
        """What to put before a program's arguments, so that it begins in one of the host's groups."""
        return ("sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.group.path / group / "cgroup.procs"))

    # Its disk

    def small_disk(self, path: str, megabytes: int, *, user: str = "root") -> None:
        """Put a small ext4 disk at the absolute `path`, whether the host runs or not; it stays until `reset`."""
        self._mount()
        image = self.folder / "disks" / hashlib.sha256(path.encode()).hexdigest()[:12]
        disk.mount_new(image, self.root / path.lstrip("/"), megabytes=megabytes, owner=USERS[user][0])

    def fill_disk(self, path: str, leave_bytes: int) -> Path:
        """Fill the disk that has `path` until `leave_bytes` are free; the file that does it, to be unlinked."""
        return disk.fill(self.root / path.lstrip("/"), leave_bytes)

    def _mount(self) -> None:
        if os.path.ismount(self.root):
            return
        for part in ("root", "upper", "work"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        layers = f"lowerdir={base(self.suite)},upperdir={self.folder}/upper,workdir={self.folder}/work"
        call("mount", "-t", "overlay", "-o", layers, f"lab-{self.machine}", self.root)
        call("mount", "--make-shared", self.root)  # a disk that is put in later is seen inside as well
        self._write_identity()

    def _unmount(self) -> None:
        if os.path.ismount(self.root):
            call("umount", "--recursive", self.root)

    def _write_identity(self) -> None:
        network = f"[Match]\nName=host0\n[Network]\nAddress={self.address}/24\nLinkLocalAddressing=no\n"
        etc = self.root / "etc"
        (etc / "systemd/network/10-lab.network").write_text(network)
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n{self.address} {self.name}\n")
        (etc / "machine-id").write_text(f"{hashlib.md5(self.machine.encode()).hexdigest()}\n")
        shutil.copy2(self.key, etc / "ssh/ssh_host_ed25519_key")
        (etc / "ssh/ssh_host_ed25519_key.pub").write_text(f"{public(self.key)} {self.name}\n")
        for uid, home in USERS.values():
            ssh = self.root / home.lstrip("/") / ".ssh"
            ssh.mkdir(mode=0o700, exist_ok=True)
            (ssh / "authorized_keys").write_text(f"{public(self.operator)}\n")
            for path in (ssh, ssh / "authorized_keys"):
                os.chown(path, uid, uid)
