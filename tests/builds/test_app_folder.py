"""`build.root`: an app in a folder of a repository; `build.before`: commands before the pack."""

import pytest
from package_sources import package
from python_workshop import UV_CACHE
from repositories import Repository, contents, made

from deployer.builds.packs.choose import choose
from deployer.builds.source import find
from deployer.builds.store import BuildStore
from deployer.core.errors import BuildFailed
from deployer.core.recipe import PythonRecipe, Recipe


@pytest.fixture
def repository(tmp_path):
    repository = Repository(tmp_path / "repository")
    package(repository.folder / "libs" / "one", "one")
    repository.write("backend/requirements.txt", "-r ../base.txt\n")
    repository.write("base.txt", "-e ../libs/one\n")
    repository.write("backend/Procfile", "web: python app.py\n")
    repository.write("backend/app.py", "import one\n")
    repository.write("frontend/index.html", "hello")
    repository.commit("First")
    return repository


@pytest.fixture
def root(tmp_path):
    cache = tmp_path / "store" / "cache" / "python"
    cache.mkdir(parents=True)
    UV_CACHE.mkdir(exist_ok=True)
    (cache / "uv").symlink_to(UV_CACHE)
    return tmp_path / "store"


def test_pack_commands_and_processes_are_at_home_in_the_apps_folder_and_all_else_is_there(repository, root):
    recipe = Recipe(
        root="backend",
        before=("echo 'X = 1' > generated.py", 'test -z "${VIRTUAL_ENV:-}"'),
        commands=('test "$VIRTUAL_ENV" = "$PWD/.venv"', "python -c 'import one, generated; print(one.data())' > told"),
    )
    build = made(repository, root, recipe=recipe)
    found = contents(root, build)
    assert found["backend/told"] == b"the data of one\n"
    assert found["frontend/index.html"] == b"hello"
    assert build.processes == {"web": "python app.py"}
    launch = BuildStore(root).manifest(build.id).launch
    assert launch["root"] == "backend"
    assert launch["path"] == ["backend/.venv/bin"]
    assert launch["runtimes"][0]["link"] == "backend/.venv/bin/python"
    assert made(repository, root, recipe=recipe).cached


def test_a_procfile_at_the_top_counts_where_the_folder_has_none(repository, root):
    repository.git("mv", "backend/Procfile", "Procfile")
    repository.commit("Moved")
    assert made(repository, root, recipe=Recipe(root="backend", pack="commands")).processes == {"web": "python app.py"}


def test_a_folder_that_the_commit_does_not_have_is_refused(repository, root):
    with pytest.raises(BuildFailed, match="no folder 'backned'"):
        made(repository, root, recipe=Recipe(root="backned", pack="python"))


def test_a_deploy_yaml_in_a_folder_makes_an_app_of_that_folder_alone(repository, root):
    source = find(repository.folder / "backend")
    assert source.file(source.commit(), "Procfile") == b"web: python app.py\n"
    repository.write("backend/requirements.txt", "../libs/one\n")
    repository.commit("A library beside the folder")


def test_each_pack_looks_into_the_apps_folder_and_static_at_all():
    assert choose("auto", frozenset({"backend/package.json", "requirements.txt"}), "backend").name == "node"
    assert choose("auto", frozenset({"backend/setup.py", "package.json"}), "backend").name == "python"
    assert choose("auto", frozenset({"public/index.html"}), "public").name == "static"
    with pytest.raises(BuildFailed, match="no pack knows"):
        choose("auto", frozenset({"package.json"}), "backend")


def test_a_lock_file_that_a_command_writes_before_the_pack_is_taken(repository, root):
    recipe = Recipe(pack="python", before=("echo ./libs/one > requirements.txt",), python=PythonRecipe())
    assert ".venv/pyvenv.cfg" in contents(root, made(repository, root, recipe=recipe))


def test_a_command_before_the_pack_that_fails_is_named(repository, root):
    with pytest.raises(BuildFailed, match=r"build\.before: `false` ended with exit code 1"):
        made(repository, root, recipe=Recipe(pack="commands", before=("false",)))
