"""Who deploys in a benchmark?  An operator with a home of its own, calling the `deploy` command that is installed."""

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.clock import Taken, timed
from tests.e2e.deployed import Deployed

HERE = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PORT = 28600

TINY = """\
app: tiny
build:
  pack: commands
  commands: [cp text.txt built.txt]
processes:
  web: {{health: /up, boot_timeout: 30s, stop_timeout: 2s, healthy_time: 300ms, port: {port}}}
  worker: {{stop_timeout: 2s, healthy_time: 300ms}}
"""


def operator(folder: Path, home: Path, app: str) -> Deployed:
    """The app in `folder`, deployed by an operator whose state is in `home`."""
    home.mkdir(parents=True, exist_ok=True)
    return Deployed(folder, home, app, PORT)


def deploying(one: Deployed, *arguments: str) -> Callable[[], Taken]:
    """`deploy …` as a subject to measure."""
    return lambda: timed([str(BIN / "deploy"), *arguments], folder=one.folder, env=one.environ)
