"""Who starts a router again that has crashed?  systemd, once its unit says so; Debian's of caddy and nginx do not.

A drop-in of ours says it, where nobody else has said anything, and where we are root.  It belongs to the host, not to a
target: it stays.
"""

from __future__ import annotations

import os

from deployer.agent import durable
from deployer.agent.systemctl import Systemctl

DROP_IN = "deployer.conf"
_TEXT = b"""\
# Written by deployer: a router that has crashed is started again.  It is written where the unit says nothing else;
# to have it otherwise, say `Restart=` in the unit or in a drop-in of your own, and remove this file.
[Service]
Restart=on-failure
RestartSec=1
"""


def ensure(kind: str) -> None:
    """Have the service `kind` of the system's systemd restarted after a crash."""
    systemctl, unit = Systemctl(), f"{kind}.service"
    path = systemctl.units / f"{unit}.d" / DROP_IN
    if os.geteuid() != 0 or path.exists() or not systemctl.answers():
        return
    if systemctl.show(unit, "Restart", "LoadState").get(unit) != {"Id": unit, "Restart": "no", "LoadState": "loaded"}:
        return
    durable.make_directory(path.parent)
    durable.write(path, _TEXT, name="router.restart")
    systemctl.tell("daemon-reload")
