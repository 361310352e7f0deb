"""Who deploys, from where, and when?  What the use cases must be told, so that they ask no clock and no environ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deployer.agent import user


@dataclass(frozen=True)
class Operator:
    """The caller.  `state` and `cache` are this machine's folders for deployer (XDG Base Directory Specification)."""

    who: str
    environ: Mapping[str, str]
    state: Path
    cache: Path
    now: Callable[[], str]  # RFC 3339, UTC
    token: Callable[[], str]  # unguessable, for attempts
    passphrase: Callable[[str], str | None] | None = None  # asks for one; None where there is no terminal

    @property
    def home(self) -> Path:
        """The caller's home, where ssh's configuration is."""
        return _home(self.environ)

    def root(self, app: str) -> Path:
        """The local target's root, which is the store of this machine's builds too."""
        return self.state / app


def operator(
    environ: Mapping[str, str],
    *,
    who: str,
    now: Callable[[], str],
    token: Callable[[], str],
    passphrase: Callable[[str], str | None] | None = None,
) -> Operator:
    """The caller with the folders that the environment names."""
    home = _home(environ)
    return Operator(
        who=who,
        environ=environ,
        state=_folder(environ, "XDG_STATE_HOME", home / ".local" / "state") / "deployer",
        cache=_folder(environ, "XDG_CACHE_HOME", home / ".cache") / "deployer",
        now=now,
        token=token,
        passphrase=passphrase,
    )


def _home(environ: Mapping[str, str]) -> Path:
    given = environ.get("HOME", "")
    return Path(given) if given.startswith("/") else user.home()


def _folder(environ: Mapping[str, str], name: str, default: Path) -> Path:
    given = environ.get(name, "")
    return Path(given) if given.startswith("/") else default  # the specification: a relative one is to be ignored
