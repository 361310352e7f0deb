"""How does a process of a release start?  The release's own launcher: reads its spec and env, then execs the command.

Started by every process manager as `releases/v100/agent.pyz launch web 1 --port 5000`, so that no manager ever sees
a command or a value of the config.  It is on the way of every start: it imports next to nothing.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from deployer.agent import started
from deployer.agent.environment import base, environment, marks, socket_address, working_folder
from deployer.core.plain import direct
from deployer.core.turn import TURN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any, NoReturn, Optional


SHELL = "/bin/sh"
UMASK = 0o022
SERVERS = ("gunicorn", "uvicorn", "flask", "granian", "litestar")  # those that variables tell (core/servers.py)
NOT_FOUND, NOT_EXECUTABLE = 127, 126
INHERITED = (
    *(signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH),
)
NOTHING: Mapping[str, str] = {}


class CannotLaunch(Exception):
    """The release is not complete, or has no such process; said on stderr, which is the process's log."""

    def __init__(self, message: str, code: int = NOT_FOUND) -> None:
        super().__init__(message)
        self.code = code


class Json:
    """A JSON object read by its keys as attributes: `core.release.Spec` without the price of dataclasses."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(
            {key: Json(value) if key in ("launch", "router") else value for key, value in values.items()}
        )


def main(argv: list[str]) -> NoReturn:
    """`TYPE NUMBER [--port PORT [--back-off]] [--scheduled]`; the release is the directory that holds this program."""
    kind, number, *options = argv
    port = int(options[1]) if options[:1] == ["--port"] else 0
    holds_back, scheduled = "--back-off" in options, "--scheduled" in options
    release = os.path.dirname(os.path.abspath(sys.argv[0]))
    root = os.path.dirname(os.path.dirname(release))
    try:
        version = int(os.path.basename(release)[1:])
        launch(root, version, kind, int(number), port, holds_back=holds_back, scheduled=scheduled)
    except (CannotLaunch, OSError) as error:
        code = getattr(error, "code", NOT_EXECUTABLE)
        sys.stderr.write(f"deployer: cannot launch {kind}.{number} of {os.path.basename(release)}: {error}\n")
        sys.stderr.flush()
        os._exit(code)


def launch(
    root: str, version: int, kind: str, number: int, port: int, *, holds_back: bool = False, scheduled: bool = False
) -> NoReturn:
    """Become the process `kind.number` of release `version`, after a while if it `holds_back` one that crashes.

    What is `scheduled` runs at its times, and not again when it has ended.
    """
    release = f"{root}/releases/v{version}"
    key = started.scheduled_key(kind) if scheduled else started.key(version, kind, number)
    spec: Any = Json(read(f"{release}/release.json"))
    known = type_of(spec, kind)
    stop_timeout = known["stop_timeout"]
    turn, ordinal = divmod(number, TURN)
    process, app = f"{kind}.{ordinal}", f"{release}/app"
    _become_leader()
    before = started.read(root, key)
    marked = [f"{name}={value}" for name, value in marks(spec, process, app=app, turn=turn).items()]
    lives: dict[str, Any] = {}
    if before is not None:
        _end(before)
        lives = {} if scheduled else _lives(root, key, before, by_systemd=holds_back)
    lives["stop_signal"] = known.get("stop_signal", started.TERM)  # a release of an older deployer has no such thing
    failed = started.write(root, key, port=port, stop_timeout=stop_timeout, marks=marked, before=before, **lives)
    if failed:
        sys.stderr.write(f"deployer: {process} has no record, {failed}; it starts all the same\n")
    variables = read(f"{release}/env")
    if known.get("files"):  # a release of an older deployer has no such thing
        bound_files(known["files"])
    handed = _handed(root, spec, known, key, None if ordinal else port)
    servers = _servers(known)
    if spec.run_as and os.getuid() == 0:
        become(spec.run_as)  # from here on nothing of ours can be imported: the program is root's alone
    made = environment(spec, variables, app=app, process=process, port=port or None, base=base(), turn=turn)
    made.update(handed)
    if servers is not None:
        made.update(servers.variables(known["command"], made, socket=known.get("listen") == "socket"))
    command = direct(known["command"])  # its pid is the program's: signals and LISTEN_PID are for that, not for a shell
    where = working_folder(spec, app)
    execute(SHELL, ["sh", "-c", command], made, where=where, keep=len(handed.get("LISTEN_FDS", "")))


def execute(program: str, arguments: list[str], made: Mapping[str, str], *, where: str, keep: int = 0) -> NoReturn:
    """Become `program` (looked for as a shell does) in the folder `where` with the environment `made`.

    Nothing else is inherited, but for the first `keep` descriptors after those that every program has.
    """
    _forget_inherited(3 + keep)
    os.umask(UMASK)
    os.chdir(where)
    try:
        os.execvpe(program, arguments, encoded(made))
    except ValueError as error:  # a NUL, which no environment can carry
        raise CannotLaunch(f"a variable of the config has a NUL byte: {error}", NOT_EXECUTABLE) from None


def encoded(variables: Mapping[str, str]) -> dict[bytes, bytes]:
    """The environment's bytes, whatever the locale is."""
    return {name.encode(): value.encode("utf-8", "surrogateescape") for name, value in variables.items()}


def become(user: str) -> None:
    """Give up root for `user`, with its groups, for good."""
    import pwd  # noqa: PLC0415 - only where the agent is root

    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise CannotLaunch(f"there is no user {user!r} on this host") from None
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def read(path: str) -> dict[str, Any]:
    """The JSON object in `path`; `CannotLaunch` where there is none."""
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read().decode("utf-8"))
    except FileNotFoundError:
        raise CannotLaunch(f"{path} is missing") from None
    except ValueError:  # its text could quote a value
        raise CannotLaunch(f"{path} is damaged") from None
    if not isinstance(found, dict):
        raise CannotLaunch(f"{path} is damaged")
    return found


def type_of(spec: Any, kind: str) -> dict[str, Any]:
    """What the release says of the process type `kind`."""
    for known in spec.launch.processes:
        if known["name"] == kind:
            return dict(known)
    raise CannotLaunch("the release has no such process type")


def bound_files(most: int) -> None:
    """Let the process have `most` files open at once, or as many as the host lets it."""
    import resource  # noqa: PLC0415 - only where it is set

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if os.getuid() == 0 or hard == resource.RLIM_INFINITY:
        hard = most
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, hard), min(most, hard)))


def _become_leader() -> None:
    if os.getpgid(0) != os.getpid():
        os.setpgid(0, 0)


def _end(before: started.Started) -> None:
    from deployer.agent import leftovers  # noqa: PLC0415 - only after a crash

    if before.pid != os.getpid() and not leftovers.end(before):
        raise CannotLaunch(f"what it left at its last end (process group {before.pid}) does not end", NOT_EXECUTABLE)


def _lives(root: str, key: str, before: started.Started, *, by_systemd: bool) -> dict[str, Any]:
    from deployer.agent import endings  # noqa: PLC0415 - only after a crash

    return endings.lives(root, key, before, by_systemd=by_systemd)


def _handed(root: str, spec: Any, known: Mapping[str, Any], key: str, trial: int | None) -> Mapping[str, str]:
    """As variables the socket that it is given (as descriptor 3), and whom it tells that it is up.

    `trial` is the port of one that is only tried, and has a socket of its own.
    """
    kind = known["name"]
    listens, notifies = known.get("listen") == "socket", known.get("health") == "notify"
    if not listens and "NOTIFY_SOCKET" not in os.environ and not notifies:
        return NOTHING
    from deployer.agent import handed  # noqa: PLC0415 - only where something is handed on

    if listens:
        address = socket_address(spec, kind, known["command"], known.get("address", ""))
        handed.as_first(handed.listening(root, kind, trial=trial, address=address))
    if not notifies:
        handed.tell_for_it()
    return handed.variables(root, key, known)


def _servers(known: Mapping[str, Any]) -> Optional[ModuleType]:
    """What knows by which variables a server takes its socket or binds PORT, where its name is in the command."""
    if not known.get("binds_port") or not any(name in known["command"] for name in SERVERS):
        return None
    from deployer.core import servers  # noqa: PLC0415 - few types have one, and this is on the way of every start

    return servers


def _forget_inherited(first: int) -> None:
    """Default signals, nothing on stdin, no other descriptor: whoever started us has left nothing of its own."""
    for number in INHERITED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.closerange(first, max(int(name) for name in os.listdir("/proc/self/fd")) + 1)
