"""What is a signal called?  As systemd calls it: also the real-time signals, most of which Python has no name for."""

from __future__ import annotations

import signal

TERM = "TERM"
STOPPING = (TERM, "INT", "QUIT", "HUP", "USR1", "USR2", "WINCH")  # what a process may be told to stop by


def signal_name(number: int) -> str:
    """`TERM` of 15, `RTMIN+1` of 35."""
    try:
        return str(signal.Signals(number).name)[3:]
    except ValueError:
        return f"RTMIN{number - signal.SIGRTMIN:+d}"


def signal_number(name: str) -> int:
    """15 of `TERM`."""
    return int(signal.Signals[f"SIG{name}"])
