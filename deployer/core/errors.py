"""Which failures does a user meet, and what does each say, hint and exit with?

Every failure that a user can cause or meet is a `DeployError`.  Its class carries the documented exit code
and a stable `kind`; it travels over the wire as data (`as_wire`, `from_wire`), so that no one ever has to
recognise a failure by its text.
"""

from __future__ import annotations

from typing import Any, ClassVar, Optional


class DeployError(Exception):
    """A failure with a message for the user, a hint (what to type next) and an exit code.

    `message` names the thing and the place; `hint` the next step; `details` is extra data for `--json`
    (JSON values only); `output` the last lines of whatever failed, shown below the message.
    """

    kind: ClassVar[str] = "bug"
    exit_code: ClassVar[int] = 1
    default_hint: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        hint: Optional[str] = None,
        output: str = "",
        details: Optional[dict[str, Any]] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = self.default_hint if hint is None else hint
        self.output = output
        self.details: dict[str, Any] = details or {}

    def as_wire(self) -> dict[str, Any]:
        """The failure as JSON values: kind, message, hint, output, details."""
        return {
            "kind": self.kind,
            "message": self.message,
            "hint": self.hint,
            "output": self.output,
            "details": self.details,
        }


class UsageError(DeployError):
    """The command line asks for something that makes no sense."""

    kind, exit_code = "usage", 2
    default_hint = "`deploy --help` lists the commands"


class SettingsError(DeployError):
    """deploy.yaml, the Procfile or a config source is wrong; the message holds every mistake, one a line."""

    kind, exit_code = "settings", 2


class NotFound(DeployError):
    """The release, build, process or file that was named does not exist."""

    kind, exit_code = "not-found", 3


class BuildFailed(DeployError):
    """The build stage could not make a build of this commit."""

    kind, exit_code = "build-failed", 10


class ReleaseRefused(DeployError):
    """The release stage would not make this release: config contract, `--expect`, or an unfit host."""

    kind, exit_code = "release-refused", 20


class ReleaseCommandFailed(DeployError):
    """The release command ended with another code than 0; nothing was switched."""

    kind, exit_code = "release-command-failed", 21


class RunFailed(DeployError):
    """The run failed; the previous release serves everywhere."""

    kind, exit_code = "run-failed", 30


class RunMixed(DeployError):
    """The run failed and the hosts do not all serve the previous release; `details["hosts"]` lists them."""

    kind, exit_code = "run-mixed", 31


class HostUnreachable(DeployError):
    """A host does not answer, its key is not trusted, or it cannot run the agent."""

    kind, exit_code = "host-unreachable", 40


class HostFailed(DeployError):
    """A host answers, but its disk does not work for us: full, read-only, broken; what it was asked is not done."""

    kind, exit_code = "host-failed", 40


class TargetLocked(DeployError):
    """Another writer holds the target."""

    kind, exit_code = "target-locked", 41
    default_hint = "wait for it with `--wait 60s`; one that is killed is waited for in any case"


class Drift(DeployError):
    """What runs, what `current` names and what the ledger says differ, or a digest does not match."""

    kind, exit_code = "drift", 50


class CheckFailed(DeployError):
    """The audit found that the build is no twelve-factor app."""

    kind, exit_code = "check-failed", 50


class Interrupted(DeployError):
    """The user pressed Ctrl-C, or the command got SIGTERM or SIGHUP."""

    kind, exit_code = "interrupted", 130


KINDS: dict[str, type[DeployError]] = {
    cls.kind: cls
    for cls in (
        DeployError,
        UsageError,
        SettingsError,
        NotFound,
        BuildFailed,
        ReleaseRefused,
        ReleaseCommandFailed,
        RunFailed,
        RunMixed,
        HostUnreachable,
        HostFailed,
        TargetLocked,
        Drift,
        CheckFailed,
        Interrupted,
    )
}


def from_wire(wire: dict[str, Any]) -> DeployError:
    """The failure that `as_wire` described; an unknown kind is a bug of ours."""
    cls = KINDS.get(wire.get("kind", ""), DeployError)
    return cls(
        str(wire.get("message", "")),
        hint=str(wire.get("hint", "")),
        output=str(wire.get("output", "")),
        details=wire.get("details") or {},
    )
