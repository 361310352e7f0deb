"""The interpreters of a host: found without a download, asked once, and never a wrong one taken."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.agent import interpreters
from deployer.agent.interpreters import find, installed
from deployer.core import interpreter
from deployer.core.errors import ReleaseRefused
from deployer.core.interpreter import Interpreter, as_runtime, satisfies
from deployer.core.manifest import Runtime


@pytest.fixture
def here(tmp_path):
    return installed("python", cache=tmp_path / "probes", environ=os.environ)


def runtime(interpreter, **more):
    fields = {"version": interpreter.version, "abi": interpreter.abi, "match": "exact", **more}
    return Runtime("python", machine=interpreter.machine, link=".venv/bin/python", **fields)


def test_the_one_that_runs_this_is_found_with_its_version(here):
    version = ".".join(map(str, sys.version_info[:3]))
    assert version in [one.version for one in here]
    for one in here:
        assert os.path.isabs(one.path)
        assert not os.path.islink(one.path)


def test_each_that_is_found_satisfies_what_was_built_with_it(here, tmp_path):
    for one in here:
        wanted = as_runtime(one, link=".venv/bin/python", match="exact")
        path = find(wanted, cache=tmp_path / "probes", environ=os.environ)
        told = subprocess.run(
            [path, "-c", "import platform; print(platform.python_version())"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.strip() == one.version


def test_a_missing_version_is_refused_with_what_is_here(here, tmp_path):
    wanted = runtime(here[0], version="3.99.1", abi="cpython-399-x86_64-linux-gnu")
    with pytest.raises(ReleaseRefused) as failure:
        find(wanted, cache=tmp_path / "probes", environ=os.environ)
    assert "needs CPython 3.99.1 (cpython-399-x86_64-linux-gnu); this host has " in failure.value.message
    assert here[0].version in failure.value.message
    assert failure.value.hint


def test_another_patch_level_will_do_only_where_the_build_says_so(here):
    one = here[0]
    other = ".".join([*one.version.split(".")[:2], "99"])
    assert not satisfies(one, runtime(one, version=other))
    assert satisfies(one, runtime(one, version=other, match="minor"))
    assert not satisfies(one, runtime(one, version="3.1.0", match="minor"))
    assert not satisfies(one, runtime(one, abi="cpython-310-aarch64-linux-gnu"))


def test_a_build_that_says_which_patch_levels_differ_is_refused_there_by_name(here, tmp_path):
    one = here[0]
    other = ".".join([*one.version.split(".")[:2], "99"])
    assert satisfies(one, runtime(one, version=other, match="auto"))
    wanted = runtime(one, version=other, match="auto", unfit={one.version: "redis 5.0.1 requires async-timeout"})
    assert not satisfies(one, wanted)
    error = interpreters.refusal(wanted, [one])
    assert f"on {one.version}, redis 5.0.1 requires async-timeout" in error.message
    assert f'build: {{python: {{version: "{one.version}"}}}}' in error.hint


def test_a_python_that_lost_a_library_is_none_for_a_build_that_had_it(here):
    broken = Interpreter(*(getattr(here[0], name) for name in ("kind", "path", "version", "abi", "machine")), ("ssl",))
    assert not satisfies(broken, runtime(here[0]))
    assert "cannot import ssl" in interpreters.refusal(runtime(here[0]), [broken]).message
    assert satisfies(broken, runtime(here[0], lacks=("ssl",)))


def test_a_second_question_starts_no_process_until_the_interpreter_changes(tmp_path, monkeypatch):
    asked = tmp_path / "asked"
    source = tmp_path / "fake.c"
    source.write_text(
        '#include <stdio.h>\n#include <stdlib.h>\nint main(void){FILE*f=fopen(getenv("ASKED"),"a");fputs("x",f);'
        'fclose(f);puts("[\\"3.12.99\\",\\"fake\\",\\"x86_64\\"]");return 0;}\n'
    )
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler for an interpreter that counts")
    folder = tmp_path / "bin"
    folder.mkdir()
    subprocess.run([compiler, "-o", str(folder / "python3.12"), str(source)], check=True)
    monkeypatch.setenv("ASKED", str(asked))
    environ = {"PATH": str(folder), "HOME": str(tmp_path)}
    for _ in range(3):
        found = installed("python", cache=tmp_path / "probes", environ=environ)
        assert "3.12.99" in [one.version for one in found]
    assert asked.read_text() == "x"
    os.utime(folder / "python3.12", (1, 1))
    installed("python", cache=tmp_path / "probes", environ=environ)
    assert asked.read_text() == "xx"


def test_shims_and_broken_interpreters_are_passed_over(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, content in (("python3.10", b"#!/bin/sh\nexec python3\n"), ("python3.11", b"\x7fELF nothing")):
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o755)
    found = installed("python", cache=tmp_path / "probes", environ={"PATH": str(folder), "HOME": str(tmp_path)})
    assert not [one for one in found if one.path.startswith(str(folder))]


def test_a_damaged_cache_is_written_anew(tmp_path):
    probes = tmp_path / "new" / "probes"
    first = installed("python", cache=probes, environ=os.environ)
    probes.write_text("{damage")
    assert installed("python", cache=probes, environ=os.environ) == first


@pytest.mark.skipif(shutil.which("node") is None, reason="no node here")
def test_node_is_found_by_its_version(tmp_path):
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    wanted = Runtime("node", version, "", "", "node_modules/.bin/node")
    path = Path(find(wanted, cache=tmp_path / "probes", environ=os.environ))
    assert path.name == "node"
    major = version.lstrip("v").split(".")[0]
    near = Runtime("node", f"{major}.999.0", "", "", "x", match="minor")
    assert find(near, cache=tmp_path / "probes", environ=os.environ) == str(path)


def test_versions_are_sorted_as_numbers():
    key = interpreter.version_key
    assert sorted(["3.9.18", "3.12.1", "3.12.10", "3.13.0rc2", "3.13.0"], key=key) == [
        *("3.9.18", "3.12.1", "3.12.10", "3.13.0rc2", "3.13.0"),
    ]
