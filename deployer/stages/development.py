"""What does the work tree's formation consist of?  The Procfile as it is now, refined by deploy.yaml; no build."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deployer import settings as settings_
from deployer.agent import sockets
from deployer.builds.packs import static
from deployer.builds.packs.choose import choose
from deployer.core import dotenv, plain, procfile
from deployer.core.errors import BuildFailed, SettingsError, UsageError
from deployer.core.formation import FIRST_PORT, LAST_PORT, MOST, TYPE_STEP, no_such_type
from deployer.core.manifest import ProcessType
from deployer.core.signals import TERM
from deployer.settings import Settings

PROCFILE, ENV = "Procfile", ".env"
ALL = "all"  # Foreman's word for every type


@dataclass(frozen=True)
class Planned:
    """A process that is to run: `web.1`, its command for a shell, and what its environment has besides the caller's.

    `binds` is whether it is known to listen on its port, `stop_signal` tells it to end.
    """

    name: str
    command: str
    variables: Mapping[str, str]
    binds: bool
    stop_signal: str = TERM


def app_folder(settings: Settings) -> Path:
    """Where the processes start: in `build.root`, but for a folder that is only served."""
    there = settings.folder / settings.build.root
    return there if settings.build.pack != "static" and (there / PROCFILE).is_file() else settings.folder


def types(settings: Settings) -> list[ProcessType]:
    """The process types of the work tree that run all the time: those with a schedule are left out."""
    declared = _procfile(app_folder(settings) / PROCFILE)
    given = {name: one for name, one in settings.processes.items() if declared is not None or one.command}
    conventions = _static(settings) if declared is None else {}
    if conventions:
        given = dict(settings.processes)
    found = settings_.settle(declared, given, conventions).processes
    if not found:
        hint = "write one: `web: COMMAND`. What a pack adds by convention only a build knows"
        raise SettingsError(f"there is no {PROCFILE} with a process type in {settings.folder}", hint=hint)
    lasting = [kind for kind in found if not kind.schedule]
    if not lasting:
        where = "there is no Procfile, and deploy.yaml" if declared is None else f"{settings.folder / PROCFILE}"
        raise SettingsError(f"{where} has only process types with a schedule", hint="`deploy dev` runs none of those")
    return lasting


def variables(settings: Settings, path: str | None) -> dict[str, str]:
    """The variables of the dotenv file `path`, without one of `.env`, which may be missing."""
    file = settings.folder / ENV if path is None else Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        if path is None:
            return {}
        raise SettingsError(f"there is no {file}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"{file} cannot be read: {reason}") from error
    return dotenv.parse(text, where=file.name)


def counts(kinds: Sequence[ProcessType], only: Iterable[str], formation: str) -> dict[str, int]:
    """How many of each type: one of each, or of those in `only`, or as `web=2,worker=1` says (`all=1`: of the rest)."""
    names = [kind.name for kind in kinds]
    given = dict(_count(part) for part in formation.split(",") if part) if formation else {}
    rest = given.pop(ALL, 0 if given else 1)
    for name in (*only, *given):
        if name not in names:
            raise no_such_type(name, names)
    chosen = set(only) or set(names)
    return {name: given.get(name, max(rest, 1) if only else rest) for name in names if name in chosen}


def processes(
    kinds: Sequence[ProcessType], formation: Mapping[str, int], variables: Mapping[str, str], *, port: int
) -> list[Planned]:
    """The processes with their ports, as Foreman hands them out: 100 for each type, one for each process."""
    if port + TYPE_STEP * len(kinds) - 1 > LAST_PORT:
        most = LAST_PORT - TYPE_STEP * len(kinds) + 1
        raise UsageError(
            f"there are no {TYPE_STEP} ports for each process type from {port} on", hint=f"say --port {most} or less"
        )
    return [
        Planned(
            f"{kind.name}.{number}",
            plain.direct(kind.command),
            {**variables, "PORT": str(port + TYPE_STEP * place + number - 1), "PS": f"{kind.name}.{number}"},
            kind.binds_port,
            kind.stop_signal,
        )
        for place, kind in enumerate(kinds)
        for number in range(1, formation.get(kind.name, 0) + 1)
    ]


def check_ports(planned: Iterable[Planned]) -> None:
    """Refuse what would find its port taken: what the app itself says of that names nobody."""
    for process in planned:
        port = int(process.variables["PORT"])
        if process.binds and not sockets.free(port):
            pid, name = sockets.owner(port) or (0, "")
            by = f"{name} (pid {pid})" if pid else "another program"
            other = 6000 if port < 6000 else FIRST_PORT
            raise UsageError(
                f"port {port}, which {process.name} would have, is held by {by}",
                hint=f"`deploy dev -p {other}` begins at another port; or end what holds it",
            )


def first_port(*wishes: str | None) -> int:
    """The first of these that was said (`--port`, PORT of the dotenv file, PORT of the caller), else 5000."""
    text = next((wish for wish in wishes if wish), str(FIRST_PORT))
    if not text.isdecimal() or not 0 < int(text) <= LAST_PORT:
        raise UsageError(f"{text!r} is no port", hint="say --port 5000")
    return int(text)


def _static(settings: Settings) -> dict[str, str]:
    """What a static site is served by without a Procfile: our own server, on the work tree's files."""
    folder = settings.folder
    here = frozenset(
        f"{inner}{name}" for inner in ("", *(f"{name}/" for name in static.FOLDERS)) for name in _names(folder / inner)
    )
    try:
        if choose(settings.build.pack, here).name != static.NAME:
            return {}
        root = static.root_of(folder, settings.build)
    except BuildFailed:
        return {}
    return static.processes(root, settings.build, server=f"{shlex.quote(sys.executable)} -m deployer.agent")


def _names(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []


def _count(text: str) -> tuple[str, int]:
    name, _, number = text.strip().partition("=")
    if not number.isdecimal() or int(number) > MOST:
        raise UsageError(f"-m: {text.strip()!r} is no number of processes", hint="say `-m web=2,worker=1`")
    return name, int(number)


def _procfile(path: Path) -> dict[str, str] | None:
    try:
        return procfile.parse(path.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
