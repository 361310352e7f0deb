"""How does a route come back when systemd starts caddy, or loads its Caddyfile, anew?

By a unit of ours, wanted by caddy's own: it runs after each start and each reload of it, and tells it the stored route
once more.  A user's systemd knows nothing of caddy's unit: there it runs after the boot alone.  Where there is no
systemd, or caddy is none of its units, the next command that changes what runs tells it.

It is no oneshot: one that is still starting is left out of a reload.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from deployer.agent import durable, unit_files
from deployer.agent.layout import Layout
from deployer.agent.python import interpreter
from deployer.agent.systemctl import Systemctl
from deployer.core.errors import DeployError

CADDY = "caddy.service"
PATIENCE, SETTLING, PAUSE = 60.0, 10.0, 0.2  # seconds

_UNIT = """\
{owner}
[Unit]
Description={app} on {target}: its route in caddy
ConditionPathExists={root}/{program}
StartLimitIntervalSec=0
{more}
[Service]
Type=simple
RemainAfterExit=yes
WorkingDirectory={root}
ExecStart={command}
ExecReload={command}
Restart=on-failure
RestartSec=5

[Install]
WantedBy={wanted_by}
"""
_OF_THE_SYSTEM = f"After={CADDY}\nPartOf={CADDY}\nReloadPropagatedFrom={CADDY}\n"


def main(arguments: list[str]) -> None:
    """`ROOT APP TARGET`: tell the router the stored route, once it answers; 1 and the reason if it never does."""
    from deployer.agent import routing  # noqa: PLC0415 - it needs this module

    root, app, target = arguments
    files = Layout(Path(root), app, target)
    deadline = time.monotonic() + PATIENCE
    _settle()
    while True:
        try:
            routing.again(files)
            return
        except DeployError as error:
            if time.monotonic() > deadline:
                sys.exit(f"{error.message}\n{error.output}\n{error.hint}")
        time.sleep(PAUSE)


def _settle() -> None:
    """Let caddy load its Caddyfile first: systemd does not put the reloads of two units in order."""
    systemctl = Systemctl()
    deadline = time.monotonic() + SETTLING
    while systemctl.of_the_system and systemctl.answers() and time.monotonic() < deadline:
        caddy = systemctl.show(CADDY).get(CADDY, {})
        if caddy.get("ActiveState") not in ("reloading", "activating") and not caddy.get("Job"):
            break
        time.sleep(PAUSE)


def name(files: Layout) -> str:
    """The unit's name."""
    return f"{files.app}-{files.target}-router.service"


def install(files: Layout) -> None:
    """Have the unit, where systemd keeps this target's processes and, if it is the system's own, caddy."""
    if not (files.root / unit_files.PROGRAM).exists():
        return
    systemctl = Systemctl()
    unit, link = systemctl.units / name(files), _link(systemctl, files)
    content = _content(files, of_the_system=systemctl.of_the_system)
    if link.is_symlink() and unit.exists() and unit.read_bytes() == content:
        return
    if not systemctl.answers() or (systemctl.of_the_system and not systemctl.knows(CADDY)):
        return
    durable.make_directory(link.parent)
    durable.write(unit, content, name="router.unit")
    durable.point_link(link, f"../{unit.name}", name="router.enable")
    systemctl.tell("daemon-reload")
    systemctl.tell("start", unit.name, options=["--no-block"])


def remove(files: Layout) -> None:
    """Have no such unit."""
    systemctl = Systemctl()
    unit = systemctl.units / name(files)
    if unit.exists() and unit.read_bytes().startswith(unit_files.owner(files).encode() + b"\n"):
        durable.remove(_link(systemctl, files), name="router.disable")
        durable.remove(unit, name="router.unit")
        systemctl.tell("daemon-reload")


def _link(systemctl: Systemctl, files: Layout) -> Path:
    wants = systemctl.units / f"{CADDY}.wants" if systemctl.of_the_system else systemctl.wants
    return wants / name(files)


def _content(files: Layout, *, of_the_system: bool) -> bytes:
    words = (str(files.root), files.app, files.target)
    arguments = " ".join(unit_files.word(word).replace("$", "$$") for word in words)
    return _UNIT.format(
        owner=unit_files.owner(files),
        app=files.app,
        target=files.target,
        root=unit_files.plain(str(files.root)),
        program=unit_files.PROGRAM,
        more=_OF_THE_SYSTEM if of_the_system else "",
        wanted_by=CADDY if of_the_system else "default.target",
        command=f"{unit_files.word(interpreter())} -IS {unit_files.PROGRAM} router {arguments}",
    ).encode()
