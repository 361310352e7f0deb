"""Layers: finished environments that wait for the next build.  No uv, no network."""

import os
import threading

import pytest

from deployer.builds.packs.pythons.layers import KEPT, Layers


def make(folder):
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "a.py").write_text("a = 1\n")
    (folder / "lib" / "run").write_text("#!/bin/sh\n")
    (folder / "lib" / "run").chmod(0o755)
    (folder / "lib64").symlink_to("lib")


@pytest.mark.parametrize("linked", [True, False])
def test_a_layer_is_made_once_and_arrives_whole(tmp_path, linked):
    layers, made = Layers(tmp_path / "layers"), []
    for name in ("one", "two"):
        layers.deliver("key", tmp_path / name, lambda folder: (made.append(1), make(folder)), linked=linked)
        assert (tmp_path / name / "lib64" / "a.py").read_text() == "a = 1\n"
        assert os.access(tmp_path / name / "lib" / "run", os.X_OK)
    assert made == [1]


def test_copies_can_be_written_to_and_the_layer_stays(tmp_path):
    layers = Layers(tmp_path / "layers")
    layers.deliver("key", tmp_path / "one", make, linked=False)
    (tmp_path / "one" / "lib" / "a.py").write_text("changed\n")
    assert layers.deliver("key", tmp_path / "two", make, linked=False)
    assert (tmp_path / "two" / "lib" / "a.py").read_text() == "a = 1\n"


@pytest.mark.parametrize("damage", ["write", "delete", "index"])
def test_a_damaged_layer_is_made_again(tmp_path, damage):
    layers = Layers(tmp_path / "layers")
    layers.deliver("key", tmp_path / "one", make, linked=True)
    layer = tmp_path / "layers" / "key"
    if damage == "write":
        (layer / "venv" / "lib" / "a.py").chmod(0o644)
        (layer / "venv" / "lib" / "a.py").write_text("a = 2\n")
    elif damage == "delete":
        (layer / "venv" / "lib" / "a.py").unlink()
    else:
        (layer / "entries").write_text("[")
    assert not layers.deliver("key", tmp_path / "two", make, linked=True)
    assert (tmp_path / "two" / "lib" / "a.py").read_text() == "a = 1\n"


def test_a_failure_while_making_leaves_nothing(tmp_path):
    def fail(folder):
        make(folder)
        raise KeyError("uv")

    layers = Layers(tmp_path / "layers")
    with pytest.raises(KeyError):
        layers.deliver("key", tmp_path / "one", fail, linked=True)
    assert os.listdir(tmp_path / "layers") == []
    assert not (tmp_path / "one").exists()


def test_two_builds_that_make_the_same_layer_at_once_both_get_it(tmp_path):
    barrier = threading.Barrier(2)

    def slowly(folder):
        make(folder)
        barrier.wait(10)

    failures = []

    def build(name):
        try:
            Layers(tmp_path / "layers").deliver("key", tmp_path / name, slowly, linked=True)
        except Exception as error:  # noqa: BLE001 - shown by the main thread
            failures.append(error)

    threads = [threading.Thread(target=build, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failures == []
    assert (tmp_path / "one" / "lib" / "a.py").samefile(tmp_path / "two" / "lib" / "a.py")
    assert os.listdir(tmp_path / "layers") == ["key"]


def test_the_layers_used_last_are_kept(tmp_path):
    layers = Layers(tmp_path / "layers")
    for number in range(KEPT + 3):
        layers.deliver(f"key{number}", tmp_path / str(number), make, linked=True)
        os.utime(tmp_path / "layers" / f"key{number}", (number + 1, number + 1))
    layers.deliver("last", tmp_path / "last", make, linked=True)
    kept = set(os.listdir(tmp_path / "layers"))
    assert len(kept) == KEPT
    assert {"last", f"key{KEPT + 2}"} <= kept
