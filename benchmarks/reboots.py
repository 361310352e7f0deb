"""`python -m benchmarks.reboots --runs 50 --seed 1`: what runs after reboots and power cuts at random moments of runs?

Real hosts under systemd, one after the other for each front (a socket, caddy, a socket, nginx), two at a time; ships,
rollbacks, restarts and scalings in turn, each cut off at a moment that is uniform over how long such a run takes.
Prints what was found; 1 where anything but exactly the formation of `current` ran.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab.lab import Lab, lacking
from tests.systemd.reboots import PHASES, Round, Trial, cut_off

SERIES = ("socket", "caddy", "socket", "nginx")


def main() -> int:
    """Cut off, look, print."""
    asked = _arguments()
    if reason := lacking():
        sys.stderr.write(f"{reason}\n")
        return 2
    begun = time.monotonic()
    fronts = asked.front.split(",")
    shares = [asked.runs // len(fronts) + (n < asked.runs % len(fronts)) for n in range(len(fronts))]
    with Lab(f"reboots-{os.getpid()}") as lab, tempfile.TemporaryDirectory(prefix="deployer-reboots-") as folder:
        hosts = lab.fresh_hosts(min(asked.hosts, len(fronts)))
        free = list(hosts)

        def series(number: int) -> list[Round]:
            host = free.pop()
            try:
                trial = Trial(lab, host, Path(folder) / str(number), fronts[number])
                return _series(trial, shares[number], random.Random(f"{asked.seed} {number}"))
            finally:
                host.reset()
                host.boot()
                free.append(host)

        with ThreadPoolExecutor(len(hosts)) as pool:
            rounds = [one for found in pool.map(series, range(len(fronts))) for one in found]
    took = time.monotonic() - begun
    print(f"\n{report(rounds)}\n\n({took:.0f} s, load average {os.getloadavg()[0]:.0f}, seed {asked.seed})")
    return 1 if any(one.violations for one in rounds) else 0


def _series(trial: Trial, count: int, chance: random.Random) -> list[Round]:
    trial.begin()
    found = []
    for one in cut_off(trial, count, chance):
        print(f"{one.front:7} {one.word:9} {one.end:10} {one.phase:15} {one.seconds:5.1f} s", flush=True)
        for text in one.violations:
            print(f"  VIOLATION: {text}", flush=True)
        found.append(one)
    return found


def report(rounds: Sequence[Round]) -> str:
    """The counts, as a table."""
    phases, ends = Counter(one.phase for one in rounds), Counter(one.end for one in rounds)
    seconds = [one.seconds for one in rounds]
    lines = [
        ("runs that were cut off", f"{len(rounds)}"),
        *((f"of these by a {end}", f"{count}") for end, count in sorted(ends.items())),
        *((f"cut off {phase}" if phase.startswith("before") else f"cut off when {phase}", f"{phases[phase]}")
          for phase in PHASES),
        ("**violations**", f"{sum(bool(one.violations) for one in rounds)}"),
        ("from power on to the first answer, median", f"{statistics.median(seconds):.1f} s"),
        ("from power on to the first answer, longest", f"{max(seconds):.1f} s"),
    ]  # fmt: skip
    return "\n".join(["| | |", "|---|---:|", *(f"| {what} | {value} |" for what, value in lines)])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reboots", description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="how many runs are cut off (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="which moments (%(default)s)")
    parser.add_argument(
        "--front", default=",".join(SERIES), help="what is in front of the app, for each host (%(default)s)"
    )
    parser.add_argument("--hosts", type=int, default=2, help="how many hosts at a time (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
