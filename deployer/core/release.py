"""What does a release directory say about itself?  `release.json`, the release's spec."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Mapping

from deployer.core import canonical, wire
from deployer.core.formation import no_such_type
from deployer.core.manifest import Launch, ProcessType
from deployer.core.message import FIELDS, message
from deployer.core.routing import Router
from deployer.core.secret import Secret, reveal

_OF_THE_RELEASE = ("version", "build", "commit", "launch", "names", "stored", "agent")  # no settings of deploy.yaml


@message
class SharedPath:
    """A path of the app that outlives its releases: a folder, or a file."""

    path: str
    is_file: bool = False


@message
class Spec:
    """A release: a build and what the target adds to it.  Values of the config stand in `env`, only names here.

    `formation` is what deploy.yaml declared; `names` are all variables, `stored` those that were set by
    `config set`; `run_as` is the processes' user where the agent is root; `agent` the digest of its agent.pyz;
    `router` is how requests come to its processes.
    """

    app: str
    target: str
    version: int
    build: str
    commit: str
    launch: Launch
    formation: dict[str, int]
    names: tuple[str, ...]
    stored: tuple[str, ...]
    shared: tuple[SharedPath, ...] = ()
    run_as: str = ""
    agent: str = ""
    router: Router = Router()

    @property
    def types(self) -> dict[str, ProcessType]:
        """The process types by name."""
        return {kind.name: kind for kind in self.launch.processes}

    def type(self, name: str) -> ProcessType:
        """The process type `name`; `NotFound` lists those there are."""
        try:
            return self.types[name]
        except KeyError:
            raise no_such_type(name, self.types) from None

    @property
    def settings(self) -> str:
        """The digest of what deploy.yaml says of the release and neither the build nor the config does.

        What is as it is by default counts as if it were not there: another version of deployer may know more of it.
        """
        known = getattr(type(self), FIELDS)
        named = {name: wire.encode(getattr(self, name)) for name in known if name not in _OF_THE_RELEASE}
        said = {name: value for name, value in named.items() if value != wire.encode(known[name])}
        return canonical.sha256(b"deployer-settings-v1\0" + canonical.dumps(said))

    def render(self) -> bytes:
        """The bytes of release.json."""
        return canonical.dumps(wire.encode(self)) + b"\n"


def parse(text: bytes) -> Spec:
    """The spec that `render` wrote; `BadFrame` or `NotCanonical` for anything else."""
    return wire.decode(Spec, canonical.loads(text[:-1]))


def render_env(variables: Mapping[str, Secret]) -> bytes:
    """The bytes of a release's `env`: canonical JSON, so that every value arrives byte for byte.

    A byte that is no UTF-8 (`surrogateescape`) has no canonical form; it stands as its escape.
    """
    text = json.dumps(reveal(dict(variables)), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[\ud800-\udfff]", lambda odd: f"\\u{ord(odd.group()):04x}", text).encode()


def parse_env(text: bytes) -> dict[str, Secret]:
    """The variables that `render_env` wrote."""
    return {name: Secret(value) for name, value in json.loads(text).items()}


def config_digest(key: bytes, env: bytes) -> str:
    """How the ledger names a config: a keyed hash, since short secrets could be guessed from a bare one."""
    return hmac.new(key, env, hashlib.sha256).hexdigest()
