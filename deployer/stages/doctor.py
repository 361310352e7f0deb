"""Can this machine and the hosts do the job?"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from deployer import settings as settings_
from deployer.core import requests
from deployer.core.errors import DeployError
from deployer.core.routing import Router
from deployer.hosts.fleet import Fleet
from deployer.hosts.session import Session
from deployer.settings import Narrow, TargetSettings
from deployer.stages import matching
from deployer.stages.project import Project
from deployer.stages.target import reached

APART, TOO_FAR = 2.0, 30.0  # seconds that a host's clock may differ from ours


@dataclass(frozen=True)
class Finding:
    """One thing that a deployment needs: where it was looked for, what was found, what to do where it is not well.

    With `warn` a deployment can go well, but somebody should know.
    """

    where: str
    name: str
    found: str
    ok: bool
    hint: str = ""
    warn: bool = False


def examine(project: Project, name: str | None, narrow: Narrow) -> list[Finding]:
    """What this machine has for building, and what every host says of itself, or why it cannot be reached."""
    target = settings_.narrowed(settings_.target(project.settings, name), narrow.hosts, narrow.limit)
    wish = "supervisor" if target.is_local and target.manager == "auto" else target.manager
    with reached(project, replace(target, manager="")) as fleet:  # a wish that cannot be granted must not end it here
        answers = fleet.ask(lambda session: _examined(session, wish, _router(target, session.host.name)))
        runtime = [] if target.is_local else _runtime(project, fleet)
        lost = {**fleet.missing, **answers.failures}
        told = {**answers.replies, **{host: [_lost(host, error)] for host, error in lost.items()}}
    wanted = target.chosen or [host.host for host in target.hosts] or list(told)
    return [*tools(project.operator.environ), *runtime, *(finding for host in wanted for finding in told[host])]


def _runtime(project: Project, fleet: Fleet) -> list[Finding]:
    """Which interpreter will run the app on the hosts."""
    offers = fleet.ask(matching.offer).replies
    try:
        told = matching.outlook(project, list(offers.values()))
    except DeployError as error:  # no commit yet, or nothing that a pack knows: a build says it better
        return [Finding("here", "runtime", error.message, ok=False, hint=error.hint)]
    hint = "`build.runtime: auto` lets the build bring one along"
    return [Finding("here", "runtime", told[1], ok=told[0], hint="" if told[0] else hint)] if told else []


def _lost(host: str, error: DeployError) -> Finding:
    return Finding(host, "agent", error.message, ok=False, hint=error.hint)


def _router(target: TargetSettings, host: str) -> Router:
    """The router that a host is to have: none where it does not run what is routed to, nor where another has it."""
    if target.router.host:
        return target.router if host == target.router.host else Router()
    runs = next((known.runs for known in target.hosts if known.host == host), None)
    return target.router if runs is None or target.router.type in runs else Router()


def _examined(session: Session, manager: str, router: Router) -> list[Finding]:
    host, before = session.host.name, time.time()
    told = session.call(requests.Examine(manager, router), requests.Examined)
    found = [Finding(host, f["name"], f["found"], f["ok"], f["hint"], f["warn"]) for f in told.findings]
    return [*found, skew(host, told.clock, before, time.time())]


def skew(host: str, clock: float, before: float, after: float) -> Finding:
    """How far a host's clock is from ours: it was read between `before` and `after`."""
    ahead, behind = clock - after, before - clock
    apart = max(ahead, behind, 0.0)
    found = f"{apart:.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's" if apart > APART else "as here"
    hint = "`timedatectl` on both says which is wrong; `sudo timedatectl set-ntp true` sets it right"
    wrong = apart > APART
    return Finding(
        host, "clock", found, ok=apart <= TOO_FAR, warn=wrong and apart <= TOO_FAR, hint=hint if wrong else ""
    )


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
