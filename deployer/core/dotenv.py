r"""Which variables does a dotenv file hold, and how is one written?

    # a comment            export NAME=value          NAME=value  # a comment
    NAME='taken as it is, over as many lines as you like'
    NAME="the same, but \n \r \t \" \\ \$ and \` are escapes"

Nothing is ever expanded or run: `$` is a `$`.  No message shows any part of a value, nor of a line that could not
be read (it may be the rest of one).  `render` writes what `parse`, and a POSIX shell, read back as it was.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Mapping

from deployer.core.errors import SettingsError
from deployer.core.names import VARIABLE

LONGEST = 128 * 1024 - 1  # Linux (MAX_ARG_STRLEN): `NAME=value` and its NUL fit in 32 pages
_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([^\s=#'\"]+)[ \t]*=[ \t]*")
_BLANK = re.compile(r"[ \t\r\f\v]*(?:#[^\n]*)?(?:\n|\Z)")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_UNQUOTED = re.compile(r"[^\n]*")
_ESCAPE = re.compile(r'\\([nrt"\\$`])')
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]*\Z")


def parse(text: str, *, where: str) -> dict[str, str]:
    """The variables of a dotenv file; `SettingsError` has every mistake as `where:line: …`, one a line."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    variables: dict[str, str] = {}
    places: dict[str, int] = {}
    mistakes: list[str] = []
    start, line, here = 0, 1, 0
    while start < len(text):
        name, value, mistake, end = _entry(text, start)
        here, line, start = line, line + text.count("\n", start, end), end
        if not (name or mistake):
            continue
        if not mistake and name in places:
            mistake = f"{name} stands here again; it is on line {places[name]} already"
        mistake = mistake or unfit(name, value)
        if mistake:
            mistakes.append(f"{where}:{here}: {mistake}")
        variables[name], places[name] = value, here
    if mistakes:
        raise SettingsError("\n".join(mistakes), hint="lines are not shown here: they may hold a secret")
    return variables


def parse_any(text: str, *, where: str) -> dict[str, str]:
    """The variables of a dotenv file, or of a JSON object of strings: what begins with `{` is JSON."""
    bare = text.removeprefix("\ufeff").lstrip()
    if not bare.startswith("{"):
        return parse(text, where=where)
    try:
        pairs = json.loads(bare, object_pairs_hook=list)
    except ValueError as error:
        reason = f"{error.msg} (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else "a bad number"
        raise SettingsError(f"{where}: begins with {{ but is no JSON: {reason}") from None
    except RecursionError:
        raise SettingsError(f"{where}: JSON too deeply nested; expected an object of strings") from None
    count = Counter(name for name, _ in pairs)
    mistakes = [f"{where}: {name!r} stands twice" for name in count if count[name] > 1]
    mistakes += [f"{where}: {reason}" for name, value in pairs for reason in [_unfit_json(name, value)] if reason]
    if mistakes:
        raise SettingsError("\n".join(mistakes), hint="variables are strings: put quotes round the value")
    return dict(pairs)


def render(variables: Mapping[str, str]) -> str:
    """A dotenv file with these variables, one after another, which `parse` reads back byte for byte."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in variables.items())


def unfit(name: str, value: str) -> str:
    """Why no process can be given this variable, or ''.  The value is never part of the reason."""
    if not VARIABLE.match(name):
        return "expected NAME=value; a name has letters, digits and _ and does not begin with a digit"
    if "\0" in value:
        return f"the value of {name} has a NUL character, which no environment can hold"
    try:
        size = len(value.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return f"the value of {name} is not valid Unicode"
    if size + len(name) + 1 > LONGEST:
        return f"the value of {name} has {size} bytes; Linux gives a process at most 128 KiB for a variable"
    return ""


def _entry(text: str, start: int) -> tuple[str, str, str, int]:
    """The name, value, mistake and end of what begins at `start`: blank, a variable, or neither."""
    blank = _BLANK.match(text, start)
    if blank:
        return "", "", "", blank.end()
    found = _NAME.match(text, start)
    if not found:
        return "", "", "expected NAME=value, a comment or an empty line", _next_line(text, start)
    name, at = found.group(1), found.end()
    quote = text[at : at + 1]
    if quote not in ("'", '"'):
        line = _UNQUOTED.match(text, at)
        rest = line.group() if line else ""
        comment = re.search(r"(?:^|[ \t])#", rest) if text[at - 1] in " \t" else re.search(r"[ \t]#", rest)
        value = rest[: comment.start()] if comment else rest
        return name, value.strip(" \t\r\f\v"), "", _next_line(text, at)
    quoted = (_SINGLE if quote == "'" else _DOUBLE).match(text, at)
    if not quoted:
        shown = name if VARIABLE.match(name) else "the variable"
        return name, "", f"the value of {shown} begins with {quote} and never ends", len(text)
    end = _BLANK.match(text, quoted.end())
    if not end:
        return name, "", "there is text after the closing quote", _next_line(text, quoted.end())
    value = quoted.group(1)
    return name, value if quote == "'" else _ESCAPE.sub(_unescaped, value), "", end.end()


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match.group(1), match.group(1))


def _next_line(text: str, at: int) -> int:
    return (text.find("\n", at) + 1) or len(text)


def _quoted(value: str) -> str:
    if _PLAIN.match(value):
        return value
    if "'" not in value and "\r" not in value:
        return f"'{value}'"
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value).replace("\r", "\\r") + '"'


def _unfit_json(name: str, value: Any) -> str:
    if not VARIABLE.match(name):
        return f"{name!r} is no name for a variable"
    if isinstance(value, str):
        return unfit(name, value)
    kinds: dict[type, str] = {bool: "true or false", int: "a number", float: "a number", type(None): "null"}
    return f"{name}: expected a string, not {kinds.get(type(value), 'a list or an object')}"
