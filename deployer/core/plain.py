"""Is a command of the user's one plain program, or something that only a shell understands?"""

from __future__ import annotations

import re

_PLAIN = re.compile(
    r"[ \t]*((?:[A-Za-z_][A-Za-z0-9_]*=[^\s;&|<>(){}`]*[ \t]+)*)"
    r"([A-Za-z0-9_./+-]+)((?:[ \t](?:[^;&|<>(){}`\n]|\$\{[^;&|<>(){}`\n]*\})*)?)\Z"
)
_OF_THE_SHELL = (
    " . : alias bg break case cd command continue do eval exec exit export fg for hash if read readonly return set "
    "shift source time times trap type ulimit umask unalias unset until wait while "
)


def program(command: str) -> str:
    """The name of the program that is all of `command`, with or without variables before it; '' for anything else."""
    parts = _parts(command)
    return parts[1].rpartition("/")[2] if parts else ""


def direct(command: str) -> str:
    """`command` with an `exec` before its program, where it is one plain program.

    Not every shell leaves its place to its last command by itself, as bash does: dash stays in front.
    """
    parts = _parts(command)
    return f"{parts[0]}exec {parts[1]}{parts[2]}" if parts else command


_OF_OURS = re.compile(r"[^\s'\"]*python[0-9.]*(?: -[A-Za-z]+)* (?:\.\./agent\.pyz|-m deployer\.agent) static(?: |\Z)")


def serves_files(command: str) -> bool:
    """Whether it is our own server of static files."""
    return bool(_OF_OURS.match(command))


def served(command: str) -> str:
    """The folder that our own server of static files has, as a clean path below the build; '' for any other command."""
    if not serves_files(command):
        return ""
    import posixpath  # noqa: PLC0415 - this module is on the way of every start of a process
    import shlex  # noqa: PLC0415

    words = shlex.split(command)
    path = posixpath.normpath(words[words.index("static") + 1]) if words[-1] != "static" else ".."
    return "" if path.startswith(("/", "..")) else path


def _parts(command: str) -> tuple[str, ...]:
    """The variables, the program and its arguments; () where that is not all there is."""
    match = _PLAIN.match(command)
    return () if match is None or f" {match.group(2)} " in _OF_THE_SHELL else match.groups()
