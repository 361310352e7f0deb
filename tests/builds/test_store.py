"""Which builds are here, and how they are named."""

import pytest
from repositories import Repository, made

from deployer.builds.store import BuildStore
from deployer.core.errors import Drift, NotFound


@pytest.fixture
def repository(tmp_path):
    repository = Repository(tmp_path / "app")
    repository.commit("First", a="1")
    return repository


@pytest.fixture
def store(tmp_path):
    return BuildStore(tmp_path / "store")


def test_an_empty_store_has_no_builds(store):
    assert store.list() == []
    with pytest.raises(NotFound):
        store.find("abcdef")


def test_a_build_is_found_by_the_beginning_of_its_id_and_of_its_commit(repository, store):
    build = made(repository, store.root)
    for text in (build.id, build.id[:12], build.id[:4], build.commit, build.commit[:7]):
        assert store.find(text) == build


def test_an_id_that_begins_like_two_builds_is_ambiguous(repository, store):
    template = made(repository, store.root)
    for build in ("0000" + "1" * 60, "0000" + "2" * 60):
        folder = store.root / "builds" / build
        folder.mkdir()
        text = (store.root / "builds" / template.id / "build.json").read_text().replace(template.id, build)
        (folder / "build.json").write_text(text)
    with pytest.raises(NotFound, match="could be"):
        store.find("0000")


def test_too_few_digits_name_nothing(repository, store):
    build = made(repository, store.root)
    with pytest.raises(NotFound, match="too short"):
        store.find(build.id[:3])


def test_an_altered_manifest_is_noticed(repository, store):
    build = made(repository, store.root)
    path = store.root / "builds" / build.id / "manifest"
    text = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(text.replace(b"f 644", b"f 755", 1))
    with pytest.raises(Drift, match="altered"):
        store.manifest(build.id)
    path.write_bytes(text[:-5])
    with pytest.raises(Drift, match="damaged"):
        store.manifest(build.id)


def test_a_build_that_is_not_here_has_no_manifest(store):
    with pytest.raises(NotFound):
        store.manifest("0" * 64)


def test_a_damaged_record_hides_no_other_build(repository, store):
    first = made(repository, store.root)
    repository.commit("Second", a="2")
    second = made(repository, store.root)
    (store.root / "builds" / first.id / "build.json").unlink()
    for path in (store.root / "made").glob(f"*.{first.commit}"):
        path.write_text("{}")
    assert store.list() == [second]
