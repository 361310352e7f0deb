"""How does a request cross a byte stream?  Frames, and JSON for messages.

A frame is one byte for its kind, four for its length (big endian), then the payload.  Before its first frame
the agent writes `MAGIC` on a line of its own; whatever a login script printed before it is skipped.
"""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO, Optional, TypeVar, Union, get_args, get_origin, get_type_hints

from deployer.core.message import fields, is_message
from deployer.core.secret import Secret

MAGIC = b"\x00deployer-agent/1\n"
HEADER = struct.Struct(">cI")
DATACLASS = "__dataclass_fields__"  # of a class of the operator's side; the module itself is not worth its import
LARGEST = 64 * 1024 * 1024

REQUEST = b"Q"  # operator: {"verb": name, "fields": …, "number": 1, 2, 3 …}
REPLY = b"R"  # agent: {"ok": fields} or {"error": …}, with the "number" of the request; an older one names none
EVENT = b"V"  # agent, during a request: {"event": name, …}
PHASE = "phase"  # the event of a request that waits: {"text", "spent", "of"}, the latter two in seconds
BEAT = b"H"  # either: still here
CHUNK = b"B"  # either: bytes of a stream
END = b"E"  # either: the stream has ended
STDOUT, STDERR, STDIN = b"O", b"X", b"I"  # one-off processes
TAKEN = b"T"  # agent: {"bytes"} of STDIN that the process has taken; the operator sends no more than `WINDOW` ahead
WINDOW = 1 << 18  # bytes: so little waits on the way that a signal sent after it arrives, whatever the process reads
RESIZE, SIGNAL, CANCEL = b"W", b"S", b"C"  # operator: {"rows", "columns"}; {"signal"}; stop what streams

T = TypeVar("T")


class BadFrame(ValueError):
    """The other side sent something that is no frame, or no such request."""


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """The bytes of a frame."""
    return HEADER.pack(kind, len(payload)) + payload


def read_frame(stream: BinaryIO) -> Optional[tuple[bytes, bytes]]:
    """The next frame's kind and payload; None at end of file; `BadFrame` for a cut or an oversized one."""
    header = read_exactly(stream, HEADER.size)
    if header is None:
        return None
    kind, length = HEADER.unpack(header)
    if length > LARGEST:
        raise BadFrame(f"a frame of {length} bytes")
    payload = read_exactly(stream, length)
    if payload is None:
        raise BadFrame("the stream ended inside a frame")
    return kind, payload


def read_exactly(stream: BinaryIO, length: int) -> Optional[bytes]:
    """`length` bytes, or None where the stream ends before them."""
    parts = []
    while length:
        part = stream.read(length)
        if not part:
            return None
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def encode(value: Any) -> Any:
    """A message or dataclass (or list, dict, tuple of them) as JSON values; secrets are revealed: this is the wire."""
    if is_message(type(value)):
        return {name: encode(getattr(value, name)) for name in fields(type(value))}
    if hasattr(type(value), DATACLASS):
        return {name: encode(getattr(value, name)) for name in getattr(type(value), DATACLASS)}
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def decode(cls: type[T], value: Any) -> T:
    """The message or dataclass `cls` from JSON values; `BadFrame` names the field that does not fit."""
    if not isinstance(value, dict):
        raise BadFrame(f"{cls.__name__}: an object was expected")
    hints = _hints(cls)
    unknown = set(value) - set(hints)
    if unknown:
        raise BadFrame(f"{cls.__name__}: unknown field {min(unknown)}")
    try:
        return cls(**{name: _decode(hints[name], item, f"{cls.__name__}.{name}") for name, item in value.items()})
    except TypeError as error:
        raise BadFrame(str(error)) from error


def dump(value: Any) -> bytes:
    """JSON values as the payload of a frame."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape")


def load(payload: bytes) -> Any:
    """The JSON values of a payload; `BadFrame` if they are none."""
    try:
        return json.loads(payload.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise BadFrame(f"not JSON: {error}") from error


_HINTS: dict[type, dict[str, Any]] = {}


def _hints(cls: type) -> dict[str, Any]:
    if cls not in _HINTS:
        _HINTS[cls] = get_type_hints(cls)
    return _HINTS[cls]


def _decode(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin is Union:
        if value is None and type(None) in arguments:
            return None
        return _decode(next(a for a in arguments if a is not type(None)), value, where)
    if origin in (list, tuple):
        if not isinstance(value, list):
            raise BadFrame(f"{where}: a list was expected")
        if origin is list or (len(arguments) == 2 and arguments[1] is Ellipsis):
            return origin(_decode(arguments[0], item, where) for item in value)
        if len(value) != len(arguments):
            raise BadFrame(f"{where}: {len(arguments)} items were expected")
        return tuple(_decode(a, item, where) for a, item in zip(arguments, value))
    if origin is dict:
        if not isinstance(value, dict):
            raise BadFrame(f"{where}: an object was expected")
        return {_key(arguments[0], key, where): _decode(arguments[1], item, where) for key, item in value.items()}
    if is_message(hint) or hasattr(hint, DATACLASS):
        return decode(hint, value)
    if hint is Secret and isinstance(value, str):
        return Secret(value)
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise BadFrame(f"{where}: {value!r} is not of type {hint.__name__}" if hint is not Secret else where)
    return value


def _key(hint: Any, key: str, where: str) -> Any:
    if hint is not int:
        return key
    try:
        return int(key)
    except ValueError:
        raise BadFrame(f"{where}: {key!r} is not a number") from None
