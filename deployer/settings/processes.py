"""Which process types does a build have?  The Procfile (or the pack's conventions), refined by `processes:`."""

from __future__ import annotations

from collections.abc import Mapping

from deployer.core import health as health_
from deployer.core import limits, servers, strategy
from deployer.core.errors import SettingsError
from deployer.core.manifest import ProcessType
from deployer.core.procfile import CONSOLE, RELEASE
from deployer.core.stopping import stop_signal
from deployer.settings.mistakes import did_you_mean
from deployer.settings.model import ProcessSettings, Settled

WEB = "web"  # the one type that binds a port without saying so


def settle(
    procfile: Mapping[str, str] | None,
    processes: Mapping[str, ProcessSettings],
    conventions: Mapping[str, str],
    read: servers.Read = lambda _: "",
) -> Settled:
    """The process types, the release command and the console.

    `procfile` is None where there is none: then the `conventions` hold.  Its order comes first, then that of
    `processes`.  `read` reads what a server's configuration in the build says.
    """
    commands = dict(conventions if procfile is None else procfile)
    mistakes = []
    for name, given in processes.items():
        if given.command:
            commands[name] = given.command
        elif name not in commands:
            source = "the pack's conventions have" if procfile is None else "the Procfile has"
            meant = did_you_mean(name, commands)
            place = given.at or f"processes.{name}"
            mistakes.append(f"{place}: has no `command`, and {source} no {name}{meant}")
    if mistakes:
        raise SettingsError("\n".join(mistakes), hint="add a `command:` there, or a line to the Procfile")
    release, console = commands.pop(RELEASE, ""), commands.pop(CONSOLE, "")
    types = tuple(_type(name, command, processes.get(name), read) for name, command in commands.items())
    return Settled(types, release, console)


def _type(name: str, command: str, given: ProcessSettings | None, read: servers.Read) -> ProcessType:
    given = given or ProcessSettings()
    taking = None if given.schedule else servers.taking(command, read, given.port)
    binds = name == WEB or _exposed(given) or (taking is not None and taking.unasked)
    return ProcessType(
        name=name,
        command=command,
        health=given.health.path,
        health_host=given.health.host,
        health_headers=tuple(sorted(given.health.headers.items())),
        port=given.port,
        boot_timeout=given.boot_timeout,
        stop_timeout=given.stop_timeout,
        stop_signal=given.stop_signal or stop_signal(command),
        healthy_time=given.healthy_time,
        update=given.update,
        memory=limits.size(given.memory) or 0,
        cpu=limits.processors(given.cpu) or 0,
        files=given.files,
        hardening=given.hardening,
        writable=given.writable,
        health_command=given.health_command,
        watchdog=given.watchdog,
        once=given.once,
        listen=_listening(given, takes=binds and taking is not None),
        schedule=given.schedule,
        binds_port=not given.schedule and binds,
        expose="" if given.schedule else _spoken(name, given, serves=taking is not None and taking.unasked),
        address=taking.address if taking else "",
    )


def _exposed(given: ProcessSettings) -> bool:
    """Whether what is said of a type means that it binds its port."""
    probed = given.health.path not in ("", "notify") or given.health.host or given.health.headers
    return bool(given.expose or given.port or probed or given.listen == strategy.SOCKET)


def _spoken(name: str, given: ProcessSettings, *, serves: bool) -> str:
    """What a type speaks at its port: `http`, `tcp`, `port` where nothing says what; '' where it has none."""
    health = given.health
    if given.expose:
        return given.expose
    if health.path == health_.TCP:
        return health_.TCP
    if name == WEB or health.path.startswith("/") or health.host or health.headers or serves:
        return health_.HTTP
    return health_.PORT if _exposed(given) else ""


def _listening(given: ProcessSettings, *, takes: bool) -> str:
    """What `auto` means: a program that binds PORT is given its socket instead, where it is known to take one."""
    if given.listen == strategy.AUTO:
        return strategy.SOCKET if takes else strategy.PORT
    return given.listen
