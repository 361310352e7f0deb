"""Which file system do all hosts start from?  Made once by mmdebstrap, then kept for every later run."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from pathlib import Path

from .programs import LabError, call

KEYRINGS = Path("/usr/share/keyrings")  # of all suites that this machine knows, also of newer ones than its own
SETUP = Path(__file__).with_name("base.sh")
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd"),
    *("openssh-server", "python3", "sudo", "iproute2", "procps", "curl"),
)
DEBIAN = os.environ.get("DEPLOYER_TEST_DEBIAN") or "bookworm"  # of the hosts of which a test says no more
ROUTERS = {DEBIAN: ("caddy", "nginx")}  # they do not run unless a test says so; Debian 11 has no caddy


def cache() -> Path:
    """Where the lab keeps what outlives a run."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deployer-lab"


def base(suite: str) -> Path:
    """The root folder of Debian `suite`, made now if it is not there yet (about half a minute).

    Raises:
        LabError: the mirror does not answer, or mmdebstrap fails.

    """
    recipe = repr((suite, _packages(suite), SETUP.read_text()))
    bases = cache() / "bases"
    made = bases / f"{suite}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    bases.mkdir(parents=True, exist_ok=True)
    with (bases / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            half = made.with_suffix(".half")
            shutil.rmtree(half, ignore_errors=True)
            _make(suite, half)
            half.rename(made)
    return made


def _packages(suite: str) -> tuple[str, ...]:
    return (*PACKAGES, *ROUTERS.get(suite, ()))


def _make(suite: str, into: Path) -> None:
    call(
        *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(_packages(suite))}"),
        *([f"--keyring={KEYRINGS}"] if KEYRINGS.is_dir() else []),
        f"--customize-hook=chroot \"$1\" sh -eu < '{SETUP}'",
        *(suite, into, _mirror()),
        timeout=600,
    )


def _mirror() -> str:
    """Where this machine gets its own Debian packages from."""
    said = call("apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages").stdout
    for line in said.splitlines():
        origin, _, uri = line.partition(" ")
        if origin == "Debian" and "security" not in uri:
            return uri
    raise LabError("no Debian mirror is known here: run `apt-get update`")
