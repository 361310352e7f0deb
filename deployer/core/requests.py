"""What can an operator ask of a host's agent?  Requests and replies, frozen; each request is one verb.

`agent/verbs.py` has the table of who answers what; what brings builds and releases, checks and removes them is in
`deliveries.py`.  Times are RFC 3339 UTC, durations seconds, sizes bytes.
"""

from __future__ import annotations

from typing import Any, Optional

from deployer.core.deliveries import (
    GiveTimes,
    Lacks,
    OfferBuild,
    Problems,
    Prune,
    Pruned,
    PutAgent,
    PutBuild,
    PutTool,
    ReadAgent,
    ReadContents,
    ReadManifest,
    Stage,
    Staged,
    Survey,
    Surveyed,
    Times,
    Verify,
)
from deployer.core.intents import EndIntent, Intend, Intended
from deployer.core.message import field, message
from deployer.core.oneoffs import Detach, Detached, EndOneOff, Exec, OneOffEnded, Reserve, Reserved
from deployer.core.route_requests import PutRoute, ReadRoute, RestoreRoute, RoutePut, Shares
from deployer.core.router_requests import MaintenanceSet, RouterSeen, SetMaintenance, ShowRouter, UpstreamSeen
from deployer.core.routing import Router
from deployer.core.secret import Secret
from deployer.core.switch_requests import Restore, Retire, StillUp, Switch, Switched
from deployer.core.units import ReadUnits, Units

PROTOCOL = 1

__all__ = (
    "PROTOCOL", "Append", "Claim", "Claimed", "Config", "Damage", "Detach", "Detached", "Done", "EndIntent",
    "EndOneOff", "Ended", "Events", "Examine", "Examined", "Exec", "GetConfig", "GiveTimes", "Intend", "Intended",
    "Lacks", "LedgerLines", "Logs", "Look", "Looked",
    "MaintenanceSet", "OfferBuild", "OneOffEnded", "Open", "Opened", "Prepare", "Problems", "Prune", "Pruned",
    "PutAgent", "PutBuild", "PutRoute", "PutTool", "ReadAgent", "ReadContents", "ReadEvents", "ReadLedger",
    "ReadManifest", "ReadRoute", "ReadSpec", "ReadUnits", "ReplaceLedger", "Reserve", "Reserved", "Restore",
    "RestoreRoute", "Retire", "RoutePut", "RouterSeen", "RunReleaseCommand", "Seen", "SetAside", "SetDraft",
    "SetMaintenance", "Shares", "ShowRouter", "Stage", "Staged", "StillUp", "Survey", "Surveyed", "Switch", "Switched",
    "Times", "Units", "UpstreamSeen", "Verify",
)  # fmt: skip


@message
class Open:
    """Begin a session with `host`, as deploy.yaml calls it.

    `root` may begin with `~/`; '' is the default: /srv/<app> where the agent is root, else ~/<app>.  `manager` is the
    wish for a process manager ('' leaves it as it is); `silence` the seconds without a word after which the operator
    is taken for gone, and what is not confirmed is put back.
    """

    app: str
    target: str
    host: str
    root: str
    manager: str = ""
    silence: float = 30
    protocol: int = PROTOCOL


@message
class Opened:
    """The host as the session finds it.

    `releases` are those that are here; `manager` is the kind of its process manager; `seq` and `head` are the number
    and the digest of the newest record of its ledger; `primary` is the host whose ledger counts, as this one's newest
    promotion says ('' if there was none).  `damage` is what is wrong with its ledger, of which nothing is known then.
    `crashed` are the releases that crashed again and again while they served here, and how.
    """

    root: str
    user: str
    python: str
    machine: str
    builds: list[str]
    tools: list[str]
    releases: list[int]
    manager: str
    seq: int
    head: str
    primary: str
    damage: Optional[Damage] = None
    crashed: dict[int, str] = field(default_factory=dict)


@message
class Damage:
    """Why a ledger cannot be read, and what to do."""

    message: str
    hint: str


@message
class Claim:
    """Become the target's one writer, waiting up to `wait` seconds for another one; clean up what it may have left.

    `key` is that of the config digests, in hexadecimal, as the primary has it; None on the primary itself.  Without
    `tidy` nothing is cleaned up: what the ledger would say of it is not trusted.
    """

    wait: float
    who: str
    command: str
    at: str
    key: Optional[Secret] = None
    tidy: bool = True


@message
class Claimed:
    """`recovered` tells what an interrupted command had left, now cleaned up."""

    key: Secret
    recovered: list[str] = field(default_factory=list)


@message
class ReadLedger:
    """All records after number `after`; with `raw` as they are, whether they fit or not."""

    after: int = 0
    raw: bool = False


@message
class LedgerLines:
    """The records' bytes, oldest first."""

    lines: list[str]


@message
class Append:
    """Publish records, oldest first.  That of a run that succeeded confirms the pending switch of its attempt."""

    lines: list[str]


@message
class ReplaceLedger:
    """Set this host's records aside, and have these, oldest first, in their place."""

    lines: list[str]


@message
class SetAside:
    """The folder beside `ledger` where the records are now; '' where there were none."""

    folder: str


@message
class RunReleaseCommand:
    """Run the release command of `version` once; its output comes as frames.  After `timeout` seconds it is ended."""

    version: int
    timeout: float


@message
class Ended:
    """How a command ended: its exit code (128 + n for signal n).

    `skipped`: it was left out as done before; `overdue`: it was ended since its time was over.
    """

    code: int
    seconds: float = 0
    skipped: bool = False
    overdue: bool = False


@message
class Prepare:
    """Get ready to make `version` with `formation` run, or (`stopped`) nothing; `restart` names what starts anew.

    What can fail without touching what serves is tried now.  From here on a switch is pending: until the record of
    `attempt` is appended; restored if the session ends before.  `times` are those of the release's files as another
    host has them; without any this one finds them out.
    """

    attempt: str
    version: int
    formation: dict[str, int]
    stopped: bool
    restart: list[str]
    cause: str
    by: str
    at: str
    times: list[int] = field(default_factory=list)


@message
class Look:
    """What the host says of itself."""


DRAINING = "draining"  # told to stop, and finishing what it is at
FAILING = "failing"  # it ends again and again, each time soon after its start


@message
class Seen:
    """One process: `type.number` of a release, as `deploy ps` shows it."""

    process: str
    release: int
    state: str
    pid: int
    port: int
    since: float
    restarts: int
    reason: str


@message
class Looked:
    """`current` is what the link names ('' for none); `present` the release directories; `processes` what runs.

    `oneoffs` are those that go on by themselves.  `risks` say why the next crash of a process would not be survived.
    `changing` says who is just changing what runs, and to what: until that has ended, nothing has to agree.
    """

    current: str
    present: list[int]
    pending: str
    manager: str
    processes: list[Seen]
    holder: str
    draft: list[str]
    oneoffs: list[Seen] = field(default_factory=list)
    risks: list[str] = field(default_factory=list)
    changing: str = ""


@message
class GetConfig:
    """The variables of a release (None: those stored before the first release)."""

    version: Optional[int]


@message
class Config:
    """Variables, and the names of those that were stored by `config set`."""

    variables: dict[str, Secret]
    stored: list[str]


@message
class SetDraft:
    """Keep these variables for the first release."""

    variables: dict[str, Secret]


@message
class ReadSpec:
    """The spec of a release that is present here."""

    version: int


@message
class ReadSpecText:
    """`release.json` of a release that is present here, as its bytes are."""

    version: int


@message
class SpecText:
    """The text of a `release.json`."""

    text: str


@message
class Logs:
    """The last `lines` lines of these processes (all where empty), and with `follow` all that come."""

    processes: list[str]
    lines: int
    follow: bool
    version: Optional[int] = None


@message
class ReadEvents:
    """The newest `lines` entries of the host's own events."""

    lines: int


@message
class Events:
    """Entries, oldest first: at, event, release, text."""

    events: list[Any]


@message
class Examine:
    """What `deploy doctor` wants to know of a host, for whose target `manager` and `router` are wished."""

    manager: str
    router: Router = Router()


@message
class Examined:
    """Findings: name, ok, warn, found, hint.  `clock` is the host's, in seconds of the epoch."""

    findings: list[Any]
    clock: float


@message
class Done:
    """Nothing more to say."""
