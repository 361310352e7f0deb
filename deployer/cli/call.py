"""What did the caller ask for besides the command's own arguments, and how is the answer given?"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.cli import interrupted
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
    yes: bool = False
    agreed: set[str] = field(default_factory=set)  # the targets that it may change, as somebody has said
    began: float = field(default_factory=time.monotonic)
    done: interrupted.Progress = field(default_factory=interrupted.Progress)

    @property
    def operator(self) -> Operator:
        """Who calls."""
        import secrets

        from deployer.cli import caller
        from deployer.stages.operator import operator

        ask = self._passphrase if sys.stdin is not None and sys.stdin.isatty() and self.screen.err.isatty() else None
        return operator(
            self.environ, who=caller.who(self.environ), now=now, token=lambda: secrets.token_hex(16), passphrase=ask
        )

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

    def agree(self) -> None:
        """Ask whether the target may be changed, where somebody has to say so; `opened` does it where nobody has."""
        from deployer import settings
        from deployer.cli import consent

        chosen = settings.target(self.project.settings, self.target)
        consent.ask(self, settings.narrowed(chosen, self.narrow.hosts, self.narrow.limit))

    @contextmanager
    def opened(
        self,
        *,
        write: bool = False,
        partial: bool = False,
        lenient: bool = False,
        narrow: Narrow | None = None,
        first: Callable[[Target], None] | None = None,
    ) -> Iterator[Target]:
        """The target, open; with `write` as its one writer, with `partial` also where hosts cannot be reached.

        With `lenient` whatever is wrong with one host is a row of the answer, and not the end of it.
        `narrow` says of the hosts what the shared options do not; what is done `first` needs no lock.
        """
        from deployer import settings
        from deployer.cli import consent
        from deployer.stages.target import opened

        narrow = narrow or self.narrow
        chosen = settings.narrowed(settings.target(self.project.settings, self.target), narrow.hosts, narrow.limit)
        if write:
            consent.ask(self, chosen)
        self.progress.hosts = chosen.chosen or [host.host for host in chosen.hosts]
        with opened(
            self.project,
            self.target,
            command=self.command,
            write=write,
            wait=self.wait,
            report=self.progress.report,
            narrow=narrow,
            partial=partial or lenient,
            lenient=lenient,
            first=first,
        ) as target:
            if write:
                self.done.wrote, self.done.newest = True, target.ledger.newest
            with self._interruptible(write=write):
                yield target

    @contextmanager
    def _interruptible(self, *, write: bool) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            if write:
                self.screen.say("interrupted: the host puts back what was not confirmed yet ...", "yellow")
            raise

    @contextmanager
    def looking(self) -> Iterator[Target]:
        """The target for a look at how it is, whatever is wrong with one of its hosts; nothing of it is shown."""
        from deployer.stages.events import silent
        from deployer.stages.target import opened

        with opened(
            self.project,
            self.target,
            command=self.command,
            write=False,
            report=silent,
            narrow=self.narrow,
            partial=True,
            lenient=True,
        ) as target:
            yield target

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
