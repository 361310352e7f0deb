"""What does the user want?  deploy.yaml as frozen dataclasses, and what follows from it."""

from __future__ import annotations

from deployer.core.release import SharedPath
from deployer.settings.load import NAME, load, parse, parse_build, text_of
from deployer.settings.model import (
    LOCAL,
    CommandSource,
    ConfigSettings,
    EnvSource,
    FileSource,
    HostSettings,
    ProcessSettings,
    RolloutSettings,
    Settings,
    Settled,
    Source,
    SshSettings,
    TargetSettings,
)
from deployer.settings.processes import settle
from deployer.settings.sources import read_sources
from deployer.settings.targets import Narrow, narrowed, target

__all__ = [
    "LOCAL",
    "NAME",
    "CommandSource",
    "ConfigSettings",
    "EnvSource",
    "FileSource",
    "HostSettings",
    "Narrow",
    "ProcessSettings",
    "RolloutSettings",
    "Settings",
    "Settled",
    "SharedPath",
    "Source",
    "SshSettings",
    "TargetSettings",
    "load",
    "narrowed",
    "parse",
    "parse_build",
    "read_sources",
    "settle",
    "target",
    "text_of",
]
