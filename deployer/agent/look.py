"""What does this host look like now?  For `ps`, `status` and the end of every run."""

from __future__ import annotations

import os

from deployer.agent import config, lease, ledger, pending, survival
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
    waiting, instances = pending.read(host.files), host.manager.instances()
    if waiting is not None and ledger.confirms(host.files, waiting.attempt):
        waiting = None  # the disk refused only to forget it
    held = host.lock.descriptor is None and host.lock.held()
    return requests.Looked(
        current=current(host.files),
        present=present(host.files),
        pending=f"v{waiting.after.version}" if waiting else "",
        manager=host.manager.kind,
        processes=[*map(_seen, instances), *_scheduled(host)],
        holder=host.lock.holder() if held else "",
        draft=sorted(config.draft(host.files)) if os.access(host.files.draft, os.R_OK) else [],
        oneoffs=_oneoffs(host.files),
        risks=survival.risks(host.files, host.manager, instances) if instances and not waiting else [],
        changing=_changing(host.files) if held else "",
    )


def _changing(files: Layout) -> str:
    """What the holder of the lock is doing to what runs, in words; '' where it leaves that alone."""
    holder = lease.told(files.lock)
    cut_off = lease.state(files.lock, holder) in (lease.CUT_OFF, lease.SILENT)
    waiting, retiring = pending.read(files), (files.run / pending.RETIRING).exists()
    if waiting is not None and cut_off:
        return f"the run of v{waiting.after.version} was cut off, and {pending.undoing(files)}"
    if waiting is not None or retiring:
        version = f"v{waiting.after.version}" if waiting else current(files)
        return f"{version} is being run by {lease.words(holder)}"
    return ""


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
