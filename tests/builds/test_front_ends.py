"""A front end beside an app is built with it, or named as not built with the line that builds it."""

import json
import os
from dataclasses import replace

import pytest
from node_workshop import Bench
from repositories import Repository, contents, made

from deployer.builds.packs import front_ends
from deployer.builds.packs.choose import choose
from deployer.builds.packs.commands import CommandsPack
from deployer.builds.packs.static import StaticPack
from deployer.core.errors import BuildFailed
from deployer.core.recipe import NodeRecipe, Recipe

MAKES = {"build": "mkdir -p out && echo $NODE_ENV > out/app.js"}
NEEDS = {"left-pad": "file:./left-pad"}


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


def front_end(tree, folder=".", *, lock=True, packages=False, scripts=None, **more):
    """A package.json with a build script, with what it installs beside it."""
    place = tree / folder
    place.mkdir(parents=True, exist_ok=True)
    package = {"name": "ui", "version": "1.0.0", "scripts": MAKES if scripts is None else scripts, **more}
    package |= {"dependencies": NEEDS} if packages else {}
    (place / "package.json").write_text(json.dumps(package))
    own = {"name": "ui", "version": "1.0.0"}
    locked = {"": {**own, "dependencies": NEEDS} if packages else own}
    if packages:
        (place / "left-pad").mkdir()
        (place / "left-pad/package.json").write_text('{"name": "left-pad", "version": "1.0.0"}')
        locked |= {"left-pad": {"version": "1.0.0"}, "node_modules/left-pad": {"resolved": "left-pad", "link": True}}
    if lock:
        content = {**own, "lockfileVersion": 3, "requires": True, "packages": locked}
        (place / "package-lock.json").write_text(json.dumps(content))
    return place


def planned(tree, recipe=None, **given):
    found = front_ends.plan(tree, recipe or Recipe(), **given)
    return list(found.built), "\n".join(found.passed)


def test_one_at_the_top_or_alone_below_is_built(tree):
    assert planned(tree) == ([], "")
    front_end(tree, "ui/src", packages=True)
    assert planned(tree) == (["ui/src"], "")
    front_end(tree)
    built, passed = planned(tree)
    assert built == ["."]
    assert "ui/src/package.json has a build script, and was NOT built" in passed
    assert "build: {assets: [ui/src]}" in passed


def test_without_a_lock_file_it_is_named_unless_there_is_nothing_to_install(tree):
    front_end(tree, "client", lock=False)
    assert planned(tree) == (["client"], "")
    front_end(tree, "client", lock=False, packages=True)
    built, passed = planned(tree)
    assert built == []
    assert "cd client && npm install --package-lock-only" in passed
    assert "assets: false" in passed


def test_of_several_none_is_guessed_at(tree):
    front_end(tree, "admin")
    front_end(tree, "shop")
    built, passed = planned(tree)
    assert built == []
    assert "build: {assets: [admin, shop]}" in passed


def test_what_is_no_front_end_is_left_alone(tree):
    for folder in ("tests/ui", "docs", "examples/one", "node_modules/x", ".github/x", "a/b/c/d"):
        front_end(tree, folder)
    front_end(tree, scripts={"lint": "eslint ."})
    assert planned(tree) == ([], "")


def test_scripts_that_build_under_other_names_are_named(tree):
    front_end(tree, scripts={"build:css": "x", "build:js": "x"})
    assert "build: {node: {script: 'build:css'}}" in planned(tree)[1]
    assert planned(tree, Recipe(node=NodeRecipe("build:css"))) == (["."], "")


def test_beside_a_node_app_the_top_is_the_app_s_own_affair(tree):
    front_end(tree)
    assert planned(tree, top=False) == ([], "")
    front_end(tree, "client")
    assert planned(tree, top=False) == (["client"], "")
    front_end(tree, scripts={"build": "npm --prefix client ci && npm --prefix client run build"})
    assert planned(tree, top=False) == ([], "")
    front_end(tree, scripts={}, workspaces=["client"])
    assert planned(tree, top=False) == ([], "")


def test_deploy_yaml_has_the_last_word(tree):
    front_end(tree, "admin")
    front_end(tree, "shop")
    assert planned(tree, Recipe(assets=("shop", "admin"))) == (["shop", "admin"], "")
    assert planned(tree, Recipe(assets=())) == ([], "")
    with pytest.raises(BuildFailed, match=r"build\.assets: there is no web/package\.json"):
        planned(tree, Recipe(assets=("web",)))
    front_end(tree, "web", scripts={})
    with pytest.raises(BuildFailed, match=r"web/package\.json has no script 'build'"):
        planned(tree, Recipe(assets=("web",)))


def test_what_it_makes_stays_and_what_made_it_goes_after_the_commands_of_the_build(tmp_path, tree):
    repository = Repository(tmp_path / "app")
    front_end(repository.folder, "ui", packages=True)
    repository.commit(**{"requirements.txt": "", "Procfile": "web: x\n"})
    told = []
    one = made(
        repository,
        tmp_path,
        recipe=Recipe(commands=("ls ui/node_modules > seen",)),
        report=lambda kind, text: told.append(text),
    )
    paths = contents(tmp_path, one)
    assert "ui/out/app.js" in paths
    assert "seen" in paths
    assert not [path for path in paths if "node_modules" in path]
    assert "front end: ui/package.json" in told
    assert one.tools["ui: node"] == os.popen("node -p process.versions.node").read().strip()


def test_one_that_fails_says_which_and_how_to_do_without(tree, tmp_path):
    front_end(tree, "ui", scripts={"build": "exit 3"})
    with pytest.raises(BuildFailed, match=r"the front end in ui/package\.json: ") as failure:
        front_ends.build(Bench(tmp_path / "cache").workshop(tree))
    assert "assets: false" in failure.value.hint


def test_where_there_is_no_node_it_is_refused_with_the_line_that_does_without(tree):
    front_end(tree, "ui")
    with pytest.raises(BuildFailed, match=r"front end in ui/package\.json: .*none on PATH") as failure:
        front_ends.inputs(tree, Recipe(), {"PATH": "/nowhere"})
    assert "install Node.js" in failure.value.hint
    assert "assets: false" in failure.value.hint
    assert front_ends.inputs(tree, Recipe(assets=()), {"PATH": "/nowhere"}) == {}


def test_committed_packages_are_the_commit_s_own(tree, tmp_path):
    front_end(tree, "ui")
    (tree / "ui/node_modules").mkdir()
    assert front_ends.build(Bench(tmp_path / "cache").workshop(tree)) == ()


def test_own_commands_build_their_own_front_end_or_are_told_of_it(tree, tmp_path):
    front_end(tree, "ui")
    bench = Bench(tmp_path / "cache")
    own = Recipe(commands=("cd ui && npm run build",))
    assert planned(tree, own) == ([], "")
    CommandsPack().pack(bench.workshop(tree, own))
    assert bench.said == []
    CommandsPack().pack(bench.workshop(tree, Recipe(commands=("go build",))))
    assert "build: {assets: [ui]}" in bench.said[0]
    assert CommandsPack().pack(bench.workshop(tree, Recipe(assets=("ui",)))).dropped == ("ui/node_modules",)
    assert (tree / "ui/out/app.js").read_text() == "production\n"


def site(tree, build, **more):
    scripts = {"dev": "vite", "build": build, **more}
    (tree / "package.json").write_text(json.dumps({"name": "site", "scripts": scripts, "devDependencies": {}}))
    (tree / "index.html").write_text("the source")


VITE = "vite build 2>/dev/null || { mkdir -p dist && echo built > dist/index.html; }"


def test_a_site_that_node_builds_and_nothing_runs_is_static_and_what_was_built_is_served(tmp_path):
    repository = Repository(tmp_path / "app")
    site(repository.folder, VITE)
    repository.commit()
    one = made(repository, tmp_path, recipe=Recipe())
    assert (one.pack, one.processes["web"].split()[-1]) == ("static", "dist")
    assert contents(tmp_path, one)["dist/index.html"] == b"built\n"


@pytest.mark.parametrize(
    ("scripts", "files", "chosen"),
    [
        ({"build": "vite build"}, {}, "static"),
        ({"build": "react-scripts build", "start": "react-scripts start"}, {}, "static"),
        ({"build": "tsc && vite build", "start": "vite preview"}, {}, "static"),
        ({"build": "webpack"}, {"src/index.html": ""}, "static"),
        ({"build": "webpack"}, {}, "node"),
        ({"build": "vite build"}, {"Procfile": "web: node x\n"}, "node"),
        ({"build": "vite build"}, {"server.js": ""}, "node"),
        ({"build": "vite build", "start": "node server/index.mjs"}, {}, "node"),
        ({"build": "next build", "start": "next start"}, {}, "node"),
        ({"build": "tsc", "start": "ts-node src/index.ts"}, {}, "node"),
    ],
)
def test_a_package_json_is_a_site_or_an_app(tree, scripts, files, chosen):
    package = {"scripts": scripts, "devDependencies": {"ts-node": "1"}, "dependencies": {"next": "1"}}
    if "next" not in scripts["build"]:
        del package["dependencies"]
    for path, content in {**files, "package.json": json.dumps(package)}.items():
        (tree / path).parent.mkdir(exist_ok=True)
        (tree / path).write_text(content)
    paths = frozenset({*files, "package.json"})
    assert choose("auto", paths, outline=tree).name == chosen
    assert choose("auto", paths, outline=tree, starts=True).name == "node"


def test_a_site_that_was_not_built_anywhere_says_what_to_write(tree, tmp_path):
    site(tree, "vite --version >/dev/null 2>&1; true")
    with pytest.raises(BuildFailed, match=r"made no index\.html in dist, build") as failure:
        StaticPack().pack(Bench(tmp_path / "cache").workshop(tree))
    assert "build: {root: FOLDER}" in failure.value.hint


def test_a_build_that_only_adds_to_a_site_leaves_it_where_it_is(tree, tmp_path):
    site(tree, "mkdir -p css && echo x > css/site.css")
    packed = StaticPack().pack(Bench(tmp_path / "cache").workshop(tree))
    assert packed.env == {"STATIC_ROOT": "."}
    assert (tree / "css/site.css").exists()


def test_beside_the_folder_of_the_app_it_is_named(tree, tmp_path):
    front_end(tree, "web")
    (tree / "backend").mkdir()
    bench = Bench(tmp_path / "cache")
    for recipe, told in ((Recipe(root="backend"), 1), (Recipe(root="backend", assets=()), 0)):
        bench.said.clear()
        front_ends.build(replace(bench.workshop(tree / "backend", recipe), whole=tree))
        assert sum("cd ../web && npm ci && npm run build" in line for line in bench.said) == told
