"""The files by which a host's process manager keeps the app alive, written into a folder of the caller's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deployer.core import requests, wire
from deployer.core.errors import NotFound, UsageError
from deployer.core.manifest import Launch, ProcessType
from deployer.core.names import release_name, short
from deployer.hosts import pyz
from deployer.hosts.session import Session
from deployer.stages.target import Target

README = "README"
PRIVATE, PUBLIC = 0o600, 0o644


@dataclass(frozen=True)
class Exported:
    """One file, by its path on the host: its content and mode, or what it leads to where it is a link."""

    path: str
    content: bytes = b""
    mode: int = PUBLIC
    link: str = ""


def kinds(target: Target, host: str, text: str | None) -> tuple[str, list[ProcessType]]:
    """What was asked for, a release (None: the current or the newest) or a build, and its types that `host` runs."""
    name, found = _named(target, text)
    runs = next((known.runs for known in target.settings.hosts if known.host == host), None)
    return name, [kind for kind in found if runs is None or kind.name in runs]


def systemd(target: Target, session: Session, found: Sequence[ProcessType], name: str) -> list[Exported]:
    """The files of one host for these types, as a run of `name` would have them there."""
    told = session.call(requests.ReadUnits(list(found)), requests.Units)
    _, program = pyz.agent(target.operator.cache)
    return [
        *(Exported(path, text.encode()) for path, text in told.units.items()),
        *(Exported(path, link=leads_to) for path, leads_to in told.links.items()),
        *(Exported(path, text.encode(), PRIVATE) for path, text in told.own.items()),
        Exported(told.program, program, PRIVATE),
        Exported(f"/{README}", _readme(target, session, name, sorted(told.units)).encode()),
    ]


def write(folder: Path, exported: Sequence[Exported], *, force: bool) -> list[Path]:
    """Write them below `folder`, each where it belongs on the host; `UsageError` where another file would be lost."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", hint="name a folder; it is made where there is none")
    places = {folder / one.path.lstrip("/"): one for one in exported}
    others = [path for path, one in places.items() if os.path.lexists(path) and not _same(path, one)]
    if others and not force:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise UsageError(f"{others[0]} is there already, and differs{more}", hint="--force overwrites")
    for path in others:
        if path.is_symlink() != bool(places[path].link) or not (path.is_symlink() or path.is_file()):
            raise UsageError(
                f"{path} is no plain file: --force does not replace it", hint="remove it, or name another folder"
            )
    for path, one in places.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if path in others:
            path.unlink()
        if one.link and not path.is_symlink():
            path.symlink_to(one.link)
        elif not one.link:
            path.write_bytes(one.content)
            path.chmod(one.mode)
    return list(places)


def _same(path: Path, one: Exported) -> bool:
    if path.is_symlink():
        return bool(one.link) and os.readlink(path) == one.link
    return not one.link and path.is_file() and path.read_bytes() == one.content


def _named(target: Target, text: str | None) -> tuple[str, list[ProcessType]]:
    version = (target.ledger.current or target.ledger.newest) if text is None else None
    if text is None and version is None:
        raise NotFound("there is no release yet", hint="`deploy release` makes one, or name a build: --release BUILD")
    try:
        version = version or target.ledger.find(str(text)).version
    except NotFound:
        found = _of_a_build(target, str(text))
        if found is None:
            raise
        return found
    spec = target.spec(version)
    return release_name(version), list(spec.types.values())


def _of_a_build(target: Target, text: str) -> tuple[str, list[ProcessType]] | None:
    try:
        build = target.project.store.find(text)
    except NotFound:
        return None
    launch: Mapping[str, object] = target.project.store.manifest(build.id).launch
    return short(build.id), list(wire.decode(Launch, launch).processes)


_README = """\
The files by which systemd keeps {app} alive on {host}, target {target}, as `deploy run` would have them there for
{name}. Each stands below this folder where it belongs on the host:

    rsync -rlp --exclude={readme} ./ {host}:/
    systemctl {scope}daemon-reload

{units}

They are templates: no command, no value and nothing of a release is in them. What runs is said on the host by
`current` and the ledger; `{boot}` brings exactly that up with the host, and `deploy` starts and stops the
instances (`{app}-{target}-web@100-1.service` is web.1 of v100). So nothing but `{boot}` is to be enabled.

A run writes a unit only where it differs from what that version of deployer would write, and refuses to touch one whose
first line is not its own. Settings of yours belong into drop-ins, which it never looks at:

    {folder}/{app}-{target}-web@.service.d/mine.conf

Export again after a change of `processes:` in deploy.yaml, of the target's path or user, or of deployer itself.
"""


def _readme(target: Target, session: Session, name: str, units: Sequence[str]) -> str:
    folder = os.path.dirname(units[0])
    return _README.format(
        app=target.app,
        target=target.settings.name,
        host=session.host.name,
        name=name,
        readme=README,
        scope="" if folder.startswith("/etc/") else "--user ",
        units="\n".join(f"    {path}" for path in units),
        boot=f"{target.app}-{target.settings.name}.service",
        folder=folder,
    )
