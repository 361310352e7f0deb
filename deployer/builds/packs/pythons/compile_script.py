"""Which bytes are a module's bytecode?  The app's interpreter runs this: `-s -S compile_script.py JOBS WORKERS FORM`.

Python 3.9's dialect and next to no imports: it must run under every interpreter.  `JOBS` holds three lines for each
file: the source, the bytecode file to write, the name that tracebacks show.

The bytes depend on the source, that name and the interpreter, on nothing else: not on the order, nor on what else
this process compiled.  `marshal` marks an object as shareable where its reference count is above one, and that count
tells which strings other code happens to hold (CPython issue 129724).  So a reference is held to every object of the
code while it is written: then all are marked, always.
"""

from __future__ import annotations

import _imp
import marshal
import os
import sys
from _frozen_importlib_external import MAGIC_NUMBER

CHECKED, UNCHECKED = 0b11, 0b01
ATTRIBUTES = (
    "co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_filename", "co_name", "co_qualname",
    "co_linetable", "co_exceptiontable", "co_consts",
)  # fmt: skip
UNORDERED = sys.version_info < (3, 11)  # marshal sorts sets from 3.11 on
BY_ADDRESS = (type(None), type(Ellipsis))  # their hashes are addresses: a set with one has another order each time


class NoStableForm(ValueError):
    """The code holds a set whose order changes from run to run."""


def compiled(source: bytes, name: str, flags: int) -> bytes:
    """The bytecode file of `source` (bytes), or b'' where it does not compile: Python 2, templates."""
    try:
        code = compile(source, name, "exec", dont_inherit=True, optimize=0)
        everything: list[object] = []
        hold(code, everything)
        body = marshal.dumps(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return b""
    raw_magic = int.from_bytes(MAGIC_NUMBER, "little")
    return MAGIC_NUMBER + flags.to_bytes(4, "little") + _imp.source_hash(raw_magic, source) + body


def hold(value: object, everything: list[object]) -> None:
    """Append `value` and all that it is made of to `everything`."""
    everything.append(value)
    if hasattr(value, "co_code"):
        for attribute in ATTRIBUTES:
            hold(getattr(value, attribute, None), everything)
        if hasattr(value, "co_lnotab") and sys.version_info < (3, 10):
            hold(value.co_lnotab, everything)
    elif isinstance(value, (tuple, frozenset)):
        if UNORDERED and isinstance(value, frozenset) and any(isinstance(item, BY_ADDRESS) for item in value):
            raise NoStableForm
        for item in value:
            hold(item, everything)
    elif isinstance(value, slice):
        hold((value.start, value.stop, value.step), everything)


def work(jobs: list[tuple[str, str, str]], flags: int) -> None:
    """Write the bytecode file of each job; an empty one where there is none."""
    for source, target, name in jobs:
        with open(source, "rb") as file:
            content = compiled(file.read(), name, flags)
        with open(target, "wb") as file:
            file.write(content)


def main(list_file: str, workers: int, flags: int) -> int:
    """Share the jobs among `workers` processes; the exit code is not 0 where one failed."""
    with open(list_file, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        lines = file.read().split("\n")
    jobs = list(zip(lines[0::3], lines[1::3], lines[2::3]))  # noqa: B905 - not in 3.9
    children = []
    for number in range(workers):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                work(jobs[number::workers], flags)
                status = 0
            finally:
                os._exit(status)  # no handler of the parent's runs twice
        children.append(child)
    return max([os.waitpid(child, 0)[1] for child in children], default=0)


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1], int(sys.argv[2]), CHECKED if sys.argv[3] == "checked" else UNCHECKED) else 0)
