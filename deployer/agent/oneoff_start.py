"""How does a one-off process that goes on by itself start?  As those of the formation do: its launcher becomes it.

Started by systemd or by a keeper in `run/oneoffs/3`, which has the command; so neither sees a command or a value.
"""

from __future__ import annotations

import os
import sys

from deployer.agent import launch
from deployer.agent.environment import base, environment, working_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


def main(_: list[str]) -> NoReturn:
    """Become the command of `wanted.json`, which stands beside this program."""
    folder = os.path.dirname(os.path.abspath(sys.argv[0]))
    name = os.path.basename(folder)
    try:
        start(folder, name)
    except (launch.CannotLaunch, OSError) as error:
        reason = error.strerror or error if isinstance(error, OSError) else error
        missing = isinstance(error, FileNotFoundError)
        code = launch.NOT_FOUND if missing else getattr(error, "code", launch.NOT_EXECUTABLE)
        sys.stderr.write(f"deployer: cannot start run.{name}: {reason}\n")
        sys.stderr.flush()
        os._exit(code)


def start(folder: str, name: str) -> NoReturn:
    """Become it, as the target's user, with the limit of open files that its type has."""
    wanted = launch.read(f"{folder}/wanted.json")
    root = os.path.dirname(os.path.dirname(os.path.dirname(folder)))
    release = f"{root}/releases/v{wanted['release']}"
    spec: Any = launch.Json(launch.read(f"{release}/release.json"))
    variables = launch.read(f"{release}/env")
    kind = launch.type_of(spec, wanted["type"]) if wanted["type"] else {}
    if kind.get("files"):
        launch.bound_files(kind["files"])
    if spec.run_as and os.getuid() == 0:
        launch.become(spec.run_as)
    app = f"{release}/app"
    made = environment(spec, variables, app=app, process=f"run.{name}", port=None, base=base())
    launch.execute(wanted["argv"][0], wanted["argv"], made, where=working_folder(spec, app))
