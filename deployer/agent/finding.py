"""What is one thing that was looked at on a host, and how is it?"""

from __future__ import annotations

from typing import Any


def finding(name: str, found: str, *, ok: bool = True, warn: bool = False, hint: str = "") -> dict[str, Any]:
    """A finding as it travels.

    Without `ok` a deployment cannot go well here; with `warn` it can, but somebody should know.  The hint says what to
    do about it.
    """
    return {"name": name, "found": found, "ok": ok, "warn": ok and warn, "hint": hint if warn or not ok else ""}
