"""What is done when a one-off process has ended that systemd ran?  Its end is noted, of systemd's own words."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from deployer.agent import oneoffs
from deployer.agent.layout import Layout


def main(arguments: list[str]) -> None:
    """`APP TARGET`, run as ExecStopPost in `run/oneoffs/3`."""
    app, target = arguments
    folder = Path(os.path.abspath(sys.argv[0])).parent
    files = Layout(folder.parents[2], app, target)
    one = oneoffs.read(files, int(folder.name))
    if one is not None:
        result, code, status = (os.environ.get(name, "") for name in ("SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS"))
        oneoffs.end(files, one, oneoffs.sentence(one, code, status, result))
