"""How does a value travel through the program without being shown by accident?"""

from __future__ import annotations


class Secret:
    """A config value.  `repr`, `str` and `format` show `[hidden]`; only `reveal()` gives the value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself: for the wire, the release's env file and `config get`, nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return "[hidden]"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def seal(variables: dict[str, str]) -> dict[str, Secret]:
    """Plain variables as secrets."""
    return {name: Secret(value) for name, value in variables.items()}


def reveal(variables: dict[str, Secret]) -> dict[str, str]:
    """Secrets as plain variables."""
    return {name: value.reveal() for name, value in variables.items()}
