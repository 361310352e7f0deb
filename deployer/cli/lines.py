"""How does what processes of many hosts write become one stream?  Line by line, each behind its host's name."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from deployer.cli.display.screen import Screen, Unread

LONGEST = 1 << 16  # bytes that are held back for the end of their line


class Lines:
    """What the processes write, from several threads; with --json it is kept."""

    def __init__(self, screen: Screen, hosts: Sequence[str]) -> None:
        self._screen = screen
        self._size = max(map(len, hosts), default=0)
        self._lock = threading.Lock()
        self._held: dict[tuple[str, bool], bytes] = {}  # by host and "is it stderr?"

    def emit(self, host: str, output: bytes, error: bool) -> None:
        """Print, or with --json keep, what the process of `host` wrote."""
        with self._lock:
            held = self._held.get((host, error), b"") + output
            if not self._screen.json:
                *lines, held = held.split(b"\n")
                for line in lines:
                    self._print(host, line, error=error)
                if len(held) > LONGEST:
                    self._print(host, held, error=error)
                    held = b""
            self._held[host, error] = held

    def end(self) -> None:
        """Print what came last and had no end of its line."""
        with self._lock:
            for (host, error), held in self._held.items():
                if held and not self._screen.json:
                    self._print(host, held, error=error)

    def kept(self, host: str) -> dict[str, str]:
        """What --json tells of a host's output."""
        return {
            name: self._held.get((host, error), b"").decode(errors="surrogateescape")
            for name, error in (("stdout", False), ("stderr", True))
        }

    def _print(self, host: str, line: bytes, *, error: bool) -> None:
        name = f"{host:<{self._size}} | "
        if error:
            written = self._screen.write_error(name.encode() + line + b"\n")
        else:
            written = self._screen.write_bytes(self._screen.styled(name, "dim").encode() + line + b"\n")
        if not written:
            raise Unread
