"""The ledger's rules: which records are valid, what the next one is, what is current.

What a rollback runs and what a prune keeps is in `history.py`.  No I/O: `agent/ledger.py` writes what these return.  A
record is canonical JSON; `prev` is the digest of the record before it, so that nothing can be altered, left out or
reordered unseen.
"""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Optional, Sequence

from deployer.core import canonical
from deployer.core.errors import Drift, NotFound
from deployer.core.message import field, message
from deployer.core.names import release_number

FORMAT = 1
FIRST_PREV = "0" * 64
_DOMAIN = b"deployer-ledger-v1\0"

SUCCEEDED, RESTORED, MIXED, FAILED = "succeeded", "restored", "mixed", "failed"
BROUGHT_UP = ("run", "ship", "rollback", "config")  # the causes that change which release is current
MOVE = "move"  # the cause where one host gives up what another one is to have


@message
class Record:
    """One line of the ledger: `kind` is `release`, `run` or `primary`; `body` holds the fields of that kind."""

    seq: int
    prev: str
    kind: str
    body: dict[str, Any] = field(default_factory=dict)

    def render(self) -> bytes:
        """The record's bytes: one line."""
        fields = {"format": FORMAT, "seq": self.seq, "prev": self.prev, "kind": self.kind}
        return canonical.dumps({**self.body, **fields}) + b"\n"

    @property
    def digest(self) -> str:
        """What the next record's `prev` is."""
        return digest(self.render())


def digest(line: bytes) -> str:
    """The digest of a record's bytes, as the next record names it."""
    return canonical.sha256(_DOMAIN + line)


@message
class Release:
    """One release of the ledger: this build, with this config.  `config`, `spec` and `settings` are digests.

    `settings` is that of what else deploy.yaml says of it (core/release.py), `subject` the commit's, `config_changed`
    and `config_removed` the names that differ from the config that it went on from; records of before have none.
    """

    version: int
    build: str
    config: str
    spec: str
    commit: str
    by: str
    at: str
    cause: str
    settings: str = ""
    subject: str = ""
    config_changed: tuple[str, ...] = ()
    config_removed: tuple[str, ...] = ()


@message
class Run:
    """One attempt to bring a release up, with its outcome.

    `formation` is that of a host which runs every type; `hosts` are the hosts that the run was for, each with what
    of it that host has (none named: every host, and all of it).  A run that is not `whole` was for some hosts of the
    target only, and leaves open what the target as such is to serve.  `times` has, for each type, how long its slowest
    process took to be `ready` and to `stop`, and the longest `gap` in which nobody listened on a port that one left to
    another: `{"ready": {"web": {"host": "web1", "seconds": 1.2}}}`.
    `failure` is the kind of what went wrong (core/errors.py); records of before have none.
    """

    release: int
    cause: str
    outcome: str
    previous: Optional[int]
    formation: Mapping[str, int]
    stopped: bool
    by: str
    at: str
    attempt: str
    error: str = ""
    hosts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    whole: bool = True
    times: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    failure: str = ""

    def covers(self, host: str) -> bool:
        """Whether the run was for `host` too."""
        return not self.hosts or host in self.hosts

    def on(self, host: str) -> dict[str, int]:
        """The formation that `host` has of it."""
        return dict(self.hosts.get(host, {}) if self.hosts else self.formation)

    def processes(self, host: str) -> list[str]:
        """The names of the processes that `host` is to run: `web.1`, `web.2`."""
        counts = {} if self.stopped else self.on(host)
        return [f"{kind}.{number}" for kind, count in counts.items() for number in range(1, count + 1)]


class Ledger:
    """All records of a target, checked.  `Ledger.read` is the only way from bytes to a ledger."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = tuple(records)
        self.releases: dict[int, Release] = {}
        self.runs: list[Run] = []
        self.primary = ""  # the host whose copy counts, where it is no longer the first of the target
        self.above = 0  # release numbers up to this one were used, by a history that was set aside
        for record in self.records:
            if record.kind == "release":
                release = _release(record)
                self.releases[release.version] = release
            elif record.kind == "run":
                self.runs.append(_run(record))
            else:
                self.primary = str(record.body["host"])
                self.above = max(self.above, _int(record.body.get("above", 0)))

    @staticmethod
    def read(lines: Iterable[bytes], *, where: str = "the ledger") -> Ledger:
        """The ledger whose records are `lines`, oldest first; `Drift` names the first that does not fit."""
        records: list[Record] = []
        releases: set[int] = set()
        prev, used = FIRST_PREV, 0
        for seq, line in enumerate(lines, 1):
            try:
                fields = canonical.loads(line[:-1] if line.endswith(b"\n") else b"")
                if fields.pop("format") != FORMAT or fields.pop("seq") != seq or fields.pop("prev") != prev:
                    raise ValueError("it does not follow the record before it")
                record = Record(seq, prev, fields.pop("kind"), fields)
                used = _judged(record, releases, used)
                if record.kind == "release":
                    releases.add(used)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise Drift(
                    f"{where}: record {seq:08d} does not fit: {error}",
                    hint="the ledger was altered or damaged; nothing was changed.  Compare it with a copy of it",
                ) from error
            records.append(record)
            prev = record.digest
        return Ledger(records)

    @property
    def head(self) -> tuple[int, str]:
        """The number and the digest of the newest record; (0, 64 zeros) for an empty ledger."""
        return (self.records[-1].seq, self.records[-1].digest) if self.records else (0, FIRST_PREV)

    def next(self, kind: str, body: Mapping[str, Any]) -> Record:
        """The record that would follow."""
        seq, prev = self.head
        return Record(seq + 1, prev, kind, dict(body))

    def with_(self, record: Record) -> Ledger:
        """The ledger with `record` added to it."""
        return Ledger([*self.records, record])

    @property
    def newest(self) -> Optional[int]:
        """The highest release number, or None."""
        return max(self.releases, default=None)

    @property
    def next_version(self) -> int:
        """The number of the next release: never one that was used before."""
        return max(self.newest or 0, self.above) + 1

    @property
    def current_run(self) -> Optional[Run]:
        """The newest run of the whole target that succeeded (before the first: of some hosts), or None."""
        succeeded = [run for run in reversed(self.runs) if run.outcome == SUCCEEDED and run.cause != MOVE]
        return next((run for run in succeeded if run.whole), succeeded[0] if succeeded else None)

    @property
    def current(self) -> Optional[int]:
        """The release of the newest run that succeeded, or None."""
        run = self.current_run
        return run.release if run else None

    def run_of(self, host: str) -> Optional[Run]:
        """The newest run that succeeded and was for `host`: what that host is to serve."""
        return next((run for run in reversed(self.runs) if run.outcome == SUCCEEDED and run.covers(host)), None)

    def seq_of(self, run: Run) -> int:
        """The number of the record of one of its runs."""
        return [record.seq for record in self.records if record.kind == "run"][self.runs.index(run)]

    @property
    def hosts(self) -> set[str]:
        """Every host that a run was for, also those that are the target's no more."""
        return {host for run in self.runs for host in run.hosts}

    def holds(self, head: tuple[int, str]) -> bool:
        """Whether a copy that ends at `head` (number, digest) is this ledger, or its beginning."""
        seq, named = head
        return seq == 0 or (seq <= len(self.records) and self.records[seq - 1].digest == named)

    def outcome(self, version: int) -> str:
        """How the newest attempt to bring `version` up ended, or '' if it was never run."""
        return next((r.outcome for r in reversed(self.runs) if r.release == version and r.cause in BROUGHT_UP), "")

    def succeeded(self, version: int) -> bool:
        """Whether a run of `version` ever succeeded."""
        return any(run.release == version and run.outcome == SUCCEEDED for run in self.runs)

    @property
    def config_base(self) -> Optional[int]:
        """The release whose stored config the next release goes on from.

        The newest release, unless another one was brought up after it was made: a rollback restores the config
        too, and what was rolled back must not come back with the next release.
        """
        for record in reversed(self.records):
            if record.kind == "release":
                return _release(record).version
            if record.kind == "run":
                run = _run(record)
                if run.outcome == SUCCEEDED and run.cause in BROUGHT_UP:
                    return run.release
        return None

    def release(self, version: int) -> Release:
        """Release `version`, or `NotFound`."""
        try:
            return self.releases[version]
        except KeyError:
            raise NotFound(f"there is no release v{version}", hint="`deploy releases` lists them") from None

    def find(self, text: str) -> Release:
        """The release that `v99`, `99` or the beginning of a build's id (four digits at least) names."""
        number = release_number(text)
        if number is not None and number in self.releases:
            return self.releases[number]
        matching = [r for r in self.releases.values() if len(text) >= 4 and r.build.startswith(text)]
        if len({r.build for r in matching}) == 1:
            return matching[-1]
        if matching:
            raise NotFound(f"{text} begins the ids of {len(matching)} builds", hint="give more of its digits")
        if number is not None:
            return self.release(number)
        raise NotFound(f"there is no release {text!r}", hint="`deploy releases` lists them")


def _judged(record: Record, releases: set[int], used: int) -> int:
    """The highest release number that is used after `record`, where it was `used` before; an error if it cannot be."""
    if record.kind == "release":
        if _release(record).version != used + 1:
            raise ValueError(f"v{used + 1} was expected")
        return used + 1
    if record.kind == "run":
        if _run(record).release not in releases:
            raise ValueError("it is the run of a release that there is not")
        return used
    if record.kind == "primary" and record.body["host"]:
        return max(used, _int(record.body.get("above", 0)))
    raise ValueError("it is neither a release, nor the run of one, nor a promotion")


def _release(record: Record) -> Release:
    body = record.body
    return Release(
        version=_int(body["version"]),
        build=str(body["build"]),
        config=str(body["config"]),
        spec=str(body["spec"]),
        commit=str(body["commit"]),
        by=str(body["by"]),
        at=str(body["at"]),
        cause=str(body["cause"]),
        settings=str(body.get("settings", "")),
        subject=str(body.get("subject", "")),
        config_changed=tuple(map(str, body.get("config_changed", ()))),
        config_removed=tuple(map(str, body.get("config_removed", ()))),
    )


def _run(record: Record) -> Run:
    body = record.body
    previous = body["previous"]
    return Run(
        release=_int(body["release"]),
        cause=str(body["cause"]),
        outcome=str(body["outcome"]),
        previous=None if previous is None else _int(previous),
        formation=_counts(body["formation"]),
        stopped=bool(body["stopped"]),
        by=str(body["by"]),
        at=str(body["at"]),
        attempt=str(body["attempt"]),
        error=str(body.get("error", "")),
        hosts={str(host): _counts(share) for host, share in body.get("hosts", {}).items()},
        whole=bool(body.get("whole", True)),
        times=body.get("times", {}),
        failure=str(body.get("failure", "")),
    )


def _counts(formation: Any) -> dict[str, int]:
    return {str(name): _int(count) for name, count in formation.items()}


def _int(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not a number")
    return value
