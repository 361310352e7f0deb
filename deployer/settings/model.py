"""What does deploy.yaml say, once it is read?

`at` is where a section stands (`deploy.yaml:14: processes.web`): a mistake that shows only later still names its
place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from deployer.core.manifest import ProcessType
from deployer.core.recipe import Recipe
from deployer.core.release import SharedPath
from deployer.core.rollout import ALL
from deployer.core.routing import Router

LOCAL = "local"
KEEP = 5


@dataclass(frozen=True)
class HealthSettings:
    """How a process is asked whether it is up: `path` may also be `tcp` or `notify`, '' for what its type has."""

    path: str = ""
    host: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ProcessSettings:
    """How the processes of a type live; refines the Procfile's line, or has a `command` of its own.  In seconds."""

    command: str = ""
    health: HealthSettings = HealthSettings()
    port: int = 0
    boot_timeout: float = ProcessType.boot_timeout
    stop_timeout: float = ProcessType.stop_timeout
    stop_signal: str = ""
    healthy_time: float = ProcessType.healthy_time
    update: str = ProcessType.update
    memory: str = ""
    cpu: str = ""
    files: int = ProcessType.files
    hardening: bool = ProcessType.hardening
    writable: tuple[str, ...] = ProcessType.writable
    health_command: str = ""
    watchdog: float = 0
    once: bool = False
    listen: str = "auto"
    expose: str = ""
    schedule: str = ""
    at: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class ConfigSettings:
    """The config contract: the variables without which a release is refused."""

    required: tuple[str, ...] = ()


@dataclass(frozen=True)
class HostSettings:
    """One machine of a target.  '' and 0 leave a thing to ssh's own configuration; no `runs`: every type.

    `host` is its name everywhere, no two of a target have the same; without a `sudo` the target's holds.
    """

    host: str
    runs: tuple[str, ...] | None = None
    user: str = ""
    port: int = 0
    path: str = ""
    sudo: bool | None = None
    address: str = ""


@dataclass(frozen=True)
class RolloutSettings:
    """How a run goes over the hosts: `batch` is a number, `25%` or `all`; `pause` seconds between two batches."""

    batch: str = ALL
    pause: float = 0.0


@dataclass(frozen=True)
class SshSettings:
    """How hosts are reached: so many handshakes at a time, and how many seconds each may take."""

    concurrency: int = 32
    connect_timeout: float = 0.0  # 0: as ssh's own configuration says
    client: str = "auto"  # or openssh


@dataclass(frozen=True)
class FileSource:
    """A dotenv file; relative to deploy.yaml's folder."""

    path: str
    at: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class CommandSource:
    """A command of the user's that prints dotenv, or a JSON object of strings."""

    command: str
    at: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class EnvSource:
    """Names that are taken from the caller's environment."""

    names: tuple[str, ...]
    at: str = field(default="", compare=False, repr=False)


Source = FileSource | CommandSource | EnvSource


@dataclass(frozen=True)
class TargetSettings:
    """A place where the app runs.  '' for `user`, `path` and `run_as` means the default; `local` has no hosts.

    `release_timeout` and `confirm_timeout` are in seconds.  `chosen` are the names of the hosts that a command is
    narrowed to, in the order of `hosts`; none of them: all.  It is never in the file.
    """

    name: str
    hosts: tuple[HostSettings, ...] = ()
    user: str = ""
    path: str = ""
    formation: Mapping[str, int] = field(default_factory=dict)
    config: tuple[Source, ...] = ()
    keep: int = KEEP
    shared: tuple[SharedPath, ...] = ()
    run_as: str = ""
    sudo: bool = False
    manager: str = "auto"
    release_timeout: float = 3600.0
    confirm_timeout: float = 30.0
    rollout: RolloutSettings = RolloutSettings()
    ssh: SshSettings = SshSettings()
    router: Router = field(default_factory=Router)
    protect: bool = False
    chosen: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether it is this machine."""
        return self.name == LOCAL


@dataclass(frozen=True)
class Settings:
    """One deploy.yaml.  `targets` always has `local`; `declared` are those that the file itself names."""

    path: Path
    app: str
    build: Recipe = field(default_factory=Recipe)
    processes: Mapping[str, ProcessSettings] = field(default_factory=dict)
    config: ConfigSettings = field(default_factory=ConfigSettings)
    targets: Mapping[str, TargetSettings] = field(default_factory=lambda: {LOCAL: TargetSettings(LOCAL)})
    declared: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """deploy.yaml's folder: file sources are relative to it, command sources run in it."""
        return self.path.parent


class Settled(NamedTuple):
    """What a build says of its commands: process types, the release command and the console ('' for none)."""

    processes: tuple[ProcessType, ...]
    release_command: str
    console: str
