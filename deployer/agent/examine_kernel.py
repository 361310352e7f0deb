"""Do the kernel's limits leave an app room to work?"""

from __future__ import annotations

import resource
from typing import Any, Optional

from deployer.agent.finding import finding

FILES, MOST_FILES = 1024, 4096
# limit, file, the least that is no cause for a word, what happens below it
LIMITS = (
    ("inotify", "fs.inotify.max_user_instances", 128, "watchers of files fail"),
    ("somaxconn", "net.core.somaxconn", 128, "connections are refused when many come at once"),
)


def findings() -> list[dict[str, Any]]:
    """Open files, and what /proc/sys says of the LIMITS; a limit that this kernel has not got is left out."""
    found = [_files()]
    for name, key, least, what in LIMITS:
        value = number(key)
        if value is not None:
            text = f"{value} ({key})" + (f": {what}" if value < least else "")
            found.append(
                finding(name, text, warn=value < least, hint=f"`sudo sysctl -w {key}={least}` and in sysctl.d")
            )
    return found


def number(key: str) -> Optional[int]:
    """The kernel's setting `key`; None where there is none."""
    text = setting(key)
    return int(text) if text.isdecimal() else None


def setting(key: str) -> str:
    """The words of the kernel's setting `key`; '' where there is none."""
    try:
        with open(f"/proc/sys/{key.replace('.', '/')}", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _files() -> dict[str, Any]:
    soft, hard = (
        limit if limit != resource.RLIM_INFINITY else None for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    few = (soft is not None and soft < FILES) or (hard is not None and hard < MOST_FILES)
    found = f"{soft or 'any number'}, up to {hard or 'any number'} for a process that asks"
    return finding("open files", found, warn=few, hint=f"raise `nofile` in /etc/security/limits.conf to {MOST_FILES}")
