"""Does a build say how it starts?  A release that could run nothing is refused, with the lines to write."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.core.errors import SettingsError
from deployer.core.manifest import Launch, Manifest

DJANGO = "manage.py"
MODULES = ("app", "main", "wsgi", "asgi", "application", "server", "run")
SCRIPTS = ("server.js", "app.js", "index.js", "main.js", "src/server.js", "src/index.js", "dist/main.js")


def check_starts(launch: Launch, build: Manifest | None = None) -> None:
    """Refuse a build that has no process type: exit code 0 would mean that it serves.  `build` makes a better hint.

    One that has a release command alone says what it does: that is run.
    """
    if launch.processes or launch.release_command:
        return
    paths = [entry.path for entry in build.entries] if build else []
    line = f"web: {_likely(launch.pack, paths)}"
    raise SettingsError(
        "nothing says how this app starts: it has no Procfile with a process type and no `command:` under `processes:`"
        f" in deploy.yaml, and the pack {launch.pack} adds none",
        hint=f"write a Procfile with a line such as `{line}`, or `{_in_settings(line)}` under `processes:` in"
        " deploy.yaml; commit it, then `deploy ship`",
    )


def _in_settings(line: str) -> str:
    name, _, command = line.partition(": ")
    return f'{name}: {{command: "{command}"}}'


def _likely(pack: str, paths: Sequence[str]) -> str:
    """The command that an app with these files is most likely started by: something to begin from, not to rely on."""
    here = set(paths)
    if pack == "python":
        if DJANGO in here:
            site = next(
                (path.partition("/")[0] for path in paths if path.endswith("/wsgi.py") and path.count("/") == 1), ""
            )
            return f"gunicorn {site or 'SITE'}.wsgi"
        module = next((name for name in MODULES if f"{name}.py" in here), "MODULE")
        return f"gunicorn {module}:app"
    if pack == "node":
        return f"node {next((name for name in SCRIPTS if name in here), 'FILE.js')}"
    return "COMMAND"
