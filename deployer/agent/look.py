"""What does this host look like now?  For `ps`, `status` and the end of every run."""

from __future__ import annotations

import os

from deployer.agent import config, pending
from deployer.agent.context import Host
from deployer.agent.fault import point
from deployer.agent.layout import Layout
from deployer.agent.managers import STOPPING, UP, Instance
from deployer.agent.scheduled import FOLDER
from deployer.core import requests
from deployer.core.requests import DRAINING, FAILING


def look(_: requests.Look, host: Host) -> requests.Looked:
    """`current`, the releases that are here, the processes, and whether a switch is pending."""
    point("look")
    waiting = pending.read(host.files)
    return requests.Looked(
        current=current(host.files),
        present=present(host.files),
        pending=f"v{waiting.after.version}" if waiting else "",
        manager=host.manager.kind,
        processes=[*(_seen(instance) for instance in host.manager.instances()), *_scheduled(host)],
        holder=host.lock.holder() if host.lock.descriptor is None and host.lock.held() else "",
        draft=sorted(config.draft(host.files)) if os.access(host.files.draft, os.R_OK) else [],
        oneoffs=_oneoffs(host.files),
    )


def _scheduled(host: Host) -> list[requests.Seen]:
    if not os.path.isdir(host.files.root / FOLDER):
        return []
    from deployer.agent import schedules  # noqa: PLC0415 - every run looks, and few have any

    return schedules.seen(host.files, host.manager)


def current(files: Layout) -> str:
    """The release that `current` names (`v7`), '' where there is no link or it leads nowhere."""
    try:
        target = os.readlink(files.current)
    except OSError:  # none, or no link
        return ""
    return os.path.basename(target) if os.path.isdir(files.current) else ""


def present(files: Layout) -> list[int]:
    """The releases whose directories are here."""
    try:
        names = os.listdir(files.releases)
    except FileNotFoundError:
        return []
    return sorted(int(name[1:]) for name in names if name.startswith("v") and name[1:].isdigit())


def _oneoffs(files: Layout) -> list[requests.Seen]:
    """The one-off processes that go on by themselves; hardly a host has any."""
    if not os.path.isdir(files.run / "oneoffs"):
        return []
    from deployer.agent import oneoffs  # noqa: PLC0415 - every run looks

    return [requests.Seen(one.name, one.release, UP, pid, 0, one.at, 0, "") for one, pid in oneoffs.living(files)]


def _state(instance: Instance) -> str:
    if instance.state == STOPPING:
        return DRAINING
    return FAILING if instance.failing else instance.state


def _seen(instance: Instance) -> requests.Seen:
    process = instance.process
    return requests.Seen(
        process=process.name,
        release=process.release,
        state=_state(instance),
        pid=instance.pid,
        port=process.port,
        since=instance.since,
        restarts=instance.restarts,
        reason="" if instance.state == STOPPING else instance.reason,  # a shell in front may be gone: not so the rest
    )
