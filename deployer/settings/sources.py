"""What do a target's config sources say?  Their values leave here as `Secret`, and no message ever holds one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from deployer.core import dotenv
from deployer.core.errors import SettingsError
from deployer.core.names import RESERVED
from deployer.core.secret import Secret
from deployer.settings.model import CommandSource, EnvSource, FileSource, Source

LARGEST = 1024 * 1024
PATIENCE = 120.0  # long enough for a person to touch a key; no command waits for ever (design, rule 14)
LAST_LINES = 20


def read_sources(
    sources: Iterable[Source], *, folder: Path, environ: Mapping[str, str], patience: float = PATIENCE
) -> dict[str, Secret]:
    """The variables of all sources; a later source wins.

    File sources are relative to `folder` (deploy.yaml's), command sources run in it with `environ`.
    """
    variables: dict[str, Secret] = {}
    for source in sources:
        found = _read(source, folder, environ, patience)
        reserved = [name for name in RESERVED if name in found]
        if reserved:
            raise SettingsError(
                f"{_place(source)}: sets {', '.join(reserved)}, which deployer itself gives to every process",
                hint="take the line out of it",
            )
        variables.update({name: Secret(value) for name, value in found.items()})
    return variables


def _read(source: Source, folder: Path, environ: Mapping[str, str], patience: float) -> dict[str, str]:
    if isinstance(source, FileSource):
        return dotenv.parse(_text(_file(source, folder), source.path), where=source.path)
    if isinstance(source, CommandSource):
        output = _output(source, folder, environ, patience)
        return dotenv.parse_any(_text(output, source.command), where=f"{_place(source)}: the output of the command")
    return _environ(source, environ)


def _file(source: FileSource, folder: Path) -> bytes:
    path = folder / source.path
    try:
        if path.exists() and not path.is_file():
            raise SettingsError(f"{_place(source)}: {path} is not a file")
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise SettingsError(
            f"{_place(source)}: there is no file {path}", hint="write it, or take the source out of deploy.yaml"
        ) from error
    except OSError as error:
        raise SettingsError(f"{_place(source)}: {path} cannot be read: {error.strerror}") from error


def _output(source: CommandSource, folder: Path, environ: Mapping[str, str], patience: float) -> bytes:
    """What the command prints.  It may ask on the terminal (`/dev/tty`), but has nothing on its stdin."""
    command = subprocess.Popen(
        ["sh", "-c", source.command],
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with command:
        try:
            stdout, stderr = command.communicate(timeout=patience)
        except subprocess.TimeoutExpired as error:
            command.kill()
            # what it started may hold the pipes open for ever: they are closed, not read to their end
            raise SettingsError(
                f"{_place(source)}: the command did not end within {patience:g} s", hint=_try(source)
            ) from error
        except BaseException:
            command.kill()
            raise
    if command.returncode != 0:
        how = f"exit code {command.returncode}" if command.returncode > 0 else f"signal {-command.returncode}"
        last = stderr.decode(errors="replace").splitlines()[-LAST_LINES:]
        raise SettingsError(f"{_place(source)}: the command failed ({how})", hint=_try(source), output="\n".join(last))
    return stdout


def _environ(source: EnvSource, environ: Mapping[str, str]) -> dict[str, str]:
    missing = [name for name in source.names if name not in environ]
    if missing:
        raise SettingsError(
            f"{_place(source)}: not set in the environment: {', '.join(missing)}",
            hint="export them before `deploy`, or take them out of deploy.yaml",
        )
    return {name: environ[name] for name in source.names}


def _text(content: bytes, where: str) -> str:
    if len(content) > LARGEST:
        raise SettingsError(f"{where}: more than 1 MiB of variables")
    return content.decode("utf-8", "surrogateescape")  # a value need not be UTF-8: it arrives byte for byte


def _try(source: CommandSource) -> str:
    return f"try it by hand, beside deploy.yaml: {source.command}"


def _place(source: Source) -> str:
    return source.at or "config source"
