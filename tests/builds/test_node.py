"""The node pack: what it finds out before anything is installed."""

import json
import os
from pathlib import Path

import pytest
from node_workshop import Bench

from deployer.builds.packs import node_find, node_litter
from deployer.builds.packs.node import NodePack
from deployer.builds.packs.node_start import start
from deployer.core.errors import BuildFailed
from deployer.core.recipe import NodeRecipe, Recipe

pack = NodePack()


def processes(tree, package):
    """The conventional processes, as the pack gives them."""
    command = start(tree, package).command
    return {"web": command} if command else {}


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path / "cache")


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


def package(tree, **content):
    (tree / "package.json").write_text(json.dumps(content))
    return content


def fake_node(folder: Path, version: str) -> str:
    """A node that says another version of itself (everything else is the real one), and a real npm beside it."""
    folder.mkdir(parents=True)
    real = os.popen("command -v node").read().strip()
    npm = os.path.realpath(os.popen("command -v npm").read().strip())
    (folder / "npm").symlink_to(npm)
    says = {"versions": f"{{...process.versions, node: '{version}'}}", "release": "{...process.release, lts: 'Iron'}"}
    lines = [f"Object.defineProperty(process, '{name}', {{value: {value}}});" for name, value in says.items()]
    (folder / "early.js").write_text("\n".join(lines))
    (folder / "node").write_text(f'#!/bin/sh\nexec {real} --require {folder}/early.js "$@"\n')
    (folder / "node").chmod(0o755)
    return str(folder)


def test_a_package_json_at_the_top_is_a_node_app():
    assert pack.detects(frozenset({"package.json", "server.js"}))
    assert not pack.detects(frozenset({"front/package.json", "requirements.txt"}))


def test_the_versions_of_the_tools_are_inputs_of_the_build(tree):
    package(tree, name="x")
    inputs = pack.inputs(tree, Recipe())
    assert set(inputs) == {"node", "node-abi", "machine", "npm"}
    assert inputs["node"] == os.popen("node -p process.versions.node").read().strip()
    assert inputs["npm"] == os.popen("npm --version 2>/dev/null").read().strip()


def test_a_wrong_package_json_is_named_with_its_line(tree):
    (tree / "package.json").write_text('{\n  "name": "x",\n}\n')
    with pytest.raises(BuildFailed, match=r"package\.json:3: not JSON"):
        pack.inputs(tree, Recipe())


def test_two_lock_files_of_different_managers_are_refused(tree):
    package(tree, name="x")
    (tree / "package-lock.json").write_text("{}")
    (tree / "yarn.lock").write_text("")
    with pytest.raises(BuildFailed, match=r"package-lock\.json and yarn\.lock"):
        pack.inputs(tree, Recipe())


def test_a_package_manager_field_that_contradicts_the_lock_file_is_refused(tree):
    package(tree, name="x", packageManager="pnpm@10.1.0+sha512.abc")
    (tree / "package-lock.json").write_text("{}")
    with pytest.raises(BuildFailed, match=r"pnpm .* package-lock\.json, of npm"):
        pack.inputs(tree, Recipe())


def test_a_declared_manager_without_its_lock_file_is_refused(tree):
    package(tree, name="x", packageManager="pnpm@10.1.0")
    with pytest.raises(BuildFailed, match="no lock file") as failure:
        pack.inputs(tree, Recipe())
    assert "pnpm install" in failure.value.hint


def test_an_unknown_manager_is_refused_rather_than_its_lock_file_ignored(tree):
    package(tree, name="x")
    (tree / "bun.lock").write_text("{}")
    with pytest.raises(BuildFailed, match="bun"):
        pack.inputs(tree, Recipe())


def test_a_manager_that_is_not_installed_is_named_with_how_to_get_it(tree, bench, tmp_path):
    package(tree, name="x", packageManager="pnpm@10.1.0")
    (tree / "pnpm-lock.yaml").write_text("lockfileVersion: '9.0'\n")
    only_node = fake_node(tmp_path / "bin", "20.20.2")
    workshop = bench.workshop(tree)
    workshop.env["PATH"] = f"{only_node}{os.pathsep}/nowhere"
    (tmp_path / "bin/sh").symlink_to("/bin/sh")
    with pytest.raises(BuildFailed, match="pnpm, which is not on PATH") as failure:
        pack.pack(workshop)
    assert "pnpm@10.1.0" in failure.value.hint


def test_no_node_at_all_is_a_clear_failure():
    with pytest.raises(BuildFailed, match="none on PATH") as failure:
        node_find.find({}, {"PATH": "/nowhere"})
    assert "Node.js" in failure.value.hint


@pytest.mark.parametrize(
    ("wish", "fits"),
    [
        (">=18", True),
        ("^20.1.0", True),
        ("20", True),
        ("v20", True),
        ("18.x || 20.x", True),
        ("*", True),
        ("lts/*", True),
        ("lts/iron", True),
        ("node", True),
        ("", True),
        ("lts/hydrogen", False),
        ("<20", False),
        ("22", False),
        ("20.0.0", False),
    ],
)
def test_versions_are_judged_by_npms_own_rules(tmp_path, wish, fits):
    env = {**os.environ, "PATH": fake_node(tmp_path / "bin", "20.20.2") + os.pathsep + os.environ["PATH"]}
    if fits:
        assert node_find.find({".nvmrc": wish}, env).version == "20.20.2"
    else:
        with pytest.raises(BuildFailed, match=r"asks for node .*\.nvmrc.*this machine has 20\.20\.2"):
            node_find.find({".nvmrc": wish}, env)


def test_a_wish_that_is_no_version_is_not_guessed_at(tmp_path):
    with pytest.raises(BuildFailed, match=r"\.nvmrc: 'banana' is no version"):
        node_find.find({".nvmrc": "banana"}, os.environ)


def test_engines_and_version_files_are_all_read(tree):
    content = package(tree, engines={"node": ">=18"})
    (tree / ".nvmrc").write_text("# what we use\nv20\n")
    (tree / ".node-version").write_text("20.20.2\n")
    assert node_find.wishes(tree, content) == {
        "engines.node in package.json": ">=18",
        ".nvmrc": "v20",
        ".node-version": "20.20.2",
    }


def test_a_node_of_nvm_is_taken_where_the_one_on_path_does_not_fit(tmp_path):
    nvm = tmp_path / "home/.nvm/versions/node"
    for version in ("18.1.0", "22.9.0", "22.11.0"):
        fake_node(nvm / f"v{version}" / "bin", version)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
    found = node_find.find({".nvmrc": "22"}, env)
    assert found.version == "22.11.0"
    assert found.executable == nvm / "v22.11.0/bin/node"


def test_the_start_script_is_the_web_process_without_npm_in_between(tree):
    assert processes(tree, {"scripts": {"start": "node server.js --port $PORT"}}) == {
        "web": "node server.js --port $PORT"
    }


@pytest.mark.parametrize(
    "scripts",
    [
        {"start": "node server.js", "prestart": "node check.js"},
        {"start": "node server.js --name $npm_package_name"},
    ],
)
def test_a_start_script_that_needs_npm_is_left_to_npm(tree, scripts):
    assert processes(tree, {"scripts": scripts}) == {"web": "npm start"}


DEV = {"devDependencies": {"nodemon": "3", "ts-node": "10", "@nestjs/cli": "11", "next": "15"}}
STARTS = {
    "nodemon main.js": ("start:prod", "node main.js"),
    "NODE_ENV=development nodemon -w src main.js": ("start:production", "node dist/main.js"),
    "ts-node src/main.ts": ("prod", "node dist/main.js"),
    "nest start": ("start:prod", "node dist/main"),
    "next dev": ("serve", "next start -p $PORT"),
    "node --watch main.js": ("start:prod", "node main.js"),
    "npm run dev": ("start:prod", "node main.js"),
    "npm run clean && vite": ("serve", "node server/index.mjs"),
}


@pytest.mark.parametrize("script", STARTS)
def test_a_start_script_for_development_gives_way_to_the_one_for_production(tree, script):
    name, command = STARTS[script]
    more = {"dependencies": {"next": "15"}} if "next" in command else {}
    found = start(tree, {"scripts": {"start": script, name: command, "dev": "nodemon x.js"}, **DEV, **more})
    assert (found.command, found.doubtful) == (command, False)
    assert "`start` is for development" in found.told
    assert name in found.told


@pytest.mark.parametrize(
    "script", ["tsx src/main.ts", "node main.js", "next start", "npm run serve", "node a.js --watch"]
)
def test_a_start_script_whose_program_the_release_has_is_taken_as_it_is(tree, script):
    scripts = {"start": script, "start:prod": "node other.js", "serve": "node main.js"}
    assert start(tree, {"scripts": scripts, "dependencies": {"tsx": "4", "next": "15"}}).command == script


def test_a_watcher_of_one_file_is_left_out_where_nothing_else_is_said(tree):
    (tree / "app.js").write_text("")
    found = start(tree, {"scripts": {"start": "nodemon app.js"}, **DEV})
    assert found.command == "node app.js"
    assert "nodemon" in found.told


def test_a_start_script_for_development_alone_is_named_with_what_to_write(tree):
    found = start(tree, {"scripts": {"start": "ts-node src/main.ts"}, **DEV})
    assert (found.command, found.doubtful) == ("ts-node src/main.ts", True)
    assert "needs ts-node, a development dependency" in found.told
    assert "`web: COMMAND`" in found.told


def test_a_framework_s_own_server_is_known_where_no_script_starts_it(tree):
    scripts = {"dev": "nuxt dev", "build": "nuxt build"}
    assert processes(tree, {"scripts": scripts, "dependencies": {"nuxt": "3"}}) == {
        "web": "node .output/server/index.mjs"
    }


def test_without_a_start_script_it_is_server_js_or_main(tree):
    assert processes(tree, {}) == {}
    (tree / "lib").mkdir()
    (tree / "lib/the app.js").write_text("")
    assert processes(tree, {"main": "lib/the app.js"}) == {"web": "node 'lib/the app.js'"}
    (tree / "server.js").write_text("")
    assert processes(tree, {"main": "lib/the app.js"}) == {"web": "node server.js"}


def test_an_app_without_dependencies_needs_no_registry(tree, bench):
    package(tree, name="x", scripts={"build": "node -e \"require('fs').writeFileSync('made', process.env.NODE_ENV)\""})
    packed = pack.pack(bench.workshop(tree))
    assert (tree / "made").read_text() == "production"
    assert not (tree / "node_modules").exists()
    assert Path(os.path.realpath(tree / ".deploy/bin/node")).name == "node"  # for the user's own commands
    (runtime,) = packed.runtimes
    assert (runtime.kind, runtime.link, runtime.match) == ("node", ".deploy/bin/node", "auto")
    assert packed.path == (".deploy/bin", "node_modules/.bin")
    assert packed.env == {"NODE_ENV": "production"}
    assert packed.console == "node"


def test_another_build_script_or_none_may_be_asked_for(tree, bench):
    package(tree, name="x", scripts={"build": "exit 9", "assets": "touch made"})
    pack.pack(bench.workshop(tree, Recipe(node=NodeRecipe(script=""))))
    assert not (tree / "made").exists()
    pack.pack(bench.workshop(tree, Recipe(node=NodeRecipe(script="assets"))))
    assert (tree / "made").exists()
    with pytest.raises(BuildFailed, match="no script 'compile'") as failure:
        pack.pack(bench.workshop(tree, Recipe(node=NodeRecipe(script="compile"))))
    assert "assets, build" in failure.value.hint


def test_a_failing_build_script_fails_the_build(tree, bench):
    package(tree, name="x", scripts={"build": "echo broken by design; exit 9"})
    with pytest.raises(BuildFailed) as failure:
        pack.pack(bench.workshop(tree))
    assert "broken by design" in failure.value.output


def test_of_a_compiled_package_only_the_binaries_stay(tree):
    built = tree / "node_modules/fast/build"
    for path in (
        "Makefile",
        "config.gypi",
        "binding.Makefile",
        "fast.target.mk",
        "Release/fast.node",
        "Release/libdep.so.3",
        "Release/obj.target/fast/a.o",
        "Release/obj.target/fast.node",
        "Release/.deps/Release/a.d",
    ):
        (built / path).parent.mkdir(parents=True, exist_ok=True)
        (built / path).write_text("x")
    (built / "node_gyp_bins").mkdir()
    (built / "node_gyp_bins/python3").symlink_to("/usr/bin/python3")
    (tree / "node_modules/other/build").mkdir(parents=True)
    (tree / "node_modules/other/build/index.js").write_text("not of node-gyp")
    node_litter.sweep(tree, ())
    left = sorted(str(path.relative_to(tree / "node_modules")) for path in tree.rglob("*") if path.is_file())
    assert left == ["fast/build/Release/fast.node", "fast/build/Release/libdep.so.3", "other/build/index.js"]
    assert not (built / "node_gyp_bins").exists()


def test_absolute_links_into_the_tree_become_relative_and_others_are_left_to_be_refused(tree):
    bin_folder = tree / "node_modules/.bin"
    bin_folder.mkdir(parents=True)
    (tree / "tool.js").write_text("")
    (bin_folder / "tool").symlink_to(tree / "tool.js")
    (bin_folder / "outside").symlink_to("/etc/hostname")
    node_litter.sweep(tree, ())
    assert os.readlink(bin_folder / "tool") == "../../tool.js"
    assert os.readlink(bin_folder / "outside") == "/etc/hostname"


def test_caches_of_build_tools_are_gone(tree):
    for path in ("node_modules/.cache/terser/1", "node_modules/.vite/deps/x.js", ".next/cache/1", ".next/trace"):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text("x")
    node_litter.sweep(tree, ())
    assert [path for path in tree.rglob("*") if path.is_file()] == []
