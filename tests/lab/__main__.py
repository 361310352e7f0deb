"""Which hosts shall be up, to be looked at by hand?  `python -m tests.lab --help`."""

from __future__ import annotations

import argparse
import sys

from .base import DEBIAN
from .host import Host
from .lab import SUITES, Lab, lacking
from .programs import LabError

VERBS = {
    "boot": (Host.boot, "switch a host on"),
    "off": (Host.power_off, "shut a host down"),
    "cut": (Host.power_cut, "cut its power"),
    "reboot": (Host.reboot, "shut it down and boot it"),
    "reset": (Host.reset, "make it new again, and leave it off"),
    "unplug": (Host.unplug, "pull its network cable"),
    "plug": (Host.plug, "put it back"),
}


def main() -> None:
    """Parse, do, and say how one logs in."""
    asked = _arguments()
    if reason := lacking():
        sys.exit(reason)
    try:
        with Lab(asked.name, keep=True) as lab:
            if asked.verb == "up":
                lab.hosts(asked.count, suite=asked.suite)
            elif asked.verb == "down":
                lab.remove()
                return
            elif asked.verb in VERBS:
                for host in lab.all_hosts():
                    if host.name in asked.hosts:
                        VERBS[asked.verb][0](host)
            _show(lab)
    except LabError as error:
        sys.exit(str(error))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("--name", default="mine", help="whose hosts: each name has a network of its own (%(default)s)")
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="boot hosts and keep them until `down`")
    up.add_argument("count", type=int, nargs="?", default=3, help="how many (%(default)s)")
    up.add_argument("--suite", choices=SUITES, default=DEBIAN, help="which Debian (%(default)s)")
    verbs.add_parser("down", help="remove them all")
    verbs.add_parser("list", help="say what is there")
    for verb, (_, text) in VERBS.items():
        verbs.add_parser(verb, help=text).add_argument("hosts", nargs="+")
    return parser.parse_args()


def _show(lab: Lab) -> None:
    for host in lab.all_hosts():
        sys.stdout.write(f"{host.name}\t{host.address}\t{'on' if host.running else 'off'}\t{host.root}\n")
    sys.stdout.write(f"log in: ssh -F {lab.ssh_config} web1    (or -l root, -l admin, which has sudo)\n")


if __name__ == "__main__":
    main()
