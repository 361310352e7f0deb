"""A package that a lock file binds to an index comes from there and from nowhere else.  Two indexes on 127.0.0.1."""

import json

import pytest
from package_index import digest, package_index, wheel
from python_workshop import Bench, only, write

from deployer.builds.packs.pythons.versions import wish
from deployer.core.errors import BuildFailed
from deployer.core.recipe import Recipe

POETRY = """
[[package]]
name = "secretlib"
version = "1.0"
groups = ["main"]
files = [{{file = "secretlib-1.0-py3-none-any.whl", hash = "{hash}"}}]

[package.source]
type = "legacy"
url = "{url}"
reference = "corp"

[[package]]
name = "openlib"
version = "1.0"
groups = ["main"]
files = []

[metadata]
lock-version = "2.1"
"""
PDM = """
[metadata]
groups = ["default"]
strategy = ["inherit_metadata"]

[[package]]
name = "secretlib"
version = "1.0"
groups = ["default"]
files = [{{file = "secretlib-1.0-py3-none-any.whl", hash = "{hash}"}}]

[[package]]
name = "openlib"
version = "1.0"
groups = ["default"]
"""
PDM_PROJECT = """
[tool.pdm]
distribution = false
[[tool.pdm.source]]
name = "corp"
url = "{url}"
include_packages = ["secret*"]
"""


@pytest.fixture
def public(tmp_path):
    """Has both packages: `secretlib` in a version that somebody put there to be taken by mistake."""
    wheel(tmp_path / "public", "openlib", "1.0", "public")
    wheel(tmp_path / "public", "secretlib", "1.0", "stolen")
    wheel(tmp_path / "public", "secretlib", "9.0", "stolen")
    with package_index(tmp_path / "public") as index:
        yield index


@pytest.fixture
def corp(tmp_path):
    wheel(tmp_path / "corp", "secretlib", "1.0", "ours")
    with package_index(tmp_path / "corp") as index:
        yield index


@pytest.fixture
def build(tmp_path, public):
    """Builds a tree where the public index is the default and one of the environment's besides; what was installed."""
    bench = Bench(tmp_path / "cache")
    (tmp_path / "cache" / "uv").unlink()  # nothing of another test's indexes is known

    def _build(tree, recipe=None, **env):
        given = {"UV_DEFAULT_INDEX": public.url, "UV_INDEX": public.url, "UV_INDEX_STRATEGY": "unsafe-best-match"}
        bench.pack(tree, recipe, UV_HTTP_RETRIES="0", **{**given, **env})
        found = {}
        for path in (tree / ".venv/lib").glob("python3*/site-packages/*lib.py"):
            found[path.stem] = path.read_text().split("'")[1]
        return found

    return _build


def pipfile_lock(url, *, version="1.0", requires=None, **entry):
    meta = {
        "requires": requires or {},
        "sources": [
            {"name": "pypi", "url": "https://pypi.org/simple", "verify_ssl": True},
            {"name": "corp", "url": url, "verify_ssl": False},
        ],
    }
    packages = {"secretlib": {"index": "corp", "version": f"=={version}", **entry}, "openlib": {"version": "==1.0"}}
    return json.dumps({"_meta": meta, "default": packages, "develop": {}})


def locked(folder, kind, url, hash_):
    if kind == "pipenv":
        return write(folder, Pipfile_dot_lock=pipfile_lock(url, hashes=[hash_]))
    if kind == "poetry":
        return write(folder, poetry_dot_lock=POETRY.format(url=url, hash=hash_))
    return write(folder, pdm_dot_lock=PDM.format(hash=hash_), pyproject_dot_toml=PDM_PROJECT.format(url=url))


@pytest.mark.parametrize("kind", ["pipenv", "poetry", "pdm"])
def test_a_bound_package_comes_from_its_index_and_the_others_from_the_default_one(tmp_path, build, public, corp, kind):
    tree = locked(tmp_path / "tree", kind, corp.url, digest(tmp_path / "corp" / "secretlib-1.0-py3-none-any.whl"))
    write(tree, uv_dot_toml=f'[[index]]\nurl = "{public.url}"\n')
    assert build(tree) == {"secretlib": "ours", "openlib": "public"}
    assert not any("secretlib" in path for path in public.asked)
    assert not any("openlib" in path for path in corp.asked)


@pytest.mark.parametrize("kind", ["pipenv", "poetry", "pdm"])
def test_a_bound_package_is_taken_from_nowhere_else_where_its_index_is_out_of_reach(tmp_path, build, public, kind):
    tree = locked(
        tmp_path / "tree",
        kind,
        "http://127.0.0.1:9/simple",
        digest(tmp_path / "public" / "secretlib-1.0-py3-none-any.whl"),
    )
    with pytest.raises(BuildFailed, match=r"binds secretlib to the index corp \(http://127\.0\.0\.1:9/simple\)"):
        build(tree)
    assert not any("secretlib" in path for path in public.asked)


def test_a_version_that_the_index_does_not_have_is_refused_though_the_public_one_has_it(tmp_path, build, public, corp):
    tree = write(tmp_path / "tree", Pipfile_dot_lock=pipfile_lock(corp.url, version="9.0"))
    with pytest.raises(BuildFailed, match="could not be installed from there"):
        build(tree)
    assert not any("secretlib" in path for path in public.asked)


def test_credentials_come_from_the_builds_variables_and_are_in_no_argument_and_no_message(tmp_path, build):
    wheel(tmp_path / "closed", "secretlib", "1.0", "ours")
    with package_index(tmp_path / "closed", "me:pass word") as index:
        url = f"http://${{CORP_USER}}:${{CORP_PASS}}@{index.host}/simple"
        tree = write(tmp_path / "tree", Pipfile_dot_lock=pipfile_lock(url))
        with pytest.raises(BuildFailed, match="needs CORP_USER") as failure:
            build(tree)
        assert "secrets: [CORP_USER, CORP_PASS]" in failure.value.hint
        recipe = Recipe(secrets=("CORP_USER", "CORP_PASS"))
        assert build(tree, recipe, CORP_USER="me", CORP_PASS="pass word")["secretlib"] == "ours"
        with pytest.raises(BuildFailed) as failure:
            build(
                write(tmp_path / "wrong", Pipfile_dot_lock=pipfile_lock(url, version="2.0")),
                CORP_USER="me",
                CORP_PASS="pass word",
            )
        for secret in ("pass word", "pass%20word"):
            assert secret not in failure.value.message + failure.value.hint + failure.value.output
        poetry = write(
            tmp_path / "poetry",
            poetry_dot_lock=POETRY.format(
                url=index.url, hash=digest(tmp_path / "closed" / "secretlib-1.0-py3-none-any.whl")
            ),
        )
        login = {"POETRY_HTTP_BASIC_CORP_USERNAME": "me", "POETRY_HTTP_BASIC_CORP_PASSWORD": "pass word"}
        assert build(poetry, **login)["secretlib"] == "ours"
        text = f"--index-url http://me:${{CORP_PASS}}@{index.host}/simple\nsecretlib\n"
        plain = write(tmp_path / "plain", requirements_dot_txt=text)
        assert build(plain, CORP_PASS="pass%20word") == {"secretlib": "ours"}


def test_two_builds_that_differ_in_the_index_alone_share_no_layer(tmp_path, build, public, corp):
    assert build(write(tmp_path / "one", Pipfile_dot_lock=pipfile_lock(corp.url)))["secretlib"] == "ours"
    assert build(write(tmp_path / "two", Pipfile_dot_lock=pipfile_lock(public.url)))["secretlib"] == "stolen"


def test_options_of_a_requirements_file_hold_for_what_is_installed(tmp_path, build, public, corp):
    wheel(tmp_path / "tree" / "deploy" / "wheels", "openlib", "1.5", "links")
    wheel(tmp_path / "corp", "secretlib", "2.0rc1", "early")
    tree = write(
        tmp_path / "tree",
        requirements_dot_txt="-r deploy/base.txt\n--prefer-binary\nsecretlib\n",
        deploy__base_dot_txt=f"--index-url {corp.url}\n--find-links wheels\n--pre\n-c limits.txt\nopenlib\n",
        deploy__limits_dot_txt="openlib<2\nnobody<3\n",
    )
    assert build(tree) == {"secretlib": "early", "openlib": "links"}
    assert public.asked == []


@pytest.mark.parametrize("option", ["--process-dependency-links", "--config-settings x=y"])
def test_an_option_that_cannot_be_obeyed_is_refused_by_name(tmp_path, build, option):
    tree = write(tmp_path / "tree", requirements_dot_txt=f"{option}\nopenlib\n")
    with pytest.raises(BuildFailed, match=option.split()[0]):
        build(tree)


@pytest.mark.parametrize("tool", ["poetry", "pdm"])
def test_sources_without_the_lock_that_binds_packages_to_them_are_refused(tmp_path, build, tool):
    project = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["openlib"]\n'
    project += f'[[tool.{tool}.source]]\nname = "corp"\nurl = "https://corp.example/simple"\n'
    with pytest.raises(BuildFailed, match=f"there is no {tool}.lock") as failure:
        build(write(tmp_path / "tree", pyproject_dot_toml=project))
    assert f"{tool} lock" in failure.value.hint


@pytest.mark.parametrize(
    ("name", "text", "spec"),
    [
        ("Pipfile.lock", pipfile_lock("x", requires={"python_version": "3.11"}), "==3.11"),
        (
            "Pipfile.lock",
            pipfile_lock("x", requires={"python_version": "3.11", "python_full_version": "3.11.4"}),
            "==3.11.4",
        ),
        ("poetry.lock", '[metadata]\npython-versions = "^3.10"\n', "^3.10"),
        ("pdm.lock", '[metadata]\n[[metadata.targets]]\nrequires_python = "~=3.12"\n', "~=3.12"),
        ("pylock.toml", 'lock-version = "1.0"\nrequires-python = ">=3.12"\n', ">=3.12"),
    ],
)
def test_the_python_that_a_lock_file_was_made_for_is_taken(tmp_path, name, text, spec):
    (tmp_path / name).write_text(text)
    found = wish(tmp_path, Recipe())
    assert found.spec.startswith(spec)
    assert name in found.source
    (tmp_path / ".python-version").write_text("3.9\n")
    both = wish(tmp_path, Recipe())
    assert both.spec == f"==3.9,{spec}"
    assert f".python-version and {name}" in both.source


def test_a_python_that_the_lock_file_was_not_made_for_is_refused(tmp_path, build):
    tree = write(tmp_path / "tree", Pipfile_dot_lock=pipfile_lock("x", requires={"python_version": "3.11"}))
    with pytest.raises(
        BuildFailed, match=r"deploy\.yaml and Pipfile\.lock: _meta\.requires asks for Python ==3\.12,==3\.11"
    ):
        build(tree, only("3.12"))
