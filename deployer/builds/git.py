"""How is git asked something without running anything of the repository's or the user's?

Every git process of the program is started here.  A repository is hostile until shown otherwise: its config can
name hooks, a file system monitor, filters, signature checkers and transports, all of them programs.  Nothing that
this module starts obeys any of them; objects that a partial clone lacks are not fetched but reported.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from deployer.core.errors import BuildFailed

PATIENCE = 120  # seconds; git answers from the local disk
HARDENED = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.untrackedCache=false"),
    *("-c", "core.alternateRefsCommand="),
    *("-c", "log.showSignature=false"),
    *("-c", "protocol.allow=never"),
    *("-c", "submodule.recurse=false"),
)


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a git process: nothing of the caller's `GIT_*`, no config but the repository's."""
    kept = {name: environ[name] for name in ("PATH", "HOME", "XDG_CONFIG_HOME") if name in environ}
    return {
        **kept,
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_ALLOW_PROTOCOL": "none",  # a partial clone of an old git would fetch, with the repository's programs
        "GIT_PAGER": "cat",
    }


class GitFailed(Exception):
    """git ended with another code than 0: what it means is for the caller to say."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code = code
        self.said = said


class Git:
    """git on one repository, named by its git directory: git itself searches nothing and trusts no config for it."""

    def __init__(self, git_dir: str, environ: Mapping[str, str] = os.environ) -> None:
        self.git_dir = git_dir
        self.environment = environment(environ)

    def __call__(self, *arguments: str, extra: Mapping[str, str] | None = None) -> bytes:
        """What git prints; `GitFailed` where it ends with another code than 0."""
        try:
            done = subprocess.run(
                self._command(arguments),
                env={**self.environment, **(extra or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
            )
        except FileNotFoundError as error:
            raise no_git() from error
        except subprocess.TimeoutExpired as error:
            raise BuildFailed(f"git {arguments[0]} gave no answer within {PATIENCE} s") from error
        if done.returncode:
            raise GitFailed(done.returncode, done.stderr.decode(errors="replace").strip())
        return done.stdout

    def answers(self, *arguments: str) -> bytes | None:
        """What git prints, or None where it ends with another code than 0: for questions with the answer no."""
        try:
            return self(*arguments)
        except GitFailed:
            return None

    @contextmanager
    def reading(self, questions: IO[bytes], *arguments: str) -> Iterator[IO[bytes]]:
        """The stream of what git prints while it reads `questions`; git is ended when the caller is done."""
        try:
            process = subprocess.Popen(
                self._command(arguments),
                env=self.environment,
                stdin=questions,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=1024 * 1024,
            )
        except FileNotFoundError as error:
            raise no_git() from error
        with process:
            try:
                yield process.stdout or questions
            finally:
                process.kill()

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        # a submodule's (or an enemy's) core.worktree may lead anywhere, also nowhere
        place = (f"--git-dir={self.git_dir}", f"--work-tree={self.git_dir}")
        return ["git", "--no-pager", *place, *HARDENED, *arguments]


def no_git() -> BuildFailed:
    """The failure that says git is missing."""
    return BuildFailed("git is not on PATH", hint="install git (Debian: `apt-get install git`)")
