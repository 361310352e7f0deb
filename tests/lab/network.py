"""Over which wires do the hosts of one lab talk?  A bridge, and a private subnet that nothing else uses."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator

from .programs import LabError, call

NUMBERS = range(1, 251)


def bridge(number: int) -> str:
    """The bridge of lab `number`."""
    return f"deploylab{number}"


def subnet(number: int) -> ipaddress.IPv4Network:
    """The addresses of lab `number`; the first one is this machine's."""
    return ipaddress.IPv4Network(f"10.77.{number}.0/24")


def bridge_exists(number: int) -> bool:
    """Whether lab `number` has its bridge: it has until it is closed, or this machine is rebooted."""
    return call("ip", "link", "show", bridge(number), check=False).returncode == 0


def free_numbers() -> Iterator[int]:
    """Numbers whose subnet overlaps nothing that this machine has a route to, the default route apart."""
    routes = json.loads(call("ip", "-json", "-4", "route", "show", "table", "all").stdout)
    taken = [ipaddress.IPv4Network(route["dst"], strict=False) for route in routes if route["dst"] != "default"]
    return (n for n in NUMBERS if not bridge_exists(n) and not any(subnet(n).overlaps(net) for net in taken))


def add_bridge(number: int) -> bool:
    """Make the bridge of lab `number`; false when somebody else has just made it."""
    hardware = f"02:77:00:00:00:{number:02x}"  # else it changes with the hosts that come and go, and packets are lost
    if call("ip", "link", "add", bridge(number), "address", hardware, "type", "bridge", check=False).returncode != 0:
        if bridge_exists(number):
            return False
        raise LabError("no network bridge can be made here: this kernel, or this container, does not allow it")
    call("ip", "address", "add", f"{subnet(number)[1]}/24", "dev", bridge(number))
    call("ip", "link", "set", bridge(number), "up")
    return True


def remove_bridge(number: int) -> None:
    """Take the bridge of lab `number` away, if it is there."""
    if bridge_exists(number):
        call("ip", "link", "delete", bridge(number))
