"""What did the caller ask for besides the command's own arguments, and how is the answer given?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deployer.cli.display.progress import Progress
from deployer.cli.display.screen import Screen


@dataclass(frozen=True)
class Call:
    """One call of `deploy`.  Every command finds it as `ctx.obj`."""

    target: str | None
    wait: float
    directory: str
    environ: Mapping[str, str]
    screen: Screen
    progress: Progress
