"""What a tree consists of, and what may not be shipped."""

import os
import socket

import pytest

from deployer.agent.objects import Objects
from deployer.builds.scan import adopt, matcher, scan
from deployer.core.errors import BuildFailed
from deployer.core.manifest import File, Link


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    return tmp_path / "tree"


def entries(tree, **more):
    return {entry.path: entry for entry in scan(str(tree), **more)}


def test_of_the_mode_only_the_owners_execute_bit_counts(tree):
    for name, mode in {"a": 0o600, "b": 0o777, "c": 0o711, "d": 0o655, "e": 0}.items():
        (tree / name).write_text(name)
        (tree / name).chmod(mode)
    executable = {path: entry.executable for path, entry in entries(tree).items()}
    assert executable == {"a": False, "b": True, "c": True, "d": False, "e": False}


def test_links_keep_their_target_and_are_not_followed(tree):
    os.symlink("sub", tree / "folder")
    os.symlink("nowhere", tree / "sub" / "dangling")
    assert entries(tree) == {"folder": Link("folder", "sub"), "sub/dangling": Link("sub/dangling", "nowhere")}


def make_socket(path):
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path may have 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def make_setuid(path):
    path.write_text("")
    path.chmod(0o4755)


def make_setgid(path):
    path.write_text("")
    path.chmod(0o2755)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: os.symlink("/etc/passwd", path), "absolute link"),
        (lambda path: os.symlink("../../x", path), "leads outside"),
        (lambda path: os.symlink("a/../b", path), "down and up"),
        (os.mkfifo, "a pipe"),
        (make_socket, "a socket"),
        (make_setuid, "set-user-id"),
        (make_setgid, "set-user-id"),
    ],
)
def test_what_cannot_be_shipped_is_refused_by_name(tree, make, reason):
    make(tree / "sub" / "odd")
    with pytest.raises(BuildFailed, match=reason) as error:
        scan(str(tree))
    assert "'sub/odd'" in error.value.message


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes devices")
def test_a_device_is_refused_by_name(tree):
    try:
        os.mknod(tree / "null", 0o20666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("no devices here")
    with pytest.raises(BuildFailed, match="a device"):
        scan(str(tree))


def test_a_name_that_is_not_utf8_is_refused(tree):
    with open(os.fsencode(tree) + b"/caf\xe9", "w"):
        pass
    with pytest.raises(BuildFailed, match="not UTF-8"):
        scan(str(tree))


def test_a_runtimes_link_is_left_to_the_host(tree):
    os.symlink("/usr/bin/python3", tree / "sub" / "python")
    assert entries(tree, links=["sub/python"]) == {}


def test_what_is_excluded_may_be_anything(tree):
    os.mkfifo(tree / "sub" / "pipe")
    (tree / "kept").write_text("")
    assert list(entries(tree, exclude=["sub"])) == ["kept"]


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("node_modules", ["node_modules", "web/node_modules"], ["node_modules2", "web/xnode_modules"]),
        ("*.map", ["a.map", "x/y/b.map"], ["a.mapp", "map"]),
        ("web/src", ["web/src"], ["x/web/src", "web/src2"]),
        ("/docs", ["docs"], ["a/docs"]),
        ("docs/", ["docs", "a/docs"], []),
        ("**/t/*", ["t/a", "x/y/t/a"], ["t", "xt/a"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("a+(b)", ["a+(b)"], ["aab"]),
    ],
)
def test_a_pattern_without_a_slash_matches_at_any_depth_and_one_with_a_slash_by_path(pattern, matching, others):
    found = matcher([pattern])
    assert [path for path in matching if not found.match(path)] == []
    assert [path for path in others if found.match(path)] == []


def test_adopted_contents_are_read_only_and_each_is_kept_once(tree, tmp_path):
    for name in ("a", "b", "sub/c"):
        (tree / name).write_text("same")
    found = scan(str(tree))
    objects = Objects(tmp_path / "objects")
    adopt(str(tree), found, objects)
    kept = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert len(kept) == 1
    assert kept[0].stat().st_mode & 0o777 == 0o444
    assert all(objects.has(entry) for entry in found)


def test_a_file_that_a_tools_cache_shares_is_copied_and_not_frozen(tree, tmp_path):
    shared = tmp_path / "cache"
    shared.write_text("content")
    os.link(shared, tree / "a")
    (found,) = scan(str(tree))
    adopt(str(tree), [found], Objects(tmp_path / "objects"))
    assert shared.stat().st_mode & 0o200
    assert shared.stat().st_nlink == 2  # the tree's, not the store's
    shared.write_text("changed")
    assert Objects(tmp_path / "objects").has(found)
    assert isinstance(found, File)
