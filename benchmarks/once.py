"""`python -m benchmarks.once [--deploys N] [--seed N]`: is there ever a second clock?

Three hosts (an sshd each) on this machine, a `clock` that says `once` and holds a lock in a Redis, N deploys (ships,
rollbacks, restarts, and the clock told to live on another host), each with a kill -9 at some moment: of the operator,
of a host's agent with or without its guard, of a supervisord, of the clock itself.  Ends in 1 if there ever were two.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.fleet_local.killing import Killing
from tests.fleet_local.redis_clock import Redis, RedisFleet
from tests.ssh.server import free_port


def main() -> int:
    """Deploy and kill; tell the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.once", description=__doc__)
    parser.add_argument("--deploys", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    begun, redis = time.monotonic(), None
    with tempfile.TemporaryDirectory() as folder:
        try:
            redis = Redis(folder, free_port())
            with RedisFleet(Path(folder), port=free_port(), redis=redis) as fleet:
                fleet.deploy("ship")
                killing = Killing(fleet, random.Random(asked.seed), report=lambda text: print(text, flush=True))
                try:
                    while killing.deploys < asked.deploys:
                        killing.deploy()
                finally:
                    told(killing, fleet, time.monotonic() - begun)
                return 1 if fleet.violations or fleet.differences() else 0
        finally:
            if redis:
                redis.end()


def told(killing: Killing, fleet: RedisFleet, seconds: float) -> None:
    """The figures."""
    kinds = ", ".join(f"{count} {what}" for what, count in sorted(killing.kills.items()))
    print(f"deploys                     {killing.deploys} in {seconds:.0f} s, {killing.cut} of them cut off or failed")
    print(f"kills                       {sum(killing.kills.values())} ({kinds})")
    print(f"clocks beside another one   {len(fleet.violations)}")
    print(f"longest time without one    {fleet.gap:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
