"""How does the lab call the machine's programs?"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable


class LabError(Exception):
    """Something that the lab asked of this machine, or of a host, was not done."""


def call(*argv: object, timeout: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, without input; `timeout` is in seconds.

    Raises:
        LabError: it failed and `check` holds, or it took too long.

    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(words)}: not done after {timeout} s\n{error.stdout}{error.stderr}") from error
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def wait_until(condition: Callable[[], bool], what: str, *, timeout: float) -> None:
    """Ask until `condition()` is true; `timeout` is in seconds.

    Raises:
        LabError: it never was; the message is `what` and the time.

    """
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"{what}: not after {timeout} s")
        time.sleep(0.02)
