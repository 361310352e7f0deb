"""How is a value of deploy.yaml checked, and what is said when it does not fit?

A kind reads a node to the value of a dataclass's field, or notes mistakes and gives `WRONG`.  Kinds are data, so the
schema made of them can be walked: the documented example and the reference page are checked against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from deployer.core import duration, signals
from deployer.settings.mistakes import Mistakes, shown, step
from deployer.settings.reader import Node

WRONG: Final = object()
Found = Iterator[tuple[str, str]]  # a key below the value ('' for itself) and what is wrong with it


class Kind(Protocol):
    """How one sort of value is read."""

    @property
    def expected(self) -> str:
        """`a number from 1 to 65535`."""
        ...

    def read(self, node: Node, at: str, mistakes: Mistakes) -> Any:
        """The value, or `WRONG` after the mistakes were noted."""
        ...

    def below(self) -> Iterator[tuple[str, Key]]:
        """Every key below, with its path from here: `.port`, `[].port`, `.*.health`."""
        ...


@dataclass(frozen=True)
class Key:
    """One key of deploy.yaml: `default` and `meaning` are for the reference page."""

    name: str
    kind: Kind
    default: str
    meaning: str
    required: bool = False


class _Leaf:
    def below(self) -> Iterator[tuple[str, Key]]:
        """Nothing is below a plain value."""
        return iter(())


@dataclass(frozen=True)
class Text(_Leaf):
    """A string for which `accept` gives true; what looks like a number or a boolean stays what was typed."""

    expected: str
    accept: Callable[[str], object] = bool

    def read(self, node: Node, at: str, mistakes: Mistakes) -> Any:
        """The string."""
        if isinstance(node.value, (str, int)) and self.accept(node.text):
            return node.text
        return _wrong(self, node, at, mistakes)


@dataclass(frozen=True)
class Number(_Leaf):
    """Decimal digits, within bounds."""

    low: int
    high: int

    @property
    def expected(self) -> str:
        """`a number from 1 to 65535`."""
        return f"a number from {self.low} to {self.high}"

    def read(self, node: Node, at: str, mistakes: Mistakes) -> Any:
        """The number."""
        if isinstance(node.value, int) and not isinstance(node.value, bool) and self.low <= node.value <= self.high:
            return node.value
        return _wrong(self, node, at, mistakes)


@dataclass(frozen=True)
class Duration(_Leaf):
    """`90s`, `10m`, within bounds; seconds."""

    low: str
    high: str

    @property
    def expected(self) -> str:
        """`a duration from 1s to 1h, such as 90s or 10m`."""
        return f"a duration from {self.low} to {self.high}, such as 90s or 10m"

    def read(self, node: Node, at: str, mistakes: Mistakes) -> Any:
        """The seconds."""
        found = duration.seconds(node.text) if isinstance(node.value, (str, int)) else None
        low, high = duration.seconds(self.low) or 0, duration.seconds(self.high) or 0
        return found if found is not None and low <= found <= high else _wrong(self, node, at, mistakes)


@dataclass(frozen=True)
class Boolean(_Leaf):
    """`true` or `false`, and nothing else."""

    expected: str = "true or false"

    def read(self, node: Node, at: str, mistakes: Mistakes) -> Any:
        """The boolean."""
        return node.value if isinstance(node.value, bool) else _wrong(self, node, at, mistakes)


@dataclass(frozen=True)
class Choice(_Leaf):
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def expected(self) -> str:
        """`rolling or stop-first`."""
        return " or ".join(self.words)

    def read(self, node: Node, at: str, mistakes: Mistakes) -> Any:
        """The word."""
        return node.text if node.text in self.words else _wrong(self, node, at, mistakes, meant=self.words)


@dataclass(frozen=True)
class Signal(_Leaf):
    """The name of a signal that tells a process to stop: `QUIT`, `SIGQUIT`, `sigquit`."""

    @property
    def expected(self) -> str:
        """`TERM, INT … or WINCH`."""
        return f"{', '.join(signals.STOPPING[:-1])} or {signals.STOPPING[-1]}"

    def read(self, node: Node, at: str, mistakes: Mistakes) -> Any:
        """The name as `core.signals` has it."""
        name = node.text.upper().removeprefix("SIG") if isinstance(node.value, str) else ""
        return name if name in signals.STOPPING else _wrong(self, node, at, mistakes, meant=signals.STOPPING)


@dataclass(frozen=True)
class ListOf:
    """A list; nothing is the empty one.  No item stands twice, unless it may `repeat`."""

    item: Kind
    what: str
    repeat: bool = False

    @property
    def expected(self) -> str:
        """`a list of commands`."""
        return f"a list of {self.what}"

    def read(self, node: Node, at: str, mistakes: Mistakes) -> Any:
        """A tuple of the items."""
        if node.value is None:
            return ()
        if not isinstance(node.value, list):
            return _wrong(self, node, at, mistakes)
        items: list[Any] = []
        seen = {WRONG}
        for index, inner in enumerate(node.value):
            item = self.item.read(inner, f"{at}[{index}]", mistakes)
            if item is not WRONG and item in seen and not self.repeat:
                mistakes.add(inner.line, f"{at}[{index}]", "stands in the list already")
            seen.add(item)
            items.append(item)
        return WRONG if WRONG in items else tuple(items)

    def below(self) -> Iterator[tuple[str, Key]]:
        """The keys of the items."""
        return ((f"[]{path}", key) for path, key in self.item.below())


@dataclass(frozen=True)
class MapOf:
    """A mapping of names to values; nothing is the empty one."""

    name: Text
    item: Kind
    what: str

    @property
    def expected(self) -> str:
        """`a mapping of process types to numbers`."""
        return f"a mapping of {self.what}"

    def read(self, node: Node, at: str, mistakes: Mistakes) -> Any:
        """A dict of the items."""
        if node.value is None:
            return {}
        if not isinstance(node.value, dict):
            return _wrong(self, node, at, mistakes)
        items: dict[str, Any] = {}
        for name, inner in node.value.items():
            if not self.name.accept(name):
                mistakes.add(inner.key_line, at, f"expected {self.name.expected}, not {shown(name)}")
            items[name] = self.item.read(inner, step(at, name), mistakes)
        return WRONG if WRONG in items.values() else items

    def below(self) -> Iterator[tuple[str, Key]]:
        """The keys of the items."""
        return ((f".*{path}", key) for path, key in self.item.below())


@dataclass(frozen=True)
class Record:
    """A mapping with these keys, made a dataclass by `make`.

    `short` is the key that a plain value stands for; with `one`, exactly one of the keys is given; `check` finds what
    no single key shows.  What is `placed` is told its place, as `at`.
    """

    make: Callable[..., Any]
    keys: tuple[Key, ...]
    short: str = ""
    one: bool = False
    placed: bool = False
    check: Callable[[Mapping[str, Any]], Found] = field(default=lambda _: iter(()))

    @property
    def expected(self) -> str:
        """`a mapping (command, health, port)`."""
        words = (", " if not self.one else " or ").join(key.name for key in self.keys)
        short = next((f"{key.kind.expected} or " for key in self.keys if key.name == self.short), "")
        return f"{short}a mapping ({words})"

    def read(self, node: Node, at: str, mistakes: Mistakes) -> Any:
        """What `make` makes of the values."""
        entries = self._entries(node)
        if entries is None:
            return _wrong(self, node, at, mistakes)
        known = {key.name: key for key in self.keys}
        values: dict[str, Any] = {}
        for name, inner in entries.items():
            if name not in known:
                text = f"{shown(name)} is no key that this version of deployer knows here"
                mistakes.add(inner.key_line, at, text, suggest=(name, known))
                continue
            place = at if name == self.short and node is inner else step(at, name)
            values[name] = known[name].kind.read(inner, place, mistakes)
        for name, key in known.items():
            if key.required and name not in entries:
                mistakes.add(node.line, step(at, name), f"is missing; expected {key.kind.expected}")
        if self.one and len(entries) != 1:
            mistakes.add(node.line, at, f"expected exactly one of {', '.join(known)}")
        return self._made(values, entries, node, at, mistakes)

    def _entries(self, node: Node) -> dict[str, Node] | None:
        if isinstance(node.value, dict):
            return node.value
        if self.short and node.value is not None and not isinstance(node.value, list):
            return {self.short: node}
        return {} if node.value is None and not self.short and not self.one else None

    def _made(self, values: dict[str, Any], entries: dict[str, Node], node: Node, at: str, mistakes: Mistakes) -> Any:
        usable = {name: value for name, value in values.items() if value is not WRONG}
        wrong = len(usable) < len(values)
        for name, text in self.check(usable):
            if wrong and not name:  # what seems to be missing may be what is wrong, and that is told already
                continue
            inner = entries.get(name)
            mistakes.add(inner.key_line or inner.line if inner else node.line, step(at, name) if name else at, text)
        missing = any(key.required and key.name not in values for key in self.keys)
        if wrong or missing or (self.one and len(usable) != 1):
            return WRONG
        if self.placed:
            usable["at"] = mistakes.place(node.key_line or node.line, at)
        return self.make(**usable)

    def below(self) -> Iterator[tuple[str, Key]]:
        """The keys, and all below them."""
        for key in self.keys:
            yield f".{key.name}", key
            yield from ((f".{key.name}{path}", inner) for path, inner in key.kind.below())


def _wrong(kind: Kind, node: Node, at: str, mistakes: Mistakes, *, meant: tuple[str, ...] = ()) -> Any:
    given = {list: "a list", dict: "a mapping", type(None): "nothing"}.get(type(node.value))
    if given is None:
        given = shown(node.text) if isinstance(node.value, str) else node.text[:40]
    mistakes.add(node.line, at, f"expected {kind.expected}, not {given}", suggest=(node.text, meant))
    return WRONG
