"""The release stage: a build and the target's config become `vN`, staged and verified on every host.

No process is touched.  The order is: contract → build sent → directory staged → ledger's record.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from deployer.core import formation, history, names, requests, strategy, turnover, wire
from deployer.core.errors import NotFound, ReleaseRefused, SettingsError
from deployer.core.manifest import Launch, Manifest
from deployer.core.release import Spec
from deployer.core.routing import Router
from deployer.core.secret import Secret
from deployer.hosts import pyz
from deployer.settings import read_sources
from deployer.stages import delivery, matching, staging
from deployer.stages.events import DONE, STEP, WARNING, Event
from deployer.stages.starting import check_starts
from deployer.stages.target import Target


@dataclass(frozen=True)
class Variables:
    """A config: all its variables, and the names of those that were stored by `config set`."""

    values: Mapping[str, Secret]
    stored: tuple[str, ...]


@dataclass(frozen=True)
class Released:
    """A release as it was made.  `previous` is the newest release before it."""

    release: int
    build: str
    config: str
    previous: int | None


def release(
    target: Target,
    build: str,
    commit: str,
    *,
    cause: str = "release",
    config_from: int | None = None,
    variables: Variables | None = None,
    expect: int | None = None,
) -> Released:
    """Make the next release of `build` (a full id, in this machine's store or on the hosts).

    The config is `variables`, or that of release `config_from`, or what the target's sources and stored values say.
    """
    history.expect(target.ledger, expect)
    config = variables or (config_of(target, config_from) if config_from else merged(target, stored(target)))
    manifest = delivery.manifest(target, build)
    launch = wire.decode(Launch, manifest.launch)
    check_contract(launch, config)
    _check_wishes(target, launch, manifest)
    made = spec(target, launch, config, build, commit)
    name, previous = names.release_name(made.version), target.ledger.newest
    target.report(Event(STEP, f"releasing {name}"))
    delivery.deliver(target, build, launch, target.fleet.sessions)
    staged = _stage(target, made, config)
    _append(target, name, _body(target, made, staged, cause) | _changes(target, config))
    target.report(Event(DONE, f"releasing {name}"))
    return Released(made.version, build, staged.config, previous)


def _body(target: Target, made: Spec, staged: requests.Staged, cause: str) -> dict[str, object]:
    """What the ledger's record says of the release."""
    return {
        "app": target.app,
        "target": target.settings.name,
        "version": made.version,
        "build": made.build,
        "config": staged.config,
        "spec": staged.spec,
        "commit": made.commit,
        "by": target.operator.who,
        "at": target.operator.now(),
        "cause": cause,
        "settings": made.settings,
        "subject": subject(target, made.commit),
    }


def _changes(target: Target, config: Variables) -> dict[str, object]:
    """The names that differ from the config before, and those that are gone; never a value."""
    earlier: Mapping[str, Secret] = {}
    if target.ledger.config_base is not None:
        with contextlib.suppress(NotFound):  # its directory is gone: nobody can say what differs
            earlier = before(target).values
    changed = [name for name, value in config.values.items() if earlier.get(name) != value]
    told = {"config_changed": sorted(changed), "config_removed": sorted(earlier.keys() - config.values.keys())}
    return {key: names for key, names in told.items() if names}


def subject(target: Target, commit: str) -> str:
    """The first line of the commit's message, as an earlier release has it or the repository; '' if none does."""
    known = [release.subject for release in target.ledger.releases.values() if release.commit == commit]
    return next(filter(None, known), "") or target.project.subjects([commit]).get(commit, "")


def _append(target: Target, name: str, body: Mapping[str, object]) -> None:
    """Write the record; who does not take its copy gets it with the next run."""
    lost = target.book.append("release", body)
    for host, error in lost.items():
        target.report(Event(WARNING, f"{name} is not in its ledger yet: {error.message}", host))
    target.fleet.missing.update(lost)


def _check_wishes(target: Target, launch: Launch, manifest: Manifest) -> None:
    """Refuse what starts nothing or cannot run there, a router without an answer; warn of wishes that cannot be had."""
    check_starts(launch, manifest)
    matching.check(target, launch)
    router = target.settings.router
    check_routed(launch, router)
    for kind in launch.processes:
        routed = bool(router.kind) and kind.name == router.type
        if kind.update in turnover.BESIDE and strategy.stuck(kind, routed=routed):
            told = f"{kind.name}: `update: {kind.update}` needs a router or `listen: socket`; it is replaced one by one"
            target.report(Event(WARNING, told))
    declared = target.settings.formation
    if not launch.processes or (declared and not any(declared.values())):
        why = "its formation is all 0" if launch.processes else "the build has a release command and no process type"
        target.report(Event(WARNING, f"nothing of this release will be running: {why}"))
    left_out = [kind.name for kind in launch.processes if kind.name not in declared]
    if declared and left_out:
        told = f"`formation` does not name {', '.join(left_out)}: none of it runs; say `{left_out[0]}: 0` to mean that"
        target.report(Event(WARNING, told))


def config_of(target: Target, version: int) -> Variables:
    """The whole config of an earlier release, frozen as it was."""
    target.ledger.release(version)
    if version not in target.configs:  # asked once, since a release never changes
        target.configs[version] = target.holding(version).call(requests.GetConfig(version), requests.Config)
    told = target.configs[version]
    return Variables(told.variables, tuple(told.stored))


def stored(target: Target) -> dict[str, Secret]:
    """The values that `config set` stored, which the next release takes over."""
    told = before(target)
    return {name: told.values[name] for name in told.stored}


def before(target: Target) -> Variables:
    """The config that the next release goes on from; before the first one, what is kept for it."""
    base = target.ledger.config_base
    if base is not None:
        return config_of(target, base)
    told = target.primary.call(requests.GetConfig(None), requests.Config)
    return Variables(told.variables, tuple(told.stored))


def merged(target: Target, kept: Mapping[str, Secret]) -> Variables:
    """The target's sources, and the stored values over them."""
    settings = target.project.settings
    sources = read_sources(target.settings.config, folder=settings.folder, environ=target.operator.environ)
    return Variables({**sources, **kept}, tuple(sorted(kept)))


def check_contract(launch: Launch, config: Variables) -> None:
    """Refuse a config that the build cannot run with, or whose names are not its own to give."""
    for name, value in config.values.items():
        if not names.VARIABLE.match(name):
            raise SettingsError(f"{name!r} cannot be the name of a variable", hint="letters, digits and _ only")
        if name in names.RESERVED:
            raise SettingsError(f"{name} is set by deployer itself", hint="take it out of the config")
        if "\0" in value.reveal():
            raise SettingsError(f"the value of {name} has a NUL byte, which no environment can carry")
    missing = [name for name in launch.required if name not in config.values]
    if missing:
        raise ReleaseRefused(
            f"the build requires {', '.join(missing)}, which the config does not have",
            hint=f"`deploy config set {missing[0]}=…`, or a source under `config` of the target in deploy.yaml",
            details={"missing": missing},
        )


def check_routed(launch: Launch, router: Router) -> None:
    """Refuse a router for a process type that is not there, or that takes no requests."""
    if not router.kind:
        return
    taking = [kind.name for kind in launch.processes if kind.binds_port]
    if router.type not in taking:
        known = router.type in {kind.name for kind in launch.processes}
        raise SettingsError(
            f"router.type: {router.type} {'takes no requests' if known else 'is no process type of the build'}",
            hint=f"`router.type` may be {' or '.join(taking)}" if taking else "no type of the build binds a port",
        )


def spec(target: Target, launch: Launch, config: Variables, build: str, commit: str) -> Spec:
    """The spec of the next release."""
    return Spec(
        app=target.app,
        target=target.settings.name,
        version=target.ledger.next_version,
        build=build,
        commit=commit,
        launch=launch,
        formation=formation.default_formation(launch.processes, target.settings.formation),
        names=tuple(sorted(config.values)),
        stored=config.stored,
        shared=target.settings.shared,
        run_as=target.settings.run_as,
        router=target.settings.router,
        agent=pyz.agent(target.operator.cache)[0],
    )


def _stage(target: Target, spec: Spec, config: Variables) -> requests.Staged:
    request = requests.Stage(spec, dict(config.values))
    return staging.stage(target, request, target.fleet.sessions)
