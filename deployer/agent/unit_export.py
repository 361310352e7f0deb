"""Which files does systemd read here for process types that it is to keep alive?  Told, not written."""

from __future__ import annotations

from deployer.agent import router_unit, unit_files
from deployer.agent.context import Host
from deployer.agent.python import interpreter
from deployer.agent.systemctl import Systemctl
from deployer.agent.timer_units import Timers
from deployer.agent.unit_end import SCRIPT
from deployer.agent.unit_setup import UnitSetup
from deployer.agent.unit_sockets import UnitSockets
from deployer.core import requests


def read_units(request: requests.ReadUnits, host: Host) -> requests.Units:
    """The very files that a run would have here; those of sockets and of a router where they are there already."""
    files, systemctl = host.files, Systemctl()
    setup = UnitSetup(files, systemctl, "")
    boot = unit_files.boot_name(files)
    sockets = UnitSockets(files, systemctl, setup).present()
    contents = {
        boot: unit_files.boot(files, python=interpreter(), of_the_system=systemctl.of_the_system),
        **setup.contents([kind for kind in request.kinds if not kind.schedule], sockets=sockets),
        **sockets,
        **Timers(files, systemctl, setup).contents([kind for kind in request.kinds if kind.schedule]),
    }
    router = systemctl.units / router_unit.name(files)
    if router.exists():
        contents[router.name] = router.read_bytes()
    return requests.Units(
        units={f"{systemctl.units}/{name}": content.decode() for name, content in contents.items()},
        own={f"{files.root}/{unit_files.END}": SCRIPT.decode()},
        program=f"{files.root}/{unit_files.PROGRAM}",
        links={f"{systemctl.wants}/{boot}": f"../{boot}"},
    )
