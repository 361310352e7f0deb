"""Which file decides what is installed, and what the lock files of other tools stand for.  No network."""

import pytest

from deployer.builds.packs.pythons import requirements
from deployer.builds.packs.pythons.converters import pdm, pipenv, poetry
from deployer.builds.packs.pythons.locks import Lock, deciding, is_python
from deployer.core.errors import BuildFailed
from deployer.core.recipe import PythonRecipe, Recipe

HASH = "sha256:" + "ab" * 32


def recipe(lock: str) -> Recipe:
    return Recipe(python=PythonRecipe(lock=lock))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("uv.lock", "uv"),
        ("pylock.toml", "pylock"),
        ("poetry.lock", "poetry"),
        ("pdm.lock", "pdm"),
        ("Pipfile.lock", "pipenv"),
        ("requirements.txt", "requirements"),
        ("pyproject.toml", "pyproject"),
        ("setup.py", "setup"),
    ],
)
def test_each_lock_file_is_known(name, kind):
    assert is_python(frozenset({name, "app.py"}))
    assert deciding({name, "app.py"}, Recipe()) == Lock(kind, name)


def test_a_lock_file_decides_over_pyproject():
    assert deciding({"pyproject.toml", "setup.py", "uv.lock"}, Recipe()).kind == "uv"


def test_two_lock_files_are_refused_naming_both():
    with pytest.raises(BuildFailed, match=r"uv\.lock and requirements\.txt") as failure:
        deciding({"uv.lock", "requirements.txt"}, Recipe())
    assert "lock: uv.lock" in failure.value.hint


def test_the_recipe_chooses_among_several():
    here = {"uv.lock", "requirements.txt", "pylock.prod.toml"}
    assert deciding(here, recipe("requirements.txt")) == Lock("requirements", "requirements.txt")
    assert deciding(here, recipe("pylock.prod.toml")).kind == "pylock"
    assert deciding(here, recipe("requirements/production.txt")).kind == "requirements"
    with pytest.raises(BuildFailed, match=r"Gemfile\.lock"):
        deciding(here, recipe("Gemfile.lock"))


@pytest.mark.parametrize("paths", [{"Pipfile"}, {"pylock.prod.toml"}, {"app.py"}])
def test_what_is_missing_is_named(paths):
    with pytest.raises(BuildFailed) as failure:
        deciding(paths, Recipe())
    assert failure.value.hint


def test_a_node_project_with_a_pyproject_for_its_linters_is_not_python():
    assert not is_python(frozenset({"package.json", "pyproject.toml"}))
    assert is_python(frozenset({"package.json", "requirements.txt"}))
    assert not is_python(frozenset({"index.html"}))


def package(name, **more):
    return {"name": name, "version": "1.0", "files": [{"file": f"{name}.whl", "hash": HASH}], **more}


def a_poetry_lock(*packages, version="2.1"):
    return {"metadata": {"lock-version": version}, "package": list(packages)}


def test_poetry_takes_the_main_group_and_those_asked_for():
    lock = a_poetry_lock(
        package("a", groups=["main"]),
        package("b", groups=["dev"]),
        package("c", groups=["main", "dev"], markers='sys_platform == "linux"'),
        package("d", groups=["main"], optional=True),
    )
    assert poetry(lock, ()) == [f"a==1.0 --hash={HASH}", f'c==1.0 ; sys_platform == "linux" --hash={HASH}']
    assert f"b==1.0 --hash={HASH}" in poetry(lock, ("dev",))


def test_poetry_marks_a_package_for_any_of_the_groups_that_need_it():
    lock = a_poetry_lock(
        package("a", groups=["main", "dev"], markers={"main": "os_name == 'nt'", "dev": "os_name == 'posix'"}),
        package("b", groups=["main", "dev"], markers={"dev": "os_name == 'posix'"}),
    )
    assert poetry(lock, ()) == [f"a==1.0 ; (os_name == 'nt') --hash={HASH}", f"b==1.0 --hash={HASH}"]
    assert poetry(lock, ("dev",))[0] == f"a==1.0 ; (os_name == 'posix') or (os_name == 'nt') --hash={HASH}"


def test_poetry_sources_become_urls_and_paths():
    git = {"type": "git", "url": "https://example.com/a.git", "resolved_reference": "c0ffee", "subdirectory": "sub"}
    lock = a_poetry_lock(
        package("a", groups=["main"], source=git),
        package("b", groups=["main"], source={"type": "directory", "url": "libs/b"}),
        package("c", groups=["main"], source={"type": "url", "url": "https://example.com/c.whl"}),
    )
    lines = poetry(lock, ())
    assert lines[0] == "a @ git+https://example.com/a.git@c0ffee#subdirectory=sub"
    assert lines[1] == "b @ ./libs/b"
    assert lines[2] == f"c @ https://example.com/c.whl --hash={HASH}"
    assert requirements.of(lines).local
    assert not requirements.of(lines).hashed
    assert not requirements.of(lines[2:]).local


@pytest.mark.parametrize("version", ["1.1", "2.0", ""])
def test_an_older_poetry_lock_is_refused_with_the_way_out(version):
    with pytest.raises(BuildFailed, match=r"2\.1 or later") as failure:
        poetry(a_poetry_lock(package("a"), version=version), ())
    assert "poetry export" in failure.value.hint


def test_an_unknown_group_is_refused_naming_those_there_are():
    with pytest.raises(BuildFailed, match="'prod'") as failure:
        poetry(a_poetry_lock(package("a", groups=["main", "dev"])), ("prod",))
    assert "dev, main" in failure.value.hint


def test_pdm_lists_a_package_with_extras_once():
    metadata = {"strategy": ["inherit_metadata"], "groups": ["default", "dev"]}
    lock = {
        "metadata": metadata,
        "package": [
            package("a", groups=["default"], marker='python_version >= "3.9"'),
            package("a", groups=["default"], marker='python_version >= "3.9"', extras=["x"]),
            package("b", groups=["dev"]),
            package("c", groups=["default"], git="https://example.com/c.git", revision="c0ffee"),
        ],
    }
    marked = f'a==1.0 ; python_version >= "3.9" --hash={HASH}'
    assert pdm(lock, ()) == [marked, "c @ git+https://example.com/c.git@c0ffee"]
    assert f"b==1.0 --hash={HASH}" in pdm(lock, ("dev",))


def test_a_pdm_lock_without_groups_is_refused():
    with pytest.raises(BuildFailed, match="which group") as failure:
        pdm({"metadata": {"strategy": []}, "package": [package("a")]}, ())
    assert "inherit_metadata" in failure.value.hint


def test_pipenv_takes_the_default_section_and_those_asked_for():
    lock = {
        "_meta": {"sources": [{"url": "https://one/simple"}, {"url": "https://two/simple"}]},
        "default": {"a": {"version": "==1.0", "hashes": [HASH], "markers": "os_name == 'posix'"}},
        "develop": {"b": {"version": "==2.0", "hashes": [HASH]}, "c": {"path": "./c", "editable": True}},
    }
    index = "--extra-index-url https://two/simple"
    assert pipenv(lock, ()) == [index, f"a==1.0 ; os_name == 'posix' --hash={HASH}"]
    assert pipenv(lock, ("develop",))[2:] == [f"b==2.0 --hash={HASH}", "c @ ./c"]


@pytest.mark.parametrize(
    ("text", "hashed", "local"),
    [
        (f"six==1.0 \\\n    --hash={HASH}\n", True, False),
        (f"six==1.0 --hash={HASH}\nflask\n", False, False),
        ("flask # --hash=\n", False, False),
        ("-e .\n", False, True),
        (".\n", False, True),
        (".[extra]\n", False, True),
        ("./lib\n", False, True),
        ("lib @ ./lib\n", False, True),
        ("lib @ file:///x/lib\n", False, True),
        ("wheels/six-1.0-py3-none-any.whl\n", False, True),
        ("six @ https://example.com/six-1.0-py3-none-any.whl\n", False, False),
        ("lib @ git+https://example.com/lib@c0ffee\n", False, False),
        ("-r base.txt\n", False, False),
    ],
)
def test_a_requirements_file_tells_whether_it_is_locked_and_leads_into_the_tree(tmp_path, text, hashed, local):
    (tmp_path / "base.txt").write_text("click\n")
    (tmp_path / "requirements.txt").write_text(text)
    found = requirements.read(tmp_path, "requirements.txt")
    assert (found.hashed, found.local) == (hashed, local)


def test_included_files_are_read_where_they_lie(tmp_path):
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "base.txt").write_text("-r production.txt\nclick==1\n")
    (tmp_path / "requirements" / "production.txt").write_text("-r base.txt\n-c limits.txt\nflask==1\n")
    (tmp_path / "requirements" / "limits.txt").write_text("six<2\n")
    text = requirements.read(tmp_path, "requirements/production.txt").text
    assert {"click==1", "flask==1", "six<2"} <= set(text.splitlines())


@pytest.mark.parametrize("include", ["-r gone.txt", "-r ../outside.txt", "-r /etc/passwd"])
def test_an_included_file_that_is_not_in_the_commit_is_named(tmp_path, include):
    (tmp_path / "requirements.txt").write_text(include + "\n")
    with pytest.raises(BuildFailed, match="not in the commit"):
        requirements.read(tmp_path, "requirements.txt")
