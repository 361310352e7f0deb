"""What does systemd read?  A template unit for each process type, and the unit that brings `current` up with the host.

The units hold no command, no value and nothing of a release: `shop-production-web@100-1.service` says by its name
which process it is, and a small file below `run/systemd` says on which port.  They change with the settings of a
process type alone, since each change costs systemd a reload.  What is set for a type holds for all its processes, also
for those of an older release that are just being replaced.

`Type=exec` would tell a little sooner that a launcher cannot be run, but with an ExecStopPost it makes the systemd of
Debian 11 (247) spin for ever then, and answer nobody.
"""

from __future__ import annotations

import json
import re
from typing import Optional

from deployer.agent.layout import Layout
from deployer.core.formation import Process
from deployer.core.manifest import ProcessType
from deployer.core.signals import TERM

WANTED, EXITS = "run/systemd", "run/exits"
PROGRAM, END = "run/systemd/boot.pyz", "run/systemd/ended.sh"
BURST, INTERVAL = 30, 60  # starts, seconds: the launcher's own back-off stays far below this
SHORTEST = 1.0  # seconds: to systemd 0 is for ever
HELD_BACK = 90.0  # seconds, more than a launcher ever waits
NOTIFY = "notify"
TEMPORARY = ("/tmp/", "/var/tmp/")  # noqa: S108 - where a private one would hide the target

_TEMPLATE = """\
{owner}
[Unit]
Description={app} on {target}: {kind} %i
ConditionPathExists={root}/{wanted}/{kind}@%i
StartLimitIntervalSec={interval}
StartLimitBurst={burst}

[Service]
Type={kind_of_start}
WorkingDirectory={root}
EnvironmentFile=-{pattern}/{wanted}/{kind}@%i
ExecStart={python} -IS releases/v${{RELEASE}}/agent.pyz launch {kind} ${{NUMBER}} --port ${{PORT}} --back-off
ExecStopPost=-+/bin/sh {end} {kind}@%i {hundredths}
Restart=always
RestartSec=1
KillMode=control-group
TimeoutStopSec={stop:g}
UMask=0077
SyslogIdentifier={app}-{target}-{kind}@%i
LogRateLimitIntervalSec=0
{more}"""

_BOOT = """\
{owner}
[Unit]
Description={app} on {target}: brings the current release up
ConditionPathExists={root}/{program}
After=network.target caddy.service nginx.service

[Service]
Type=oneshot
RemainAfterExit=yes
WorkingDirectory={root}
ExecStart={python} -IS {program} boot {argument} {app} {target}

[Install]
WantedBy={wanted_by}
"""

_HARDENED = (
    "ProtectSystem=strict",
    "ProtectHome=read-only",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "RestrictRealtime=yes",
)
_OF_THE_SYSTEM = (
    "ProtectKernelTunables=yes",
    "ProtectControlGroups=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectHostname=yes",
    "KeyringMode=private",
)


def boot_name(files: Layout) -> str:
    """The unit that brings `current` up with the host."""
    return f"{files.app}-{files.target}.service"


def template_name(files: Layout, kind: str) -> str:
    """The template of a process type's units."""
    return f"{files.app}-{files.target}-{kind}@.service"


def socket_name(files: Layout, kind: str) -> str:
    """The unit that holds the listening socket of a process type, longer than any release."""
    return f"{files.app}-{files.target}-{kind}.socket"


def unit_name(files: Layout, process: Process) -> str:
    """The unit of one process: `shop-production-web@100-1.service`."""
    return f"{files.app}-{files.target}-{process.type}@{process.release}-{process.number}.service"


def pattern(files: Layout) -> str:
    """All units of processes, and perhaps some of another target."""
    return f"{files.app}-{files.target}-*@*.service"


def parse_unit(files: Layout, name: str) -> Optional[Process]:
    """The process, on port 0, that `unit_name` named; None for another's."""
    match = re.match(re.escape(f"{files.app}-{files.target}-") + r"(.+)@(\d+)-(\d+)\.service\Z", name)
    return Process(int(match.group(2)), match.group(1), int(match.group(3)), 0) if match else None


def owner(files: Layout) -> str:
    """The first line of every unit file: whose it is."""
    return "# deployer " + json.dumps([files.app, files.target, str(files.root)])


def boot(files: Layout, *, python: str, of_the_system: bool) -> bytes:
    """The unit that brings `current` up with the host."""
    return _BOOT.format(
        owner=owner(files),
        app=files.app,
        target=files.target,
        root=plain(str(files.root)),
        program=PROGRAM,
        python=word(python),
        argument=word(str(files.root)).replace("$", "$$"),
        wanted_by="multi-user.target" if of_the_system else "default.target",
    ).encode()


def template(
    files: Layout, kind: ProcessType, *, python: str, of_the_system: bool, hardened: bool, has_socket: bool = False
) -> bytes:
    """The template of a process type; `hardened` says whether this manager can shield processes from the host.

    `has_socket`: there is a socket unit of the type, whose socket they are given.  It outlives them, whatever they do:
    so they may fail as often as they like, for a unit that has failed too often would have systemd close it.
    """
    root, stop = str(files.root), max(SHORTEST, kind.stop_timeout)
    return _TEMPLATE.format(
        owner=owner(files),
        app=files.app,
        target=files.target,
        kind=kind.name,
        root=plain(root),
        pattern=glob(root),
        wanted=WANTED,
        end=END,
        kind_of_start="notify" if kind.health == NOTIFY else "simple",
        interval=0 if has_socket else INTERVAL,
        burst=BURST,
        python=word(python),
        stop=stop,
        hundredths=int(stop * 100),
        more="".join(f"{line}\n" for line in stopping(kind.stop_signal))
        + "".join(f"{line}\n" for line in _handed(files, kind, has_socket=has_socket))
        + bounds(files, kind, of_the_system=of_the_system, hardened=hardened),
    ).encode()


def bounds(files: Layout, kind: ProcessType, *, of_the_system: bool, hardened: bool) -> str:
    """The lines of a service that bound what a process of this type may use and touch."""
    shield = _hardening(str(files.root), kind, of_the_system=of_the_system) if hardened else []
    return "".join(f"{line}\n" for line in [*_limits(kind), *shield])


def stopping(signal: str) -> list[str]:
    """How a service is told to stop, where that is not SIGTERM, and that an end by it is none of a crash."""
    return [] if signal == TERM else [f"KillSignal=SIG{signal}", f"SuccessExitStatus=SIG{signal}"]


def _handed(files: Layout, kind: ProcessType, *, has_socket: bool) -> list[str]:
    """The socket that the processes are given, and what they tell systemd."""
    found = []
    if has_socket:  # `NonBlocking` is said of all of them: they share that, and event loops cannot do without
        found += [f"Sockets={socket_name(files, kind.name)}", "NonBlocking=yes"]
    if kind.health == NOTIFY:  # the launcher holds a crashed process back within the time of its start
        found += ["NotifyAccess=all", f"TimeoutStartSec={HELD_BACK + kind.boot_timeout:g}"]
        found += [f"WatchdogSec={kind.watchdog:g}"] if kind.watchdog else []
    return found


def _limits(kind: ProcessType) -> list[str]:
    """What only a manager can bound; the launcher itself bounds the number of open files."""
    found = []
    if kind.memory:
        found.append(f"MemoryMax={kind.memory}")
    if kind.cpu:
        found.append(f"CPUQuota={kind.cpu * 100:g}%")
    return found


def _hardening(root: str, kind: ProcessType, *, of_the_system: bool) -> list[str]:
    """The release and the host read-only; to be written to are what is shared and the launcher's own notes."""
    if not kind.hardening:
        return []
    own = [f"-{root}/{folder}" for folder in ("shared", "run/processes")]
    paths = " ".join(word(path) for path in [*own, *(f"-{path}" for path in kind.writable)])
    private = [] if f"{root}/".startswith(TEMPORARY) else ["PrivateTmp=yes"]
    more = _OF_THE_SYSTEM if of_the_system else ("PrivateUsers=yes",)  # a user may mount in a namespace of its own
    return ["NoNewPrivileges=yes", *private, *_HARDENED, *more, f"ReadWritePaths={paths}"]


def glob(text: str) -> str:
    """`text` as a whole value, where wildcards are known."""
    return plain(re.sub(r"([*?\[\]\\])", r"\\\1", text))


def plain(text: str) -> str:
    """`text` as a whole value."""
    return text.replace("%", "%%")


def word(text: str) -> str:
    """`text` as one word of a value."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain(escaped)}"'
