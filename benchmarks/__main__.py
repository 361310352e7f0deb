"""`python -m benchmarks [FIGURE…] [--json FILE] [--rounds N]`: measure, and print a table for each figure."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import gap, launch, pack, release, results, rollback, same_build, settling, ssh, startup
from benchmarks.disk import journaled_folder

FIGURES = {
    "startup": startup.measure,
    "launch": launch.measure,
    "launch-on-a-host": launch.on_a_host,
    "release": release.measure,
    "rollback": rollback.measure,
    "settling": settling.measure,
    "gap": gap.measure,
    "pack": pack.measure,
    "same-build": same_build.measure,
    "ssh": ssh.measure,
}


def main() -> int:
    """Measure; 1 if a goal was missed, or something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"default: all of {', '.join(FIGURES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument("--rounds", type=int, metavar="N", help="instead of each figure's own number")
    asked = parser.parse_args()
    unknown = set(asked.figures) - set(FIGURES)
    if unknown:
        parser.error(f"there is no figure {min(unknown)}; there are {', '.join(FIGURES)}")
    begun = time.monotonic()
    measured: dict[str, list[results.Line]] = {}
    failed: list[str] = []
    with journaled_folder() as (folder, kind):
        print(f"Files are made on {kind}; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")
        for name in asked.figures or FIGURES:
            place = folder / name
            place.mkdir()
            try:  # a figure's files go with the disk: removing thousands would disturb the next one
                measured[name] = FIGURES[name](place, asked.rounds)
            except (AssertionError, subprocess.CalledProcessError) as error:
                print(f"\n## {name}\n\nNOT MEASURED: {error}")
                failed.append(name)
            else:
                print(results.table(name, measured[name]), flush=True)
    seconds = time.monotonic() - begun
    print(f"\nMeasured in {seconds:.0f} s; load average {os.getloadavg()[0]:.1f} at the end.")
    if asked.json:
        told = {name: [line.document() for line in lines] for name, lines in measured.items()}
        asked.json.write_text(json.dumps({"disk": kind, "seconds": round(seconds), "figures": told}, indent=1) + "\n")
    missed = [line for lines in measured.values() for line in lines if line.met is False]
    for line in missed:
        print(f"MISSED: {line.what}: {line.shown()}, the goal is {line.bound()}")
    return 1 if missed or failed else 0


if __name__ == "__main__":
    sys.exit(main())
