"""How long is `90s`, `10m`, `1h30m`, `500ms`?  Durations are seconds everywhere inside the program."""

from __future__ import annotations

import re
from typing import Optional

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")


def seconds(text: str) -> Optional[float]:
    """The seconds that `text` (`60s`, `1h30m`, `500ms`, or a bare number of seconds) stands for, or None."""
    text = text.strip()
    if re.match(r"[0-9]+(\.[0-9]+)?\Z", text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return float(sum(float(number) * UNITS[unit] for number, unit in parts))
