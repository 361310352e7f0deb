"""What is a dataclass that costs nothing to define?  A message: frozen, compared by its fields, made by name or place.

`dataclasses` writes and compiles six methods for each class, half a millisecond of every start on every host, and
brings half of the standard library along; there are a hundred such classes, and a session needs ten of them.
"""

from __future__ import annotations

from typing import Any, Callable, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import dataclass_transform
else:

    def dataclass_transform(**_):  # noqa: ANN003, ANN201, D103 - for the type checker alone
        return lambda cls: cls


T = TypeVar("T")
FIELDS = "__message_fields__"
MISSING: Any = object()


class Made:
    """A default that is made anew for each message."""

    def __init__(self, factory: Callable[[], Any]) -> None:
        self.factory = factory


def field(*, default_factory: Callable[[], Any]) -> Any:
    """The default of a field that is a list or a dictionary."""
    return Made(default_factory)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def message(cls: type[T]) -> type[T]:
    """Make `cls` a frozen class of its annotated fields; a default is a value, or `field(default_factory=...)`."""
    names = tuple(cls.__dict__.get("__annotations__", ()))  # noqa: RUF063 - its own alone, also before Python 3.10
    setattr(cls, FIELDS, {name: getattr(cls, name, MISSING) for name in names})
    for name, method in _METHODS.items():
        setattr(cls, name, method)
    return cls


def is_message(cls: Any) -> bool:
    """Whether `cls` is a class that `message` made."""
    return hasattr(cls, FIELDS)


def fields(cls: type) -> tuple[str, ...]:
    """The names of a message's fields, in their order; () for what is no message."""
    return tuple(getattr(cls, FIELDS, ()))


def _init(self: Any, *values: Any, **named: Any) -> None:
    known = getattr(type(self), FIELDS)
    given = dict(zip(known, values))
    if named or len(values) != len(known):
        if len(values) > len(known) or given.keys() & named.keys() or named.keys() - known.keys():
            raise TypeError(f"{type(self).__name__} takes {', '.join(known) or 'nothing'}")
        given.update(named)
        for name, default in known.items():
            if name not in given:
                if default is MISSING:
                    raise TypeError(f"{type(self).__name__} lacks {name}")
                given[name] = default.factory() if isinstance(default, Made) else default
    self.__dict__.update(given)


def _equal(self: Any, other: object) -> Any:
    return self.__dict__ == other.__dict__ if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash((type(self), *(self.__dict__[name] for name in fields(type(self)))))


def _repr(self: Any) -> str:
    told = ", ".join(f"{name}={self.__dict__[name]!r}" for name in fields(type(self)))
    return f"{type(self).__name__}({told})"


def _frozen(self: Any, name: str, *_: Any) -> None:
    raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")


_METHODS = {
    "__init__": _init,
    "__eq__": _equal,
    "__hash__": _hash,
    "__repr__": _repr,
    "__setattr__": _frozen,
    "__delattr__": _frozen,
}
