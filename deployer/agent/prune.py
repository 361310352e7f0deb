"""What can go?  Releases that the operator does not keep, then builds and contents that nothing needs."""

from __future__ import annotations

import contextlib
import os

from deployer.agent import crash_loops, durable, logs, look, oneoffs, procfs, runtimes, stage, transfer
from deployer.agent.context import Host
from deployer.agent.layout import Layout
from deployer.agent.lock import alone
from deployer.agent.objects import Objects
from deployer.core import names, requests
from deployer.core.errors import NotFound


def prune(request: requests.Prune, host: Host) -> requests.Pruned:
    """Remove all releases but `keep` and those that any process runs from; then builds, then contents."""
    files = host.files
    running = {instance.process.release for instance in host.manager.instances()}
    stay = {*request.keep, *running, *_in_use(files), *(one.release for one in oneoffs.sweep(files))}
    gone = [version for version in look.present(files) if version not in stay]
    for version in gone:
        host.session.check()
        durable.remove(files.release(version), name="prune")
        durable.remove(files.run / f"released-v{version}", name="prune")
        logs.discard(str(files.log), version)
        oneoffs.forget(files, version)
        crash_loops.forget(files, version)
    _prune_programs(host)
    with alone(f"{files.root}/objects.lock", 0o644) as nobody_builds:
        if not nobody_builds:
            return requests.Pruned(gone, [], 0, 0)
        needed = {stage.spec(files, version).build for version in look.present(files)} | set(request.keep_builds)
        needed |= runtimes.named_by(files, needed)
        builds = [name for name in _builds(files) if name not in needed]
        for name in builds:
            durable.remove(files.build(name), name="prune")
        runtimes.sweep(files, needed)
        objects, size = _sweep_objects(files)
    return requests.Pruned(gone, builds, objects, size)


def _in_use(files: Layout) -> set[int]:
    """The releases that one-off processes run from (`deploy exec`, a release command): no manager knows of these."""
    root, found = os.path.realpath(files.root), set()
    for process in procfs.everyone():
        variables = procfs.variables(process.pid)
        version = variables.get("DEPLOY_RELEASE", "")[1:]
        if version.isdigit() and os.path.realpath(variables.get("DEPLOY_ROOT", "")) == root:
            found.add(int(version))
    return found


def _prune_programs(host: Host) -> None:
    """Agents of older versions: releases have links of their own to the one they were made with."""
    for name in sorted(os.listdir(host.files.agent)):
        if name.endswith(".pyz") and f"{host.files.agent}/{name}" != os.path.realpath(host.program):
            durable.remove(host.files.agent / name, name="prune")


def _sweep_objects(files: Layout) -> tuple[int, int]:
    store = Objects(files.objects)
    needed: set[str] = set()
    for build in _builds(files):
        with contextlib.suppress(NotFound):
            needed.update(store.path(file) for file in transfer.open_manifest(files, build).files)
    count = size = 0
    for folder in os.scandir(files.objects):
        if not folder.is_dir(follow_symlinks=False):
            continue
        for entry in os.scandir(folder.path):
            if entry.path not in needed:
                size += entry.stat(follow_symlinks=False).st_size
                count += 1
                os.unlink(entry.path)
    return count, size


def _builds(files: Layout) -> list[str]:
    try:
        return [name for name in sorted(os.listdir(files.builds)) if names.BUILD.match(name)]
    except FileNotFoundError:
        return []
