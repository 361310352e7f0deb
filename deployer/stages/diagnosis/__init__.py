"""Diagnosis of a run that failed: the likely cause and the line to write, by what the process wrote last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from deployer.builds.symptoms import Facts, advice, before
from deployer.core.errors import DeployError, ReleaseCommandFailed, RunFailed, RunMixed
from deployer.core.manifest import File
from deployer.stages.diagnosis.host import HOST
from deployer.stages.diagnosis.node import NODE
from deployer.stages.diagnosis.python import PYTHON
from deployer.stages.target import Target

TABLE = (*PYTHON, *NODE, *HOST)
LARGEST = 1_000_000  # bytes of a file that is read


@contextmanager
def advised(target: Target, version: int) -> Iterator[None]:
    """Put what is likely to be the cause before the hint of what fails in here while `version` is brought up."""
    try:
        yield
    except (RunFailed, RunMixed, ReleaseCommandFailed) as failed:
        if failed.output:
            told = advice(f"{failed.output}\n{failed.message}", TABLE, _facts(target, version))
            failed.hint = before(told, failed.hint)
        raise


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
