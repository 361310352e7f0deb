"""`python -m benchmarks.load --with caddy --app gunicorn --changes 50`: does a request fail while the app changes?

Prints what became of every request, and how long it took at the switches; 1 where one failed.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.load.plain import Plain
from tests.lab.lab import Lab, lacking
from tests.load.apps import COMMANDS, app
from tests.load.field import WITH, Field, Hosts, Local, under_load
from tests.load.generator import Summary

TURN = ("ship", "restart", "ship", "rollback", "up", "sick", "ship", "down", "restart", "rollback")
QUIET = 5.0  # seconds of load before the first change, and after the last


def main() -> int:
    """Measure, print, and say whether every request was answered."""
    asked = _arguments()
    if asked.manager == "systemd" and (reason := lacking()):
        sys.stderr.write(f"{reason}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the hosts are to go whatever ends us
    failed = 0
    told = []
    for behind, name in itertools.product(asked.behind.split(","), asked.app.split(",")):
        title = f"{asked.manager}, {behind}, {name}"
        begun = time.monotonic()
        with (
            tempfile.TemporaryDirectory(prefix="deployer-load-") as folder,
            _field(asked, behind, name, Path(folder)) as field,
        ):
            seen, done = measure(field, asked)
        failed += seen.failed
        told.append({"manager": asked.manager, "with": behind, "app": name, **dataclasses.asdict(seen)})
        place = f"{time.monotonic() - begun:.0f} s, load average {os.getloadavg()[0]:.1f}"
        print(f"\n## {title} ({place})\n\n{report(seen, done)}", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(told, indent=1) + "\n")
    return 1 if failed else 0


def measure(field: Field | Plain, asked: argparse.Namespace) -> tuple[Summary, list[tuple[str, float]]]:
    """The changes, one after the other, under load."""
    done = []
    with under_load(field, rate=asked.rate, slow=asked.slow) as load:
        time.sleep(QUIET)
        for word in itertools.islice(itertools.cycle(TURN), asked.changes):
            done.append((word, field.do(word, load)))
            sys.stderr.write(f"  {word}: {done[-1][1]:.1f} s\n")
        time.sleep(QUIET)
        return load.ended(), done


def report(seen: Summary, done: list[tuple[str, float]]) -> str:
    """What it came to, for people."""
    kinds = ", ".join(f"{count} {word}" for word, count in sorted(seen.outcomes.items()))
    again = ", ".join(f"{count} {word}" for word, count in sorted(seen.retried.items())) or "none"
    count = f"{len(done)} changes, {seen.sent} requests in {seen.seconds:.0f} s: {seen.failed} failed ({kinds})"
    late = f"the load was late by {seen.late:.0f} ms at most, {seen.skipped} never sent"
    lines = [f"{count}; sent again on another connection: {again}; {late}"]
    lines += [f"  {name}: {json.dumps(found)}" for name, found in seen.latency.items()]
    for word in dict.fromkeys(word for word, _ in done):
        took = sorted(seconds for other, seconds in done if other == word)
        lines.append(f"  {word}: {took[len(took) // 2]:.1f} s ({took[0]:.1f}-{took[-1]:.1f})")
    lines += [f"  FAILED {json.dumps(one)}" for one in seen.failures[:20]]
    return "\n".join(lines)


@contextlib.contextmanager
def _field(asked: argparse.Namespace, behind: str, name: str, folder: Path) -> Iterator[Field | Plain]:
    made = app(folder / "app", name, cache=_cache())
    if asked.manager == "local":
        field: Field = Local(made, folder, behind=behind, port=asked.port)
        try:
            yield field
        finally:
            field.end()
        return
    with Lab(f"load-{os.getpid()}") as lab:
        if behind == "plain":
            yield Plain(lab, made, count=asked.hosts)
            return
        field = Hosts(lab, made, folder, behind=behind, manager=asked.manager, count=asked.hosts)
        try:
            yield field
        except BaseException:
            if asked.keep:
                shutil.copytree(folder, asked.keep, dirs_exist_ok=True, symlinks=True)
            raise
        finally:
            field.end()


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deployer-tests"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--with", dest="behind", default="caddy", help=f"some of {','.join(WITH)},plain")
    parser.add_argument("--app", default="gunicorn", help=f"some of {','.join(COMMANDS)}")
    parser.add_argument(
        "--manager",
        default="systemd",
        choices=("systemd", "supervisor", "local"),
        help="what keeps the processes on the hosts; `local`: no hosts, but this machine's own target",
    )
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--rate", type=float, default=200, help="requests a second in all")
    parser.add_argument("--slow", type=float, default=0.5, help="the share that takes 2 s")
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--port", type=int, default=23100, help="the first port of a local target")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the operator's files where it fails")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
