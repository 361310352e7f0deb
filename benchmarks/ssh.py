"""What does ssh's configuration cost, and a login by each client?  A real sshd on loopback."""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.clock import Taken, alternating, cpus, ratios, timed, walls
from benchmarks.operators import BIN
from benchmarks.results import TIMES, Line
from deployer.hosts.openssh.resolve import Resolver
from tests.ssh.server import Sshd

HOSTS = 20
FLEET = 10
SETTINGS = """\
app: tiny
targets:
  paramiko: {{hosts: [web1], path: {folder}/root}}
  openssh: {{hosts: [web1], path: {folder}/root, ssh: {{client: openssh}}}}
  shared: {{hosts: [shared], path: {folder}/root}}
  fleet: {{hosts: [{fleet}]}}
  fleet-openssh: {{hosts: [{fleet}], ssh: {{client: openssh}}}}
"""
SHARED = "ControlMaster auto\nControlPath {folder}/%p\nControlPersist 30\n"


def measure(folder: Path, rounds: int | None) -> list[Line]:
    """`ssh -G`, for a fleet asked and kept; `deploy host show` by both clients, and by a connection that is kept."""
    home = folder / "home"
    fleet = [f"fleet{number}" for number in range(FLEET)]
    hosts = ", ".join(f"{{host: {name}, path: {folder}/{name}}}" for name in fleet)
    (folder / "deploy.yaml").write_text(SETTINGS.format(folder=folder, fleet=hosts))
    with Sshd(folder / "sshd") as sshd:
        sshd.operator(home, "web1", *fleet)
        sshd.operator(home, "shared", more=SHARED.format(folder=folder))
        config = str(home / ".ssh" / "config")
        environ = {"HOME": str(home), "PATH": f"{BIN}:/usr/bin:/bin", "XDG_CACHE_HOME": str(folder / "cache")}

        def shown(target: str, *more: str) -> Callable[[], Taken]:
            line = [str(BIN / "deploy"), "-t", target, "host", "show", *more]
            return lambda: timed(line, folder=folder, env=environ)

        def resolved(*, kept: bool) -> Callable[[], Taken]:
            def ask() -> Taken:
                if not kept:
                    shutil.rmtree(folder / "answers", ignore_errors=True)
                begun, clock, cpu = time.time(), time.monotonic(), time.process_time()
                resolver = Resolver(home, folder / "answers")
                for number in range(HOSTS):
                    resolver.options(f"web{number}")
                return Taken(begun, time.monotonic() - clock, time.process_time() - cpu)

            return ask

        subjects = {
            "ssh -G": lambda: timed([shutil.which("ssh") or "ssh", "-F", config, "-G", "web1"]),
            "asked": resolved(kept=False),
            "kept": resolved(kept=True),
            "paramiko": shown("paramiko"),
            "openssh": shown("openssh"),
            "shared": shown("shared"),
            "fleet": shown("fleet"),
            "fleet-openssh": shown("fleet-openssh"),
            "nobody": lambda: timed([str(BIN / "deploy"), "--version"], env=environ),
        }
        for subject in subjects.values():
            subject()  # the agent is there, the folders are made
        taken = alternating(rounds or 15, subjects)
    wall = {name: walls(runs) for name, runs in taken.items()}
    cpu = {name: cpus(runs) for name, runs in taken.items()}
    return [
        Line("`ssh -G` of one host", wall["ssh -G"]),
        Line(f"{HOSTS} hosts, each asked of `ssh -G`", wall["asked"]),
        Line(f"{HOSTS} hosts, of what is kept", wall["kept"]),
        Line("`deploy host show` of one host, paramiko", wall["paramiko"]),
        Line("the same by the ssh program", wall["openssh"]),
        Line("the same by a connection that ControlPersist keeps", wall["shared"]),
        Line("the ssh program : paramiko", ratios(wall["openssh"], wall["paramiko"]), TIMES),
        Line("CPU time of the operator's side, paramiko", cpu["paramiko"]),
        Line("CPU time of the operator's side, the ssh program", cpu["openssh"]),
        Line("the ssh program : paramiko, in CPU time", ratios(cpu["openssh"], cpu["paramiko"]), TIMES),
        Line(f"{FLEET} hosts, paramiko", wall["fleet"]),
        Line(f"{FLEET} hosts, the ssh program", wall["fleet-openssh"]),
        Line(f"{FLEET} hosts, the ssh program : paramiko", ratios(wall["fleet-openssh"], wall["fleet"]), TIMES),
        Line("the same in CPU time", ratios(cpu["fleet-openssh"], cpu["fleet"]), TIMES),
        Line("CPU time for each further host, paramiko", further(cpu["fleet"], cpu["paramiko"])),
        Line("CPU time for each further host, the ssh program", further(cpu["fleet-openssh"], cpu["openssh"])),
        Line("`deploy --version`, for comparison", wall["nobody"]),
    ]


def further(fleet: Sequence[float], one: Sequence[float]) -> list[float]:
    """What a host costs beside the first."""
    return [(many - single) / (FLEET - 1) for many, single in zip(fleet, one, strict=True)]
