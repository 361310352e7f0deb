"""Which interpreter can run a build?  The rules, for the machine that builds and for the hosts alike: no I/O.

A binary extension depends on the ABI, the machine and the C library; a set of packages on the patch level alone where
one of them says so, which the build then records in `Runtime.unfit`.
"""

from __future__ import annotations

import re
from typing import Mapping, Optional

from deployer.core.manifest import Runtime
from deployer.core.message import fields, message

LANGUAGES = {"python": "CPython", "node": "Node.js"}
SHORT = {"python": "Python", "node": "Node.js"}
MACHINES = {"x64": "x86_64", "arm64": "aarch64"}  # node's words to uname's
PARTS = {"python": 2, "node": 1}  # of a version: those that decide on the ABI


@message
class Interpreter:
    """An interpreter: `path` is absolute and no link; `version` is full, `abi` names its binaries.

    `lacks` are modules of the standard library that it ought to have and cannot import.
    """

    kind: str
    path: str
    version: str
    abi: str
    machine: str
    lacks: tuple[str, ...] = ()


def satisfies(interpreter: Interpreter, runtime: Runtime) -> bool:
    """Whether a build that needs `runtime` runs under `interpreter`."""
    return not misfit(interpreter, runtime)


def misfit(interpreter: Interpreter, runtime: Runtime) -> str:
    """Why a build that needs `runtime` does not run under `interpreter`; '' if it does.

    `exact` asks for the full version, `minor` for the same ABI, `auto` for that and for a patch level that makes no
    difference to the packages in the build.
    """
    wanted, found = runtime.version.lstrip("v"), interpreter.version
    if runtime.machine and MACHINES.get(runtime.machine, runtime.machine) != interpreter.machine:
        return f"{found} is for {interpreter.machine}"
    if near(wanted, runtime.kind) != near(found, runtime.kind):
        return f"it has {found}"
    if runtime.abi and runtime.abi != interpreter.abi:
        return f"{found} has the ABI {interpreter.abi or '(none)'}, not {runtime.abi}"
    lacks = [name for name in interpreter.lacks if name not in runtime.lacks]
    if lacks:
        return f"{interpreter.path} ({found}) cannot import {', '.join(lacks)}"
    if runtime.match == "exact" and wanted != found:
        return f"it has {found}"
    if runtime.match == "auto" and found in runtime.unfit:
        return runtime.unfit[found]
    return ""


def near(version: str, kind: str) -> tuple[int, ...]:
    """What of a version decides on the ABI: `3.11` of Python's 3.11.7, `20` of Node's 20.20.2."""
    return version_key(version.lstrip("v"))[0][: PARTS.get(kind, 2)]


def short_version(version: str, kind: str) -> str:
    """The same as text."""
    return ".".join(map(str, near(version, kind)))


def version_key(version: str) -> tuple[tuple[int, ...], bool]:
    """What versions are sorted by: their numbers; a release candidate comes before its release."""
    numbers = re.match(r"[\d.]*", version)
    text = numbers.group(0) if numbers else ""
    return tuple(int(part) for part in text.split(".") if part), text == version


def as_runtime(
    interpreter: Interpreter, *, link: str, match: str, unfit: Optional[Mapping[str, str]] = None, glibc: str = ""
) -> Runtime:
    """What a build says it needs when it was made with `interpreter`."""
    same = {name: getattr(interpreter, name) for name in fields(Interpreter) if name != "path"}
    return Runtime(**same, link=link, match=match, unfit=dict(unfit or {}), glibc=glibc)


def foreign(runtime: Runtime, machine: str, glibc: str) -> str:
    """Why the binaries of a build do not run on a host with this machine and GNU C library; '' if they do."""
    wanted = MACHINES.get(runtime.machine, runtime.machine)
    if wanted and wanted != machine:
        return f"it is for {wanted}, and the host is {machine}"
    if runtime.glibc and not glibc:
        return f"it needs the GNU C library {runtime.glibc}, and the host has another C library"
    if runtime.glibc and version_key(glibc) < version_key(runtime.glibc):
        return f"it needs the GNU C library {runtime.glibc}, and the host has {glibc}"
    return ""
