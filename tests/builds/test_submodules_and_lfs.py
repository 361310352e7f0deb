"""Submodules and LFS pointers: refused with a hint, or put in from what is on this machine; nothing is fetched."""

import hashlib
import shutil

import pytest
from repositories import Repository, contents, made

from deployer.core.errors import BuildFailed
from deployer.core.recipe import Recipe

WITH_SUBMODULES = Recipe(pack="commands", submodules=True)
WITH_LFS = Recipe(pack="commands", lfs=True)


@pytest.fixture
def nested(tmp_path):
    """A repository with a submodule `vendor/lib`, which has one of its own, `deep`."""
    deep = Repository(tmp_path / "deep")
    deep.commit(**{"d.txt": "deep"})
    lib = Repository(tmp_path / "lib")
    lib.commit(**{"l.txt": "lib"})
    lib.git("submodule", "--quiet", "add", str(deep.folder), "deep")
    lib.commit("With deep")
    app = Repository(tmp_path / "app")
    app.commit(**{"vendor/own.txt": "own"})
    app.git("submodule", "--quiet", "add", "--name", "the-lib", str(lib.folder), "vendor/lib")
    app.git("submodule", "--quiet", "update", "--init", "--recursive")
    app.commit("With lib")
    return app


def test_a_submodule_is_refused_and_the_hint_says_which_setting_includes_it(nested, tmp_path):
    with pytest.raises(BuildFailed, match="vendor/lib is a submodule") as error:
        made(nested, tmp_path / "store")
    assert "submodules: true" in error.value.hint


def test_submodules_are_put_in_recursively_at_the_recorded_commit(nested, tmp_path):
    library = Repository(nested.folder / "vendor" / "lib")
    library.git("checkout", "--quiet", "-b", "later")
    library.commit("Later", **{"l.txt": "not recorded"})
    found = contents(tmp_path / "store", made(nested, tmp_path / "store", recipe=WITH_SUBMODULES))
    assert found["vendor/lib/l.txt"] == b"lib"
    assert found["vendor/lib/deep/d.txt"] == b"deep"
    assert found["vendor/own.txt"] == b"own"


def test_submodules_come_from_the_git_directory_where_no_work_tree_has_them(nested, tmp_path):
    shutil.rmtree(nested.folder / "vendor" / "lib")
    found = contents(tmp_path / "store", made(nested, tmp_path / "store", recipe=WITH_SUBMODULES))
    assert found["vendor/lib/deep/d.txt"] == b"deep"


def test_a_submodule_that_is_not_here_says_what_to_type(nested, tmp_path):
    clone = tmp_path / "clone"
    nested.git("clone", "--quiet", str(nested.folder), str(clone))
    with pytest.raises(BuildFailed) as error:
        made(Repository(clone), tmp_path / "store", recipe=WITH_SUBMODULES)
    assert "git submodule update --init --recursive -- vendor/lib" in error.value.hint


@pytest.mark.parametrize("name", ["../../../evil", "/evil", "a/../../.."])
def test_a_submodules_name_cannot_lead_out_of_the_repository(tmp_path, name):
    outside = Repository(tmp_path / "evil")
    commit = outside.commit(a="1")
    app = Repository(tmp_path / "app")
    app.write(".gitmodules", f'[submodule "{name}"]\n\tpath = sub\n\turl = x\n')
    app.git("add", ".gitmodules")
    app.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub")
    app.git("commit", "--quiet", "-m", "evil")
    with pytest.raises(BuildFailed, match="is not here"):
        made(app, tmp_path / "store", recipe=WITH_SUBMODULES)


@pytest.fixture
def large(tmp_path):
    """A repository with an LFS pointer, and the content it stands for."""
    content = b"large " * 100_000
    oid = hashlib.sha256(content).hexdigest()
    app = Repository(tmp_path / "app")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"
    app.commit(**{"model.bin": pointer, "small.txt": "small"})
    store = app.folder / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4]
    store.mkdir(parents=True)
    (store / oid).write_bytes(content)
    return app, content, store / oid


def test_an_lfs_pointer_is_refused_and_the_hint_says_which_setting_includes_the_file(large, tmp_path):
    with pytest.raises(BuildFailed, match=r"model\.bin is a Git LFS pointer") as error:
        made(large[0], tmp_path / "store")
    assert "lfs: true" in error.value.hint


def test_the_file_is_put_in_for_its_pointer(large, tmp_path):
    app, content, _ = large
    found = contents(tmp_path / "store", made(app, tmp_path / "store", recipe=WITH_LFS))
    assert found == {"model.bin": content, "small.txt": b"small"}


def test_a_missing_lfs_object_says_what_to_type(large, tmp_path):
    app, _, stored = large
    stored.unlink()
    with pytest.raises(BuildFailed, match="not here") as error:
        made(app, tmp_path / "store", recipe=WITH_LFS)
    assert "git lfs fetch" in error.value.hint


def test_a_damaged_lfs_object_is_refused(large, tmp_path):
    app, content, stored = large
    stored.write_bytes(content[:-1] + b"!")
    with pytest.raises(BuildFailed, match="damaged"):
        made(app, tmp_path / "store", recipe=WITH_LFS)
