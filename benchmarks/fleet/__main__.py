"""`python -m benchmarks.fleet [--hosts 1,5] [--json FILE]`: measure deployer beside Capistrano on real hosts."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import time
from pathlib import Path

from benchmarks.fleet.meter import CommandFailed
from benchmarks.fleet.tables import tables
from benchmarks.fleet.trials import SLOW, Measurement, on_fleet
from tests.lab.lab import lacking

ROUNDS = {1: 3, 5: 3, 10: 3, 25: 1, 50: 2}


def main() -> int:
    """Measure, print the tables; 1 where a command failed, 2 where this machine cannot."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--hosts", default="1,5,10,25,50", help="how many (%(default)s)")
    parser.add_argument("--rounds", type=int, metavar="N", help="instead of each number's own")
    parser.add_argument("--alone", action="store_true", help="without Capistrano")
    parser.add_argument("--near", action="store_true", help="without slow lines and Python 3.9")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement there too")
    asked = parser.parse_args()
    if reason := lacking() or (None if asked.alone or shutil.which("cap") else "no cap: `apt install capistrano`"):
        sys.stderr.write(f"{reason}\n")
        return 2
    begun, taken = time.monotonic(), []

    def tell(one: Measurement) -> None:
        taken.append(one)
        far = f" +{one.delay} ms" if one.delay else ""
        line = (
            f"{time.monotonic() - begun:6.0f} s  {one.hosts:2} hosts{far} (load {one.load})  {one.tool}: {one.scenario}"
        )
        sys.stderr.write(f"{line}: {one.cost.wall:.2f} s\n")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the hosts are to go whatever ends us
    fleets = [
        (count, 1 if count in SLOW and not asked.near else 0, "bookworm") for count in map(int, asked.hosts.split(","))
    ]
    failed = []
    try:
        for count, slow, suite in fleets if asked.near else [*fleets, (1, 0, "bullseye")]:
            old = suite != "bookworm"
            try:
                rounds = asked.rounds or ROUNDS.get(count, 1)
                on_fleet(count, rounds, slow, tell, suite=suite, alone=asked.alone or old)
            except CommandFailed as error:
                failed.append(f"{count} hosts, {suite}: NOT MEASURED to the end: {error}")
    finally:
        if asked.json:
            asked.json.write_text(json.dumps([one.document() for one in taken], indent=1) + "\n")
        sys.stdout.write(f"{tables(taken)}\n\nMeasured in {time.monotonic() - begun:.0f} s.\n")
    sys.stderr.write("\n".join(["", *failed, ""]) if failed else "")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
