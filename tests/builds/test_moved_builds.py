"""No build leads to the folder where it was made: what would break on a host is refused, what is harmless is not."""

import json
import os
import shutil
import subprocess

import pytest
from package_index import digest, wheel
from package_sources import package
from python_workshop import Bench, output, placed, write
from repositories import Repository, made

from deployer.builds.packs.pythons import editables
from deployer.builds.packs.pythons.uv import binary
from deployer.builds.scan import scan_for
from deployer.builds.traces import Trace, judge
from deployer.core.errors import BuildFailed
from deployer.core.recipe import Recipe

LIBRARIES = """
[[package]]
name = "one"
version = "1.0"
groups = ["main"]
files = []
develop = true
[package.source]
type = "directory"
url = "libs/one"

[[package]]
name = "two"
version = "1.0"
groups = ["main"]
files = [{{file = "two-1.0-py3-none-any.whl", hash = "{digest}"}}]
[package.source]
type = "file"
url = "wheels/two-1.0-py3-none-any.whl"

[metadata]
lock-version = "2.1"
"""
PDM_LIBRARIES = """
[metadata]
groups = ["default"]
strategy = ["inherit_metadata"]
[[package]]
name = "one"
version = "1.0"
groups = ["default"]
path = "./libs/one"
editable = true
[[package]]
name = "two"
version = "1.0"
groups = ["default"]
path = "./wheels/two-1.0-py3-none-any.whl"
"""
WORKSPACE = """
[project]
name = "shop"
version = "1.0"
requires-python = ">=3.9"
dependencies = ["one", "two"]
[tool.uv.sources]
one = {workspace = true}
two = {path = "wheels/two-1.0-py3-none-any.whl"}
[tool.uv.workspace]
members = ["libs/one"]
"""
PLACE = b"/state/workshop-0123456789ab"
HERE = PLACE.decode()
SITE = ".venv/lib/python3.12/site-packages"


def commands(*lines, **more):
    return Recipe(pack="commands", commands=lines, **more)


@pytest.fixture
def repository(tmp_path):
    repository = Repository(tmp_path / "app")
    repository.write("Procfile", "web: ./serve\n")
    repository.commit("First")
    return repository


def test_editable_libraries_are_found_where_the_build_lies_with_all_that_is_beside_them(tmp_path):
    tree = write(
        tmp_path / "here", requirements_dot_txt="-r more/base.txt\n-e .\n", more__base_dot_txt="-e ./libs/one\n"
    )
    package(tree / "libs" / "one", "one")
    package(tree, "two")
    packed = Bench(tmp_path / "cache").pack(tree)
    home = placed(tree, tmp_path / "srv" / "app", packed)
    told = output(home, packed, "sh", "-c", "cd / && exec python -c 'import one, two; print(one.data(), two.data())'")
    assert told == "the data of one the data of two\n"
    assert scan_for((os.fsencode(tmp_path / "here"),), str(home), links=(".venv/bin/python",))[1] == []
    python, *arguments = packed.proof
    subprocess.run([home / python, *arguments], cwd=home, check=True)


@pytest.mark.parametrize("kind", ["poetry", "pipenv", "pdm", "uv"])
def test_a_lock_files_libraries_of_the_repository_are_found_where_the_build_lies(tmp_path, kind):
    tree = tmp_path / "here"
    package(tree / "libs" / "one", "one")
    wheel(tree / "wheels", "two", "1.0", "from a file")
    if kind == "pipenv":
        two = {"file": "wheels/two-1.0-py3-none-any.whl", "hashes": [digest(tree / "wheels/two-1.0-py3-none-any.whl")]}
        entries = {"one": {"path": "./libs/one", "editable": True}, "two": two}
        write(tree, Pipfile_dot_lock=json.dumps({"_meta": {"sources": []}, "default": entries}))
    elif kind == "poetry":
        write(tree, poetry_dot_lock=LIBRARIES.format(digest=digest(tree / "wheels/two-1.0-py3-none-any.whl")))
    elif kind == "pdm":
        write(tree, pdm_dot_lock=PDM_LIBRARIES)
    else:
        write(tree, pyproject_dot_toml=WORKSPACE)
        environ = {**os.environ, "UV_OFFLINE": "1", "UV_PYTHON_DOWNLOADS": "never"}
        subprocess.run([binary(), "lock"], cwd=tree, env=environ, check=True, capture_output=True)
    packed = Bench(tmp_path / "cache").pack(tree)
    home = placed(tree, tmp_path / "srv" / "app", packed)
    assert output(home, packed, "python", "-c", "import one, two; print(one.__name__, two.SAYS)") == "one from a file\n"
    python, *arguments = packed.proof
    subprocess.run([home / python, *arguments], cwd=home, check=True)


@pytest.mark.registry
def test_editable_libraries_of_the_common_backends_are_found_elsewhere(tmp_path):
    finder = '[build-system]\nrequires = ["setuptools>=64"]\nbuild-backend = "setuptools.build_meta"\n'
    line = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    tree = write(
        tmp_path / "here",
        requirements_dot_txt="-e ./a\n-e ./b\n",
        a__pyproject_dot_toml=f'[project]\nname = "a"\nversion = "1"\n{finder}[tool.setuptools]\npackages = ["aa"]\n',
        a__aa__INIT_dot_py="from aa.inner import X\n",
        a__aa__inner_dot_py="X = 'aa'\n",
        b__pyproject_dot_toml=f'[project]\nname = "b"\nversion = "1"\n{line}',
        b__src__b__INIT_dot_py="X = 'b'\n",
    )
    packed = Bench(tmp_path / "cache").pack(tree)
    assert scan_for((os.fsencode(tmp_path),), str(tree), links=(".venv/bin/python",))[1] == []
    home = placed(tree, tmp_path / "srv" / "app", packed)
    assert output(home, packed, "python", "-c", "import aa, b; print(aa.X, b.X)") == "aa b\n"
    python, *arguments = packed.proof
    subprocess.run([home / python, *arguments], cwd=home, check=True)


def test_what_is_not_found_in_another_folder_is_named(tmp_path):
    site = tmp_path / "site"
    write(
        site,
        gone_dot_pth="../libs/gone\n",
        away_dot_pth=f"{tmp_path}\n",
        broken_dot_pth="import no_such_module_here\n",
        __editable___x_finder_dot_py="",
    )
    (site / "__editable___x_finder.py").write_text("MAPPING = {'x': '/nowhere/x'}\n")
    (site / "x.pth").write_text("import __editable___x_finder\n# a comment\n")
    _, *arguments = editables.proof("python3", str(site))
    done = subprocess.run(
        ["python3", *arguments],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == f"away.pth names {tmp_path}, which is not in the build"
    assert "no_such_module_here" in lines[1]
    assert lines[2] == "gone.pth names ../libs/gone, which is not in the build"
    assert lines[3].startswith("x is not found")


@pytest.mark.parametrize(
    ("path", "content", "verdict"),
    [
        ("bin/tool", f"#!{HERE}/tree/venv/bin/python\n", "its first line"),
        ("bin/long", f"#!/bin/sh\n'''exec' {HERE}/tree/venv/bin/python\n", "its first line"),
        ("node_modules/.bin/tool", f"#!{HERE}/bin/node\n", "its first line"),
        ("node_modules/.bin/shim", f"#!/bin/sh\nNODE_PATH={HERE}/node_modules\n", None),
        (f"{SITE}/lib.pth", f"{HERE}/tree/lib\n", "each start of Python"),
        (f"{SITE}/__editable___lib_finder.py", f"MAPPING = {{'lib': '{HERE}/tree/lib'}}\n", "each start of Python"),
        (f"{SITE}/numpy/__config__.py", f"PYTHON = '{HERE}/temporary/python'\n", None),
        ("venv/pyvenv.cfg", f"home = {HERE}/python/bin\n", "cannot be moved"),
        ("venv/pyvenv.cfg", f"home = /usr/bin\ncommand = python -m venv {HERE}/tree/venv\n", None),
        ("app.ini", f"[uwsgi]\nchdir = {HERE}/tree\n", "settings"),
        (".env.production", f"ROOT={HERE}/tree\n", "settings"),
        ("shop/generated.py", f"ROOT = '{HERE}/tree'\n", "settings"),
        ("dist/main.js", f"const root = '{HERE}/tree'\n", ""),
        ("dist/main.js.map", f'{{"sources": ["{HERE}/tree/a.ts"]}}', None),
        (".next/required-server-files.json", f'{{"appDir": "{HERE}/tree"}}', None),
        ("shop/__pycache__/a.cpython-312.pyc", f"\0{HERE}/tree/a.py", None),
        ("build/Makefile", f"CC = {HERE}/cc\n", None),
        ("data.sqlite3", f"SQLite\0{HERE}", None),
    ],
)
def test_what_a_file_means_that_names_the_place(tmp_path, path, content, verdict):
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    found = judge(str(tmp_path), path, PLACE)
    assert found is None if verdict is None else found is not None and verdict in found.why
    assert verdict != "" or found == Trace(path, "")


@pytest.mark.needs("gcc")
def test_a_binary_is_refused_for_its_library_path_and_not_for_what_it_tells_debuggers(tmp_path):
    source = tmp_path / "a.c"
    source.write_text(f'const char *where = "{HERE}/tree/a.c"; int main(void) {{ return where[0] == 0; }}\n')
    for name, more in (
        ("plain", []),
        ("rpath", [f"-Wl,-rpath,{HERE}/tree/lib"]),
        ("short", ["-Wl,-rpath,$ORIGIN/lib"]),
    ):
        subprocess.run(["gcc", "-o", tmp_path / name, source, *more], check=True)
    assert judge(str(tmp_path), "plain", PLACE) is None
    assert judge(str(tmp_path), "short", PLACE) is None
    assert "RPATH" in judge(str(tmp_path), "rpath", PLACE).why
    shutil.copy(tmp_path / "rpath", tmp_path / "cut")
    os.truncate(tmp_path / "cut", 200)
    assert judge(str(tmp_path), "cut", PLACE) is None


def test_a_command_that_writes_the_place_into_settings_is_refused_with_the_file_and_the_line(repository, tmp_path):
    with pytest.raises(BuildFailed, match=r"no host has: conf/app\.ini") as failure:
        made(repository, tmp_path / "store", recipe=commands("mkdir conf && echo chdir=$PWD > conf/app.ini"))
    assert "exclude: [conf/app.ini]" in failure.value.hint
    recipe = commands("mkdir conf && echo chdir=$PWD > conf/app.ini", exclude=("conf/app.ini",))
    made(repository, tmp_path / "store", recipe=recipe)


def test_a_name_of_the_place_that_harms_nobody_is_told_once(repository, tmp_path):
    told = []
    recipe = commands("echo \"const at = '$PWD'\" > page.js; echo $PWD > page.js.map")
    made(repository, tmp_path / "store", recipe=recipe, report=lambda kind, text: told.append((kind, text)))
    assert [text for kind, text in told if kind == "warning"] == [
        "page.js: the folder where the build was made is named here, and no host has it"
    ]


def test_a_name_across_two_blocks_is_found(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"x" * (1024 * 1024 - 5) + PLACE + b"x" * 100)
    (tmp_path / "b.txt").write_bytes(b"x" * (1024 * 1024))
    assert scan_for((PLACE,), str(tmp_path))[1] == ["a.txt"]
