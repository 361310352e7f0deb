"""The likely cause of a failed run: its last words, held against the tables of symptoms."""

from __future__ import annotations

from contextlib import suppress

from deployer.builds.symptoms import Facts, advice, before
from deployer.core.errors import DeployError
from deployer.core.manifest import File
from deployer.stages.diagnosis.host import HOST
from deployer.stages.diagnosis.node import NODE
from deployer.stages.diagnosis.python import PYTHON
from deployer.stages.target import Target

TABLE = (*PYTHON, *NODE, *HOST)
LARGEST = 1_000_000  # bytes of a file that is read


def cause(target: Target, version: int, failed: DeployError) -> str:
    """The failure's hint, with what is likely to be its cause before it."""
    if "port_held" in failed.details:  # it is known, and the app's own words would blame the app
        return failed.hint
    told = advice(f"{failed.output}\n{failed.message}", TABLE, _facts(target, version))
    return before(told, failed.hint)


def _facts(target: Target, version: int) -> Facts:
    """What this machine knows of the release's build; of one that was built elsewhere only its commands."""
    files: dict[str, File] = {}
    commands: dict[str, str] = {}
    store = target.project.store
    with suppress(DeployError, OSError):
        manifest = store.manifest(target.ledger.release(version).build)
        root = str(manifest.launch.get("root") or "")
        below = f"{root}/" if root else ""
        files = {f.path.removeprefix(below): f for f in manifest.files if f.path.startswith(below)}
        commands = {kind["name"]: kind["command"] for kind in manifest.launch.get("processes", ())}

    def read(path: str) -> str:
        file = files.get(path)
        if file is None or file.size > LARGEST:
            return ""
        with suppress(DeployError, OSError), store.open_object(file) as content:
            return content.read().decode("utf-8", "replace")
        return ""

    return Facts(frozenset(files), read, commands, target.settings.name)
