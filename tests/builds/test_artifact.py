"""A build as one file: the same bytes every time, and nothing but a whole, unaltered one is taken."""

import gzip
import os
import struct
import zlib
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repositories import Repository, contents, made

from deployer.builds.artifact import LENGTHS, MAGIC, export, import_
from deployer.builds.store import BuildStore
from deployer.core import canonical
from deployer.core.errors import NotFound, ReleaseRefused, UsageError
from deployer.core.manifest import parse


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A store with a build, the build, and its file."""
    folder = tmp_path_factory.mktemp("exported")
    repository = Repository(folder / "app")
    repository.write("Procfile", "web: ./serve\n")
    repository.write("serve", "#!/bin/sh\n", mode=0o755)
    repository.write("copy", "#!/bin/sh\n")
    repository.write("noise", os.urandom(20_000))
    os.symlink("serve", repository.folder / "link")
    repository.commit("First")
    store = BuildStore(folder / "store")
    build = made(repository, store.root)
    export(store, build, folder / "app.build")
    return store, build, folder / "app.build"


def everything(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() or path.is_symlink())


def refused(folder, content):
    """Import these bytes; they must be refused, and nothing may be left of them."""
    file = folder / "bad.build"
    file.write_bytes(content)
    store = BuildStore(folder / "refusing")
    with pytest.raises(ReleaseRefused) as error:
        import_(store, file)
    assert error.value.exit_code == 20
    assert str(file) in error.value.message
    assert set(everything(store.root) if store.root.exists() else []) <= {"workshops.lock", "objects.lock"}
    return error.value.message


def packed(manifest, record, *contents):
    return gzip.compress(MAGIC + LENGTHS.pack(len(manifest), len(record)) + manifest + record + b"".join(contents))


def parts(exported):
    """The manifest, the record and the rest of the exported file."""
    plain = gzip.decompress(exported[2].read_bytes())[len(MAGIC) :]
    first, second = LENGTHS.unpack(plain[: LENGTHS.size])
    plain = plain[LENGTHS.size :]
    return plain[:first], plain[first : first + second], plain[first + second :]


def test_what_is_exported_can_be_imported_elsewhere(exported, tmp_path):
    store, build, file = exported
    other = BuildStore(tmp_path / "other")
    found = import_(other, file)
    assert found == replace(build, key="")
    assert contents(other.root, found) == contents(store.root, build)
    assert other.find(build.id[:12]) == found
    assert import_(other, file) == found


def test_the_same_build_makes_the_same_bytes(exported, tmp_path):
    store, build, file = exported
    export(store, build, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == file.read_bytes()
    other = BuildStore(tmp_path / "other")
    export(other, import_(other, file), tmp_path / "third")
    assert (tmp_path / "third").read_bytes() == file.read_bytes()


def test_an_imported_build_is_read_only_and_executable_where_it_was(exported, tmp_path):
    other = BuildStore(tmp_path / "other")
    found = import_(other, exported[2])
    modes = {entry.path: os.stat(other.objects.path(entry)).st_mode & 0o777 for entry in other.manifest(found.id).files}
    assert modes == {"Procfile": 0o444, "copy": 0o444, "noise": 0o444, "serve": 0o555}


def test_export_replaces_a_file_whole_and_leaves_nothing_else(exported, tmp_path):
    (tmp_path / "out").write_text("old")
    export(exported[0], exported[1], tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == exported[2].read_bytes()
    assert os.listdir(tmp_path) == ["out"]


def test_export_into_a_missing_folder_or_onto_a_folder_is_refused(exported, tmp_path):
    with pytest.raises(NotFound):
        export(exported[0], exported[1], tmp_path / "missing" / "out")
    with pytest.raises(UsageError):
        export(exported[0], exported[1], tmp_path)


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        import_(BuildStore(tmp_path / "store"), tmp_path / "missing")
    with pytest.raises(NotFound):
        import_(BuildStore(tmp_path / "store"), tmp_path)


def test_a_file_cut_off_anywhere_is_refused(exported, tmp_path):
    whole = exported[2].read_bytes()
    for length in {*range(0, len(whole), max(1, len(whole) // 60)), len(whole) - 1, len(whole) - 4, len(whole) - 8}:
        refused(tmp_path, whole[:length])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_bit_anywhere_changes_nothing_or_is_refused(exported, tmp_path, data):
    whole = bytearray(exported[2].read_bytes())
    at = data.draw(st.integers(10, len(whole) - 1))  # gzip's own header holds a time and an operating system
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    refused(tmp_path, bytes(whole))


def test_what_is_no_build_is_refused(tmp_path):
    for content in (b"", b"not gzip", gzip.compress(b""), gzip.compress(b"deployer-build 2\n" * 9)):
        refused(tmp_path, content)


def test_what_follows_the_end_is_refused(exported, tmp_path):
    whole = exported[2].read_bytes()
    assert "follows" in refused(tmp_path, whole + b"x")
    assert "follows" in refused(tmp_path, whole + whole)
    assert "follows" in refused(tmp_path, packed(*parts(exported), b"x"))


def test_a_bomb_is_refused_before_it_unfolds(exported, tmp_path):
    manifest, record, _ = parts(exported)
    huge = 10**15
    lines = manifest.decode().split("\n")
    lines[1] = f"f 644 {'0' * 64} {huge} A"
    message = refused(tmp_path, packed("\n".join(lines).encode(), record))
    assert str(huge)[:5] in message
    lengths = MAGIC + struct.pack(">QQ", 2**60, 2**60)
    assert "too large" in refused(tmp_path, gzip.compress(lengths + bytes(10_000_000)))


def test_contents_longer_than_the_manifest_says_are_not_read_on(exported, tmp_path):
    manifest, record, _ = parts(exported)
    refused(tmp_path, packed(manifest, record, bytes(50_000_000)))


@pytest.mark.parametrize(
    "line",
    [
        f"f 644 {'0' * 64} 0 ../evil",
        f"f 644 {'0' * 64} 0 /evil",
        f"f 644 {'0' * 64} -5 evil",
        f"f 4755 {'0' * 64} 0 evil",
        'l "/etc/passwd" "evil"',
        'l "../../x" "evil"',
        'l "x" "../evil"',
        'l "\\ud800" "evil"',
        f"d 755 {'0' * 64} 0 evil",
    ],
)
def test_a_manifest_with_an_unsafe_entry_is_refused(exported, tmp_path, line):
    manifest, record, _ = parts(exported)
    header = manifest.split(b"\n")[0]
    refused(tmp_path, packed(header + b"\n" + line.encode("utf-8", "surrogatepass") + b"\n", record))


@pytest.mark.parametrize("link", ["../../evil", "/usr/bin/evil", "serve", "serve/below", "", 7, None])
def test_a_runtime_whose_link_a_host_must_not_make_is_refused(exported, tmp_path, link):
    manifest, record, rest = parts(exported)
    header, _, entries = manifest.partition(b"\n")
    launch = canonical.loads(header)
    runtime = {"kind": "python", "version": "3.11.7", "abi": "x", "machine": "x86_64", "match": "exact", "link": link}
    altered = canonical.dumps({**launch, "runtimes": [runtime]}) + b"\n" + entries
    refused(tmp_path, packed(altered, record, rest))


@pytest.mark.parametrize(
    "change",
    [
        {"commit": "HEAD"},
        {"subject": "\x1b]0;evil\x07"},
        {"seconds": "1"},
        {"extra": 1},
        {"tools": {"a": 1}},
    ],
)
def test_a_damaged_record_is_refused(exported, tmp_path, change):
    manifest, record, rest = parts(exported)
    refused(tmp_path, packed(manifest, canonical.dumps({**canonical.loads(record), **change}), rest))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_behind_the_magic_are_refused(tmp_path, content):
    refused(tmp_path, gzip.compress(MAGIC + content))


def test_the_manifest_alone_decides_the_id(exported, tmp_path):
    manifest, record, rest = parts(exported)
    other = canonical.dumps({**canonical.loads(record), "subject": "another"})
    (tmp_path / "f").write_bytes(packed(manifest, other, rest))
    assert import_(BuildStore(tmp_path / "s"), tmp_path / "f").id == exported[1].id == parse(manifest).id


def test_the_checksum_at_the_end_counts(exported, tmp_path):
    whole = exported[2].read_bytes()
    assert zlib.crc32(b"") == 0
    refused(tmp_path, whole[:-8] + b"\0\0\0\0" + whole[-4:])
