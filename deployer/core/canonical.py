"""How is a value written so that it always has the same bytes?

Canonical JSON: UTF-8, sorted keys, no white space, no floats, integers below 2**53, no duplicate keys.
Ledger records, manifests' headers and release specs are digested in this form.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

LARGEST = 2**53 - 1


class NotCanonical(ValueError):
    """The value has no canonical form, or the bytes are not in it."""


def dumps(value: Any) -> bytes:
    """The canonical bytes of `value` (JSON types without floats); `NotCanonical` if it has none."""
    _check(value)
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def loads(text: bytes) -> Any:
    """The value whose canonical bytes are `text`; `NotCanonical` for anything else, even if it is JSON."""
    try:
        value = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise NotCanonical(str(error)) from error
    if dumps(value) != text:
        raise NotCanonical("the bytes are JSON, but not in canonical form")
    return value


def sha256(content: bytes) -> str:
    """The sha256 of `content` in hex."""
    return hashlib.sha256(content).hexdigest()


def _check(value: Any) -> None:
    if value is None or isinstance(value, (bool, str)):
        return
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise NotCanonical(f"{value} is too large")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise NotCanonical(f"{key!r} is not a string")
            _check(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check(item)
    else:
        raise NotCanonical(f"a {type(value).__name__} has no canonical form")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise NotCanonical("a key stands twice")
    return unique


def _refuse(name: str) -> Any:
    raise NotCanonical(f"{name} is not JSON")
