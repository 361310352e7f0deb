"""Where is a target's config on a host?  In each release's `env`; before the first release, in a draft."""

from __future__ import annotations

import os

from deployer.agent import durable, ledger, stage
from deployer.agent.context import Host
from deployer.agent.layout import Layout
from deployer.core import release, requests
from deployer.core.errors import Drift, NotFound
from deployer.core.secret import Secret

KEY_BYTES = 32


def get_config(request: requests.GetConfig, host: Host) -> requests.Config:
    """The variables of a release, or of the draft."""
    if request.version is None:
        drafted = draft(host.files)
        return requests.Config(drafted, sorted(drafted))
    spec = stage.spec(host.files, request.version)
    return requests.Config(variables(host.files, request.version), list(spec.stored))


def set_draft(request: requests.SetDraft, host: Host) -> requests.Done:
    """Keep variables for the first release."""
    durable.write(host.files.draft, release.render_env(request.variables), mode=0o400, name="draft")
    return requests.Done()


def draft(files: Layout) -> dict[str, Secret]:
    """The variables kept for the first release."""
    try:
        return release.parse_env(files.draft.read_bytes())
    except FileNotFoundError:
        return {}


def variables(files: Layout, version: int) -> dict[str, Secret]:
    """The variables of a release."""
    try:
        return release.parse_env((files.release(version) / "env").read_bytes())
    except FileNotFoundError:
        raise NotFound(f"v{version} is not here any more", hint="`deploy releases` says which are kept") from None


def key(files: Layout) -> bytes:
    """The key of this target's config digests; made on first use."""
    try:
        return files.key.read_bytes()
    except FileNotFoundError:
        durable.write(files.key, os.urandom(KEY_BYTES), mode=0o400, name="key")
        return files.key.read_bytes()


def check_key(files: Layout, given: Secret) -> None:
    """`Drift` where the records that are here go with another key: it is never lost to that of a wrong primary."""
    if files.key.exists() and files.key.read_bytes().hex() != given.reveal() and ledger.raw(files):
        raise Drift(
            f"{files.key} is not the primary's, and there are records that go with it",
            hint="`deploy ledger verify` compares the ledgers; the one that counts should have the right key",
        )


def take_key(files: Layout, given: Secret) -> bytes:
    """Keep the key that the primary has: what the ledger says of a config is the same on every host."""
    key = bytes.fromhex(given.reveal())
    if not files.key.exists() or files.key.read_bytes() != key:
        durable.write(files.key, key, mode=0o400, name="key")
    return key


def forget_draft(files: Layout) -> None:
    """The first release has taken the draft."""
    if os.path.lexists(files.draft):
        durable.remove(files.draft, name="draft")
