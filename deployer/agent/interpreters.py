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
from typing import Any, Iterator, Mapping, Optional, Sequence

from deployer.agent import durable
from deployer.core import requests
from deployer.core.errors import ReleaseRefused
from deployer.core.interpreter import LANGUAGES, MACHINES, SHORT, Interpreter, misfit, satisfies, version_key
from deployer.core.manifest import Runtime

TYPE_CHECKING = False
if TYPE_CHECKING:  # builds look for interpreters, too, and need no more of the agent
    from deployer.agent.context import Host
    from deployer.agent.layout import Layout

PATIENCE = 20.0  # seconds for an interpreter to say its version
KINDS = {
    "python": re.compile(r"python3(\.\d+t?)?\Z"),
    "node": re.compile(r"node\Z"),
}
FORM = 2  # of an answer: another number makes every kept one stale
# What no web app gets along without; a Python that was compiled without a library, or moved away from it, lacks one.
_PYTHON = """
import json, platform, sysconfig
lacks = []
for name in ("ssl", "hashlib", "socket"):
    try:
        __import__("_" + name)
    except ImportError:
        lacks.append(name)
print(json.dumps([platform.python_version(), sysconfig.get_config_var("SOABI") or "", platform.machine(), lacks]))
"""
QUESTIONS = {
    "python": ("-I", "-S", "-c", _PYTHON),
    "node": ("-p", "JSON.stringify([process.versions.node, process.versions.modules, process.arch])"),
}


def find(runtime: Runtime, *, cache: Path, environ: Mapping[str, str]) -> str:
    """The absolute path of an interpreter that satisfies `runtime`; `ReleaseRefused` says what is here instead.

    `cache` is a file that this function may write; `environ` gives PATH and HOME.
    """
    here = installed(runtime.kind, cache=cache, environ=environ)
    for interpreter in here:
        if satisfies(interpreter, runtime):
            return interpreter.path
    raise refusal(runtime, here)


def refusal(runtime: Runtime, here: Sequence[Interpreter], host: str = "this host") -> ReleaseRefused:
    """What is in the way of a build that needs `runtime`, where these interpreters are."""
    language = LANGUAGES.get(runtime.kind, runtime.kind)
    wanted = f"{language} {runtime.version}" + (f" ({runtime.abi})" if runtime.abi else "")
    versions = ", ".join(dict.fromkeys(one.version for one in here)) or "none"
    unfit = [one.version for one in here if one.version in runtime.unfit and runtime.match == "auto"]
    broken = [misfit(one, runtime) for one in here if one.lacks]
    why = "".join(f"; {reason}" for reason in [*(f"on {one}, {runtime.unfit[one]}" for one in unfit), *broken])
    hint = f"install {language} {runtime.version} on the host, or build with a version that it has: `deploy ship`"
    if runtime.match == "exact":
        hint += "; `build.match: auto` in deploy.yaml is content with the same minor version"
    if unfit and runtime.kind == "python":
        short = SHORT[runtime.kind]
        hint = (
            f'build with {short} {unfit[0]}: `build: {{python: {{version: "{unfit[0]}"}}}}` in deploy.yaml;'
            f" or install {short} {runtime.version} on the host"
        )
    return ReleaseRefused(
        f"the build needs {wanted}; {host} has {versions}{why}",
        hint=hint,
        details={"needs": runtime.version, "has": sorted({one.version for one in here})},
    )


def survey(request: requests.Survey, host: Host) -> requests.Surveyed:
    """What this host has to run builds with, told before one is made."""
    cache = known(host.files)
    found = [one for kind in request.kinds for one in installed(kind, cache=cache, environ=os.environ)]
    return requests.Surveyed(found, os.uname().machine, libc())


def libc() -> str:
    """The version of this host's GNU C library (`2.36`); '' where it has another one, such as musl."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):
        return ""
    return version if name == "glibc" else ""


def known(files: Layout) -> Path:
    """Where the answers of this host's interpreters are kept."""
    return files.run / "interpreters.json"


def installed(kind: str, *, cache: Path, environ: Mapping[str, str]) -> list[Interpreter]:
    """Every interpreter of `kind` on this host, the newest version first, in the order of PATH within a version."""
    known = _read(cache)
    answers: dict[str, Any] = {}
    found = []
    for path in dict.fromkeys(_candidates(kind, environ)):
        state = os.stat(path)
        stamp = [kind, state.st_mtime_ns, state.st_size, FORM]
        entry = known.get(path)
        if not (isinstance(entry, dict) and entry.get("stamp") == stamp):
            entry = {"stamp": stamp, "answer": _ask(kind, path)}
        answers[path] = entry
        if entry["answer"]:
            found.append(_interpreter(kind, path, entry["answer"]))
    merged = {**{path: entry for path, entry in known.items() if os.path.exists(path)}, **answers}
    if merged != known:
        durable.make_directory(cache.parent)
        durable.write(cache, json.dumps(merged, indent=1).encode(), name="interpreters")
    return sorted(found, key=lambda one: version_key(one.version), reverse=True)


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


def asked(kind: str, path: str) -> Optional[Interpreter]:
    """The interpreter at `path`, asked now; None where it does not run."""
    real = os.path.realpath(path)
    answer = _ask(kind, real)
    return None if answer is None else _interpreter(kind, real, answer)


def _interpreter(kind: str, path: str, answer: Sequence[Any]) -> Interpreter:
    version, abi, machine, lacks = answer
    return Interpreter(kind, path, version, abi, machine, tuple(lacks))


def _ask(kind: str, path: str) -> Optional[list[Any]]:
    """Version, ABI, machine and what it lacks, as the interpreter at `path` says them; None where it does not run."""
    try:
        done = subprocess.run(
            [path, *QUESTIONS[kind]], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=True
        )
        version, abi, machine, *rest = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None  # a broken interpreter is as good as none: the refusal lists those that work
    return [version, abi, MACHINES.get(machine, machine), rest[0] if rest else []]


def _read(cache: Path) -> dict[str, Any]:
    try:
        known = json.loads(cache.read_bytes())
    except (OSError, ValueError):
        return {}  # a cache: what cannot be read is asked again
    return known if isinstance(known, dict) else {}
