"""Which values does the user give: `A=1`, `B=@file`, `C=-`, or the bare name of one that is asked for?

A value in the arguments is visible in the shell's history and, while the command runs, in the list of processes; the
other ways are not.  A file's content is taken byte for byte; from standard input one newline at the end is left out,
because `echo` and an Enter put it there.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence

from deployer.core import dotenv
from deployer.core.errors import UsageError
from deployer.core.names import VARIABLE
from deployer.core.secret import Secret


def given(arguments: Sequence[str]) -> dict[str, Secret]:
    """The variables that the arguments of `config set` name."""
    found: dict[str, Secret] = {}
    reading = ""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not VARIABLE.match(name):
            shown = f"{name!r}" if equals else "an argument"  # without `=` it may be a value in the wrong place
            raise UsageError(f"{shown} is no name for a variable", hint="say NAME=value, NAME=@file, NAME=- or NAME")
        if name in found:
            raise UsageError(f"{name} is given twice", hint="")
        if not equals:
            value = _asked(name)
        elif value == "-":
            if reading:
                raise UsageError(f"{reading} and {name} cannot both come from standard input", hint="")
            reading = name
            value = _read_all()
        elif value.startswith("@"):
            value = file_text(value[1:])
        wrong = dotenv.unfit(name, value)
        if wrong:
            raise UsageError(wrong, hint="")
        found[name] = Secret(value)
    return found


def file_text(path: str) -> str:
    """The content of a file, or for `-` all of standard input; what is not UTF-8 survives the way there and back."""
    try:
        content = sys.stdin.buffer.read() if path == "-" else open(path, "rb").read()  # noqa: SIM115
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="") from error
    return content.decode("utf-8", "surrogateescape")


def _read_all() -> str:
    return file_text("-").removesuffix("\n").removesuffix("\r")


def _asked(name: str) -> str:
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            f"there is no terminal to ask for the value of {name}",
            hint=f"say {name}=VALUE, {name}=- (from standard input) or {name}=@FILE",
        )
    try:
        return getpass.getpass(f"{name} (not shown): ", stream=sys.stderr)
    except EOFError:
        raise UsageError(f"no value for {name}", hint="") from None
