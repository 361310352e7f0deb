"""Which interpreter is chosen for a target's hosts, and what is said where there is none."""

import pytest

from deployer.builds.packs import Offer
from deployer.builds.packs.matching import matched, refusal
from deployer.builds.packs.pythons import markers
from deployer.builds.packs.pythons.markers import Package
from deployer.builds.packs.pythons.versions import candidates, wish
from deployer.core.interpreter import Interpreter, as_runtime, misfit
from deployer.core.recipe import PythonRecipe, Recipe


def python(version, *, machine="x86_64", lacks=()):
    minor = "".join(version.split(".")[:2])
    return Interpreter(
        "python", f"/usr/bin/{version}/python3", version, f"cpython-{minor}-{machine}-linux-gnu", machine, lacks
    )


def node(version):
    return Interpreter("node", f"/opt/{version}/bin/node", version, f"abi-{version.partition('.')[0]}", "x86_64")


def host(*interpreters, name="web1"):
    return Offer(name, interpreters, "x86_64", "2.36")


HERE = [python(version) for version in ("3.13.0", "3.12.1", "3.11.7", "3.11.2", "3.9.18")]
BULLSEYE, BOOKWORM, TRIXIE = (host(python(version)) for version in ("3.9.2", "3.11.2", "3.13.5"))


@pytest.mark.parametrize(
    ("offers", "how", "version"),
    [
        ([BOOKWORM], "auto", "3.11.2"),  # the very one, though 3.11.7 is newer
        ([BULLSEYE], "auto", "3.9.18"),
        ([TRIXIE], "auto", "3.13.0"),
        ([TRIXIE], "minor", "3.13.0"),
        ([TRIXIE], "exact", None),
        ([BOOKWORM], "exact", "3.11.2"),
        ([BOOKWORM, TRIXIE], "auto", None),
        ([BOOKWORM, host(python("3.13.5"), python("3.11.9"))], "auto", "3.11.7"),
        ([host(python("3.12.3"), python("3.11.2"))], "auto", "3.12.1"),  # the newest that goes
        ([host()], "auto", None),
        ([host(python("3.13.0", machine="aarch64"))], "auto", None),
        ([host(python("3.13.0", lacks=("ssl",)))], "auto", None),
        ([host(python("3.13.0", lacks=("ssl",)), python("3.12.9"))], "auto", "3.12.1"),
    ],
)
def test_it_is_the_newest_that_all_hosts_have_a_counterpart_of(offers, how, version):
    found = matched(HERE, offers, how=how)
    assert (found and found.version) == version


def test_node_has_to_be_of_the_same_major_version_only():
    here = [node("20.20.2"), node("18.1.0")]
    assert matched(here, [host(node("20.5.0"))], how="auto").version == "20.20.2"
    assert matched(here, [host(node("18.19.0"))], how="auto").version == "18.1.0"
    assert matched(here, [host(node("22.1.0"))], how="auto") is None


def asked(tmp_path, version="", **files):
    for name, text in files.items():
        (tmp_path / {"version": ".python-version"}.get(name, f"{name}.toml")).write_text(text)
    return wish(tmp_path, Recipe(python=PythonRecipe(version=version)))


def test_a_pinned_patch_level_is_for_the_build_and_a_range_for_the_hosts_too(tmp_path):
    pinned = asked(tmp_path, version="3.11.7\n")
    assert matched(candidates(pinned, HERE), [BOOKWORM], how="auto", allows=pinned.allows_host).version == "3.11.7"
    both = asked(tmp_path, pyproject='[project]\nrequires-python = ">=3.11.4"\n')
    assert matched(candidates(both, HERE), [BOOKWORM], how="auto", allows=both.allows_host) is None


@pytest.mark.parametrize(
    ("offers", "wanted", "how", "hint"),
    [
        ([host(python("3.10.12"))], "", "auto", "`uv python install 3.10` on this machine"),
        ([BOOKWORM], "==3.13", "auto", '`build: {python: {version: "3.11"}}`'),
        ([TRIXIE], "", "exact", "`build: {match: auto}` in deploy.yaml"),
        ([host()], "", "auto", "install Python 3.13 on web1"),
    ],
)
def test_a_refusal_comes_with_the_line_to_write(offers, wanted, how, hint):
    error = refusal("python", HERE, offers, wanted=wanted, wanted_by=".python-version" if wanted else "", how=how)
    assert hint in error.hint
    assert error.exit_code == 20
    assert "this machine has 3.13.0, 3.12.1" in error.message
    assert "web1 has" in error.message


# What was measured: redis 5.0.1 asks for async-timeout up to 3.11.2, and was vendored by 3.11.7.
REDIS = 'async-timeout >=4.0.2 ; python_full_version <= "3.11.2"'


def installed(tree, *packages):
    for name, version, *fields in packages:
        folder = tree / ".venv/lib/python3.11/site-packages" / f"{name}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(
            "\n".join([f"Name: {name}", f"Version: {version}", *fields, "", "Requires-Dist: x"])
        )


def judged(tree, version="3.11.7", *, requires=(), python_="", packages=()):
    installed(tree, *packages)
    return markers.unfit(tree, python(version), Package("", "", tuple(requires), python_))


def test_a_package_that_tells_two_patch_levels_apart_is_named(tmp_path):
    found = judged(tmp_path, packages=[("redis", "5.0.1", f"Requires-Dist: {REDIS}")])
    assert sorted(found) == ["3.11.0", "3.11.1", "3.11.2"]
    assert found["3.11.2"].startswith('redis 5.0.1 requires async-timeout>=4.0.2 (python_full_version <= "3.11.2")')
    runtime = as_runtime(python("3.11.7"), link="x", match="auto", unfit=found)
    assert "redis 5.0.1" in misfit(python("3.11.2"), runtime)
    assert not misfit(python("3.11.4"), runtime)


def test_a_condition_whose_package_is_there_anyway_tells_nothing_apart(tmp_path):
    redis = ("redis", "5.0.1", f"Requires-Dist: {REDIS}")
    assert judged(tmp_path, packages=[redis, ("async_timeout", "4.0.3")]) == {}


def test_a_condition_of_an_extra_counts_where_somebody_asks_for_the_extra(tmp_path):
    condition = 'Requires-Dist: tomli ; extra == "toml" and python_full_version <= "3.11.2"'
    assert judged(tmp_path, packages=[("coverage", "7.0", condition)]) == {}
    assert set(judged(tmp_path, requires=["coverage[toml]"])) == {"3.11.0", "3.11.1", "3.11.2"}


def test_a_condition_of_the_app_itself_and_a_range_of_patch_levels_count_too(tmp_path):
    assert set(judged(tmp_path, requires=['tomli ; python_full_version < "3.11.1"'])) == {"3.11.0"}
    assert set(judged(tmp_path, python_=">=3.11.2")) == {"3.11.0", "3.11.1"}
    assert set(judged(tmp_path, packages=[("pick", "1", "Requires-Python: >=3.9, !=3.11.1")])) == {"3.11.1"}


def test_conditions_on_the_minor_version_tell_no_patch_level_apart(tmp_path):
    lines = ['Requires-Dist: tomli ; python_version < "3.11"', "Requires-Python: >=3.8"]
    assert judged(tmp_path, packages=[("black", "24.0", *lines)]) == {}


def test_a_version_that_the_newer_patch_level_asks_for_is_not_the_one_that_is_there(tmp_path):
    lines = [
        'Requires-Dist: six <2 ; python_full_version < "3.11.9"',
        'Requires-Dist: six >=2 ; python_full_version >= "3.11.9"',
    ]
    found = judged(tmp_path, packages=[("old", "1", *lines), ("six", "1.16.0")])
    assert "3.11.9" in found
    assert "3.11.30" in found
    assert "3.11.8" not in found
