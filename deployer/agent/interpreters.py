"""Which interpreter of this host can run a build?

An interpreter is asked for its version once; the answer is kept beside its path, size and time of change, so that a
second question starts no process.  Nothing is ever downloaded.
"""

from __future__ import annotations

import glob
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional

from deployer.agent import durable
from deployer.core.errors import ReleaseRefused
from deployer.core.manifest import Runtime
from deployer.core.message import fields, message

PATIENCE = 20.0  # seconds for an interpreter to say its version
KINDS = {
    "python": re.compile(r"python3(\.\d+t?)?\Z"),
    "node": re.compile(r"node\Z"),
}
_PYTHON = """
import json, platform, sysconfig
print(json.dumps([platform.python_version(), sysconfig.get_config_var("SOABI") or "", platform.machine()]))
"""
QUESTIONS = {
    "python": ("-I", "-S", "-c", _PYTHON),
    "node": ("-p", "JSON.stringify([process.versions.node, process.versions.modules, process.arch])"),
}
LANGUAGES = {"python": "CPython", "node": "Node.js"}
MACHINES = {"x64": "x86_64", "arm64": "aarch64"}  # node's words to uname's


@message
class Interpreter:
    """An interpreter of this host: `path` is absolute and no link; `version` is full, `abi` names its binaries."""

    kind: str
    path: str
    version: str
    abi: str
    machine: str


def find(runtime: Runtime, *, cache: Path, environ: Mapping[str, str]) -> str:
    """The absolute path of an interpreter that satisfies `runtime`; `ReleaseRefused` says what is here instead.

    `cache` is a file that this function may write; `environ` gives PATH and HOME.
    """
    here = installed(runtime.kind, cache=cache, environ=environ)
    for interpreter in here:
        if satisfies(interpreter, runtime):
            return interpreter.path
    language = LANGUAGES.get(runtime.kind, runtime.kind)
    wanted = f"{language} {runtime.version}" + (f" ({runtime.abi})" if runtime.abi else "")
    versions = ", ".join(dict.fromkeys(one.version for one in here)) or "none"
    exact = runtime.match == "exact"
    raise ReleaseRefused(
        f"the build needs {wanted}; this host has {versions}",
        hint=f"install {language} {runtime.version} on the host, or build with a version that it has"
        + (", or say `build.match: minor` in deploy.yaml where a near one will do" if exact else ""),
        details={"needs": runtime.version, "has": sorted({one.version for one in here})},
    )


def satisfies(interpreter: Interpreter, runtime: Runtime) -> bool:
    """Whether a build that needs `runtime` runs under `interpreter`: ABI and machine fit, and so does the version.

    `minor` allows another patch level; node's binaries depend on the major version alone, so there it is that.
    """
    if runtime.machine and MACHINES.get(runtime.machine, runtime.machine) != interpreter.machine:
        return False
    if runtime.abi and runtime.abi != interpreter.abi:
        return False
    wanted, found = runtime.version.lstrip("v"), interpreter.version
    if runtime.match == "exact":
        return wanted == found
    parts = 1 if runtime.kind == "node" else 2
    return wanted.split(".")[:parts] == found.split(".")[:parts]


def installed(kind: str, *, cache: Path, environ: Mapping[str, str]) -> list[Interpreter]:
    """Every interpreter of `kind` on this host, the newest version first, in the order of PATH within a version."""
    known = _read(cache)
    answers: dict[str, Any] = {}
    found = []
    for path in dict.fromkeys(_candidates(kind, environ)):
        state = os.stat(path)
        stamp = [kind, state.st_mtime_ns, state.st_size]
        entry = known.get(path)
        if not (isinstance(entry, dict) and entry.get("stamp") == stamp):
            entry = {"stamp": stamp, "answer": _ask(kind, path)}
        answers[path] = entry
        if entry["answer"]:
            found.append(Interpreter(kind, path, *entry["answer"]))
    merged = {**{path: entry for path, entry in known.items() if os.path.exists(path)}, **answers}
    if merged != known:
        durable.make_directory(cache.parent)
        durable.write(cache, json.dumps(merged, indent=1).encode(), name="interpreters")
    return sorted(found, key=lambda one: version_key(one.version), reverse=True)


def version_key(version: str) -> tuple[tuple[int, ...], bool]:
    """What versions are sorted by: their numbers; a release candidate comes before its release."""
    numbers = re.match(r"[\d.]*", version)
    text = numbers.group(0) if numbers else ""
    return tuple(int(part) for part in text.split(".") if part), text == version


def as_runtime(interpreter: Interpreter, *, link: str, match: str) -> Runtime:
    """What a build says it needs when it was made with `interpreter`."""
    same = {name: getattr(interpreter, name) for name in fields(Interpreter) if name != "path"}
    return Runtime(**same, link=link, match=match)


def _candidates(kind: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Real paths of what may be an interpreter.  Shims are scripts that choose one by the folder: never those."""
    for folder in dict.fromkeys(_folders(kind, environ)):
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue  # PATH may name what is not there, or not ours to read
        for name in names:
            if KINDS[kind].match(name):
                path = os.path.realpath(os.path.join(folder, name))
                if os.path.isfile(path) and os.access(path, os.X_OK) and _is_binary(path):
                    yield path


def _folders(kind: str, environ: Mapping[str, str]) -> Iterator[str]:
    home = environ.get("HOME") or os.path.expanduser("~")
    yield from (folder for folder in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(folder))
    yield from ("/usr/local/bin", "/usr/bin")
    if kind == "python":
        pyenv = environ.get("PYENV_ROOT") or f"{home}/.pyenv"
        shared = environ.get("XDG_DATA_HOME") or f"{home}/.local/share"
        uv = environ.get("UV_PYTHON_INSTALL_DIR") or f"{shared}/uv/python"
        patterns = [f"{pyenv}/versions/*/bin", f"{uv}/*/bin", "/opt/*/bin"]
        yield os.path.dirname(os.path.realpath(sys.executable))
    else:
        nvm = environ.get("NVM_DIR") or f"{home}/.nvm"
        patterns = [f"{nvm}/versions/node/*/bin", "/opt/*/bin"]
    for pattern in patterns:
        yield from sorted(glob.glob(pattern))


def _is_binary(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(2) != b"#!"
    except OSError:
        return False


def _ask(kind: str, path: str) -> Optional[list[str]]:
    """Version, ABI and machine as the interpreter at `path` says them; None where it does not run."""
    try:
        done = subprocess.run(
            [path, *QUESTIONS[kind]], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=True
        )
        version, abi, machine = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None  # a broken interpreter is as good as none: the refusal lists those that work
    return [version, abi, MACHINES.get(machine, machine)]


def _read(cache: Path) -> dict[str, Any]:
    try:
        known = json.loads(cache.read_bytes())
    except (OSError, ValueError):
        return {}  # a cache: what cannot be read is asked again
    return known if isinstance(known, dict) else {}
