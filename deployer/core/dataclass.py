"""How is a frozen dataclass made at once?  With methods that all classes share, compiled once.

`dataclasses` compiles six functions for each frozen class: 0.4 ms, and a command has a hundred such classes at its
start, a third of the time that it takes to start.  Of what is made by the thousand (a manifest's entries) the
compiled methods are the quicker ones: those stay with `dataclasses`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, FrozenInstanceError
from typing import TYPE_CHECKING, Any, Callable, get_type_hints

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - mypy passes on what is named twice
else:

    def dataclass(*, frozen: bool) -> Callable[[type], type]:
        """As `dataclasses.dataclass(frozen=True)`."""
        assert frozen

        def make(cls: type) -> type:
            made = dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
            for name, method in METHODS.items():
                setattr(made, name, method)
            return made

        return make


def _init(self: Any, *values: Any, **named: Any) -> None:
    fields, cls = self.__dataclass_fields__, type(self).__name__
    if len(values) > len(fields):
        raise TypeError(f"{cls}() takes {len(fields)} values, not {len(values)}")
    given = dict(zip(fields, values))
    twice = given.keys() & named.keys()
    if twice:
        raise TypeError(f"{cls}() got {min(twice)} twice")
    given.update(named)
    unknown = given.keys() - fields.keys()
    if unknown:
        raise TypeError(f"{cls}() has no {min(unknown)}")
    for name, field in fields.items():
        if name not in given:
            given[name] = _default(field, MISSING)
            if given[name] is MISSING:
                raise TypeError(f"{cls}() needs {name}")
    self.__dict__.update((name, given[name]) for name in fields)


def _default(field: Any, none: Any) -> Any:
    if field.default is not MISSING:
        return field.default
    return none if field.default_factory is MISSING else field.default_factory()


def _compared(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, name) for name, field in self.__dataclass_fields__.items() if field.compare)


def _repr(self: Any) -> str:
    told = (f"{name}={getattr(self, name)!r}" for name, field in self.__dataclass_fields__.items() if field.repr)
    return f"{type(self).__qualname__}({', '.join(told)})"


def _eq(self: Any, other: Any) -> Any:
    return _compared(self) == _compared(other) if type(self) is type(other) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_compared(self))


def _refuse(self: Any, name: str, *_: Any) -> None:
    raise FrozenInstanceError(f"{type(self).__name__}.{name} is frozen")


class _Signature:
    """What `inspect.signature` says of a class: who asks (a debugger, a test) pays for it."""

    def __get__(self, _: Any, cls: Any) -> Any:
        import inspect  # noqa: PLC0415 - `dataclasses` has it loaded

        hints = get_type_hints(cls)
        return inspect.Signature(
            [
                inspect.Parameter(
                    name,
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    default=_default(field, inspect.Parameter.empty),
                    annotation=hints[name],
                )
                for name, field in cls.__dataclass_fields__.items()
            ]
        )


METHODS: dict[str, Any] = {
    "__init__": _init,
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _refuse,
    "__delattr__": _refuse,
    "__signature__": _Signature(),
}
