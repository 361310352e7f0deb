"""What is a signal called?  As systemd calls it: also the real-time signals, most of which Python has no name for."""

from __future__ import annotations

import signal


def signal_name(number: int) -> str:
    """`TERM` of 15, `RTMIN+1` of 35."""
    try:
        return str(signal.Signals(number).name)[3:]
    except ValueError:
        return f"RTMIN{number - signal.SIGRTMIN:+d}"
