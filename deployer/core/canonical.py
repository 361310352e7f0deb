"""How is a value written so that it always has the same bytes?

Canonical JSON: UTF-8, sorted keys, no white space, integers below 2**53, whole numbers as integers (60, never
60.0), other numbers in their shortest form, no duplicate keys.
Ledger records, manifests' headers and release specs are digested in this form.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

LARGEST = 2**53 - 1


class NotCanonical(ValueError):
    """The value has no canonical form, or the bytes are not in it."""


def dumps(value: Any) -> bytes:
    """The canonical bytes of `value` (JSON types); `NotCanonical` if it has none."""
    try:
        return json.dumps(_normal(value), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise NotCanonical("a string is not valid Unicode") from error
    except RecursionError as error:
        raise NotCanonical("too deeply nested") from error


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


def _normal(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return _normal(int(value)) if value.is_integer() else value
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise NotCanonical("a number is too large")
        return value
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise NotCanonical("a key is not a string")
        return {key: _normal(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_normal(item) for item in value]
    raise NotCanonical(f"a {type(value).__name__} has no canonical form")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise NotCanonical("a key stands twice")
    return unique


def _refuse(name: str) -> Any:
    raise NotCanonical(f"{name} is not JSON")
