"""The launcher: what it refuses, what it costs, and the environment it makes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployer.agent.environment import environment
from deployer.agent.layout import Layout
from deployer.agent.started import read
from deployer.core.release import parse

from .releases import a_release, a_type


def python() -> str:
    return getattr(sys, "_base_executable", sys.executable)


def launched(files: Layout, *words: str, **options) -> subprocess.CompletedProcess[str]:
    program = [python(), "-IS", f"{files.release(1)}/agent.pyz", "launch", *words]
    return subprocess.run(program, capture_output=True, text=True, timeout=20, check=False, **options)


def test_the_command_s_output_and_exit_code_are_its_own(files):
    a_release(files, 1, a_type("web", "echo out; echo err >&2; exit 9"))
    done = launched(files, "web", "1", "--port", "5000")
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 9)


def test_a_type_that_the_release_has_not_got(files):
    a_release(files, 1, a_type("web", "true"))
    done = launched(files, "worker", "2", "--port", "5000")
    assert done.returncode == 127
    assert done.stderr == "deployer: cannot launch worker.2 of v1: the release has no such process type\n"


@pytest.mark.parametrize("name", ["env", "release.json", "app"])
def test_an_incomplete_release_is_said_in_one_line(files, name):
    a_release(files, 1, a_type("web", "true"))
    os.rename(files.release(1) / name, files.release(1) / "gone")
    done = launched(files, "web", "1", "--port", "5000")
    assert done.returncode in (126, 127)
    assert re.fullmatch(rf"deployer: cannot launch web\.1 of v1: .*{name}.*\n", done.stderr)


def test_a_damaged_env_is_said_without_a_value_of_it(files):
    a_release(files, 1, a_type("web", "true"), variables={"PASSWORD": "hunter2"})
    env = files.release(1) / "env"
    env.chmod(0o600)
    env.write_bytes(env.read_bytes()[:-1])
    done = launched(files, "web", "1", "--port", "5000")
    assert done.returncode == 127
    assert done.stderr.endswith("/env is damaged\n")
    assert "hunter2" not in done.stderr


def test_a_nul_is_refused_without_its_value(files):
    a_release(files, 1, a_type("web", "true"), variables={"PASSWORD": "hunter2\0"})
    done = launched(files, "web", "1", "--port", "5000")
    assert done.returncode == 126
    assert "NUL" in done.stderr
    assert "hunter2" not in done.stderr


def test_each_start_is_counted_with_the_process_that_it_became(files):
    a_release(files, 1, a_type("web", "echo $$"))
    pids = [int(launched(files, "web", "1", "--port", "5000").stdout) for _ in range(3)]
    record = read(str(files.root), "v1-web-1")
    assert record is not None
    assert (record.starts, record.pid, record.port) == (3, pids[-1], 5000)


def test_signals_descriptors_and_stdin_are_as_new(files):
    a_release(files, 1, a_type("web", "grep -E 'Sig(Ign|Blk)' /proc/self/status; cat; ls /proc/self/fd"))
    opened = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(opened, True)
    try:
        done = launched(files, "web", "1", "--port", "5000", pass_fds=[opened], stdin=subprocess.PIPE)
    finally:
        os.close(opened)
    *signals, descriptors = re.split(r"\n(?=0\n)", done.stdout)
    masks = [int(line.split()[1], 16) for line in "".join(signals).splitlines()]
    assert [mask & 0x7FFFFFFF for mask in masks] == [0, 0], "of the signals that a program may use"
    assert descriptors.split() == ["0", "1", "2", "3"]  # 3 is the directory that ls reads


def test_the_launcher_costs_little_more_than_an_interpreter(files):
    a_release(files, 1, a_type("web", "true"))
    nothing = [python(), "-IS", "-c", "pass"]
    both = [
        (
            _seconds(lambda: launched(files, "web", "1", "--port", "5000")),
            _seconds(lambda: subprocess.run(nothing, check=True)),
        )
        for _ in range(10)
    ]
    assert min(launch for launch, _ in both) < 8 * min(bare for _, bare in both)


def test_the_launcher_imports_next_to_nothing():
    code = "import sys, deployer.agent.launch; print(*sys.modules)"
    root = str(Path(__file__).parents[2])
    shown = subprocess.run([python(), "-S", "-c", code], capture_output=True, text=True, cwd=root, check=True).stdout
    assert not {"dataclasses", "typing", "inspect", "pathlib", "hashlib", "subprocess"} & set(shown.split())


def test_config_wins_over_the_pack_and_the_deployment_over_both(files):
    a_release(files, 1, a_type("web", "true"), path=("bin", "node_modules/.bin"))
    spec = parse((files.release(1) / "release.json").read_bytes())
    spec.launch.env.update({"A": "pack", "B": "pack", "LANG": "pack"})
    variables = {"A": "config", "PATH": "/opt/bin", "PORT": "1", "DEPLOY_APP": "liar"}
    made = environment(spec, variables, app="/r/app", process="web.1", port=5000, base={"HOME": "/h", "B": "base"})
    assert (made["A"], made["B"], made["LANG"], made["HOME"]) == ("config", "pack", "pack", "/h")
    assert made["PATH"] == "/r/app/bin:/r/app/node_modules/.bin:/opt/bin"
    assert (made["PORT"], made["DEPLOY_APP"], made["DEPLOY_PROCESS"]) == ("5000", "shop", "web.1")
    assert "PORT" not in environment(spec, {}, app="/r/app", process="release", port=None, base={})


@pytest.mark.parametrize("folder", [".venv", "backend/.venv"])
def test_a_python_app_has_its_own_virtual_environment_as_the_active_one(files, folder):
    a_release(files, 1, a_type("web", "echo $VIRTUAL_ENV"), a_type("node", "true"), path=(f"{folder}/bin",))
    assert launched(files, "web", "1").stdout == f"{files.release(1)}/app/{folder}\n"
    spec = parse((files.release(1) / "release.json").read_bytes())
    own = {"app": "/r/app", "process": "release", "port": None, "base": {}}
    assert environment(spec, {}, **own)["VIRTUAL_ENV"] == f"/r/app/{folder}"
    assert environment(spec, {"VIRTUAL_ENV": "/opt/own"}, **own)["VIRTUAL_ENV"] == "/opt/own"
    a_release(files, 2, a_type("web", "true"), path=("node_modules/.bin", "bin"))
    other = parse((files.release(2) / "release.json").read_bytes())
    assert "VIRTUAL_ENV" not in environment(other, {}, **own)


def _seconds(what) -> float:
    begun = time.perf_counter()
    what()
    return time.perf_counter() - begun
