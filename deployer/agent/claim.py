"""How does a session become the target's one writer: the lock, the root's mark, and what the last one left?"""

from __future__ import annotations

import contextlib
import os

from deployer.agent import config, durable, lease, pending, recovery
from deployer.agent.context import Host
from deployer.agent.layout import Layout
from deployer.core import canonical, requests
from deployer.core.errors import Drift, ReleaseRefused
from deployer.core.secret import Secret


def claim(request: requests.Claim, host: Host) -> requests.Claimed:
    """Take the lock, or `TargetLocked` after `wait` seconds; then clean up after whoever held it before."""
    _mark(host.files)
    holder = {"who": request.who, "from": _origin(), "command": request.command, "at": request.at}
    host.session.when_lost = host.lock.cut_off
    host.lock.take(
        holder,
        request.wait,
        lambda text: host.session.event("waiting", text),
        host.session.check,
        lambda: pending.undoing(host.files),
        min(host.asked.silence, lease.SILENCE),
    )
    host.session.check()
    if not pending.name(host.files):
        pending.keep_name(host.files, host.asked.host)
    if request.key is None:
        key = config.key(host.files)
    else:
        if request.tidy:
            config.check_key(host.files, request.key)
        key = config.take_key(host.files, request.key)
    recovered = recovery.recover(host.files, host.manager) if request.tidy else []
    return requests.Claimed(Secret(key.hex()), [*host.lock.ended, *recovered])


def _refuse_strangers(files: Layout) -> None:
    """Refuse a root where somebody else's file or folder has the name of one of ours, before anything is changed."""
    ours = (files.releases, files.builds, files.objects, files.shared, files.run, files.log, files.agent)
    wrong = next((path for path in (files.root, *ours) if os.path.lexists(path) and not path.is_dir()), None)
    if wrong is None and os.path.lexists(files.current) and not files.current.is_symlink():
        wrong = files.current
    if wrong is None:
        return
    kind = "a folder" if wrong.is_dir() else "a file"
    needed = "the link that names the live release" if wrong == files.current else "a folder"
    raise ReleaseRefused(
        f"{wrong} is {kind} that deployer did not make; it would be {needed}",
        hint=f"move it away (`mv {wrong} {wrong}.before`), or give targets.{files.target} another `path`",
    )


def _origin() -> str:
    """The address that the operator came from, as sshd tells its sessions; '' on the operator's own machine."""
    return os.environ.get("SSH_CONNECTION", "").partition(" ")[0]


def _mark(files: Layout) -> None:
    """Make the root this target's own, or refuse: two targets in one directory would destroy each other."""
    mark, mine = files.root / "target", {"app": files.app, "target": files.target}
    _refuse_strangers(files)
    durable.make_directory(files.root)
    if not mark.exists():
        with contextlib.suppress(FileExistsError):  # another session was quicker: its mark is judged like any other
            durable.publish(mark, canonical.dumps(mine) + b"\n", name="claim")
    try:
        found = canonical.loads(mark.read_bytes()[:-1])
    except canonical.NotCanonical as error:
        raise Drift(f"{mark} is damaged: {error}", hint="remove it; the next command makes it anew") from error
    if found != mine:
        raise ReleaseRefused(
            f"{files.root} belongs to {found.get('app')}/{found.get('target')}",
            hint=f"give targets.{files.target} a `path` of its own in deploy.yaml",
        )
    for folder in (files.releases, files.builds, files.objects, files.shared, files.run, files.log, files.agent):
        durable.make_directory(folder)
