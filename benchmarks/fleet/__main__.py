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
from benchmarks.fleet.trials import SLOW, Measurement, Tell, on_fleet
from tests.lab.lab import lacking

ROUNDS = {1: 3, 5: 3, 10: 3, 25: 1, 50: 2}


def main() -> int:
    """Measure, print the tables; 1 where a command failed, 2 where this machine cannot."""
    asked = _arguments()
    if reason := lacking() or (None if asked.alone or shutil.which("cap") else "no cap: `apt install capistrano`"):
        sys.stderr.write(f"{reason}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the hosts are to go whatever ends us
    begun = time.monotonic()
    taken: list[Measurement] = []

    def tell(one: Measurement) -> None:
        taken.append(one)
        place = f"{one.hosts:2} hosts{f' +{one.delay} ms' if one.delay else ''} (load {one.load})"
        at = time.monotonic() - begun
        sys.stderr.write(f"{at:6.0f} s  {place}  {one.tool}: {one.scenario}: {one.cost.wall:.2f} s\n")

    failed: list[str] = []
    try:
        for suite, count in _fleets(asked):
            try:
                _measure(asked, suite, count, tell)
            except CommandFailed as error:
                failed.append(f"{count} hosts, {suite}: NOT MEASURED to the end: {error}\n")
    finally:
        if asked.json:
            asked.json.write_text(json.dumps([one.document() for one in taken], indent=1) + "\n")
        sys.stdout.write(f"{tables(taken)}\n\nMeasured in {time.monotonic() - begun:.0f} s.\n")
    sys.stderr.writelines(failed)
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--hosts", default="1,5,10,25,50", help="how many (%(default)s)")
    parser.add_argument("--rounds", type=int, metavar="N", help="instead of each number's own")
    parser.add_argument("--alone", action="store_true", help="without Capistrano")
    parser.add_argument("--near", action="store_true", help="without slow lines and Python 3.9")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement there too")
    return parser.parse_args()


def _fleets(asked: argparse.Namespace) -> list[tuple[str, int]]:
    """Which hosts are measured one after the other: their Debian, and how many."""
    counts = [("bookworm", int(count)) for count in asked.hosts.split(",")]
    return counts if asked.near else [*counts, ("bullseye", 1)]


def _measure(asked: argparse.Namespace, suite: str, count: int, tell: Tell) -> None:
    old = suite != "bookworm"  # only deployer, to see what its agent costs under an old Python
    slow = 1 if count in SLOW and not asked.near and not old else 0
    on_fleet(count, asked.rounds or ROUNDS.get(count, 1), slow, tell, suite=suite, alone=asked.alone or old)


if __name__ == "__main__":
    sys.exit(main())
