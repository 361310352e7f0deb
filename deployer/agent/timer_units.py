"""How does systemd run what runs at its times?  A timer and a service for each such process type.

`shop-production-report@scheduled.timer` starts `shop-production-report@scheduled.service`, which launches the release
that `run/scheduled/report` names: one service for all releases, so that systemd itself never runs two at a time, and a
switch changes no unit.  A run that has begun goes on to its end, whatever is switched meanwhile.  Timers are not
started with the host: what brings `current` up (agent/boot.py) starts them.

No process of the formation has such a unit name: theirs end with a release and a number.
"""

from __future__ import annotations

from typing import Sequence

from deployer.agent import scheduled, unit_files
from deployer.agent.layout import Layout
from deployer.agent.python import interpreter
from deployer.agent.scheduled import FOLDER, Job
from deployer.agent.systemctl import Systemctl
from deployer.agent.unit_setup import UnitSetup
from deployer.core.manifest import ProcessType

GRACE = 30.0  # seconds

_SERVICE = """\
{owner}
[Unit]
Description={app} on {target}: {kind}, at its times
ConditionPathExists={root}/{folder}/{kind}
StartLimitIntervalSec=0

[Service]
Type=oneshot
WorkingDirectory={root}
EnvironmentFile=-{pattern}/{folder}/{kind}
ExecStart={python} -IS releases/v${{RELEASE}}/agent.pyz launch {kind} 1 --scheduled
ExecStopPost=-+/bin/sh {end} {kind}@scheduled {hundredths}
ExecStopPost=-+{python} -IS {program} ran {argument} {app} {target} {kind}
KillMode=control-group
TimeoutStopSec={stop:g}
UMask=0077
SyslogIdentifier={app}-{target}-{kind}@scheduled
LogRateLimitIntervalSec=0
{more}"""

_TIMER = """\
{owner}
[Unit]
Description={app} on {target}: the times of {kind}
ConditionPathExists={root}/{folder}/{kind}

[Timer]
{times}AccuracySec=100ms
Persistent=false
"""


def service_name(files: Layout, kind: str) -> str:
    """The service of a type that runs at its times."""
    return f"{files.app}-{files.target}-{kind}@scheduled.service"


def timer_name(files: Layout, kind: str) -> str:
    """The timer that starts it."""
    return f"{files.app}-{files.target}-{kind}@scheduled.timer"


class Timers:
    """The timers of one target."""

    def __init__(self, files: Layout, systemctl: Systemctl, units: UnitSetup) -> None:
        self._files, self._systemctl, self._units = files, systemctl, units

    def arrange(self, release: int, kinds: Sequence[ProcessType]) -> None:
        """Have exactly these run at their times; what runs of any other type ends now."""
        others = [name for name in scheduled.names(self._files) if name not in {kind.name for kind in kinds}]
        if kinds:
            self._units.prepare()
        for kind in kinds:  # before its new times: they are never those of the release before
            scheduled.write(self._files, Job(kind.name, release, kind.schedule, kind.stop_timeout))
        changed = self._units.have(self.contents(kinds))
        self._forget(others)
        self.agree(again=changed)

    def contents(self, kinds: Sequence[ProcessType]) -> dict[str, bytes]:
        """The units of these process types, by name."""
        services = {service_name(self._files, kind.name): self._service(kind) for kind in kinds}
        return {**services, **{timer_name(self._files, kind.name): self._timer(kind) for kind in kinds}}

    def agree(self, *, again: Sequence[str] = ()) -> None:
        """Have those timers running that the files name; those in `again` anew, for their times are others."""
        wanted = [timer_name(self._files, job.type) for job in scheduled.read(self._files)]
        wanted = [name for name in wanted if self._units.owns(name)]
        if wanted:
            active = self._alive("timer")
            anew = [name for name in wanted if name in again and name in active]
            if anew:
                self._systemctl.tell("restart", *anew)
            dead = [name for name in wanted if name not in active]
            if dead:
                self._systemctl.tell("start", *dead)

    def armed(self) -> set[str]:
        """The types whose times systemd keeps."""
        kinds = [job.type for job in scheduled.read(self._files)]
        active = self._alive("timer") if kinds else set()
        return {kind for kind in kinds if timer_name(self._files, kind) in active}

    def _forget(self, kinds: Sequence[str]) -> None:
        """Keep the times of these no longer, and end what runs; the files go last, so that a cut is made up for."""
        owned = [kind for kind in kinds if self._units.owns(service_name(self._files, kind))]
        if owned:
            alive = self._alive("timer") | self._alive("service")
            for name in (timer_name, service_name):  # from here on none begins
                left = [name(self._files, kind) for kind in owned if name(self._files, kind) in alive]
                if left:
                    self._systemctl.tell("stop", *left, patience=GRACE + 2 * max(map(self._stop_timeout, owned)))
        for kind in kinds:
            scheduled.remove(self._files, kind)

    def _alive(self, ending: str) -> set[str]:
        """The timers, or the services, that are anything but dead."""
        known = self._systemctl.show(f"{self._files.app}-{self._files.target}-*@scheduled.{ending}")
        return {name for name, unit in known.items() if unit["ActiveState"] not in ("inactive", "failed")}

    def _stop_timeout(self, kind: str) -> float:
        job = scheduled.find(self._files, kind)
        return job.stop_timeout if job else 0.0

    def _service(self, kind: ProcessType) -> bytes:
        system, root = self._systemctl.of_the_system, str(self._files.root)
        stop = max(unit_files.SHORTEST, kind.stop_timeout)
        return _SERVICE.format(
            owner=unit_files.owner(self._files),
            app=self._files.app,
            target=self._files.target,
            kind=kind.name,
            root=unit_files.plain(root),
            pattern=unit_files.glob(root),
            argument=unit_files.word(root).replace("$", "$$"),
            folder=FOLDER,
            python=unit_files.word(interpreter()),
            program=unit_files.PROGRAM,
            end=unit_files.END,
            stop=stop,
            hundredths=int(stop * 100),
            more="".join(f"{line}\n" for line in unit_files.stopping(kind.stop_signal))
            + unit_files.bounds(self._files, kind, of_the_system=system, hardened=self._units.shields()),
        ).encode()

    def _timer(self, kind: ProcessType) -> bytes:
        from deployer.core import schedule  # noqa: PLC0415 - few targets have one

        times = "".join(f"OnCalendar={line}\n" for line in schedule.parse(kind.schedule).expressions())
        return _TIMER.format(
            owner=unit_files.owner(self._files),
            app=self._files.app,
            target=self._files.target,
            kind=kind.name,
            root=unit_files.plain(str(self._files.root)),
            folder=FOLDER,
            times=times,
        ).encode()
