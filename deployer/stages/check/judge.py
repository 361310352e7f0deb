"""Which rules did a process keep, going by what was seen of its life?  No I/O: one function a rule.

One fault fails one rule: where another row has the cause, a rule is skipped and names that row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deployer.core.manifest import ProcessType
from deployer.stages.check import missing
from deployer.stages.check.row import Row, failed, passed, skipped
from deployer.stages.check.seen import Seen

SHOWN = 3
NOT_UP = "it does not start"


@dataclass(frozen=True)
class Case:
    """A process type, what was seen of it, the names it was given and those of the caller's own environment."""

    kind: ProcessType
    seen: Seen
    given: Sequence[str]
    shell: Sequence[str]

    @property
    def missed(self) -> list[str]:
        """The variables without which it did not start, as far as it says so."""
        return [] if self.seen.start.ready else missing.named(self.seen.lines, self.given)

    @property
    def elsewhere(self) -> bool:
        """Whether it listens, but not on its port."""
        return self.kind.binds_port and not self.seen.address and bool(self.seen.others)

    @property
    def cause(self) -> str:
        """The check that says why it did not start, '' where none does."""
        seen = self.seen
        if seen.start.ready:
            return ""
        causes = {"daemon": seen.went_off, "config": bool(self.missed), "port": self.elsewhere}
        return next((name for name, is_so in {**causes, "writes": bool(seen.refused)}.items() if is_so), "")


def start(case: Case) -> Row:
    """Does it become ready, and how fast?"""
    seen, name = case.seen, case.kind.name
    if seen.start.ready:
        what = "ran to its end" if seen.outcome is not None else "ready"
        what = "still at work" if case.kind.schedule and seen.outcome is None else what
        return passed("start", name, f"{what} in {seen.start.seconds:.1f} s", seen.start.seconds)
    if case.cause:
        return skipped("start", name, f"{seen.start.failure}; `{case.cause}` says why")
    last = next((line.strip() for line in reversed(seen.lines) if line.strip()), "")
    advice = "see that its command runs in a fresh checkout, and answers at its health path within `boot_timeout`"
    return failed("start", name, seen.start.failure + (f": {last}" if last else ""), advice, seen.start.seconds)


def config(case: Case) -> Row:
    """Is the declared config all that it needs?"""
    name, missed = case.kind.name, case.missed
    if case.seen.start.ready:
        count = len(case.given)
        return passed("config", name, f"{count} variable{'' if count == 1 else 's'} of the config, PORT and no others")
    if not missed or case.cause != "config":
        return skipped("config", name, NOT_UP)
    mine = [variable for variable in missed if variable in case.shell]
    more = f" ({', '.join(mine)} is set in your shell, and not in the config)" if mine else ""
    return failed("config", name, f"missed {', '.join(missed)}{more}", declare(missed))


def declare(names: Sequence[str]) -> str:
    """What to do about variables that were missed."""
    return f"name {', '.join(names)} under `config.required`, and give it to the target's config"


def port(case: Case) -> Row:
    """Does it listen on PORT, and on nothing else?"""
    seen, kind = case.seen, case.kind
    others = ", ".join(f"{_bracketed(address)}:{number}" for address, number in seen.others)
    if kind.binds_port and not seen.address and not seen.others:
        return skipped("port", kind.name, NOT_UP)
    if not others:
        found = f"PORT, and no other: {_bracketed(seen.address)}:{seen.port}" if seen.address else "listens on no port"
        return passed("port", kind.name, found)
    if not kind.binds_port:
        advice = f"say `port:` or `health:` for {kind.name} in deploy.yaml, and bind PORT; or do not listen"
        return failed("port", kind.name, f"listens on {others}, and should on none", advice)
    if not seen.address:
        return failed("port", kind.name, f"listens on {others}, not on PORT", "bind the port that PORT names")
    advice = "one process type, one port: make it a type of its own in the Procfile, with a PORT of its own"
    return failed("port", kind.name, f"listens on {others}, besides PORT", advice)


def stop(case: Case) -> Row:
    """Does it end on its stop_signal, and how fast?"""
    seen, kind, told = case.seen, case.kind, f"SIG{case.kind.stop_signal}"
    if seen.stopped is None:
        advice = (
            f"end on {told}, or say the `stop_signal:` that it ends on; a command with `&&` or a wrapper script has to "
            "`exec` the program or pass it on"
        )
        return failed("stop", kind.name, f"went on {kind.stop_timeout:g} s after {told}, and was killed", advice)
    return passed("stop", kind.name, f"ended {seen.stopped:.1f} s after {told}", seen.stopped)


def requests(case: Case) -> Row:
    """Are the requests finished that are under way when it is told to stop?"""
    name, cut, told = case.kind.name, case.seen.cut, f"SIG{case.kind.stop_signal}"
    if cut is None:
        return skipped("requests", name, "it gives no answer in HTTP")
    if not cut.under_way:
        why = "it answered too quickly to be caught at it: name a slower path by --slow PATH"
        return skipped("requests", name, why)
    if cut.broken:
        found = f"{len(cut.broken)} of {cut.under_way} under way at {told} {cut.broken[0]}"
        return failed(
            "requests", name, found, f"on {told} take no more requests, finish those that were begun, then end"
        )
    return passed("requests", name, f"{cut.under_way} under way at {told}, all answered")


def writes(case: Case) -> Row:
    """Does it leave its release as it is?"""
    seen, name = case.seen, case.kind.name
    advice = "keep what lasts in a backing service, what does not in /tmp; `shared:` is for apps that cannot yet"
    if any("__pycache__" in path for path in seen.changed):
        advice = "compile in the build (`python -m compileall .`), or set PYTHONDONTWRITEBYTECODE=1"
    if seen.changed:
        return failed("writes", name, f"wrote {_few(seen.changed)} in its release", advice)
    if seen.refused:
        return failed("writes", name, f"tried to: {seen.refused[-1].strip()}", advice)
    return passed("writes", name, "nothing in its release")


def daemon(case: Case) -> Row:
    """Does it stay in the foreground, and write no pid file?"""
    seen, name = case.seen, case.kind.name
    if seen.went_off:
        advice = "run it in the foreground (no `--daemon`, no `&`): the process manager is what keeps it alive"
        return failed("daemon", name, f"went into the background: {_few(seen.left)}", advice)
    if seen.left:
        advice = "start what shall run beside it as a process type of its own, not from within"
        return failed("daemon", name, f"left behind at its end: {_few(seen.left)}", advice)
    if seen.pid_files:
        advice = "write no pid file: the process manager knows the process, and a stale file keeps it from coming back"
        return failed("daemon", name, f"wrote {_few(seen.pid_files)}", advice)
    return passed("daemon", name, "stays in the foreground, no pid file")


def logs(case: Case) -> Row:
    """Does it log to stdout?"""
    seen, name = case.seen, case.kind.name
    if seen.logs:
        advice = "log to stdout, unbuffered: `deploy logs` and the host's own tools take it from there"
        return failed("logs", name, f"writes {_few(seen.logs)}", advice)
    if seen.lines:
        return passed("logs", name, "writes to stdout and stderr, and no log file")
    return skipped("logs", name, "it wrote nothing; if it should have: is its stdout buffered?")


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _few(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


Rule = Callable[[Case], Row]


def judged(case: Case) -> list[Row]:
    """What there is to say of a life, in the order of the questions."""
    kind = case.kind
    rules: list[Rule] = [config, start]
    if not kind.schedule:
        rules += [port, *([requests] if kind.binds_port else []), stop]
    rules += [writes, daemon, logs]
    return [
        skipped(rule.__name__, kind.name, NOT_UP) if rule in UP_ONLY and not case.seen.start.ready else rule(case)
        for rule in rules
    ]


UP_ONLY: tuple[Rule, ...] = (requests, stop, logs)
