"""The manifest: what is written is read back, and nothing unsafe is ever read."""

import contextlib
import posixpath

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deployer.core import wire
from deployer.core.manifest import (
    BadManifest,
    File,
    Launch,
    Link,
    ProcessType,
    manifest,
    parse,
    unsafe_link,
    unsafe_path,
)

DIGEST = "ab" * 32
HEADER = wire.encode(Launch("commands", (ProcessType("web", "run", healthy_time=0.5),)))

parts = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="/"), min_size=1, max_size=8)
paths = st.lists(parts, min_size=1, max_size=4).map("/".join).filter(lambda path: not unsafe_path(path))
files = st.builds(File, paths, st.binary(min_size=32, max_size=32).map(bytes.hex), st.integers(0, 2**60), st.booleans())
links = st.builds(Link, paths, paths).filter(lambda link: not unsafe_link(link.path, link.target))


def fitting(entries):
    """Those of the entries that can stand together: no path twice, no file that is a folder too."""
    chosen = {}
    for entry in entries:
        above = [entry.path[:at] for at, char in enumerate(entry.path) if char == "/"]
        below = any(path.startswith(f"{entry.path}/") for path in chosen)
        if entry.path not in chosen and not below and not any(path in chosen for path in above):
            chosen[entry.path] = entry
    return list(chosen.values())


@given(st.lists(files | links, max_size=8).map(fitting))
def test_what_is_rendered_is_parsed_back(entries):
    made = manifest(HEADER, entries)
    found = parse(made.render())
    assert found == made
    assert found.id == made.id


@given(st.lists(files | links, max_size=8).map(fitting), st.randoms())
def test_the_order_in_which_entries_are_found_does_not_matter(entries, random):
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert manifest(HEADER, shuffled).id == manifest(HEADER, entries).id


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused_as_a_bad_manifest(text):
    with pytest.raises(BadManifest):
        parse(text)


@given(st.binary(max_size=100))
def test_any_lines_behind_a_good_header_are_parsed_or_refused(text):
    header = manifest(HEADER, []).render()
    try:
        found = parse(header + text)
    except BadManifest:
        return
    assert found.render() == header + text


@given(st.data())
def test_a_changed_byte_is_refused_or_makes_another_id(data):
    whole = manifest(HEADER, [File("a", DIGEST, 3), File("b/c", DIGEST, 4, executable=True), Link("d", "a")])
    text = bytearray(whole.render())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(BadManifest):
        assert parse(bytes(text)).id != whole.id


@given(st.text(max_size=30))
def test_a_path_that_is_called_safe_stays_below_the_root(path):
    assume(not any(0xD800 <= ord(char) < 0xE000 for char in path))
    if not unsafe_path(path):
        assert posixpath.normpath(posixpath.join("/root", path)) == f"/root/{path}"


@given(paths, st.text("./ab", max_size=14))
def test_a_link_that_is_called_safe_leads_inside(path, target):
    if not unsafe_link(path, target):
        resolved = posixpath.normpath(posixpath.join("/root", posixpath.dirname(path), target))
        assert resolved == "/root" or resolved.startswith("/root/")


@given(st.data())
def test_safe_links_together_lead_inside_too(tmp_path_factory, data):
    """Links through links, made for real: none of them opens anything outside of the root."""
    root = tmp_path_factory.mktemp("links") / "a" / "b" / "root"
    root.mkdir(parents=True)
    (root / "d" / "e").mkdir(parents=True)
    for name in ("l1", "d/l2", "d/e/l3", "l4"):
        target = data.draw(st.text("./", max_size=6)) + data.draw(
            st.lists(st.sampled_from(["l1", "l2", "l3", "l4", "d", "e", "..", "."]), max_size=4).map("/".join)
        )
        if not unsafe_link(name, target):
            (root / name).symlink_to(target)
    for name in ("l1", "d/l2", "d/e/l3", "l4"):
        if (root / name).is_symlink():
            try:
                real = (root / name).resolve(strict=True)
            except (OSError, RuntimeError):  # a loop, or dangling
                continue
            assert real == root or root in real.parents, (name, real)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a//b",
        "a/",
        "./a",
        "a/.",
        "..",
        "a/../b",
        "a\nb",
        "a\x7f",
        "x" * 256,
        "d/" * 65 + "f",
        "y/" * 600 + "z",
    ],
)
def test_unsafe_paths_are_refused_by_name(path):
    assert unsafe_path(path)
    with pytest.raises(BadManifest):
        manifest(HEADER, [File(path, DIGEST, 0)])


@pytest.mark.parametrize("target", ["", "/", "/etc", "..", "../..", "a/..", "a/../b", "a\nb", "../../x"])
def test_unsafe_links_are_refused(target):
    with pytest.raises(BadManifest):
        manifest(HEADER, [Link("l", target)])


@pytest.mark.parametrize(
    "entries",
    [
        [File("a", DIGEST, 0), File("a", DIGEST, 0)],
        [File("a", DIGEST, 0), Link("a", "b")],
        [File("a", DIGEST, 0), File("a/b", DIGEST, 0)],
        [Link("a", "b"), File("a/b/c", DIGEST, 0)],
    ],
)
def test_entries_that_cannot_stand_together_are_refused(entries):
    with pytest.raises(BadManifest):
        manifest(HEADER, entries)


@pytest.mark.parametrize("link", ["../x", "/x", "a", "a/b", "b", ""])
def test_a_runtimes_link_must_be_inside_and_free(link):
    header = {**HEADER, "runtimes": [{"link": link}]}
    with pytest.raises(BadManifest):
        manifest(header, [File("a", DIGEST, 0), File("b/c", DIGEST, 0)])


def test_the_executable_bit_and_the_header_are_part_of_the_id():
    plain = manifest(HEADER, [File("a", DIGEST, 0)])
    assert plain.id != manifest(HEADER, [File("a", DIGEST, 0, executable=True)]).id
    assert plain.id != manifest({**HEADER, "console": "sh"}, [File("a", DIGEST, 0)]).id
    assert (plain.size, len(plain.files)) == (0, 1)
