"""A runtime that builds bring along: content of its own, the same on every machine, and in a build's file, too."""

import os
import shutil
from dataclasses import replace

import pytest

from deployer.builds.artifact import export, import_
from deployer.builds.packs import Offer
from deployer.builds.store import Build, BuildStore
from deployer.builds.supply import PACK, Supply
from deployer.core import wire
from deployer.core.errors import ReleaseRefused
from deployer.core.interpreter import Interpreter
from deployer.core.manifest import Launch, manifest

ONE = Interpreter("node", "/opt/node/bin/node", "20.20.2", "115", "x86_64")


@pytest.fixture
def supply(tmp_path):
    return Supply(BuildStore(tmp_path / "store"), tmp_path / "cache", os.environ, lambda *_: None)


def kept(supply, text="node"):
    """A small runtime: got, copied from the cache, and stored."""
    home = supply.cache / "node-20"
    (home / "bin").mkdir(parents=True, exist_ok=True)
    (home / "bin" / "node").write_text(f"#!/bin/sh\necho {text}\n")
    (home / "bin" / "node").chmod(0o755)
    with supply.workshop() as folder:
        shutil.copytree(home, folder, symlinks=True)
        return supply.keep(folder, ONE, "bin/node", home=home)


def stored(supply, carried):
    """A build that names it."""
    content = manifest(wire.encode(Launch("node", runtimes=(carried.runtime(".deploy/bin/node"),))), [])
    build = Build(content.id, "a" * 40, "HEAD", "A change", "node", "2026-01-01T00:00:00Z", 1.0, 0, 0)
    supply.store.publish(build, content)
    return build


def test_it_has_one_id_wherever_it_was_got_and_is_stored_once(supply, tmp_path):
    first = kept(supply)
    other = replace(supply, store=BuildStore(tmp_path / "elsewhere"), cache=tmp_path / "other")
    assert kept(other).id == first.id
    assert kept(other, "changed").id != first.id
    assert supply.known(supply.cache / "node-20", ONE, "bin/node") == first
    assert replace(supply, store=BuildStore(tmp_path / "new")).known(supply.cache / "node-20", ONE, "bin/node") is None
    assert supply.store.manifest(first.id).launch["pack"] == PACK
    assert supply.store.list() == []  # nobody chooses it as a build


def test_a_host_with_another_machine_or_an_older_c_library_is_named(supply):
    carried = replace(kept(supply), glibc="2.28")
    assert carried.misfit([Offer("new", (), "x86_64", "2.41"), Offer("old", (), "x86_64", "2.28")]) == ""
    assert carried.misfit([Offer("old", (), "x86_64", "2.17")]) == (
        "old: it needs the GNU C library 2.28, and the host has 2.17"
    )
    assert "another C library" in carried.misfit([Offer("musl", (), "x86_64", "")])
    assert "it is for x86_64" in carried.misfit([Offer("arm", (), "aarch64", "2.41")])


def test_the_file_of_a_build_holds_the_runtime_that_it_names(supply, tmp_path):
    carried = kept(supply)
    build = stored(supply, carried)
    export(supply.store, build, tmp_path / "app.build")
    elsewhere = BuildStore(tmp_path / "elsewhere")
    assert import_(elsewhere, tmp_path / "app.build").id == build.id
    runtime = elsewhere.manifest(carried.id)
    with elsewhere.open_object(runtime.files[0]) as program:
        assert program.read() == b"#!/bin/sh\necho node\n"
    content = (tmp_path / "app.build").read_bytes()
    (tmp_path / "cut.build").write_bytes(content[:-30])
    with pytest.raises(ReleaseRefused):
        import_(BuildStore(tmp_path / "third"), tmp_path / "cut.build")
    assert BuildStore(tmp_path / "third").list() == []
