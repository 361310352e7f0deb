"""One session from `Open` to end of file: open, answer requests, undo what is pending."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

from deployer.agent import crash_loops, events, ledger, look, user
from deployer.agent.context import Host
from deployer.agent.layout import Layout
from deployer.agent.lock import Lock
from deployer.agent.managers import manager_of
from deployer.agent.session import Lost, Session
from deployer.agent.transfer import has_build
from deployer.agent.verbs import verb, writes
from deployer.core import names, wire
from deployer.core.errors import DeployError, Drift, HostFailed, ReleaseRefused, UsageError
from deployer.core.ledger import Ledger
from deployer.core.requests import PROTOCOL, Damage, Open, Opened

MAKING = ("OfferBuild", "PutBuild", "PutTool", "PutAgent", "Stage", "SetDraft", "GiveTimes")  # of the release stage


def serve(source: BinaryIO, sink: int, program: str) -> None:
    """Serve one operator until end of file."""
    os.umask(0o022)
    os.write(sink, wire.MAGIC)
    session = Session(source, sink)
    try:
        host = _greet(session, program)
        if host is not None:
            _answer(host)
    except Lost:
        pass  # undone in _answer; nobody is left to tell


def _greet(session: Session, program: str) -> Host | None:
    try:
        request = wire.decode(Open, _request(session, "Open"))
        if request.protocol != PROTOCOL:
            raise UsageError(f"the operator speaks protocol {request.protocol}, this agent {PROTOCOL}")
        session.silence = request.silence
        files = Layout(root_of(request), request.app, request.target)
        host = Host(files, session, manager_of(files, request.manager, program), Lock(files.lock), program, request)
        session.reply(_opened(host))
    except DeployError as error:
        session.fail(error.as_wire())
    except Lost:
        raise
    except Exception as error:  # noqa: BLE001 - the operator must hear of every failure
        session.fail(_as_failure(error, "", "").as_wire())
    else:
        return host
    return None


def _answer(host: Host) -> None:
    try:
        while True:
            found = host.session.next()
            if found is None or found[0] != wire.REQUEST:
                continue  # what is left of a stream that a failed request did not read
            _answer_one(host, wire.load(found[1]))
    finally:
        if host.lock.descriptor is not None:
            from deployer.agent import recovery  # noqa: PLC0415 - who only looks has nothing to undo

            try:
                recovery.settle(host.files, host.manager, "the session ended before the run was confirmed")
            except (DeployError, OSError) as error:  # the disk refuses: the next writer puts right what is left
                events.note(host.files, "failing", release=None, text=f"what was cut off is not undone: {error}")
            if host.guard:
                host.guard.dismiss()
            host.manager.rest()
            host.lock.release()


def _answer_one(host: Host, asked: Any) -> None:
    host.session.cancelled.clear()
    host.session.number = asked.get("number") if isinstance(asked, dict) else None
    name = ""
    try:
        name = asked["verb"]
        request, function = verb(name, asked["fields"])
        if writes(name) and host.lock.descriptor is None:
            raise UsageError(f"{name} needs the target's lock")
        host.session.reply(function(request, host))
    except DeployError as error:
        host.session.fail(error.as_wire())
    except Lost:
        raise
    except Exception as error:  # noqa: BLE001 - the operator must hear of every failure
        host.session.fail(_as_failure(error, name, host.files.root).as_wire())


def _as_failure(error: Exception, name: str, root: str | Path) -> DeployError:
    """What is told of an error of the request `name`: nobody infers from it what serves."""
    if isinstance(error, OSError) and error.errno:
        from deployer.agent import disk_errors  # noqa: PLC0415

        cls = ReleaseRefused if name in MAKING else HostFailed
        told, hint = disk_errors.message(error, root), disk_errors.hint(error, root)
        return cls(told, hint=hint, details={"errno": errno.errorcode.get(error.errno, "")})
    import traceback  # noqa: PLC0415 - for a failure that should not be: no start pays for it

    return DeployError(f"{type(error).__name__}: {error}", output=traceback.format_exc())


def _request(session: Session, name: str) -> Any:
    found = session.next()
    asked = wire.load(found[1]) if found and found[0] == wire.REQUEST else {}
    if asked.get("verb") != name:
        raise wire.BadFrame(f"{name} was expected first")
    session.number = asked.get("number")
    return asked["fields"]


def root_of(request: Open) -> Path:
    """The target's root on this host: as the operator said, or by default where such things belong."""
    if not request.root:
        return Path("/srv", request.app) if os.geteuid() == 0 else user.login_home() / request.app
    return user.login_home() / request.root[2:] if request.root.startswith("~/") else Path(request.root)


def _opened(host: Host) -> Opened:
    files, damage = host.files, None
    try:
        known = ledger.read(files)
    except Drift as error:  # told, not raised: `deploy ledger verify` looks at the other hosts' copies all the same
        known, damage = Ledger([]), Damage(error.message, error.hint)
    seq, head = known.head
    return Opened(
        root=str(files.root),
        user=user.name(),
        python=".".join(map(str, sys.version_info[:3])),
        machine=os.uname().machine,
        builds=[name for name in _names(files.builds) if names.BUILD.match(name) and has_build(files, name)],
        tools=_names(files.agent),
        releases=look.present(files),
        manager=host.manager.kind,
        seq=seq,
        head=head,
        primary=known.primary,
        crashed=crash_loops.known(files),
        damage=damage,
    )


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


NAME = "deployer-agent"  # in process lists; its working directory is the target's root


def main(_: list[str]) -> None:
    """Take stdout for the replies alone; whatever else prints goes to stderr."""
    with contextlib.suppress(OSError), open("/proc/self/comm", "w", encoding="ascii") as comm:
        comm.write(NAME)
    sink = os.dup(1)
    os.dup2(2, 1)
    with open(0, "rb", buffering=0, closefd=False) as source:  # a buffer's lock, held by a thread, would abort our end
        serve(source, sink, sys.argv[0])
    os._exit(0)  # nothing is left to do: an interpreter takes a tenth of the whole session to end in order
