"""What stands in a YAML file, and on which line?

PyYAML's safe parser, narrowed: only `true` and `false` are booleans, only decimal digits are numbers, nothing (or
`~`, or `null`) is nothing, everything else is the string that was typed.  Anchors, aliases, tags, merge keys, several
documents and duplicate keys are refused.  The tree is made of the parser's events, with a stack of our own, so that
neither depth nor size can be a bomb.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Union

from deployer.core.errors import SettingsError
from deployer.settings.mistakes import Mistakes, shown, step

if TYPE_CHECKING:
    import yaml

LARGEST = 1024 * 1024
DEEPEST = 32
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,17})\Z")
_RANGE = re.compile(r"[\w.-]\[\w+:\w+")  # `[web[01:20]]`, where YAML takes the inner bracket for its own
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")

Value = Union[str, int, bool, None, list["Node"], dict[str, "Node"]]  # noqa: UP007  (a name in quotes knows no `|`)


@dataclass
class Node:
    """A value and its place: `line` is its own, `key_line` that of its key; `text` a scalar as it was typed."""

    value: Value
    line: int
    key_line: int = 0
    text: str = ""


def read(text: str, mistakes: Mistakes) -> Node:
    """The document in `text`; duplicate keys are noted in `mistakes`; `SettingsError` if it is no such YAML."""
    import yaml  # noqa: PLC0415  (takes longer than all of `deploy --help`)

    text = _admissible(text, mistakes.where)
    tree = _Tree(mistakes)
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            tree.take(event)
    except yaml.MarkedYAMLError as error:
        raise _no_yaml(error, text, mistakes.where) from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:  # `"\U99999999"` overflows
        raise SettingsError(f"{mistakes.where}: no YAML: {' '.join(str(error).split())}") from error
    return tree.root or Node(None, 1)


def _admissible(text: str, where: str) -> str:
    text = text.removeprefix("\ufeff")
    if len(text) > LARGEST:
        raise too_large(where)
    bad = _UNPRINTABLE.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        raise SettingsError(f"{where}:{line}: the character U+{ord(bad.group()):04X} may not stand in YAML")
    return text


def too_large(where: str) -> SettingsError:
    """The failure for a file that no person wrote."""
    return SettingsError(f"{where}: larger than 1 MiB")


def _no_yaml(error: yaml.MarkedYAMLError, text: str, where: str) -> SettingsError:
    lines = [*re.split("\r\n|[\n\r\x85\u2028\u2029]", text), ""]  # as YAML counts them
    mark = error.problem_mark
    if error.context_mark and (mark is None or not "".join(lines[mark.line :]).strip()):
        mark = error.context_mark  # the end of the file says nothing: where it began does
    problem = " ".join(str(error.problem or error.context or "").split())
    place = f"{where}:{mark.line + 1}" if mark else where
    hint = "quote a value that has `: ` or ` #` in it, or begins with a sign"
    if mark and lines[mark.line].lstrip(" ").startswith("\t"):
        hint = "YAML is indented with spaces, never with tabs"
    elif mark and _RANGE.search(lines[mark.line]):
        hint = 'quote a range in a list of hosts: ["web[01:20].example.com"]'
    return SettingsError(f"{place}: no YAML: {problem}", hint=hint)


@dataclass
class _Open:
    """A list or mapping whose end has not come yet; `key` is the one whose value comes next."""

    node: Node
    at: str
    key: str | None = None
    key_line: int = 0
    seen: dict[str, int] = field(default_factory=dict)


class _Tree:
    """Builds nodes of events."""

    def __init__(self, mistakes: Mistakes) -> None:
        self.root: Node | None = None
        self._mistakes = mistakes
        self._open: list[_Open] = []

    def take(self, event: Any) -> None:
        kind, line = type(event).__name__, event.start_mark.line + 1
        if kind == "DocumentStartEvent" and self.root:
            raise self._refusal(line, "a second document begins; deploy.yaml is one")
        if kind == "AliasEvent" or getattr(event, "anchor", None):
            raise self._refusal(line, "anchors and aliases (& and *) are not used here: write the value out")
        if getattr(event, "tag", None):
            raise self._refusal(line, f"tags ({shown(event.tag)}) are not used here")
        if kind == "ScalarEvent":
            self._scalar(event, line)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            self._begin({} if kind == "MappingStartEvent" else [], line)
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self._add(self._open.pop().node)

    def _scalar(self, event: Any, line: int) -> None:
        if "\0" in event.value or any("\ud800" <= char <= "\udfff" for char in event.value):
            raise self._refusal(line, 'the escapes of NUL and of surrogates ("\\0", "\\ud800") are not used here')
        inner = self._open[-1] if self._open else None
        if inner and isinstance(inner.node.value, dict) and inner.key is None:
            self._key(inner, event.value, line)
        else:
            self._add(Node(event.value if event.style else _plain(event.value), line, text=event.value))

    def _key(self, inner: _Open, key: str, line: int) -> None:
        if key in inner.seen:
            self._mistakes.add(line, step(inner.at, key), f"stands here again; it is on line {inner.seen[key]} already")
        inner.seen.setdefault(key, line)
        inner.key, inner.key_line = key, line

    def _begin(self, value: Value, line: int) -> None:
        if len(self._open) >= DEEPEST:
            raise self._refusal(line, f"nested more than {DEEPEST} deep")
        inner = self._open[-1] if self._open else None
        if inner and isinstance(inner.node.value, dict) and inner.key is None:
            raise self._refusal(line, "a key is a word, not a list or a mapping; quote it if it begins with [ or {")
        self._open.append(_Open(Node(value, line), self._place()))

    def _place(self) -> str:
        if not self._open:
            return ""
        inner = self._open[-1]
        if isinstance(inner.node.value, list):
            return f"{inner.at}[{len(inner.node.value)}]"
        return step(inner.at, inner.key or "")

    def _add(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        inner = self._open[-1]
        if isinstance(inner.node.value, list):
            inner.node.value.append(node)
        elif isinstance(inner.node.value, dict) and inner.key is not None:
            node.key_line = inner.key_line
            inner.node.value.setdefault(inner.key, node)
            inner.key = None

    def _refusal(self, line: int, text: str) -> SettingsError:
        return SettingsError(f"{self._mistakes.where}:{line}: {text}")


def _plain(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    if text in ("", "~", "null"):
        return None
    return int(text) if _NUMBER.match(text) else text
