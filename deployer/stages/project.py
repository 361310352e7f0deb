"""Which app is this?  The deploy.yaml at or above a folder, and the repository and builds that go with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from deployer import settings
from deployer.core.errors import DeployError, SettingsError
from deployer.settings import Settings
from deployer.stages.operator import Operator

if TYPE_CHECKING:
    from deployer.builds.source import Source
    from deployer.builds.store import BuildStore


@dataclass(frozen=True)
class Project:
    """An app as the caller's work tree has it."""

    settings: Settings
    operator: Operator

    @cached_property
    def source(self) -> Source:
        """The repository that holds deploy.yaml."""
        from deployer.builds import source  # noqa: PLC0415 - most commands need no git

        return source.find(self.settings.folder, self.operator.environ)

    def subjects(self, commits: Sequence[str]) -> dict[str, str]:
        """The first lines of these commits' messages, by full id; of those that a repository here has."""
        try:
            return self.source.subjects(commits)
        except DeployError:  # no repository, or no git: nothing depends on it
            return {}

    @cached_property
    def store(self) -> BuildStore:
        """The builds of the app that this machine has."""
        from deployer.builds.store import BuildStore  # noqa: PLC0415

        return BuildStore(self.operator.root(self.settings.app))


def project(folder: Path, operator: Operator) -> Project:
    """The app whose deploy.yaml is in `folder` or above it; `SettingsError` where there is none."""
    for place in (folder, *folder.parents):
        if (place / settings.NAME).exists():
            return Project(settings.load(place / settings.NAME), operator)
        if (place / ".git").exists():
            break
    raise SettingsError(f"there is no {settings.NAME} in {folder} or above it", hint="`deploy init` writes one")
