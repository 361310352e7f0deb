"""The node pack with the real package managers, from the registry: same bytes twice, and it runs elsewhere."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from node_workshop import Bench
from trees import digests, holding

from deployer.builds.packs.node import NodePack
from deployer.core.errors import BuildFailed
from deployer.core.manifest import unsafe_link

pytestmark = [pytest.mark.registry, pytest.mark.slow]
pack = NodePack()

PACKAGE = {
    "name": "fruit",
    "version": "1.0.0",
    "private": True,
    "engines": {"node": ">=18"},
    "scripts": {"build": "esbuild src.js --bundle --outfile=dist/src.js", "start": "node server.js"},
    "dependencies": {"nanoid": "^5.0.0", "semver": "^7.6.0"},
    "devDependencies": {"esbuild": "^0.25.0"},
}
SERVER = """\
const semver = require('semver');
require('http').createServer((request, answer) => answer.end(semver.inc('1.2.3', 'minor'))).listen(process.env.PORT);
"""
TOOLS = {  # the package and the version of each manager, and how it makes its lock file
    "npm": ("", ["npm", "install", "--package-lock-only", "--no-audit", "--no-fund"]),
    "pnpm": ("pnpm@10", ["pnpm", "install", "--lockfile-only"]),
    "yarn": ("yarn@1", ["yarn", "install", "--ignore-scripts", "--non-interactive"]),
    "berry": ("@yarnpkg/cli-dist@4", ["yarn", "install", "--mode=update-lockfile"]),
}


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    """Where a manager's program is: it is installed by npm, once."""
    folder = tmp_path_factory.mktemp("managers")

    def path(name: str) -> str:
        package = TOOLS[name][0]
        prefix = folder / name
        if package and not prefix.exists():
            prefix.mkdir()
            command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(prefix), package]
            subprocess.run(command, check=True, capture_output=True, timeout=200)
        return str(prefix / "node_modules/.bin")

    return path


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("cache"))


@pytest.fixture(params=list(TOOLS))
def app(request, tmp_path, tools, bench):
    """The app locked by one of the managers; `copy(name)` is a clean checkout, `path` where the manager is."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps(PACKAGE, indent=2))
    (folder / "server.js").write_text(SERVER)
    (folder / "src.js").write_text("import {nanoid} from 'nanoid'; console.log(nanoid())\n")
    path = tools(request.param)
    env = {**os.environ, "PATH": path + os.pathsep + os.environ["PATH"], "CI": ""}
    subprocess.run(TOOLS[request.param][1], cwd=folder, env=env, check=True, capture_output=True, timeout=200)
    for left in ("node_modules", ".yarn"):
        shutil.rmtree(folder / left, ignore_errors=True)
    return App(request.param, folder, path, tmp_path, bench)


TWO = pytest.mark.parametrize("app", ["npm", "pnpm"], indirect=True)  # files of its own, and links to a store


class App:
    def __init__(self, manager, folder, path, tmp_path, bench):
        self.manager, self.folder, self.path, self.tmp_path, self.bench = manager, folder, path, tmp_path, bench

    def build(self, name: str) -> Path:
        tree = self.tmp_path / name / "tree"
        shutil.copytree(self.folder, tree)
        self.packed = pack.pack(self.bench.workshop(tree, path=self.path))
        for runtime in self.packed.runtimes:
            (tree / runtime.link).unlink()  # the host's, no part of the build
        return tree


def test_dependencies_are_vendored_the_front_end_is_built_and_dev_dependencies_are_gone(app):
    tree = app.build("one")
    assert "nanoid" in (tree / "dist/src.js").read_text()
    assert (tree / "node_modules/semver/package.json").exists()
    assert not (tree / "node_modules/esbuild").exists()
    assert [path for path in digests(tree) if "esbuild" in path] == []
    assert app.packed.processes == {"web": "node server.js"}


@TWO
def test_two_builds_in_different_folders_have_the_same_bytes_and_know_nothing_of_the_folder(app):
    one = app.build("one")
    two = app.build("two/and/deeper")
    assert digests(one) == digests(two)
    assert holding(one, str(app.tmp_path)) == []


@TWO
def test_no_link_leads_outside_the_tree(app):
    tree = app.build("one")
    links = [path for path in digests(tree) if (tree / path).is_symlink()]
    assert [path for path in links if unsafe_link(path, os.readlink(tree / path))] == []


@TWO
def test_what_was_built_runs_from_another_folder(app):
    tree = app.build("one")
    elsewhere = app.tmp_path / "elsewhere"
    tree.rename(elsewhere)
    answer = subprocess.check_output(
        ["node", "-p", "require('semver').inc('1.2.3', 'minor')"], cwd=elsewhere, env={"PATH": os.environ["PATH"]}
    )
    assert answer == b"1.3.0\n"
    semver = subprocess.check_output(
        ["sh", "-c", "semver 1.2.3 -i major"],
        cwd=elsewhere,
        env={"PATH": f"{elsewhere}/node_modules/.bin:" + os.environ["PATH"]},
    )
    assert semver == b"2.0.0\n"


@TWO
def test_a_lock_file_that_does_not_fit_package_json_fails_the_build(app):
    changed = {**PACKAGE, "dependencies": {**PACKAGE["dependencies"], "ms": "^2.1.0"}}
    (app.folder / "package.json").write_text(json.dumps(changed, indent=2))
    with pytest.raises(BuildFailed):
        app.build("one")


@TWO
def test_what_was_downloaded_is_kept_for_the_next_build(app):
    app.build("one")
    assert any((app.bench.cache / app.manager).iterdir())


@TWO
def test_node_env_production_in_the_environment_does_not_keep_dev_dependencies_from_the_build(app):
    tree = app.tmp_path / "production"
    shutil.copytree(app.folder, tree)
    pack.pack(app.bench.workshop(tree, path=app.path, NODE_ENV="production"))
    assert (tree / "dist/src.js").exists()


GYP = "{'targets': [{'target_name': 'addon', 'sources': ['addon.c']}]}"
ADDON = """\
#include <node_api.h>
static napi_value init(napi_env env, napi_value exports) {
  napi_value answer;
  napi_create_int32(env, 42, &answer);
  napi_set_named_property(env, exports, "answer", answer);
  return exports;
}
NAPI_MODULE(NODE_GYP_MODULE_NAME, init)
"""


def test_an_addon_is_compiled_and_only_its_binary_is_kept(tmp_path, bench):
    source = tmp_path / "source"
    source.mkdir()
    (source / "binding.gyp").write_text(GYP)
    (source / "addon.c").write_text(ADDON)
    (source / "package.json").write_text(json.dumps({"name": "addon", "dependencies": {"ms": "2.1.3"}}))
    locking = ["npm", "install", "--package-lock-only", "--no-audit", "--no-fund"]
    subprocess.run(locking, cwd=source, check=True, capture_output=True, timeout=200)
    trees = []
    for name in ("one", "two"):
        tree = tmp_path / name
        shutil.copytree(source, tree)
        pack.pack(bench.workshop(tree))
        (tree / ".deploy/bin/node").unlink()
        trees.append(tree)
    built = [path for path in digests(trees[0]) if path.startswith("build")]
    assert built == ["build/Release/addon.node"]
    answer = subprocess.check_output(["node", "-p", "require('./build/Release/addon').answer"], cwd=trees[0])
    assert answer == b"42\n"
    assert digests(trees[0]) == digests(trees[1])


@pytest.mark.parametrize("manager", ["npm", "pnpm"])
def test_workspaces_are_linked_and_lose_their_dev_dependencies(tmp_path, tools, manager, bench):
    source = tmp_path / "source"
    package = {"name": "root", "private": True, "workspaces": ["packages/*"], "scripts": {"start": "node app.js"}}
    inner = {"name": "inner", "version": "1.0.0", "main": "i.js", "dependencies": {"ms": "2.1.3"}}
    inner["devDependencies"] = {"nanoid": "^5.0.0"}
    reference = "workspace:*" if manager == "pnpm" else "*"
    (source / "packages/inner").mkdir(parents=True)
    (source / "package.json").write_text(json.dumps({**package, "dependencies": {"inner": reference}}))
    (source / "pnpm-workspace.yaml").write_text("packages: [packages/*]\n")
    (source / "packages/inner/package.json").write_text(json.dumps(inner))
    (source / "packages/inner/i.js").write_text("module.exports = require('ms')('1s')")
    (source / "app.js").write_text("console.log(require('inner'))")
    path = tools(manager)
    env = {**os.environ, "PATH": path + os.pathsep + os.environ["PATH"], "CI": ""}
    subprocess.run(TOOLS[manager][1], cwd=source, env=env, check=True, capture_output=True, timeout=200)
    tree = tmp_path / "tree"
    shutil.copytree(source, tree)
    pack.pack(bench.workshop(tree, path=path))
    assert subprocess.check_output(["node", "app.js"], cwd=tree) == b"1000\n"
    assert holding(tree, str(tmp_path)) == []
    assert not list(tree.rglob("node_modules/nanoid/package.json"))


def test_without_a_lock_file_it_is_installed_and_the_user_is_warned(tmp_path, bench):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "package.json").write_text(json.dumps({"name": "x", "dependencies": {"ms": "^2.1.0"}}))
    pack.pack(bench.workshop(tree))
    assert (tree / "node_modules/ms").is_dir()
    assert any("not locked" in line for line in bench.said)


def test_yarn_is_taken_from_the_repository_where_it_is_committed(tmp_path, tools, bench):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "package.json").write_text(json.dumps({"name": "x", "dependencies": {"ms": "^2.1.0"}}))
    berry = Path(os.path.realpath(tools("berry") + "/yarn"))
    env = {**os.environ, "PATH": tools("berry") + os.pathsep + os.environ["PATH"], "CI": ""}
    subprocess.run(TOOLS["berry"][1], cwd=tree, env=env, check=True, capture_output=True, timeout=200)
    (tree / ".yarn/releases").mkdir(parents=True, exist_ok=True)
    shutil.copy(berry, tree / ".yarn/releases/yarn-4.cjs")
    (tree / ".yarnrc.yml").write_text("yarnPath: .yarn/releases/yarn-4.cjs\nenableGlobalCache: true\n")
    pack.pack(bench.workshop(tree))  # no yarn on PATH
    assert (tree / "node_modules/ms").is_dir()
