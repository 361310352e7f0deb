"""Which file decides what is installed, and what the lock files of other tools stand for.  No network."""

import pytest

from deployer.builds.packs.pythons import converters, requirements
from deployer.builds.packs.pythons.converters import Chosen
from deployer.builds.packs.pythons.locks import Lock, deciding, is_python
from deployer.core.errors import BuildFailed
from deployer.core.recipe import PythonRecipe, Recipe

HASH = "sha256:" + "ab" * 32


def poetry(lock, groups=(), extras=()):
    return [each.line for each in converters.poetry(lock, Chosen(groups, extras))]


def pdm(lock, groups=()):
    return [each.line for each in converters.pdm(lock, Chosen(groups))]


def pipenv(lock, groups=()):
    return [each.line for each in converters.pipenv(lock, Chosen(groups))]


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
    assert lines[1] == "./libs/b"
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


def test_poetry_takes_the_packages_of_the_extras_asked_for():
    lock = a_poetry_lock(
        package("a", groups=["main"]),
        package("b", groups=["main"], optional=True, markers='extra == "pg" and os_name == "posix"'),
        package("c", groups=["main"], optional=True, markers='extra == "pg" or extra == "all"'),
        package("d", groups=["main"], optional=True, markers='extra == "docs"'),
    )
    lock["extras"] = {"pg": ["b", "c"], "all": ["c"], "docs": ["d"]}
    assert [line.split("=")[0] for line in poetry(lock)] == ["a"]
    assert [line.split("=")[0] for line in poetry(lock, (), ("pg",))] == ["a", "b", "c"]
    assert "extra" not in "".join(poetry(lock, (), ("pg", "docs")))
    with pytest.raises(BuildFailed, match="no extra 'mysql'"):
        poetry(lock, (), ("mysql",))
    lock["package"][1]["markers"] = ""
    with pytest.raises(BuildFailed, match="for which extra b is"):
        poetry(lock, (), ("pg",))


def test_pipenv_takes_the_default_section_and_those_asked_for():
    lock = {
        "_meta": {"sources": [{"url": "https://one/simple"}, {"name": "two", "url": "https://two/simple"}]},
        "default": {"a": {"version": "==1.0", "hashes": [HASH], "markers": "os_name == 'posix'"}},
        "develop": {
            "b": {"version": "==2.0", "hashes": [HASH], "index": "two"},
            "c": {"path": "./c", "editable": True},
        },
    }
    assert pipenv(lock) == [f"a==1.0 ; os_name == 'posix' --hash={HASH}"]
    found = converters.pipenv(lock, Chosen(("develop",)))
    assert [each.line for each in found[1:]] == [f"b==2.0 --hash={HASH}", "-e ./c"]
    assert [each.index.url for each in found[:2]] == ["https://one/simple", "https://two/simple"]


def test_pipenv_entries_of_every_kind():
    entries = {
        "a": {"git": "git@example.com:x/a.git", "ref": "c0ffee", "editable": True, "extras": ["s"]},
        "b": {"git": "https://example.com/b.git", "ref": "c0ffee", "subdirectory": "py"},
        "c": {"path": "libs/c", "markers": "os_name == 'posix'", "sys_platform": "== 'linux'"},
        "d": {"file": "wheels/d-1.0-py3-none-any.whl"},
        "e": {"file": "https://example.com/e-1.0.zip", "hashes": [HASH]},
        "f": {"version": "==1.0", "extras": ["x", "y"]},
        "0a1b2c": {"path": ".", "editable": True},
    }
    assert pipenv({"_meta": {}, "default": entries}) == [
        "a[s] @ git+ssh://git@example.com/x/a.git@c0ffee",
        "b @ git+https://example.com/b.git@c0ffee#subdirectory=py",
        "./libs/c ; (os_name == 'posix') and (sys_platform == 'linux')",
        "d @ ./wheels/d-1.0-py3-none-any.whl",
        f"e @ https://example.com/e-1.0.zip --hash={HASH}",
        "f[x,y]==1.0",
        "-e ./.",
    ]


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"version": "*"}, "not bound to one version"),
        ({"hg": "https://example.com/a"}, "hg"),
        ({"version": "==1.0", "index": "gone"}, "index 'gone'"),
        ({"path": "/home/me/a"}, "/home/me/a"),
    ],
)
def test_what_a_pipfile_lock_asks_for_and_cannot_be_had_is_refused_by_name(entry, named):
    with pytest.raises(BuildFailed, match=named):
        pipenv({"_meta": {"sources": []}, "default": {"a": entry}})


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
    whole = requirements.whole(tmp_path, "requirements/production.txt").splitlines()
    assert whole == ["click==1", f"-c {tmp_path}/requirements/limits.txt", "flask==1"]


def test_an_editable_repository_as_pip_freeze_writes_it_is_one_as_any_other(tmp_path):
    line = "-e git+https://example.com/a.git@c0ffee#egg=a&subdirectory=py"
    (tmp_path / "requirements.txt").write_text(f"{line}\n-e ./lib\n")
    whole = requirements.whole(tmp_path, "requirements.txt").splitlines()
    assert whole == ["a @ git+https://example.com/a.git@c0ffee#subdirectory=py", "-e ./lib"]


@pytest.mark.parametrize("include", ["-r gone.txt", "-r ../outside.txt", "-r /etc/passwd"])
def test_an_included_file_that_is_not_in_the_commit_is_named(tmp_path, include):
    (tmp_path / "requirements.txt").write_text(include + "\n")
    with pytest.raises(BuildFailed, match="not in the commit"):
        requirements.read(tmp_path, "requirements.txt")
