"""Which Python a commit asks for, and which of those that are here it gets."""

import pytest

from deployer.builds.packs.pythons.versions import Wish, allows, candidates, wish
from deployer.core.errors import BuildFailed
from deployer.core.interpreter import Interpreter
from deployer.core.recipe import PythonRecipe, Recipe

HERE = [
    Interpreter("python", f"/opt/{version}/bin/python3", version, "abi", "x86_64")
    for version in ("3.14.0rc1", "3.13.0", "3.12.11", "3.12.2", "3.11.7", "3.8.18")
]


def asked(tmp_path, version="", **files):
    for name, text in files.items():
        (tmp_path / {"version": ".python-version", "runtime": "runtime.txt"}.get(name, f"{name}.toml")).write_text(text)
    return candidates(wish(tmp_path, Recipe(python=PythonRecipe(version=version))), HERE)[0].version


def test_without_a_wish_it_is_the_newest_finished_one(tmp_path):
    assert asked(tmp_path) == "3.13.0"


def test_the_first_that_says_something_decides(tmp_path):
    project = '[project]\nrequires-python = ">=3.9,<3.12"\n'
    assert asked(tmp_path, pyproject=project) == "3.11.7"
    assert asked(tmp_path, runtime="python-3.12.2\n") == "3.12.2"
    (tmp_path / ".python-version").write_text("# ours\n\n3.13\n")
    assert asked(tmp_path) == "3.13.0"
    assert asked(tmp_path, "3.12") == "3.12.11"


def test_a_minor_version_means_its_newest_patch_level_and_not_a_longer_number(tmp_path):
    assert asked(tmp_path, "3.12") == "3.12.11"
    assert not allows("==3.1", "3.12.11", "x")


def test_poetry_says_it_its_own_way(tmp_path):
    assert asked(tmp_path, pyproject='[tool.poetry.dependencies]\npython = "^3.11"\n') == "3.13.0"
    assert asked(tmp_path, pyproject='[tool.poetry.dependencies]\npython = "~3.12"\n') == "3.12.11"


@pytest.mark.parametrize(
    ("clause", "version", "fits"),
    [
        (">=3.9", "3.9.0", True),
        (">= 3.9", "3.10.1", True),
        ("<4", "3.13.0", True),
        ("<3.12", "3.12.0", False),
        ("<=3.12", "3.12.1", False),
        (">3.12", "3.12.1", True),
        ("~=3.11.2", "3.11.7", True),
        ("~=3.11.2", "3.12.0", False),
        ("~=3.11", "3.13.0", True),
        ("==3.11.*", "3.11.7", True),
        ("==3.11.*", "3.12.7", False),
        ("!=3.11.*", "3.12.7", True),
        ("!=3.11.7", "3.11.7", False),
        ("3.11", "3.11.7", True),
    ],
)
def test_specifiers_mean_what_they_mean_elsewhere(clause, version, fits):
    assert allows(clause, version, "pyproject.toml") is fits


def test_a_version_that_is_not_here_is_refused_with_what_is(tmp_path):
    with pytest.raises(BuildFailed, match=r"3\.10.*this machine has .*3\.13\.0") as failure:
        asked(tmp_path, "3.10")
    assert "uv python install" in failure.value.hint


@pytest.mark.parametrize("text", ["pypy-3.11", "latest", "2.7.18", "--help"])
def test_what_is_no_version_of_cpython_is_refused_by_name(tmp_path, text):
    (tmp_path / ".python-version").write_text(text)
    with pytest.raises(BuildFailed, match=r"\.python-version"):
        wish(tmp_path, Recipe())


def test_a_specifier_that_makes_no_sense_is_refused():
    with pytest.raises(BuildFailed, match="whenever"):
        candidates(Wish("whenever", "pyproject.toml"), HERE)
