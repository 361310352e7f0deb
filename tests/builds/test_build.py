"""The same commit gives the same build, once, and a failure leaves nothing."""

import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from repositories import AT, Repository, contents, made

from deployer.builds.store import BuildStore
from deployer.core.errors import BuildFailed, SettingsError
from deployer.core.recipe import Recipe


@pytest.fixture
def repository(tmp_path):
    repository = Repository(tmp_path / "app")
    repository.write("Procfile", "web: ./serve\nworker: ./work\nrelease: ./migrate\n")
    repository.write("serve", "#!/bin/sh\n", mode=0o755)
    repository.write("docs/guide.txt", "guide")
    repository.commit("First")
    return repository


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


def recipe(*commands, **more):
    return Recipe(pack="commands", commands=commands, **more)


def left_over(root):
    """What is in the store beside builds, objects, caches and locks."""
    names = set(os.listdir(root)) - {"builds", "objects", "made", "cache", "objects.lock", "workshops.lock"}
    return names | {name for name in os.listdir(root / "builds") if name.startswith(".")}


def test_a_build_tells_what_it_is_and_of_what(repository, root):
    build = made(repository, root, "main")
    assert (build.ref, build.subject, build.pack, build.at, build.cached) == ("main", "First", "commands", AT, False)
    assert build.commit == repository.git("rev-parse", "HEAD")
    assert build.files == 3
    assert build.processes == {"web": "./serve", "worker": "./work"}
    assert BuildStore(root).manifest(build.id).launch["release_command"] == "./migrate"
    assert left_over(root) == set()


def test_the_work_tree_does_not_leak_in(repository, root):
    repository.write("docs/guide.txt", "edited")
    repository.write("new.txt", "new")
    repository.git("add", "new.txt")
    build = made(repository, root)
    assert contents(root, build)["docs/guide.txt"] == b"guide"
    assert "new.txt" not in contents(root, build)


def test_the_same_commit_again_is_a_cache_hit(repository, root):
    commands = recipe("echo ran >> made.txt")
    told = []
    first = made(repository, root, recipe=commands)
    began = time.perf_counter()
    second = made(repository, root, recipe=commands, report=lambda *event: told.append(event))
    assert time.perf_counter() - began < 1
    assert (second.id, second.cached) == (first.id, True)
    assert told == []
    assert left_over(root) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": recipe("true", "true")},
        {"recipe": recipe("true", env={"A": "1"})},
        {"recipe": recipe("true", exclude=("docs",))},
        {"recipe": recipe("true"), "required": ("SECRET_KEY",)},
        {"recipe": recipe("true"), "settings": "health=/up"},
    ],
)
def test_whatever_decides_the_content_makes_another_build(repository, root, change):
    made(repository, root, recipe=recipe("true"))
    assert not made(repository, root, **change).cached


def test_two_commits_with_the_same_content_are_one_build_known_by_both(repository, root):
    first = made(repository, root)
    repository.write("docs/guide.txt", "other")
    repository.commit("Other")
    repository.write("docs/guide.txt", "guide")
    repository.commit("Back")
    second = made(repository, root)
    assert (second.id, second.cached, second.subject) == (first.id, True, "Back")
    store = BuildStore(root)
    assert {build.commit for build in store.list()} == {first.commit, second.commit}
    assert store.find(first.commit[:10]).id == store.find(second.commit[:10]).id == first.id


def test_commands_run_after_the_checkout_in_their_order_and_their_output_is_kept(repository, root):
    told = []
    build = made(
        repository,
        root,
        recipe=recipe("echo one | tee out.txt", "cat out.txt; echo two >> out.txt", env={"GREETING": "hi"}),
        report=lambda *event: told.append(event),
    )
    assert contents(root, build)["out.txt"] == b"one\ntwo\n"
    assert [text for kind, text in told if kind == "output"] == ["one", "one"]
    log = BuildStore(root).log(build.id).read_text().splitlines()
    assert log.count("one") == 2
    assert any("echo one" in line for line in log if line.startswith("$ "))


def test_a_failed_command_leaves_no_build_and_says_where_its_log_is(repository, root):
    with pytest.raises(BuildFailed, match="exit code 3") as error:
        made(repository, root, recipe=recipe("echo before; exit 3"))
    assert error.value.exit_code == 10
    assert error.value.output == "before"
    assert "before" in Path(error.value.details["log"]).read_text()
    assert BuildStore(root).list() == []
    assert set(os.listdir(root)) == {"cache", "objects.lock", "workshops.lock"}


def test_what_a_command_makes_must_be_fit_to_ship(repository, root):
    for command, reason in {
        "ln -s /etc/passwd trap": "absolute link",
        "mkfifo trap": "a pipe",
        "touch trap; chmod 4755 trap": "set-user-id",
    }.items():
        with pytest.raises(BuildFailed, match=reason) as error:
            made(repository, root, recipe=recipe(command))
        assert "'trap'" in error.value.message


def test_excluded_paths_are_left_out(repository, root):
    build = made(repository, root, recipe=recipe(exclude=("docs", "*.sh")))
    assert sorted(contents(root, build)) == ["Procfile", "serve"]


def test_another_umask_time_zone_folder_and_date_give_the_same_build(repository, tmp_path):
    commands = recipe("date +%Z%s -d @0 > made.txt; umask >> made.txt; touch x; chmod 640 x; mkdir -m 700 d; touch d/y")
    first = made(repository, tmp_path / "one", recipe=commands)
    clone = Repository(tmp_path / "elsewhere" / "clone")
    clone.git("pull", "--quiet", str(repository.folder), "main")
    before = os.umask(0o077)
    try:
        second = made(
            clone, tmp_path / "a" / "two", recipe=commands, environ={**os.environ, "TZ": "Asia/Tokyo", "LANG": "de_DE"}
        )
    finally:
        os.umask(before)
    assert first.id == second.id
    assert not second.cached


def test_secrets_reach_the_commands_but_neither_the_output_nor_the_store(repository, root):
    told = []
    made(
        repository,
        root,
        recipe=recipe('test "$TOKEN" = hunter2-hunter2; echo "token: $TOKEN"', secrets=("TOKEN",)),
        environ={**os.environ, "TOKEN": "hunter2-hunter2"},
        report=lambda *event: told.append(event),
    )
    assert ("output", "token: [hidden]") in told
    for folder, _, names in os.walk(root):
        for name in names:
            assert b"hunter2-hunter2" not in Path(folder, name).read_bytes()


def test_a_procfile_with_a_mistake_names_the_line(repository, root):
    repository.write("Procfile", "web: ./serve\nworker ./work\n")
    repository.commit()
    with pytest.raises(SettingsError, match="Procfile:2"):
        made(repository, root)


def test_two_builds_of_one_commit_at_once_both_succeed(repository, root):
    found, failures = [], []

    def make():
        try:
            found.append(made(repository, root, recipe=recipe("sleep 0.3; seq 1000 > numbers")))
        except Exception as error:  # noqa: BLE001 — whatever it is, the test tells it
            failures.append(error)

    threads = [threading.Thread(target=make) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len({build.id for build in found}) == 1
    assert len(found) == 3
    assert left_over(root) == set()


def test_an_empty_commit_is_a_build_too(tmp_path, root):
    repository = Repository(tmp_path / "empty")
    repository.commit()
    assert made(repository, root).files == 0


def test_a_build_that_was_pruned_is_made_again(repository, root):
    first = made(repository, root)
    shutil.rmtree(root / "builds" / first.id)
    shutil.rmtree(root / "objects")
    second = made(repository, root)
    assert (second.id, second.cached) == (first.id, False)
    assert contents(root, second)["docs/guide.txt"] == b"guide"
