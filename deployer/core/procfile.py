r"""Which commands does a Procfile name?

Read as Foreman reads it (`^([A-Za-z0-9_-]+):\s*(.+)$`, one line each).  Foreman passes over every other line in
silence, so a process is lost for one forgotten colon; here only empty lines and comments are passed over.
"""

from __future__ import annotations

import re

from deployer.core.errors import SettingsError
from deployer.core.names import ONE_OFF, PROCESS_TYPE

RELEASE, CONSOLE = "release", "console"  # commands of their own, not process types
_LINE = re.compile(r"([A-Za-z0-9_-]+):[ \t]*(.*)\Z")


def parse(text: str, *, where: str = "Procfile") -> dict[str, str]:
    """The commands by process type, in the Procfile's order; `SettingsError` has every mistake, one a line."""
    commands: dict[str, str] = {}
    places: dict[str, int] = {}
    mistakes: list[str] = []
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n") if text else (), 1):
        line = raw.rstrip()
        if not line or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line)
        mistake = _mistake(line, match, places)
        if match and not mistake:
            places[match.group(1)] = number
            commands[match.group(1)] = match.group(2)
        else:
            mistakes.append(f"{where}:{number}: {mistake}")
    if mistakes:
        raise SettingsError("\n".join(mistakes), hint="a Procfile has one `type: command` on each line")
    return commands


def _mistake(line: str, match: re.Match[str] | None, places: dict[str, int]) -> str:
    if "\0" in line:
        return "has a NUL character"
    if match is None:
        return "expected `type: command`, a comment or an empty line"
    name, command = match.groups()
    if not PROCESS_TYPE.match(name):
        return f"{name!r} is no name for a process type: at most 31 letters, digits, - and _, not beginning with - or _"
    if name == ONE_OFF:
        return f"{name} is no name for a process type: one-off processes are {name}.1, {name}.2 …; give it another name"
    if name in places:
        return f"{name} stands here again; it is on line {places[name]} already"
    return "" if command else f"{name} has no command"
