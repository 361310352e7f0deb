"""How does a repository become an app?  `deploy init` writes a short deploy.yaml and the .gitignore lines it needs.

deploy.yaml comes last and is the sign that all is done: killed before, the same command goes on from there.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from deployer.agent import durable
from deployer.builds.packs import Pack, node_build, node_start, static
from deployer.builds.packs.choose import choose
from deployer.builds.source import Source
from deployer.core import procfile
from deployer.core.errors import BuildFailed, SettingsError, UsageError
from deployer.core.recipe import Recipe
from deployer.settings import NAME, parse
from deployer.stages.events import WARNING, Event, Report, silent

SECRETS = ".env"  # what config is imported from must not be committed
IGNORING = {b".env", b"/.env", b"*.env", b".env*", b"/.env*", b".env.*", b"**/.env"}

TEMPLATE = """\
# How this app is built, released and run.  `deploy.yaml.example` of deployer has every key.
app: {app}

build:
  pack: {pack}

# {origin}
processes:
{processes}
config:
  required: []  # such as [SECRET_KEY, DATABASE_URL]: a release without one of them is refused

# Without targets the app runs on this machine, as the target `local`.
# targets:
#   production:
#     hosts: [web1.example.com]
#     user: deploy
#     formation: {{web: 2}}
#     config: [{{file: config/production.env}}]
"""
WEB = """\
  web:
    boot_timeout: 60s  # how long it may take to listen on $PORT
    # health: /up      # a path that has to answer 2xx or 3xx before a process counts as up
"""
OTHER = """\
  {name}:
    stop_timeout: 30s  # from SIGTERM to SIGKILL
"""
NONE = """\
  # web: {command: "…"}  # listens on $PORT
"""


def init(folder: Path, paths: frozenset[str], packs: Iterable[Pack] | None = None, *, report: Report = silent) -> Path:
    """Write deploy.yaml in `folder`, and say where it is.  `UsageError` if there is one: it is never overwritten.

    `paths` are the app's files, relative to `folder` (see `files`); the first of `packs` (by default: of all there
    are) that knows them builds the app.
    """
    path = folder / NAME
    _refuse_second(folder)
    text = proposal(folder, paths, packs)
    parse(text)  # what we write, we can read
    _ignore(folder / ".gitignore", paths, report)
    try:
        durable.publish(path, text.encode(), mode=0o644, name="init")
    except FileExistsError:
        _refuse_second(folder)
        raise
    return path


def files(source: Source) -> frozenset[str]:
    """The app's files: what git tracks, and what it would track after `git add .`."""
    if source.work_tree is None:
        raise UsageError("the repository is bare: it has no files to look at", hint="run it in a clone")
    listed = source.git(
        f"--work-tree={source.work_tree}",
        *("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", f"{source.work_tree}/{source.prefix}"),
    )
    return frozenset(os.fsdecode(path).removeprefix(source.prefix) for path in listed.split(b"\0") if path)


def proposal(folder: Path, paths: frozenset[str], packs: Iterable[Pack] | None = None) -> str:
    """The deploy.yaml for these files."""
    pack = _pack(paths, packs)
    commands = _procfile(folder, paths)
    origin = "How the Procfile's processes live; a `command:` here would replace the Procfile's."
    if commands is None:
        commands = _conventions(folder, pack)
        origin = "There is no Procfile: write one, or give each type its `command:` here."
        if commands:
            origin = f"There is no Procfile: this is what the pack {pack} does without one; `command:` replaces it."
    names = [name for name in commands if name not in (procfile.RELEASE, procfile.CONSOLE)]
    return TEMPLATE.format(
        app=app_name(folder.resolve().name),
        pack=pack or "commands  # no pack knows these files: say `commands: [make]`, or name a pack",
        origin=origin,
        processes="".join(WEB if name == "web" else OTHER.format(name=name) for name in names) or NONE,
    )


def _conventions(folder: Path, pack: str) -> dict[str, str]:
    """The process types that the pack has where there is no Procfile."""
    if pack == "node":
        started = node_start.start(folder, node_build.read_package(folder))
        return {"web": started.command} if started.command else {}
    return static.processes(static.root_of(folder, Recipe()), Recipe()) if pack == "static" else {}


def _pack(paths: frozenset[str], packs: Iterable[Pack] | None) -> str:
    if packs is not None:
        return next((pack.name for pack in packs if pack.detects(paths)), "")
    try:
        return choose("auto", paths).name
    except BuildFailed:
        return ""


def app_name(text: str) -> str:
    """A valid name for an app, as near to `text` as can be."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    name = name if re.match("[a-z]", name) else f"app-{name}".rstrip("-")
    return name[:41].rstrip("-")


def _refuse_second(folder: Path) -> None:
    if os.path.lexists(folder / NAME):
        raise UsageError(f"there is a {NAME} in {folder} already", hint="edit it; `deploy init` never overwrites")
    if os.path.lexists(folder / "deploy.yml"):
        raise UsageError(f"there is a deploy.yml in {folder}", hint=f"the name is {NAME}: rename it")


def _procfile(folder: Path, paths: frozenset[str]) -> dict[str, str] | None:
    if "Procfile" not in paths:
        return None
    try:
        return procfile.parse((folder / "Procfile").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{folder / 'Procfile'} cannot be read: {error}") from error


def _ignore(path: Path, paths: frozenset[str], report: Report) -> None:
    """Have git ignore `.env`; every other byte of the file stays, and new lines end as its own do."""
    if SECRETS in paths:
        report(Event(WARNING, f"{SECRETS} is in the repository: its secrets are in every clone and in every build"))
        return
    content = path.read_bytes() if path.is_file() else b""
    if IGNORING & {line.strip() for line in content.split(b"\n")}:
        return
    end = b"\r\n" if b"\r\n" in content else b"\n"
    gap = end if content and not content.endswith(b"\n") else b""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
    durable.write(path.resolve(), content + gap + SECRETS.encode() + end, mode=mode, name="init.ignore")
