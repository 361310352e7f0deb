"""Where is what on a host?  (design, section 6)"""

from __future__ import annotations

from pathlib import Path

from deployer.core.message import message


@message
class Layout:
    """The files of one app's target on one host, below `root` (absolute)."""

    root: Path
    app: str
    target: str

    @property
    def agent(self) -> Path:
        """The programs that run here, by digest."""
        return self.root / "agent"

    @property
    def objects(self) -> Path:
        """File contents by sha256."""
        return self.root / "objects"

    @property
    def builds(self) -> Path:
        """Builds: a manifest each."""
        return self.root / "builds"

    @property
    def runtimes(self) -> Path:
        """Interpreters that builds bring along, a folder each."""
        return self.root / "runtimes"

    @property
    def releases(self) -> Path:
        """Release directories."""
        return self.root / "releases"

    @property
    def current(self) -> Path:
        """The link that names the release that serves."""
        return self.root / "current"

    @property
    def ledger(self) -> Path:
        """One record per file."""
        return self.root / "ledger"

    @property
    def events(self) -> Path:
        """What this host did, a line each."""
        return self.root / "events"

    @property
    def shared(self) -> Path:
        """Paths that outlive releases."""
        return self.root / "shared"

    @property
    def run(self) -> Path:
        """What belongs to the running processes and to a pending switch."""
        return self.root / "run"

    @property
    def log(self) -> Path:
        """What processes wrote."""
        return self.root / "log"

    @property
    def lock(self) -> Path:
        """The lock of the target's one writer."""
        return self.root / "lock"

    @property
    def key(self) -> Path:
        """The key of config digests."""
        return self.root / "config.key"

    @property
    def draft(self) -> Path:
        """The variables kept for the first release."""
        return self.root / "config.draft"

    def program(self, sha256: str) -> Path:
        """An agent by its digest."""
        return self.root / "agent" / f"{sha256}.pyz"

    def build(self, build: str) -> Path:
        """The directory of a build: its `manifest`, and on the operator's machine `build.json` and `log` too."""
        return self.root / "builds" / build

    def release(self, version: int) -> Path:
        """The directory of a release."""
        return self.root / "releases" / f"v{version}"

    def record(self, seq: int) -> Path:
        """The file of a ledger record."""
        return self.root / "ledger" / f"{seq:08d}"
