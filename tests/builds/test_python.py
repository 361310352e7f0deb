"""The python pack, from lock file to an app that runs elsewhere: real uv, the real registry."""

import os
import subprocess
from pathlib import Path

import pytest
from python_workshop import Bench, interpreters, only, output, placed, write
from trees import digests, holding

from deployer.builds.packs.pythons.uv import binary
from deployer.core.errors import BuildFailed
from deployer.core.recipe import Recipe

pytestmark = pytest.mark.registry
NEWEST = interpreters()[0].version
PROJECT = '[project]\nname = "shop"\nversion = "1.0"\nrequires-python = ">=3.9"\ndependencies = ["click==8.1.7"]\n'


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path / "cache")


def uv(tree, *arguments):
    subprocess.run(
        [binary(), *arguments],
        cwd=tree,
        check=True,
        capture_output=True,
        timeout=120,
        env={**os.environ, "UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never"},
    )


def flask_app(folder: Path) -> Path:
    return write(
        folder,
        requirements_dot_txt="flask==3.0.3\ngunicorn==23.0.0\n",
        app_dot_py="import flask\napp = flask.Flask(__name__)\nprint(flask.__name__, __file__)\n",
        shop__INIT_dot_py="",
    )


@pytest.mark.parametrize("version", [one.version for one in interpreters()])
def test_an_app_runs_from_another_path_read_only_and_without_the_registry(bench, tmp_path, version):
    tree = flask_app(tmp_path / "here")
    packed = bench.pack(tree, only(version))
    home = placed(tree, tmp_path / "srv" / "releases" / "v1" / "app", packed)
    assert output(home, packed, "python", "-m", "app") == f"flask {home}/app.py\n"
    assert "gunicorn (version 23.0.0)" in output(home, packed, "gunicorn", "--version")
    assert "Flask 3.0.3" in output(home, packed, "flask", "--version")
    assert output(home, packed, "python3", "-c", "import sys; print(sys.prefix)") == f"{home}/.venv\n"
    assert packed.runtimes[0].version == version


def test_nothing_in_a_build_names_the_place_where_it_was_made(bench, tmp_path):
    tree = flask_app(tmp_path / "here")
    bench.pack(tree)
    assert holding(tree, str(tmp_path)) == []
    assert holding(tree, os.path.dirname(interpreters()[0].path)) == [".venv/bin/python"]  # the one link of the host


def test_two_builds_elsewhere_and_under_another_umask_have_the_same_bytes(tmp_path):
    first = flask_app(tmp_path / "one" / "tree")
    Bench(tmp_path / "cache-one").pack(first)
    second = flask_app(tmp_path / "two" / "deeper" / "tree")
    before = os.umask(0o077)
    try:
        Bench(tmp_path / "cache-two").pack(second, TZ="Asia/Tokyo")
    finally:
        os.umask(before)
    assert digests(first) == digests(second)


def test_a_layer_gives_the_same_bytes_as_a_fresh_build(bench, tmp_path):
    trees = [flask_app(tmp_path / name) for name in ("first", "second", "third")]
    bench.pack(trees[0])
    bench.pack(trees[1])
    assert any("as they were" in line for line in bench.said)
    bench.pack(trees[2], Recipe(commands=("true",)))
    first, second, third = map(digests, trees)
    assert first == second
    assert {path for path in first if first[path] != third[path]} <= {p for p in first if not p.startswith(".venv")}


def test_a_layer_that_somebody_wrote_to_is_made_again(bench, tmp_path):
    first, second = flask_app(tmp_path / "first"), flask_app(tmp_path / "second")
    bench.pack(first)
    expected = digests(first)
    victim = next((first / ".venv/lib").glob("python3*/site-packages/flask/app.py"))
    with open(os.open(victim, os.O_WRONLY), "w") as file:
        file.write("damage")
    bench.pack(second)
    assert digests(second) == expected


def test_where_commands_come_after_the_files_are_copies(bench, tmp_path):
    first, second = flask_app(tmp_path / "first"), flask_app(tmp_path / "second")
    recipe = Recipe(commands=("true",))
    bench.pack(first, recipe)
    site = next((first / ".venv/lib").glob("python3*/site-packages"))
    assert {os.stat(path).st_nlink for path in site.rglob("*.py")} == {1}
    bench.pack(second, recipe)
    assert digests(first) == digests(second)


def test_every_module_has_bytecode_and_python_writes_none(bench, tmp_path):
    tree = flask_app(tmp_path / "here")
    packed = bench.pack(tree)
    modules = len(list(tree.rglob("*.py")))
    assert len(list(tree.rglob("*.pyc"))) == modules
    home = placed(tree, tmp_path / "there", packed)
    before = digests(home)
    output(home, packed, "python", "-c", "import flask, gunicorn.app.wsgiapp, app")
    assert digests(home) == before


def test_uv_lock_with_groups_and_extra(bench, tmp_path):
    tree = write(
        tmp_path / "tree",
        pyproject_dot_toml=PROJECT + '[dependency-groups]\nweb = ["gunicorn==23.0.0"]\ndev = ["iniconfig"]\n',
    )
    uv(tree, "lock")
    packed = bench.pack(tree, only(groups=("web",), extra=("six==1.16.0",)))
    home = placed(tree, tmp_path / "there", packed)
    assert output(home, packed, "python", "-c", "import click, gunicorn, six; print(six.__version__)") == "1.16.0\n"
    with pytest.raises(AssertionError, match="iniconfig"):
        output(home, packed, "python", "-c", "import iniconfig")


def test_a_stale_uv_lock_is_refused(bench, tmp_path):
    tree = write(tmp_path / "tree", pyproject_dot_toml=PROJECT)
    uv(tree, "lock")
    write(tree, pyproject_dot_toml=PROJECT.replace("8.1.7", "8.1.8"))
    with pytest.raises(BuildFailed, match="does not fit") as failure:
        bench.pack(tree)
    assert "uv lock" in failure.value.hint


@pytest.mark.parametrize("locked", [True, False])
def test_a_project_that_is_a_package_is_installed_with_its_scripts(bench, tmp_path, locked):
    tree = write(
        tmp_path / "tree",
        pyproject_dot_toml=PROJECT + '[project.scripts]\nshop = "shop:main"\n'
        '[build-system]\nrequires = ["setuptools>=61"]\nbuild-backend = "setuptools.build_meta"\n'
        '[tool.setuptools]\npackages = ["shop"]\npackage-dir = {"" = "src"}\n',
        src__shop__INIT_dot_py="def main():\n    print('open', __file__)\n",
    )
    if locked:
        uv(tree, "lock")
    packed = bench.pack(tree)
    assert not {"build", "shop.egg-info"} & set(os.listdir(tree))
    assert holding(tree, str(tmp_path)) == []
    home = placed(tree, tmp_path / "there", packed)
    assert output(home, packed, "shop").startswith(f"open {home}/.venv/lib/")
    assert any("not locked" in line for line in bench.said) != locked


def test_a_workspace_is_installed_whole_and_not_editable(bench, tmp_path):
    tree = write(
        tmp_path / "tree",
        pyproject_dot_toml=PROJECT.replace('"click==8.1.7"', '"lib", "click==8.1.7"')
        + '[tool.uv.sources]\nlib = {workspace = true}\n[tool.uv.workspace]\nmembers = ["lib"]\n',
        lib__pyproject_dot_toml='[project]\nname = "lib"\nversion = "1"\n[build-system]\n'
        'requires = ["setuptools>=61"]\nbuild-backend = "setuptools.build_meta"\n',
        lib__lib__INIT_dot_py="name = 'lib'\n",
    )
    uv(tree, "lock")
    packed = bench.pack(tree)
    assert holding(tree / ".venv", str(tmp_path)) == []
    home = placed(tree, tmp_path / "there", packed)
    assert ".venv" in output(home, packed, "python", "-c", "import lib; print(lib.__file__)")


def test_hashed_requirements_and_pylock_are_locked(bench, tmp_path):
    hashed = write(tmp_path / "hashed", requirements_dot_in="click==8.1.7\n")
    uv(hashed, "pip", "compile", "-q", "--generate-hashes", "requirements.in", "-o", "requirements.txt")
    pylock = write(tmp_path / "pylock", requirements_dot_in="click==8.1.7\n")
    uv(pylock, "pip", "compile", "-q", "requirements.in", "-o", "pylock.toml")
    for tree in (hashed, pylock):
        packed = bench.pack(tree)
        home = placed(tree, tmp_path / "there" / tree.name, packed)
        assert output(home, packed, "python", "-c", "import click; print('ok')") == "ok\n"
    assert not any("not locked" in line for line in bench.said)


def test_a_wrong_hash_fails_the_build(bench, tmp_path):
    tree = write(tmp_path / "tree", requirements_dot_txt=f"click==8.1.7 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(BuildFailed):
        bench.pack(tree)


def test_poetry_pdm_and_pipenv_locks_are_installed(bench, tmp_path):
    wheel = "sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"  # six 1.16.0's
    files = f'files = [{{file = "six-1.16.0-py2.py3-none-any.whl", hash = "{wheel}"}}]'
    poetry = write(
        tmp_path / "poetry",
        poetry_dot_lock=f'[[package]]\nname = "six"\nversion = "1.16.0"\n'
        f'groups = ["main"]\noptional = false\n{files}\n[metadata]\nlock-version = "2.1"\n',
    )
    pdm = write(
        tmp_path / "pdm",
        pdm_dot_lock=f'[metadata]\nstrategy = ["inherit_metadata"]\ngroups = ["default"]\n'
        f'[[package]]\nname = "six"\nversion = "1.16.0"\ngroups = ["default"]\n{files}\n',
    )
    pipenv = write(
        tmp_path / "pipenv",
        Pipfile="",
        Pipfile_dot_lock='{"_meta": {"sources": []}, '
        f'"default": {{"six": {{"hashes": ["{wheel}"], "version": "==1.16.0"}}}}}}',
    )
    for tree in (poetry, pdm, pipenv):
        packed = bench.pack(tree)
        home = placed(tree, tmp_path / "there" / tree.name, packed)
        assert output(home, packed, "python", "-c", "import six; print(six.__version__)") == "1.16.0\n"


def test_requirements_by_path_are_installed_from_the_tree(bench, tmp_path):
    tree = write(
        tmp_path / "tree",
        requirements_dot_txt="./lib\n",
        lib__setup_dot_py=("from setuptools import setup\nsetup(name='lib', version='1', py_modules=['lib'])\n"),
        lib__lib_dot_py="name = 'lib'\n",
    )
    packed = bench.pack(tree)
    assert holding(tree / ".venv", str(tmp_path)) == []
    home = placed(tree, tmp_path / "there", packed)
    assert ".venv" in output(home, packed, "python", "-c", "import lib; print(lib.__file__)")


def test_an_empty_requirements_file_makes_an_app_of_the_standard_library(bench, tmp_path):
    tree = write(tmp_path / "tree", requirements_dot_txt="# nothing\n", app_dot_py="print('up')\n")
    packed = bench.pack(tree)
    home = placed(tree, tmp_path / "there", packed)
    assert output(home, packed, "python", "app.py") == "up\n"
