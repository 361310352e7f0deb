"""Which hosts does a name with ranges stand for?  `web[01:20].example.com`, as Ansible's inventories have it."""

from __future__ import annotations

import re
from itertools import product
from string import ascii_letters

MOST = 1000  # hosts of one target
HINT = "a range is [1:9], [01:20], [1:9:2] or [a:c]; both ends belong to it"

_RANGE = re.compile(r"\[([^\[\]]*)\]")
_NUMBERS = re.compile(r"([0-9]{1,9}):([0-9]{1,9})(?::([0-9]{1,9}))?\Z")
_LETTERS = re.compile(r"([A-Za-z]):([A-Za-z])(?::([0-9]{1,9}))?\Z")


class BadRange(ValueError):
    """A name whose ranges make no sense; the message says why, without the name."""


def expanded(name: str) -> list[str]:
    """The names that `name` stands for, in order; several ranges multiply, the last one running fastest."""
    parts = _RANGE.split(name)  # text, range, text, range, text
    if any(bracket in text for text in parts[::2] for bracket in "[]"):
        raise BadRange("a bracket has no partner")
    total = 1
    ranges = [_steps(text) for text in parts[1::2]]
    for steps in ranges:
        total *= len(steps[1])
    if total > MOST:
        raise BadRange(f"stands for {total} hosts; a target has at most {MOST}")
    words = [[_word(number, style) for number in steps] for style, steps in ranges]
    return ["".join(_woven(parts[::2], chosen)) for chosen in product(*words)]


def _steps(text: str) -> tuple[int | None, range]:
    """How the range's numbers are written (so many digits; None: as letters), and the numbers."""
    letters = _LETTERS.match(text)
    found = letters or _NUMBERS.match(text)
    if not found:
        raise BadRange(f"[{text}] is no range")
    first, last, step = found.groups(default="1")
    if int(step) == 0:
        raise BadRange(f"[{text}] goes on by 0, and so for ever")
    if letters:
        low, high = ascii_letters.index(first), ascii_letters.index(last)
        if first.islower() != last.islower():
            raise BadRange(f"[{text}] begins with a small letter and ends with a capital one, or the reverse")
    else:
        low, high = int(first), int(last)
    if low > high:
        raise BadRange(f"[{text}] ends before it begins")
    padded = first.startswith("0") and len(first) > 1
    if padded and len(first) != len(last):
        raise BadRange(f"[{text}]: both ends need the same number of digits where the first begins with 0")
    return None if letters else len(first) if padded else 1, range(low, high + 1, int(step))


def _word(number: int, digits: int | None) -> str:
    return ascii_letters[number] if digits is None else f"{number:0{digits}}"


def _woven(texts: list[str], chosen: tuple[str, ...]) -> list[str]:
    return [text + word for text, word in zip(texts, (*chosen, ""), strict=True)]
