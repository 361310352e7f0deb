"""A move that is killed at any of its steps leaves a router that serves, and the next move finishes it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.agent import routing
from deployer.core import wire
from deployer.core.routing import Assets

from .programs import free_port, get
from .test_routing import a_spec, web

MOVE = """\
import json, sys
from pathlib import Path
from deployer.agent import routing
from deployer.agent.layout import Layout
from deployer.core import wire
from deployer.core.formation import Process
from deployer.core.release import Spec
root, spec, processes = json.loads(sys.argv[1])
routing.move(Layout(Path(root), "shop", "local"), wire.decode(Spec, spec), [wire.decode(Process, p) for p in processes])
"""
STEPS = 60


def move(files, spec, processes, **environ):
    """A move in a process of its own; its exit code."""
    told = json.dumps([str(files.root), wire.encode(spec), wire.encode(processes)])
    line = [sys.executable, "-c", MOVE, told]
    folder = Path(__file__).parents[2]
    return subprocess.run(line, env={**os.environ, **environ}, cwd=folder, check=False, timeout=60).returncode


@pytest.mark.parametrize("other_port", [False, True], ids=["same-port", "other-port"])
def test_a_move_that_is_killed_anywhere_is_finished_by_the_next(program, files, tmp_path, one, two, other_port):
    assets = (Assets("/static", "static"),)
    first = a_spec(files, 1, program.router(assets=assets))
    second = a_spec(files, 2, program.router(assets=assets, **({"port": free_port()} if other_port else {})))
    routing.move(files, first, web(1, one))
    trace = tmp_path / "trace"
    assert move(files, second, web(2, two), DEPLOYER_FAULT_TRACE=str(trace)) == 0
    points = [line.split()[1] for line in trace.read_text().splitlines()]
    seen: dict[str, int] = {}
    assert 5 < len(points) < STEPS
    for name in points:
        seen[name] = seen.get(name, 0) + 1
        routing.move(files, first, web(1, one))
        assert get(first.router.port).body == "one"
        assert move(files, second, web(2, two), DEPLOYER_FAULT=f"{name}:{seen[name]}") == -signal.SIGKILL
        if not other_port:
            assert get(first.router.port).body in ("one", "two")
        assert program.theirs().startswith("theirs")
        routing.move(files, second, web(2, two))
        assert get(second.router.port).body == "two"
        assert get(second.router.port, "/static/same.css").body == "v2"
        if other_port:
            with pytest.raises(ConnectionError):
                get(first.router.port)
    left = [path.name for path in (*files.run.rglob(".tmp-*"), *program.folder.rglob(".tmp-*"))]
    assert [name for name in left if not name.startswith((".tmp-route", ".tmp-maintenance"))] == []
