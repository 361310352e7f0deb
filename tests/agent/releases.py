"""A target's directory with releases in it, as the agent's own verbs would stage them."""

from __future__ import annotations

import io
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from deployer.agent.layout import Layout
from deployer.core.manifest import Launch, ProcessType
from deployer.core.release import Spec, render_env
from deployer.core.secret import Secret
from deployer.hosts import pyz, supervisor_package

BUILD = "ab" * 32
COMMIT = "c" * 40


def a_target(root: Path) -> Layout:
    """An empty target, with the supervisor that an operator ships."""
    files = Layout(root, "shop", "local")
    for folder in (files.agent, files.releases, files.run, files.log):
        folder.mkdir(parents=True, exist_ok=True)
    home = files.agent / supervisor_package.tool()
    with zipfile.ZipFile(io.BytesIO(supervisor_package.archive())) as archive:
        archive.extractall(home)
    return files


def a_type(name: str, command: str, **fields) -> ProcessType:
    """A process type that is quick to stop, and may be slow to start on a busy machine."""
    return ProcessType(
        name,
        command,
        **{"boot_timeout": 60.0, "stop_timeout": 2.0, "healthy_time": 0.3, **fields},
    )


def a_release(
    files: Layout,
    version: int,
    *types: ProcessType,
    variables: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    path: tuple[str, ...] = (),
    program: Mapping[str, str] | None = None,
    run_as: str = "",
) -> dict[str, ProcessType]:
    """Stage `releases/vN`, with the files of `program` in its app; the process types by name."""
    home = files.release(version)
    (home / "app").mkdir(parents=True)
    for name, text in (program or {}).items():
        (home / "app" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "app" / name).write_text(text)
        (home / "app" / name).chmod(0o755)
    launch = Launch("commands", processes=types, path=path, env=dict(env or {}))
    known = {name: Secret(value) for name, value in (variables or {}).items()}
    spec = Spec(files.app, files.target, version, BUILD, COMMIT, launch, {}, tuple(sorted(known)), (), run_as=run_as)
    (home / "release.json").write_bytes(spec.render())
    (home / "env").write_bytes(render_env(known))
    (home / "env").chmod(0o400)
    (home / "agent.pyz").write_bytes(agent())
    return spec.types


def agent() -> bytes:
    """The agent's program."""
    cache = Path(tempfile.gettempdir(), f"deployer-tests-{os.getuid()}")
    return pyz.agent(cache)[1]


def wait_for(condition: Callable[[], object], seconds: float = 15) -> None:
    """Return when `condition` is true; fail when it is not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {seconds} s: {condition}"
        time.sleep(0.02)
