"""What did the caller ask for besides the command's own arguments, and how is the answer given?"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.cli.display.progress import Progress
from deployer.cli.display.screen import Screen

if TYPE_CHECKING:
    from deployer.builds.packs import Hosts
    from deployer.settings import Narrow
    from deployer.stages.operator import Operator
    from deployer.stages.project import Project
    from deployer.stages.target import Target


@dataclass(frozen=True)
class Call:
    """One call of `deploy`.  Every command finds it as `ctx.obj`."""

    command: str
    target: str | None
    wait: float
    narrow: Narrow
    directory: str
    environ: Mapping[str, str]
    screen: Screen
    progress: Progress

    @property
    def operator(self) -> Operator:
        """Who calls."""
        import secrets

        from deployer.stages.operator import operator

        ask = self._passphrase if sys.stdin is not None and sys.stdin.isatty() and self.screen.err.isatty() else None
        return operator(self.environ, who=_who(), now=now, token=lambda: secrets.token_hex(16), passphrase=ask)

    def _passphrase(self, prompt: str) -> str | None:
        """Ask for the passphrase of a key."""
        import getpass

        self.progress.finish()
        self.progress.stop()
        return getpass.getpass(prompt)

    @cached_property
    def project(self) -> Project:
        """The app whose deploy.yaml is here or above."""
        from deployer.stages.project import project

        return project(Path(self.directory), self.operator)

    @contextmanager
    def opened(self, *, write: bool = False, partial: bool = False, narrow: Narrow | None = None) -> Iterator[Target]:
        """The target, open; with `write` as its one writer, with `partial` also where hosts cannot be reached.

        `narrow` says of the hosts what the shared options do not.
        """
        from deployer import settings
        from deployer.stages.target import opened

        narrow = narrow or self.narrow
        chosen = settings.narrowed(settings.target(self.project.settings, self.target), narrow.hosts, narrow.limit)
        self.progress.hosts = chosen.chosen or [host.host for host in chosen.hosts]
        with opened(
            self.project,
            self.target,
            command=self.command,
            write=write,
            wait=self.wait,
            report=self.progress.report,
            narrow=narrow,
            partial=partial,
        ) as target:
            try:
                yield target
            except KeyboardInterrupt:
                if write:
                    self.screen.say("interrupted: the host puts back what was not confirmed yet ...", "yellow")
                raise

    def hosts(self, *, named: bool = False) -> Hosts:
        """How a build learns what the hosts of the target have; with `named`, only of a target that was named."""
        from deployer.builds.packs import no_hosts
        from deployer.stages import matching

        if named and not self.target:
            return no_hosts
        return matching.hosts_of(self.project, self.target, narrow=self.narrow, report=self.progress.report)


def now() -> str:
    """The time in RFC 3339, UTC."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _who() -> str:
    import getpass
    import socket

    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
