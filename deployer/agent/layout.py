"""Where is what on a host?  (design, section 6)"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The files of one app's target on one host, below `root` (absolute)."""

    root: Path
    app: str
    target: str

    agent = property(lambda self: self.root / "agent")
    objects = property(lambda self: self.root / "objects")
    builds = property(lambda self: self.root / "builds")
    releases = property(lambda self: self.root / "releases")
    current = property(lambda self: self.root / "current")
    ledger = property(lambda self: self.root / "ledger")
    events = property(lambda self: self.root / "events")
    shared = property(lambda self: self.root / "shared")
    run = property(lambda self: self.root / "run")
    log = property(lambda self: self.root / "log")
    lock = property(lambda self: self.root / "lock")
    key = property(lambda self: self.root / "config.key")
    draft = property(lambda self: self.root / "config.draft")

    def build(self, build: str) -> Path:
        """The directory of a build: its `manifest`, and on the operator's machine `build.json` and `log` too."""
        return self.root / "builds" / build

    def release(self, version: int) -> Path:
        """The directory of a release."""
        return self.root / "releases" / f"v{version}"

    def record(self, seq: int) -> Path:
        """The file of a ledger record."""
        return self.root / "ledger" / f"{seq:08d}"
