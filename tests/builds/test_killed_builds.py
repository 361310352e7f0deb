"""A build may be killed at every step: the next one gives the same id and leaves nothing of the dead one."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import pytest
from repositories import Repository, contents, made

from deployer.builds.store import BuildStore
from deployer.core.recipe import Recipe

HERE = Path(__file__).parent
PROGRAM = textwrap.dedent("""
    import os, sys
    from pathlib import Path
    sys.path.insert(0, os.environ["HERE"])
    from repositories import Repository, made
    from deployer.builds.artifact import export, import_
    from deployer.builds.store import BuildStore
    from deployer.core.recipe import Recipe
    what, where, root = sys.argv[1:4]
    if what == "build":
        recipe = Recipe(pack="commands", commands=tuple(sys.argv[4:]))
        print(made(Repository(Path(where)), Path(root), recipe=recipe).id)
    elif what == "export":
        export(BuildStore(Path(root)), BuildStore(Path(root)).list()[0], Path(where))
    else:
        print(import_(BuildStore(Path(root)), Path(where)).id)
""")


def start(*arguments, **environ):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        env={**os.environ, "HERE": str(HERE), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments, **environ):
    process = start(*arguments, **environ)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output.strip(), errors


@pytest.fixture
def repository(tmp_path):
    repository = Repository(tmp_path / "app")
    repository.commit(**{"a.txt": "a", "b.txt": "b", "Procfile": "web: x"})
    return repository


def steps(trace):
    """Every point that was passed, as `DEPLOYER_FAULT` wants it; of many equal ones the first, second and last."""
    counts = Counter(line.split()[-1] for line in trace.read_text().splitlines())
    return [f"{name}:{nth}" for name, count in counts.items() for nth in sorted({1, min(2, count), count})]


def dead_left(root):
    return [name for name in os.listdir(root) if name.startswith("workshop-")] + [
        name for name in os.listdir(root / "builds") if name.startswith(".")
    ]


@pytest.mark.slow
def test_a_build_killed_at_any_step_is_made_by_the_next_one(repository, tmp_path):
    code, expected, errors = run(
        "build", repository.folder, tmp_path / "whole", "seq 9 > n", DEPLOYER_FAULT_TRACE=str(tmp_path / "trace")
    )
    assert code == 0, errors
    points = steps(tmp_path / "trace")
    assert {name.split(":")[0] for name in points} >= {"syncfs", "object.rename", "build.place.rename", "build.packed"}
    for number, fault in enumerate(points):
        root = tmp_path / f"store{number}"
        assert run("build", repository.folder, root, "seq 9 > n", DEPLOYER_FAULT=fault)[0] == -signal.SIGKILL, fault
        for build in BuildStore(root).list():
            assert len(contents(root, build)) == 4, fault  # what is there at all is whole
        build = made(repository, root, recipe=Recipe(pack="commands", commands=("seq 9 > n",)))
        assert build.id == expected, fault
        assert len(contents(root, build)) == 4, fault
        assert dead_left(root) == [], fault


@pytest.mark.slow
def test_an_export_or_import_killed_at_any_step_leaves_the_old_file_or_the_new_and_can_be_repeated(
    repository, tmp_path
):
    root, file = tmp_path / "store", tmp_path / "app.build"
    build = made(repository, root)
    assert run("export", file, root, DEPLOYER_FAULT_TRACE=str(tmp_path / "trace"))[0] == 0
    whole = file.read_bytes()
    for fault in steps(tmp_path / "trace"):
        file.write_bytes(b"old")
        assert run("export", file, root, DEPLOYER_FAULT=fault)[0] == -signal.SIGKILL
        assert file.read_bytes() in (b"old", whole)
    file.write_bytes(whole)
    assert run("import", file, tmp_path / "other", DEPLOYER_FAULT_TRACE=str(tmp_path / "trace2"))[1] == build.id
    for number, fault in enumerate(steps(tmp_path / "trace2")):
        other = tmp_path / f"other{number}"
        assert run("import", file, other, DEPLOYER_FAULT=fault)[0] == -signal.SIGKILL, fault
        assert run("import", file, other)[1] == build.id, fault
        assert len(contents(other, build)) == 3
        assert dead_left(other) == []


def test_ctrl_c_leaves_nothing(repository, tmp_path):
    root = tmp_path / "store"
    process = start("build", repository.folder, root, f"touch {tmp_path}/running; sleep 300")
    end = time.monotonic() + 30
    while not (tmp_path / "running").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert set(os.listdir(root)) <= {"cache", "objects.lock", "workshops.lock"}


def test_a_living_build_is_not_swept_by_another(repository, tmp_path):
    root, go = tmp_path / "store", tmp_path / "go"
    process = start(
        "build", repository.folder, root, f"touch {tmp_path}/running; while [ ! -e {go} ]; do sleep 0.05; done"
    )
    end = time.monotonic() + 30
    while not (tmp_path / "running").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    other = made(repository, root)
    go.touch()
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert {build.id for build in BuildStore(root).list()} == {other.id, output.strip()}
