"""How much is `512M` of memory, how much is `50%` or `1.5` of processors?"""

from __future__ import annotations

import re
from typing import Optional

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def size(text: str) -> Optional[int]:
    """The bytes that `text` (`512M`, `2G`; units of 1024) stands for, at least one megabyte, or None."""
    match = re.match(r"([0-9]{1,9})([KMG])\Z", text)
    found = int(match.group(1)) * UNITS[match.group(2)] if match else 0
    return found if found >= UNITS["M"] else None


def processors(text: str) -> Optional[float]:
    """The whole processors that `text` (`50%` is 0.5, `1.5`) stands for, at least a hundredth of one, or None."""
    match = re.match(r"([0-9]{1,5}(?:\.[0-9]{1,2})?)(%?)\Z", text)
    found = float(match.group(1)) / (100 if match.group(2) else 1) if match else 0.0
    return found if found >= 0.01 else None
