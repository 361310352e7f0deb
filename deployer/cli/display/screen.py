"""Where does a word go: data to standard output, everything else to standard error, in which colours?

A pipe that the reader closed (`deploy releases | head -1`) ends the printing, never the work: what was begun on the
hosts is finished and its exit code told.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from deployer.cli.display import columns, times
from deployer.cli.display.visible import visible

LOSING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FIVE = {"cyan": "36", "yellow": "33", "green": "32", "magenta": "35", "blue": "34"}  # Foreman's, without errors' red
PALETTE = {**FIVE, **{f"bright {name}": f"9{code[1]}" for name, code in FIVE.items()}}  # to tell processes apart
STYLES = {"bold": "1", "dim": "2", "red": "31", "bold red": "1;31", "bold green": "1;32", **PALETTE}
MARKS = {"✓": "green", "✗": "red"}  # before a step that ended, where there are colours
ASCII = str.maketrans({"→": "->", "·": "-", "…": "...", "✓": "+", "✗": "x"})  # for a stream that has no other letters


class Unread(Exception):
    """Nobody reads our output any more: the end of a stream, but of nothing else."""


class Screen:
    """Standard output and standard error, and how to write on them."""

    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        environ: Mapping[str, str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._now = now
        self.json = self.quiet = self.verbose = False
        self.out, self.err = out, err
        self.terminal = _is_terminal(out)
        self.out_coloured = _coloured(out, environ)
        self.err_coloured = _coloured(err, environ)
        self.live = _is_terminal(err) and self.err_coloured and not environ.get("CI")
        self.above: Callable[[str, str, str], None] | None = None  # prints above the live line if there is one
        self._columns = environ.get("COLUMNS", "")
        for stream in (out, err):
            with contextlib.suppress(AttributeError, ValueError):  # not every stream can; a plain one need not
                stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]

    @property
    def width(self) -> int | None:
        """The columns of the terminal; None where there is none, and lines may be as long as they are."""
        return self._width(self.out) if self.terminal else None

    @property
    def err_width(self) -> int | None:
        """The columns of the terminal that standard error is; None where it is none."""
        return self._width(self.err) if _is_terminal(self.err) else None

    def answer(self, document: Any, lines: Sequence[str] = ()) -> None:
        """The command's result: `document` with --json, else `lines`."""
        text = json.dumps(document, ensure_ascii=False) if self.json else "\n".join(lines)
        if text:
            self.write(text + "\n")

    def write(self, text: str) -> bool:
        """Put `text` on standard output as it is; False when nobody reads it any more."""
        return _put(self.out, text)

    def write_bytes(self, content: bytes) -> bool:
        """Put bytes on standard output, not one altered; False when nobody reads them any more."""
        return _put(self.out, content)

    def write_error(self, content: bytes) -> bool:
        """Put bytes on standard error, not one altered."""
        return _put(self.err, content)

    def table(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[str]],
        first: Sequence[str] = (),
        wrong: Collection[int] = (),
    ) -> list[str]:
        """The lines of a table, as wide as the terminal, the columns `first` cut first; its head stands out there.

        The rows with the numbers `wrong` are red.
        """
        return [
            self.styled(line.text, "red" if line.row in wrong else "bold" if line.title else "")
            for line in columns.laid_out(head, rows, self.width, first)
        ]

    def moment(self, text: str) -> str:
        """A time as a person at this terminal (`2 min ago`) or the reader of a file wants it."""
        return times.moment(text, now=self._now() if self.terminal else None)

    def styled(self, text: str, style: str) -> str:
        """`text` for standard output, in colour if there is any."""
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if style and self.out_coloured else text

    def say(self, text: str, style: str = "", *, mark: str = "") -> None:
        """Put a line on standard error, in colour behind its `mark`."""
        text, mark = self._written(visible(text)), self._written(mark) if self.err_coloured else ""
        if self.above is not None:
            self.above(text, style, mark)
            return
        text = f"\x1b[{STYLES[style]}m{text}\x1b[0m" if style and self.err_coloured else text
        _put(self.err, (f"\x1b[{STYLES[colour_of(mark)]}m{mark}\x1b[0m {text}" if mark else text) + "\n")

    def headline(self, parts: Sequence[str], style: str = "bold") -> None:
        """Tell what matters most, part by part: on a terminal that is too narrow for all of them on more lines."""
        if not self.quiet:
            for line in columns.wrapped(list(map(visible, parts)), self.err_width):
                self.say(line, style)

    def paragraph(self, text: str, style: str = "") -> None:
        """Put a sentence on standard error, on a terminal broken between its words."""
        for line in columns.filled(visible(text), self.err_width):
            self.say(line, style)

    def note(self, text: str) -> None:
        """Tell what --quiet leaves out."""
        if not self.quiet:
            self.say(text)

    def warn(self, text: str) -> None:
        """Tell what the user should know, even with --quiet."""
        self.paragraph(f"warning: {text}", "yellow")

    def _written(self, text: str) -> str:
        """`text` in letters that standard error can show."""
        encoding = (getattr(self.err, "encoding", "") or "utf-8").lower()
        return text if encoding.startswith("utf") else text.translate(ASCII)

    def _width(self, stream: TextIO) -> int:
        if self._columns.isdigit():
            return max(int(self._columns), 20)
        try:
            return max(os.get_terminal_size(stream.fileno()).columns, 20)
        except OSError:
            return 80


def colour_of(mark: str) -> str:
    """The colour of a step's mark."""
    return next((colour for sign, colour in MARKS.items() if mark in (sign, sign.translate(ASCII))), "green")


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # a stream that was closed before we began
        return False


def _coloured(stream: TextIO, environ: Mapping[str, str]) -> bool:
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") != "0":
        return True
    return _is_terminal(stream) and environ.get("TERM") != "dumb" and not environ.get("CI")


def _put(stream: TextIO, text: str | bytes) -> bool:
    try:
        if isinstance(text, bytes):
            stream.flush()
            stream.buffer.write(text)
        else:
            stream.write(text)
        stream.flush()
    except (OSError, ValueError, AttributeError) as error:  # EPIPE, EIO of a terminal that is gone, a closed stream
        lost = isinstance(error, OSError) and error.errno in LOSING and stream is sys.stdout
        with contextlib.suppress(OSError, ValueError, AttributeError):  # or Python complains again when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if lost:  # a file that lacks our answer must not look like one that has it
            raise
        return False
    return True
