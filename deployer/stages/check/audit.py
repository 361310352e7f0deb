"""How is a build audited?

It is released into a scratch directory; each of its process types lives there a few times, and what was seen is judged.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deployer import settings as settings_
from deployer.agent.layout import Layout
from deployer.builds.store import Build
from deployer.core import formation, wire
from deployer.core.manifest import Launch, ProcessType
from deployer.core.secret import Secret
from deployer.settings import LOCAL, TargetSettings, read_sources
from deployer.stages.check import judge, release_command, seen
from deployer.stages.check.bench import Bench
from deployer.stages.check.further import FURTHER
from deployer.stages.check.row import FACTORS, Row, failed, skipped
from deployer.stages.check.scene import NOBODY, Scene, here, known, other_user, played, scratch, stage
from deployer.stages.events import Report, step
from deployer.stages.project import Project
from deployer.stages.release import stored
from deployer.stages.starting import check_starts
from deployer.stages.target import opened

POLITE = 5.0  # seconds that a process has to end where its end is not what is asked


@dataclass(frozen=True)
class Asked:
    """What to audit: the types named (none: all), with the target's config and `more`; `slow` is a path to ask for."""

    types: Sequence[str] = ()
    more: Mapping[str, Secret] | None = None
    slow: str = ""


def audit(project: Project, name: str | None, build: Build, asked: Asked, *, report: Report) -> list[Row]:
    """Every question's answer, for the app as a whole and for each type that the target's formation has."""
    settings = settings_.target(project.settings, name)
    environ = project.operator.environ
    sources = read_sources(settings.config, folder=project.settings.folder, environ=environ)
    variables = {**sources, **_stored(project, settings, report), **(asked.more or {})}
    manifest = project.store.manifest(build.id)
    launch = wire.decode(Launch, manifest.launch)
    check_starts(launch, manifest)
    kinds = chosen(launch, settings, asked.types)
    lacking = [variable for variable in launch.required if variable not in variables]
    if lacking:
        return _refused(launch, kinds, lacking, environ)
    rows, usable = [], True
    with scratch(Path(tempfile.gettempdir()), report) as root:
        bench = Bench(Layout(root, project.settings.app, LOCAL), variables.values())
        user = known(settings.run_as) or NOBODY
        with played(project, here(settings, root), report) as target:
            stage(target, build, variables)
            if launch.release_command:
                row, usable = release_command.twice(target, variables, bench.hidden)
                rows.append(row)
            if not (alone := other_user(root, launch, user)):
                stage(target, build, variables, user=user)
        if not usable:
            return [*rows, *(skipped("start", kind.name, "the release command failed") for kind in kinds)]
        scene = Scene(bench, report, environ, asked.slow, "" if alone else user, alone)
        for kind in kinds:
            rows += _rows(scene, kind, sorted(variables))
    return rows


def _stored(project: Project, settings: TargetSettings, report: Report) -> Mapping[str, Secret]:
    """What `config set` stored, of this machine's own target; no host is asked for that of another one."""
    if not settings.is_local:
        return {}
    with opened(project, settings.name, command="check", write=False, report=report) as target:
        return stored(target)


def chosen(launch: Launch, settings: TargetSettings, names: Sequence[str]) -> list[ProcessType]:
    """The types to audit: those named, else those of which the target's formation has any."""
    types = {kind.name: kind for kind in launch.processes}
    for name in names:
        if name not in types:
            raise formation.no_such_type(name, types)
    counts = formation.default_formation(launch.processes, settings.formation)
    running = {kind.name for kind in launch.processes if counts.get(kind.name) or kind.schedule}
    return [kind for kind in launch.processes if kind.name in (names or running)]


def _refused(
    launch: Launch, kinds: Sequence[ProcessType], lacking: Sequence[str], environ: Mapping[str, str]
) -> list[Row]:
    """Nothing is made up for a variable that the build requires: without it nothing is tried."""
    mine = [name for name in lacking if name in environ]
    more = (
        f" ({', '.join(mine)} is set in your shell: `{{env: [{', '.join(mine)}]}}` takes it from there)" if mine else ""
    )
    advice = "give it under `config` of the target in deploy.yaml, or for this audit alone by --config FILE"
    config = failed("config", "", f"the config lacks {', '.join(lacking)}, which the build requires{more}", advice)
    command = [skipped("release", "", "the config is not complete")] if launch.release_command else []
    return [config, *command, *(skipped("start", kind.name, "the config is not complete") for kind in kinds)]


def _rows(scene: Scene, kind: ProcessType, given: Sequence[str]) -> list[Row]:
    with step(scene.report, f"{kind.name}: does it start, serve and stop", ""):
        life = seen.live(scene, kind)
    rows = judge.judged(judge.Case(kind, life, given, sorted(scene.environ)))
    polite = min(kind.stop_timeout, POLITE) if life.stopped is not None else 0
    for question in () if kind.schedule else FURTHER:
        if not life.start.ready:
            rows.append(skipped(question.__name__, kind.name, judge.NOT_UP))
            continue
        with step(scene.report, f"{kind.name}: {(question.__doc__ or '').rstrip('?').lower()}", ""):
            rows.append(question(scene, kind, polite))
    return sorted(rows, key=lambda row: list(FACTORS).index(row.check))
