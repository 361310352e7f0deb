"""How does a repository become an app?  `deploy init` writes a short deploy.yaml and the .gitignore lines it needs.

deploy.yaml comes last and is the sign that all is done: killed before, the same command goes on from there.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from deployer.agent import durable
from deployer.builds.packs import Matching, Pack, front_ends
from deployer.builds.packs.choose import OURS, choose, named
from deployer.builds.source import Source
from deployer.core import procfile
from deployer.core.errors import BuildFailed, SettingsError, UsageError
from deployer.core.recipe import Recipe
from deployer.settings import NAME, parse
from deployer.stages.detection import Detected, Files, detected
from deployer.stages.events import OUTPUT, WARNING, Event, Report, silent

SECRETS = ".env"  # what config is imported from must not be committed
NO_PACK = "  # there is nothing to build; if there is: `commands: [make]`"
COMMANDS = (procfile.RELEASE, procfile.CONSOLE)
IGNORING = {b".env", b"/.env", b"*.env", b".env*", b"/.env*", b".env.*", b"**/.env"}

TEMPLATE = """\
# How this app is built, released and run.  `deploy help deploy-yaml` has every key.
app: {app}

build:
  pack: {pack}
{build}
# {origin}
processes:
{processes}
config:
  required: [{required}]{such}

# Without targets the app runs on this machine, as the target `local`.
{targets}#   production:
#     hosts: [web1.example.com]
#     user: deploy
#     formation: {{web: 2}}
#     config: [{{file: config/production.env}}]
"""
TARGETS, LOCAL = "# targets:\n", "targets:\n  local:\n    shared: [{shared}]  # written by the app; outlives releases\n"
SUCH = "  # such as [SECRET_KEY, DATABASE_URL]: a release without one of them is refused"
WEB = """\
  web:
{command}{health}
    boot_timeout: 60s  # how long it may take to come up
"""
ASKED = "    health: {path}  # has to answer 2xx or 3xx before a process is up; or another page, such as /up"
UNASKED = "    # health: /up  # a path that has to answer 2xx or 3xx; else `GET /` has to, below 500"
OTHER = """\
  {name}:
{command}    stop_timeout: 30s  # from SIGTERM to SIGKILL
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
    text = proposal(folder, paths, packs, report=report)
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


def proposal(
    folder: Path, paths: frozenset[str], packs: Iterable[Pack] | None = None, *, report: Report = silent
) -> str:
    """The deploy.yaml for these files; what was found and what was not is reported."""
    pack, root = _pack(folder, paths, packs), ""
    if not pack and packs is None:
        pack, root = _below(folder, paths)
    declared = _procfile(folder, paths)
    seen = detected(Files(folder / root, _inside(paths, root)), pack or "commands", declared=declared is not None)
    if root:
        report(Event(OUTPUT, f"the app is in {root}/"))
    for line in seen.found:
        report(Event(OUTPUT, line))
    for line in seen.missing:
        report(Event(WARNING, line))
    _tell_interpreter(pack, folder / root, report)
    return TEMPLATE.format(
        app=app_name(folder.resolve().name),
        pack=pack or f"commands{'' if seen.build else NO_PACK}",
        build="".join(f"{line}\n" for line in (*([f"  root: {root}"] if root else []), *seen.build)),
        origin=_origin(declared, seen),
        processes=_processes(declared, seen),
        required=", ".join(seen.required),
        such="" if seen.required else SUCH,
        targets=LOCAL.format(shared=", ".join(f"{{file: {name}}}" for name in seen.shared)) if seen.shared else TARGETS,
    )


def _tell_interpreter(name: str, tree: Path, report: Report) -> None:
    """Say which interpreter will build the app, and run it."""
    pack = named(name) if name in OURS else None
    if isinstance(pack, Matching):
        try:
            good, told = pack.outlook(tree, Recipe())
        except BuildFailed as error:
            good, told = False, error.message
        report(Event(OUTPUT if good else WARNING, told))


def _origin(declared: Mapping[str, str] | None, seen: Detected) -> str:
    if declared is not None:
        return "How the Procfile's processes live; a `command:` here would replace the Procfile's."
    if seen.conventions:
        return f"There is no Procfile: this is what the pack {seen.pack} does without one; `command:` replaces it."
    return "There is no Procfile: each type has its `command:` here."


def _processes(declared: Mapping[str, str] | None, seen: Detected) -> str:
    commands: dict[str, str] = {**dict.fromkeys(seen.conventions, ""), **seen.commands}
    if declared is not None:
        commands = dict.fromkeys((name for name in declared if name not in COMMANDS), "")
    lines = []
    for name, command in commands.items():
        line = f"    command: {_scalar(command)}\n" if command else ""
        if name in COMMANDS:
            lines.append(f"  {name}: {{command: {_scalar(command)}}}  # once before each switch\n")
        elif name == "web":
            health = ASKED.format(path=seen.health) if seen.health else UNASKED
            lines.append(WEB.format(command=line, health=health))
        else:
            lines.append(OTHER.format(name=name, command=line))
    return "".join(lines) or NONE


def _scalar(text: str) -> str:
    """A command as YAML has it: plain where that is the same, else in single quotes."""
    plain = re.fullmatch(r"[\w./][\w ./:$=@+-]*", text) and ": " not in text and not text.endswith(":")
    return text if plain else "'" + text.replace("'", "''") + "'"


def _pack(folder: Path, paths: frozenset[str], packs: Iterable[Pack] | None) -> str:
    if packs is not None:
        return next((pack.name for pack in packs if pack.detects(paths)), "")
    try:
        return choose("auto", paths, outline=folder).name
    except BuildFailed:
        return ""


def _below(folder: Path, paths: frozenset[str]) -> tuple[str, str]:
    """The pack and the folder of an app that is not at the top: of the only one there is, or the one that runs."""
    found = {}
    for root in sorted({path.partition("/")[0] for path in paths if "/" in path}):
        if not root.startswith(".") and root not in front_ends.ELSE:
            found[root] = _pack(folder / root, _inside(paths, root), None)
    running = [root for root, pack in found.items() if pack in ("python", "node")]
    chosen = running or [root for root, pack in found.items() if pack]
    return (found[chosen[0]], chosen[0]) if len(chosen) == 1 else ("", "")


def _inside(paths: frozenset[str], root: str) -> frozenset[str]:
    return frozenset(path[len(root) + 1 :] for path in paths if path.startswith(f"{root}/")) if root else paths


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
