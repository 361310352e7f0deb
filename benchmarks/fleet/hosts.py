"""Which hosts are deployed to?  The lab's, on a journaled disk of their own, with git, and with counters to read."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import disk
from tests.lab import base
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.programs import call

SIZE = 60 << 30  # sparse: what is written counts
WRITTEN = "cpu.stat"
LOG = "/etc/ssh/sshd_config.d/bench.conf"


@contextlib.contextmanager
def fleet(count: int, *, suite: str = "bookworm", git: bool = True) -> Iterator[tuple[Lab, list[Host], Path]]:
    """`count` new hosts, with `git` if asked for, and a folder for the operator, all on one journaled disk.

    It goes as a whole: removing a million files would slow down what comes next.
    """
    before = os.environ.get("XDG_CACHE_HOME")
    with tempfile.TemporaryDirectory(prefix="deployer-fleet-") as given, disk.mounted(Path(given), size=SIZE) as place:
        bases = place / "deployer-lab" / "bases"
        here = place / "operator"
        bases.mkdir(parents=True)
        here.mkdir()
        made = with_git(suite) if git else base.base(suite)
        (bases / base.base(suite).name).symlink_to(made)
        os.environ["XDG_CACHE_HOME"] = str(place)
        try:
            with Lab(f"bench-{os.getpid()}") as lab:
                hosts = lab.hosts(count, suite=suite)
                listen_closely(hosts[0])
                try:
                    yield lab, hosts, here
                finally:
                    abandon(hosts, place / "gone")
        finally:
            os.environ.pop("XDG_CACHE_HOME")
            if before is not None:
                os.environ["XDG_CACHE_HOME"] = before


def abandon(hosts: Sequence[Host], heap: Path) -> None:
    """Switch the hosts off, and put their files where the lab does not remove them one by one."""
    heap.mkdir()
    for host in hosts:
        host.power_cut()
        call("umount", "--recursive", host.root)
        (host.folder / "upper").rename(heap / host.name)


def with_git(suite: str) -> Path:
    """The lab's base with git, which Capistrano needs on every host; made once, a quarter of a minute."""
    plain = base.base(suite)
    made = base.cache() / "with-git" / plain.name
    if not made.exists():
        half = made.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        half.parent.mkdir(exist_ok=True)
        call("cp", "-a", plain, half)
        shutil.copyfile("/etc/resolv.conf", half / "etc/resolv.conf")
        install = "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends git"
        call("chroot", half, "sh", "-c", install, timeout=300)
        (half / "etc/resolv.conf").write_text("")
        half.rename(made)
    return made


def listen_closely(host: Host) -> None:
    """Let the host's sshd tell of every command that it starts, not of logins alone."""
    host.run(f"echo 'LogLevel VERBOSE' > {LOG}; systemctl reload ssh")


def told(host: Host) -> tuple[int, int]:
    """How many logins there were on the host since it booted, and how many commands (or transfers) were started."""
    lines = host.run("journalctl --sync; journalctl -t sshd -o cat").stdout.splitlines()
    begun = [line.partition(" ")[0] for line in lines if line.startswith(("Accepted publickey", "Starting session"))]
    return begun.count("Accepted"), begun.count("Starting")


def carried(host: Host) -> tuple[int, int]:
    """Bytes that went to the host and came from it, Ethernet, TCP and SSH included."""
    counters = Path("/sys/class/net") / host.link / "statistics"
    return int((counters / "tx_bytes").read_text()), int((counters / "rx_bytes").read_text())


def worked(host: Host) -> float:
    """Seconds of CPU that all of the host's processes took since it booted."""
    for line in (host.group.path / WRITTEN).read_text().splitlines():
        name, _, value = line.partition(" ")
        if name == "usage_usec":
            return int(value) / 1e6
    raise AssertionError(f"{host.name}: its control group tells no CPU time")
