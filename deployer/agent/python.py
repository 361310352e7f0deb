"""Which Python runs what is to stay: supervisord, the launchers, the agent that brings `current` up with the host?"""

from __future__ import annotations

import sys


def interpreter() -> str:
    """The path of the Python that runs now: a virtual environment's may vanish, its base stays."""
    return str(getattr(sys, "_base_executable", "") or sys.executable)
