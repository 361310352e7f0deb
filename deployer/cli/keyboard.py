"""What is the terminal that the user types on, and how is it handed to a process on a host and given back?"""

from __future__ import annotations

import os
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def raw(descriptor: int) -> Iterator[None]:
    """Every key goes through as it is, Ctrl-C too; afterwards the terminal is as it was, whatever happened."""
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def size(descriptor: int) -> tuple[int, int]:
    """Rows and columns."""
    try:
        found = os.get_terminal_size(descriptor)
    except OSError:
        return 24, 80
    return (found.lines or 24), (found.columns or 80)
