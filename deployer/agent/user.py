"""The user that we are: its name and home, also where the system has no entry for it (a container's user, CI)."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Optional


def name(uid: Optional[int] = None) -> str:
    """The name of the user `uid` (default: that we are), or its number where it has none."""
    number = os.geteuid() if uid is None else uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def home(uid: Optional[int] = None) -> Path:
    """Its home by the system's entry; without one what HOME says, else /."""
    try:
        return Path(pwd.getpwuid(os.geteuid() if uid is None else uid).pw_dir)
    except KeyError:
        given = os.environ.get("HOME", "")
        return Path(given if given.startswith("/") else "/")


def lingers(name: str) -> bool:
    """Whether systemd keeps a manager for the user `name` from the boot on, logged in or not."""
    return Path("/var/lib/systemd/linger", name).exists()


def login_home() -> Path:
    """Our home as HOME says it; by the system's entry where HOME is not set, or no absolute path."""
    given = os.environ.get("HOME", "")
    return Path(given) if given.startswith("/") else home()
