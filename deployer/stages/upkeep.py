"""What can go, and what is missing?  prune and doctor."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from deployer.core import ledger, requests
from deployer.core.errors import DeployError
from deployer.core.names import release_name
from deployer.stages.events import DONE, WARNING, Event
from deployer.stages.target import Target


@dataclass(frozen=True)
class Finding:
    """One thing that a deployment needs: where it was looked for, what was found, what to do where it is not well."""

    where: str
    name: str
    found: str
    ok: bool
    hint: str = ""


def prune(target: Target, keep: int | None = None) -> dict[str, requests.Pruned]:
    """Take away what is beyond the newest `keep` releases (default: the target's) and depended on by nothing."""
    count = target.settings.keep if keep is None else keep
    stay = ledger.kept(target.ledger, count, ())  # a host itself leaves what a process of its own runs from
    builds = list(dict.fromkeys(build.id for build in target.project.store.list()))[: max(count, 1)]
    request = requests.Prune(sorted(stay), builds)
    return target.ask(lambda session: session.call(request, requests.Pruned)).all()


def tidy(target: Target) -> None:
    """Prune after a run that succeeded; the run has succeeded whatever becomes of this."""
    stay = ledger.kept(target.ledger, target.settings.keep, ())
    if not any(set(session.found.releases) - stay for session in target.chosen):
        return
    try:
        pruned = prune(target)
    except DeployError as error:
        target.report(Event(WARNING, f"old releases were not pruned: {error.message}"))
        return
    gone = sorted({version for host in pruned.values() for version in host.releases})
    if gone:
        names = ", ".join(release_name(version) for version in gone)
        target.report(Event(DONE, f"pruned {names}; `keep` in deploy.yaml is {target.settings.keep}"))


def doctor(target: Target) -> list[Finding]:
    """What this machine needs for building, and what every host says of itself."""
    findings = tools(target.operator.environ)
    told = target.ask(lambda session: session.call(requests.Examine(), requests.Examined)).all()
    for host, examined in told.items():
        findings += [Finding(host, f["name"], f["found"], f["ok"], f["hint"]) for f in examined.findings]
    return findings


def tools(environ: Mapping[str, str]) -> list[Finding]:
    """The programs that builds are made with, on this machine."""
    return [
        _program("git", ["git", "--version"], environ, "install git 2.32 or newer (Debian: `apt install git`)"),
        _package("uv", "python apps need it: `pip install uv` into deployer's environment"),
        _program("node", ["node", "--version"], environ, "only node apps need it: install Node.js", needed=False),
        _program("npm", ["npm", "--version"], environ, "only node apps need it: it comes with Node.js", needed=False),
        _package("supervisor", "`pip install supervisor` into deployer's environment"),
    ]


def _program(name: str, command: list[str], environ: Mapping[str, str], hint: str, *, needed: bool = True) -> Finding:
    path = shutil.which(command[0], path=environ.get("PATH"))
    if path is None:
        return Finding("here", name, "not found", ok=not needed, hint=hint)
    try:
        told = subprocess.run([path, *command[1:]], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("here", name, f"{path}: {error}", ok=False, hint=hint)
    found = told.stdout.strip().splitlines()[:1]
    return Finding("here", name, f"{found[0] if found else 'no answer'} ({path})", ok=told.returncode == 0, hint=hint)


def _package(name: str, hint: str) -> Finding:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - only the doctor asks

    try:
        return Finding("here", name, version(name), ok=True)
    except PackageNotFoundError:
        return Finding("here", name, "not found", ok=False, hint=hint)
