"""Which pack builds a commit."""

import pytest
from repositories import Repository, contents, made

from deployer.builds.packs import choose as table
from deployer.builds.packs.choose import choose, named
from deployer.builds.store import BuildStore
from deployer.core.errors import BuildFailed, SettingsError
from deployer.core.recipe import Recipe, StaticRecipe


@pytest.mark.parametrize(
    ("paths", "pack"),
    [
        ({"requirements.txt", "package.json", "index.html"}, "python"),
        ({"package.json", "index.html"}, "node"),
        ({"index.html"}, "static"),
        ({"public/index.html"}, "static"),
        ({"Staticfile"}, "static"),
    ],
)
def test_the_first_pack_that_detects_its_ecosystem_is_taken(paths, pack):
    assert choose("auto", frozenset(paths)).name == pack


def test_when_no_pack_fits_the_hint_names_the_way_out():
    with pytest.raises(BuildFailed) as error:
        choose("auto", frozenset({"main.c"}))
    assert "pack: commands" in error.value.hint


def test_a_misspelt_pack_gets_a_proposal():
    with pytest.raises(SettingsError) as error:
        named("pyhton")
    assert error.value.hint == "did you mean python?"


@pytest.mark.parametrize("name", table.OURS)
def test_every_pack_of_the_table_is_there_under_its_name(name):
    assert named(name).name == name


def test_the_commands_pack_is_never_chosen_by_itself():
    assert not named("commands").detects(frozenset({"package.json", "index.html"}))


@pytest.mark.parametrize(
    ("files", "root", "expected"),
    [
        ({"index.html": ""}, ".", "."),
        ({"public/index.html": ""}, ".", "public"),
        ({"dist/index.html": "", "a.html": ""}, ".", "dist"),
        ({"index.html": "", "site/a.html": ""}, "site", "site"),
    ],
)
def test_a_static_build_tells_its_processes_where_the_files_are(tmp_path, files, root, expected):
    repository = Repository(tmp_path / "app")
    repository.commit(**files)
    build = made(repository, tmp_path / "store", recipe=Recipe(root=root))
    assert build.pack == "static"
    assert build.processes == {"web": f"python3 -IS ../agent.pyz static {expected}"}
    assert BuildStore(tmp_path / "store").manifest(build.id).launch["env"] == {"STATIC_ROOT": expected}
    assert sorted(contents(tmp_path / "store", build)) == sorted(files)


def test_what_is_at_the_top_for_us_is_no_page_of_the_site(tmp_path):
    repository = Repository(tmp_path / "app")
    files = {"index.html": "", "deploy.yaml": "app: x\n", "Procfile": "web: serve\n", "Staticfile": ""}
    repository.commit(**files)
    build = made(repository, tmp_path / "store", recipe=Recipe())
    assert (sorted(contents(tmp_path / "store", build)), build.processes) == (["index.html"], {"web": "serve"})


def test_the_fallback_is_the_servers(tmp_path):
    repository = Repository(tmp_path / "app")
    repository.commit(**{"public/index.html": ""})
    build = made(repository, tmp_path / "store", recipe=Recipe(static=StaticRecipe("index.html")))
    assert build.processes["web"].endswith(" static public --fallback index.html")


@pytest.mark.parametrize("root", ["missing", "../outside", "a/../.."])
def test_a_static_folder_that_is_not_in_the_commit_is_refused(tmp_path, root):
    repository = Repository(tmp_path / "app")
    repository.commit(**{"index.html": ""})
    with pytest.raises(BuildFailed, match=r"build\.root"):
        made(repository, tmp_path / "store", recipe=Recipe(root=root))
