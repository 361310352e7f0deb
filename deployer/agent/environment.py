"""Which environment does a process of a release get?  The same for processes, release command, exec and console.

From the weakest to the strongest: a minimal base (behind a router with `HOST` and `BIND`, so that nobody else reaches
the port, or the router of another host does), a Python app's `VIRTUAL_ENV`, what the pack says, the release's config,
and what only the deployment knows (`PORT`, `DEPLOY_*`).  The build's own programs come first on `PATH`,
before a `PATH` of the config.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:  # on the launcher's way: see agent/launch.py
    from collections.abc import Mapping
    from typing import Optional

    from deployer.core.release import Spec

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 - behind a router on another host
VENV = ".venv"  # as builds/packs/pythons/venv.py calls it
SHORT = 12


def environment(
    spec: Spec,
    variables: Mapping[str, str],
    *,
    app: str,
    process: str,
    port: Optional[int],
    base: Mapping[str, str],
    turn: int = 0,
) -> dict[str, str]:
    """The whole environment of `process` (`web.1`), whose release's tree is the directory `app` (absolute).

    `base` is what `base()` says of its user; `port` is None where the process has none; `turn` tells it from another
    one of its name that it lives beside (core/formation.py).
    """
    local = {} if port is None else _bound(spec, process.rpartition(".")[0], port)
    made = {"PATH": PATH, "LANG": "C.UTF-8", **base, **local, **_active(spec, app), **spec.launch.env, **variables}
    made["PATH"] = ":".join([*(f"{app}/{folder}" for folder in spec.launch.path), made["PATH"]])
    if port is not None:
        made["PORT"] = str(port)
    made.update(marks(spec, process, app=app, turn=turn))
    made["DEPLOY_BUILD"] = spec.build[:SHORT]
    made["DEPLOY_COMMIT"] = spec.commit
    return made


def working_folder(spec: Spec, app: str) -> str:
    """Where in the release's tree `app` its processes start."""
    root = getattr(spec.launch, "root", "")  # a release of an older deployer has none
    return f"{app}/{root}" if root else app


def _active(spec: Spec, app: str) -> dict[str, str]:
    """The virtual environment whose programs are on PATH, as activating it would say: the release's own."""
    for folder in spec.launch.path:
        if f"/{folder}".endswith(f"/{VENV}/bin"):
            return {"VIRTUAL_ENV": f"{app}/{os.path.dirname(folder)}"}
    return {}


def behind_router(spec: Spec, kind: str) -> bool:
    """Whether requests to processes of the type `kind` come from a router on this host, and so by loopback."""
    return _routed(spec, kind) and not _elsewhere(spec)


def _routed(spec: Spec, kind: str) -> bool:
    router = getattr(spec, "router", None)  # a release of an older deployer has none
    return router is not None and bool(router.kind) and router.type == kind


def _elsewhere(spec: Spec) -> bool:
    return bool(getattr(spec.router, "host", ""))


def _bound(spec: Spec, kind: str, port: int) -> dict[str, str]:
    if not _routed(spec, kind):
        return {}
    host = EVERYWHERE if _elsewhere(spec) else LOOPBACK
    return {"HOST": host, "BIND": f"{host}:{port}"}


def marks(spec: Spec, process: str, *, app: str, turn: int = 0) -> dict[str, str]:
    """The variables by which whatever a process starts is known as its own, wherever it goes."""
    return {
        "DEPLOY_ROOT": os.path.dirname(os.path.dirname(os.path.dirname(app))),
        "DEPLOY_APP": spec.app,
        "DEPLOY_TARGET": spec.target,
        "DEPLOY_RELEASE": f"v{spec.version}",
        "DEPLOY_PROCESS": process,
        "DEPLOY_TURN": str(turn),
    }


def base(user: str = "", terminal: str = "") -> dict[str, str]:
    """HOME, USER, LOGNAME and SHELL of `user` (the one that we are, if ''), and TERM where there is a terminal."""
    import pwd  # noqa: PLC0415 - `environment` itself asks nobody

    try:
        entry = pwd.getpwnam(user) if user else pwd.getpwuid(os.geteuid())
        found = {"HOME": entry.pw_dir, "USER": entry.pw_name, "SHELL": entry.pw_shell or "/bin/sh"}
    except KeyError:
        found = {"HOME": "/", "USER": user or str(os.geteuid()), "SHELL": "/bin/sh"}
    found["LOGNAME"] = found["USER"]
    return {**found, "TERM": terminal} if terminal else found


def socket_address(spec: Spec, kind: str, command: str, said: str) -> str:
    """Where the socket listens that is given to processes of the type `kind`; '' on every address.

    Behind a router on this host it is reached from here alone, unless the program needs the address that it would bind.
    Else that holds which the program's configuration (`said`) or its command says.
    """
    from deployer.core import servers  # noqa: PLC0415 - only where a socket is given

    address = said or servers.address(command)
    if behind_router(spec, kind):
        return address or LOOPBACK
    by_default = address == LOOPBACK and not any(word in command for word in servers.LOCAL)
    return "" if by_default and _routed(spec, kind) else address
