"""How is a release directory made?  Beside its place, complete, checked, durable; then one rename puts it there.

Write order (design, rule 13): contents → one checked syncfs → rename into place → fsync of the directory.  The
ledger's record comes after; until then the directory belongs to nobody and the next writer sweeps it away.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from pathlib import Path

from deployer.agent import build_tree, config, durable, ledger, shared_paths, transfer
from deployer.agent.context import Host
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.objects import Objects
from deployer.core import canonical, plain, release, requests
from deployer.core.errors import Drift, NotFound, ReleaseRefused
from deployer.core.manifest import Manifest, Runtime
from deployer.core.release import SharedPath, Spec

READ_ONLY = 0o555


def stage(request: requests.Stage, host: Host) -> requests.Staged:
    """Make `releases/vN`; the same release again changes nothing."""
    env, text = release.render_env(request.variables), request.text.encode() or request.spec.render()
    home = host.files.release(request.spec.version)
    if not os.path.isdir(home):
        build = transfer.open_manifest(host.files, request.spec.build)
        part = durable.temporary(home)
        os.mkdir(part, 0o755)
        try:
            fill(host, part, request.spec, build)
            write_new(f"{part}/release.json", text, 0o444)
            write_new(f"{part}/env", env, 0o400)
            os.link(_launcher(host, request.spec), f"{part}/agent.pyz")
            durable.sync_filesystem(part)
            durable.move(part, home, name="release")
            _tell_unwritable(host, request.spec)
        except BaseException:
            durable.remove_tree(part)
            raise
    elif (home / "release.json").read_bytes() != text or (home / "env").read_bytes() != env:
        raise Drift(f"{home} exists and holds something else", hint="`deploy verify` tells what")
    return requests.Staged(release.config_digest(config.key(host.files), env), canonical.sha256(text))


def _tell_unwritable(host: Host, spec: Spec) -> None:
    from deployer.agent import shared_folders  # noqa: PLC0415 - few releases share anything

    for text, hint in shared_folders.unwritable(host.files, spec) if spec.shared else ():
        host.session.event("warning", f"{text}: {hint}")


def _launcher(host: Host, spec: Spec) -> Path:
    program = host.files.program(spec.agent)
    if not program.exists():
        raise NotFound(f"{program} is missing: v{spec.version} is launched by it", hint="run the command again")
    if any(plain.serves_files(kind.command) for kind in spec.launch.processes):
        os.chmod(program, READ_ONLY)  # the processes' user starts it, too: there is nothing secret in it
    return program


def fill(host: Host, part: str, spec: Spec, build: Manifest) -> None:
    """Make the release's `app`: hard links into the objects, the links of the build, of the host and to `shared`."""
    app = f"{part}/app"
    os.mkdir(app)
    shared = shared_paths.placed(spec, build)
    entries = [entry for entry in build.entries if not _below(entry.path, set(shared))] if shared else build.entries
    extra = host_links(host, spec, shared)
    folders = build_tree.make_folders(app, [*(entry.path for entry in entries), *extra])
    objects = Objects(host.files.objects)
    point("stage.link")
    for entry in entries:
        build_tree.make(entry, f"{app}/{entry.path}", objects)
    for path, target in extra.items():
        os.symlink(target, f"{app}/{path}")
    point("stage.linked")
    for folder in reversed(folders):
        os.chmod(folder, READ_ONLY)
    os.chmod(app, READ_ONLY)


def host_links(host: Host, spec: Spec, shared: Mapping[str, SharedPath]) -> dict[str, str]:
    """The links that only this host can make: to its interpreters, and to the paths that outlive releases."""
    from deployer.agent import interpreters, runtimes, shared_folders  # noqa: PLC0415 - most sessions stage nothing

    links = {}
    for runtime in spec.launch.runtimes:
        runtimes.check_host(runtime)
        if runtime.vendored:
            links[runtime.link] = runtimes.place(host.files, runtime)
        else:
            links[runtime.link] = interpreters.find(runtime, cache=interpreters.known(host.files), environ=os.environ)
    for place, path in shared.items():
        shared_folders.make(host.files, path, spec)
        links[place] = shared_link(place, path)
    return links


def shared_link(place: str, path: SharedPath) -> str:
    """What the link at `place` in `releases/vN/app` names: relative, so that a copied root still works."""
    return posixpath.join(*[".."] * (place.count("/") + 3), "shared", path.path)


def read_spec_text(request: requests.ReadSpecText, host: Host) -> requests.SpecText:
    """The text of a release's spec: one that an older deployer wrote, this one would write otherwise."""
    spec(host.files, request.version)
    return requests.SpecText((host.files.release(request.version) / "release.json").read_text(encoding="utf-8"))


def read_spec(request: requests.ReadSpec, host: Host) -> Spec:
    """The spec of a release that is here."""
    return spec(host.files, request.version)


def spec(files: Layout, version: int) -> Spec:
    """The spec of a release that is here; `NotFound` where it was pruned, `Drift` where it is no spec."""
    path = files.release(version) / "release.json"
    try:
        return release.parse(path.read_bytes())
    except FileNotFoundError:
        raise NotFound(f"v{version} is not here any more", hint="`deploy releases` says which are kept") from None
    except ValueError as error:
        raise Drift(f"{path}: {error}", hint="the release was altered; run another one") from error


def check(files: Layout, version: int) -> Spec:
    """The spec of a release that can be switched to: nothing is missing, and nothing was edited since it was staged.

    Of the app it compares kinds, sizes, modes and times, which costs a tenth of digests; `verify` takes those.
    """
    found = spec(files, version)
    _check_own_files(files, found)
    app = f"{files.release(version)}/app"
    build = transfer.open_manifest(files, found.build)
    shared = set(shared_paths.placed(found, build))
    for entry in build.entries:
        if not _below(entry.path, shared) and not build_tree.fits(entry, f"{app}/{entry.path}"):
            raise Drift(
                f"v{version}: app/{entry.path} is missing or was altered",
                hint=f"`deploy verify v{version}` lists everything; a new `deploy release` makes it anew",
            )
    for runtime in found.launch.runtimes:
        _check_interpreter(files, version, runtime)
    return found


def _check_own_files(files: Layout, found: Spec) -> None:
    """What every process starts by is as the ledger says, or a restart would take down what serves."""
    home = files.release(found.version)
    recorded = ledger.read(files).releases.get(found.version)
    altered = [name for name in ("agent.pyz", "release.json", "env") if not os.path.isfile(home / name)]
    if not altered and found.agent and canonical.sha256((home / "agent.pyz").read_bytes()) != found.agent:
        altered.append("agent.pyz")
    if not altered and recorded is not None:
        if canonical.sha256((home / "release.json").read_bytes()) != recorded.spec:
            altered.append("release.json")
        if release.config_digest(config.key(files), (home / "env").read_bytes()) != recorded.config:
            altered.append("env")
    if altered:
        raise Drift(
            f"v{found.version}: {altered[0]} is missing or was altered",
            hint=f"`deploy verify v{found.version}` lists everything; a new `deploy release` makes it anew",
        )


def _check_interpreter(files: Layout, version: int, runtime: Runtime) -> None:
    from deployer.agent import interpreters, runtimes  # noqa: PLC0415 - most releases have none
    from deployer.core.interpreter import satisfies  # noqa: PLC0415

    leads_to = os.readlink(f"{files.release(version)}/app/{runtime.link}")
    if runtime.vendored:
        altered = runtimes.altered(files, runtime) if leads_to == runtimes.link(runtime) else runtime.link
        if altered:
            raise Drift(
                f"v{version}: its {runtime.kind} {runtime.version} ({runtime.vendored[:12]}) is not whole: {altered}",
                hint=f"`deploy verify v{version}` lists everything; a new `deploy release` of its build fixes it",
            )
        return
    here = interpreters.installed(runtime.kind, cache=interpreters.known(files), environ=os.environ)
    if not any(found.path == leads_to and satisfies(found, runtime) for found in here):
        raise ReleaseRefused(
            f"v{version} needs {runtime.kind} {runtime.version}; {leads_to} is not that any more",
            hint="a new `deploy release` of its build finds another one, if the host has it",
        )


def _below(path: str, roots: set[str]) -> bool:
    return any(path == root or path.startswith(root + "/") for root in roots) if roots else False


def write_new(path: str, content: bytes, mode: int) -> None:
    """Write a file that does not exist yet, below a directory that is not in place yet: syncfs makes it durable."""
    point("stage.write")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with durable.naming(path):
            durable.write_all(descriptor, content)
            os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)
