"""How does a route come back when systemd starts caddy, or loads its Caddyfile, anew?

By a unit of ours, wanted by caddy's own: it runs after each start and each reload of it, and tells it the stored route
once more.  Where systemd is not the system's own, or does not run caddy, the next command does.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from deployer.agent import durable, unit_files
from deployer.agent.layout import Layout
from deployer.agent.python import interpreter
from deployer.agent.systemctl import Systemctl
from deployer.core.errors import DeployError

CADDY = "caddy.service"
PATIENCE, PAUSE = 60.0, 0.2  # seconds

_UNIT = """\
{owner}
[Unit]
Description={app} on {target}: its route in caddy
ConditionPathExists={root}/{program}
After={caddy}
PartOf={caddy}
ReloadPropagatedFrom={caddy}

[Service]
Type=oneshot
RemainAfterExit=yes
WorkingDirectory={root}
ExecStart={command}
ExecReload={command}

[Install]
WantedBy={caddy}
"""


def main(arguments: list[str]) -> None:
    """`ROOT APP TARGET`: tell the router the stored route, once it answers; 1 and the reason if it never does."""
    from deployer.agent import routing  # noqa: PLC0415 - it needs this module

    root, app, target = arguments
    files = Layout(Path(root), app, target)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            routing.again(files)
            return
        except DeployError as error:
            if time.monotonic() > deadline:
                sys.exit(f"{error.message}\n{error.output}\n{error.hint}")
        time.sleep(PAUSE)


def name(files: Layout) -> str:
    """The unit's name."""
    return f"{files.app}-{files.target}-router.service"


def install(files: Layout) -> None:
    """Have the unit, where the system's own systemd keeps this target's processes and runs caddy."""
    if os.geteuid() != 0 or not (files.root / unit_files.PROGRAM).exists():
        return
    systemctl = Systemctl()
    if not systemctl.answers() or not systemctl.knows(CADDY):
        return
    unit, link = systemctl.units / name(files), _link(systemctl, files)
    content = _content(files)
    if unit.exists() and unit.read_bytes() == content and link.is_symlink():
        return
    durable.write(unit, content, name="router.unit")
    durable.make_directory(link.parent)
    durable.point_link(link, f"../{unit.name}", name="router.enable")
    systemctl.tell("daemon-reload")
    systemctl.tell("start", unit.name, options=["--no-block"])


def remove(files: Layout) -> None:
    """Have no such unit."""
    if os.geteuid() != 0:
        return
    systemctl = Systemctl()
    unit = systemctl.units / name(files)
    if unit.exists() and unit.read_bytes().startswith(unit_files.owner(files).encode() + b"\n"):
        durable.remove(_link(systemctl, files), name="router.disable")
        durable.remove(unit, name="router.unit")
        systemctl.tell("daemon-reload")


def _link(systemctl: Systemctl, files: Layout) -> Path:
    return systemctl.units / f"{CADDY}.wants" / name(files)


def _content(files: Layout) -> bytes:
    words = (str(files.root), files.app, files.target)
    arguments = " ".join(unit_files.word(word).replace("$", "$$") for word in words)
    return _UNIT.format(
        owner=unit_files.owner(files),
        app=files.app,
        target=files.target,
        root=unit_files.plain(str(files.root)),
        program=unit_files.PROGRAM,
        caddy=CADDY,
        command=f"{unit_files.word(interpreter())} -IS {unit_files.PROGRAM} router {arguments}",
    ).encode()
