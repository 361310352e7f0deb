"""What may an app, a target, a process type, a variable and a release be called?"""

from __future__ import annotations

import re
from typing import Optional

APP = re.compile(r"[a-z][a-z0-9-]{0,40}\Z")
TARGET = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
PROCESS_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,30}\Z")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}\Z")
BUILD = re.compile(r"[0-9a-f]{64}\Z")
ONE_OFF = "run"  # what one-off processes are called, and no process type: run.1, run.2, …
SHORT_BUILD = 12
_DEPLOY = ("APP", "BUILD", "COMMIT", "PROCESS", "RELEASE", "ROOT", "TARGET", "TURN")
RESERVED = ("PORT", *(f"DEPLOY_{name}" for name in _DEPLOY))


def process_type(name: str) -> bool:
    """Whether a process type may be called so."""
    return bool(PROCESS_TYPE.match(name)) and name != ONE_OFF


def release_number(text: str) -> Optional[int]:
    """99 for `v99` and `99`; None for what is neither (perhaps the beginning of a build's id)."""
    match = re.match(r"v?([1-9][0-9]{0,14})\Z", text)
    return int(match.group(1)) if match else None


def release_name(number: int) -> str:
    """`v99` for 99."""
    return f"v{number}"


def short(build: str) -> str:
    """A build's id as it is shown: its first 12 hex digits."""
    return build[:SHORT_BUILD]


def process_name(text: str) -> Optional[tuple[str, Optional[int]]]:
    """`("web", None)` for `web`, `("web", 1)` for `web.1`, None for what names no process."""
    kind, dot, number = text.partition(".")
    if not PROCESS_TYPE.match(kind) or (dot and not re.match(r"(0|[1-9][0-9]{0,4})\Z", number)):
        return None
    return kind, int(number) if dot else None
