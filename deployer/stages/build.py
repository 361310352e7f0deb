"""The build stage: a commit becomes a build in this machine's store, made by what the commit itself says."""

from __future__ import annotations

from pathlib import Path

from deployer import settings as settings_
from deployer.builds import artifact, output
from deployer.builds import build as builds
from deployer.builds.making import Order
from deployer.builds.packs import Hosts, no_hosts
from deployer.builds.source import Commit
from deployer.builds.store import Build
from deployer.core.errors import NotFound, UsageError
from deployer.core.procfile import CONSOLE, RELEASE
from deployer.settings import Settings
from deployer.stages.events import WARNING, Event, Report
from deployer.stages.project import Project

SHOWN = 3


def build(project: Project, ref: str, *, report: Report, hosts: Hosts = no_hosts) -> Build:
    """The build of `ref`: found in the store, or made with an interpreter that the `hosts` have, too."""
    commit = project.source.commit(ref)
    _warn_of_changes(project, commit, report)
    said = _settings(project, commit, report)
    order = Order(
        source=project.source,
        commit=commit,
        recipe=said.build,
        settle=lambda procfile, conventions, read: settings_.settle(procfile, said.processes, conventions, read),
        required=said.config.required,
        settings=repr(sorted(said.processes.items())),
        starts=any(one.command for name, one in said.processes.items() if name not in (RELEASE, CONSOLE)),
        hosts=hosts,
    )
    made = builds.build(
        order,
        project.store,
        environ=project.operator.environ,
        at=project.operator.now(),
        report=lambda kind, text: report(Event(kind, text)),
    )
    if not made.processes:
        report(Event(WARNING, "nothing says how this app starts: a release of this build would run no process"))
    return made


def chosen(project: Project, text: str | None, *, report: Report, hosts: Hosts = no_hosts) -> Build:
    """The build to release: HEAD's (built if need be), an artifact file's, or the one whose id begins with `text`.

    What is no build may be a branch, a tag or a commit: then it is built.
    """
    if text is None:
        return build(project, "HEAD", report=report, hosts=hosts)
    path = Path("/dev/stdin" if text == "-" else text)
    if path.exists() and not path.is_dir():
        return artifact.import_(project.store, path)
    try:
        return project.store.find(text)
    except NotFound as unknown:
        if _is_path(text):
            raise NotFound(f"there is no file {text}", hint="`deploy build --output FILE` makes one") from None
        try:
            project.source.commit(text)
        except (NotFound, UsageError) as error:  # no such commit; or no repository here, where a file would do
            refused = error if "shallow" in error.details else unknown
            raise refused from None
        return build(project, text, report=report, hosts=hosts)


def _is_path(text: str) -> bool:
    """Whether somebody who says `text` means a file: no id has an ending, and no branch begins so."""
    return text.startswith(("/", "./", "../", "~")) or text.endswith((".build", ".gz"))


def export(project: Project, made: Build, path: Path) -> None:
    """Write a build as one file, which `deploy release FILE` takes on another machine."""
    artifact.export(project.store, made, path)


def is_stdout(path: Path) -> bool:
    """Whether `path` leads to this program's standard output."""
    return output.is_stdout(path)


def _settings(project: Project, commit: Commit, report: Report) -> Settings:
    """What the commit's own deploy.yaml says: nothing of the work tree is built."""
    text = project.source.file(commit, settings_.NAME)
    if text is None:
        told = f"{settings_.NAME} is not in commit {commit.id[:12]}: the build goes by defaults; commit it"
        report(Event(WARNING, told))
        return Settings(path=project.settings.path, app=project.settings.app)
    return settings_.parse_build(text.decode(errors="replace"), where=f"{commit.id[:12]}:{settings_.NAME}")


def _warn_of_changes(project: Project, commit: Commit, report: Report) -> None:
    changes = project.source.changes() if commit.ref == "HEAD" else []
    if changes:
        more = f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
        names = ", ".join(changes[:SHOWN])
        report(Event(WARNING, f"not committed, so not in the build: {names}{more}"))
