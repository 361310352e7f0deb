"""Is a release what the ledger says it is?  Every digest is taken anew."""

from __future__ import annotations

import hashlib
import os
import stat

from deployer.agent import config, shared_paths, stage, transfer
from deployer.agent.context import Host
from deployer.agent.layout import Layout
from deployer.agent.objects import BLOCK
from deployer.core import canonical, release, requests
from deployer.core.errors import DeployError
from deployer.core.manifest import Entry, File, Manifest
from deployer.core.release import Spec


def verify(request: requests.Verify, host: Host) -> requests.Problems:
    """What of a release does not match, one a line."""
    home = host.files.release(request.version)
    if not os.path.isdir(home):
        return requests.Problems([f"v{request.version}: the directory is missing"])
    try:
        problems = list(_digests(request, host.files))
        spec = stage.spec(host.files, request.version)
        build = transfer.open_manifest(host.files, spec.build)
    except DeployError as error:
        return requests.Problems([error.message])
    if spec.build != request.build:
        problems.append(f"v{request.version}: release.json names another build than the ledger")
    problems += [f"v{request.version}: {problem}" for problem in _tree(f"{home}/app", spec, build, host)]
    problems += [f"v{request.version}: {problem}" for problem in _runtimes(spec, host)]
    return requests.Problems(problems)


def _digests(request: requests.Verify, files: Layout) -> list[str]:
    home, problems = files.release(request.version), []
    if canonical.sha256((home / "release.json").read_bytes()) != request.spec:
        problems.append(f"v{request.version}: release.json does not match the ledger")
    if release.config_digest(config.key(files), (home / "env").read_bytes()) != request.config:
        problems.append(f"v{request.version}: env does not match the ledger")
    if stat.S_IMODE(os.lstat(home / "env").st_mode) & 0o077:
        problems.append(f"v{request.version}: env can be read by others")
    text = stage.spec(files, request.version)
    if _digest(f"{home}/agent.pyz") != text.agent:
        problems.append(f"v{request.version}: agent.pyz is not the one it was released with")
    return problems


def _tree(app: str, spec: Spec, build: Manifest, host: Host) -> list[str]:
    host_made = {runtime.link for runtime in spec.launch.runtimes}
    shared = {place: stage.shared_link(place, path) for place, path in shared_paths.placed(spec, build).items()}
    problems, expected = [], {*host_made, *shared}
    for entry in build.entries:
        host.session.check()
        if not any(entry.path == path or entry.path.startswith(path + "/") for path in shared):
            expected.add(entry.path)
            problem = _entry(entry, f"{app}/{entry.path}")
            if problem:
                problems.append(f"app/{entry.path} {problem}")
    problems += [f"app/{path} is not the link to shared" for path, to in shared.items() if _link(f"{app}/{path}") != to]
    problems += [f"app/{path} leads nowhere" for path in host_made if not os.path.exists(f"{app}/{path}")]
    for folder, folders, names in os.walk(app):
        inner = os.path.relpath(folder, app)
        links = [name for name in folders if os.path.islink(f"{folder}/{name}")]
        for name in (*names, *links):
            path = os.path.normpath(f"{inner}/{name}")
            if path not in expected:
                problems.append(f"app/{path} is not of the build")
    return problems


def _runtimes(spec: Spec, host: Host) -> list[str]:
    problems = []
    for name in sorted({runtime.vendored for runtime in spec.launch.runtimes} - {""}):
        try:
            entries = transfer.open_manifest(host.files, name).entries
        except DeployError as error:
            return [f"its runtime: {error.message}"]
        for entry in entries:
            host.session.check()
            problem = _entry(entry, f"{host.files.runtimes / name}/{entry.path}")
            if problem:
                problems.append(f"runtimes/{name[:12]}/{entry.path} {problem}")
    return problems


def _entry(entry: Entry, path: str) -> str:
    try:
        if not isinstance(entry, File):
            return "" if os.readlink(path) == entry.target else "leads elsewhere"
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode):
            return "is not a file"
        if _digest(path) != entry.sha256:
            return "was altered"
        mode = 0o555 if entry.executable else 0o444
        return "" if stat.S_IMODE(found.st_mode) == mode else f"has mode {stat.S_IMODE(found.st_mode):04o}"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while True:
            block = file.read(BLOCK)
            if not block:
                return digest.hexdigest()
            digest.update(block)


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
