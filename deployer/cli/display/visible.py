"""How is text from outside printed, so that it cannot play with the terminal?

What a host, a user's program or a file's name sends may hold escape sequences that recolour, retitle or rewrite the
terminal, or make one line look like another.  Everything that we print ourselves comes through here; only the
streams that the user asked for (`logs`, `exec`) are passed on as they are.
"""

from __future__ import annotations

import re

_COLOUR = re.compile(r"\x1b\[[0-9;:]*[mK]")
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def visible(text: str) -> str:
    r"""`text` with every control character but newline and tab written out: `\x1b`."""
    return _UNSAFE.sub(_written_out, text)


def one_line(text: str) -> str:
    """`text` as it may stand in a table or a progress line: newlines and tabs are written out too."""
    return visible(text).replace("\n", "\\n").replace("\t", " ")


def output_line(text: str) -> str:
    """A line that a program printed, as it would have ended up on a screen, without its colours."""
    return visible(_COLOUR.sub("", text).rstrip("\r\n").rpartition("\r")[2])


def _written_out(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
