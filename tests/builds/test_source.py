"""Which commit does a name mean?"""

import os
import subprocess

import pytest
from repositories import Repository, contents, made

from deployer.builds.source import find
from deployer.core.errors import BuildFailed, NotFound, UsageError


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "app")


def test_a_branch_a_tag_a_commit_and_its_beginning_all_name_it(repository):
    first = repository.commit("First", a="1")
    repository.git("tag", "-a", "v1", "-m", "one")
    repository.git("branch", "old")
    repository.commit("Second", a="2")
    source = find(repository.folder)
    assert {source.commit(ref).id for ref in ("v1", "old", first, first[:8], "HEAD~1", "refs/tags/v1")} == {first}
    assert source.commit("v1").ref == "v1"


def test_a_commit_tells_its_subject_time_and_tree(repository):
    commit = repository.commit("Größer\nund breiter\n\nbody", a="1")
    found = find(repository.folder).commit()
    assert (found.id, found.subject, found.time) == (commit, "Größer", 1704164645)
    assert found.tree == repository.git("rev-parse", "HEAD^{tree}")


def test_an_unknown_name_is_not_found_and_a_near_one_is_proposed(repository):
    repository.commit(a="1")
    repository.git("branch", "release-candidate")
    with pytest.raises(NotFound) as error:
        find(repository.folder).commit("relese-candidate")
    assert error.value.exit_code == 3
    assert "release-candidate" in error.value.hint


def test_a_branch_that_only_the_remote_has_is_proposed(repository, tmp_path):
    repository.commit(a="1")
    repository.git("branch", "feature")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", str(repository.folder), str(clone))
    with pytest.raises(NotFound) as error:
        find(clone).commit("feature")
    assert "origin/feature" in error.value.hint


@pytest.mark.parametrize("ref", ["", "-h", "--output=x", "--upload-pack=touch x", "a b", "a\nb", "a\0b"])
def test_a_name_that_looks_like_an_option_or_holds_white_space_is_refused(repository, ref):
    repository.commit(a="1")
    with pytest.raises(UsageError):
        find(repository.folder).commit(ref)
    assert os.listdir(repository.folder) == [".git", "a"] or sorted(os.listdir(repository.folder)) == [".git", "a"]


def test_a_repository_without_a_commit_says_so(repository):
    with pytest.raises(NotFound, match="no commit yet"):
        find(repository.folder).commit()


def test_outside_of_a_repository_the_hint_says_what_to_do(tmp_path):
    with pytest.raises(UsageError) as error:
        find(tmp_path)
    assert "git init" in error.value.hint


def test_an_app_in_a_folder_of_the_repository_sees_only_that_folder(repository):
    repository.write("services/shop/Procfile", "web: run")
    repository.write("README", "top")
    repository.commit()
    source = find(repository.folder / "services" / "shop")
    commit = source.commit()
    assert source.file(commit, "Procfile") == b"web: run"
    assert source.file(commit, "README") is None
    repository.write("README", "changed")
    assert source.changes() == []
    repository.write("services/shop/Procfile", "web: other")
    assert source.changes() == ["services/shop/Procfile"]


def test_a_folder_that_the_commit_does_not_have_is_not_found(repository):
    repository.commit(a="1")
    (repository.folder / "new").mkdir()
    with pytest.raises(NotFound, match="no folder new/"):
        find(repository.folder / "new").commit()


def test_changes_are_edits_deletions_and_new_files_but_not_ignored_ones(repository):
    repository.write(".gitignore", "*.log\n")
    repository.commit(kept="1", edited="1", deleted="1")
    repository.write("edited", "2")
    (repository.folder / "deleted").unlink()
    repository.write("new", "")
    repository.write("x.log", "")
    assert sorted(find(repository.folder).changes()) == ["deleted", "edited", "new"]


def test_a_clean_tree_has_no_changes(repository):
    repository.commit(a="1")
    assert find(repository.folder).changes() == []


def test_a_linked_work_tree_a_bare_clone_and_a_shallow_clone_are_repositories_too(repository, tmp_path):
    repository.commit("First", a="1")
    commit = repository.commit("Second", a="2")
    repository.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    repository.git("clone", "--quiet", "--bare", str(repository.folder), str(tmp_path / "bare"))
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.folder}", str(tmp_path / "shallow"))
    for folder in ("linked", "bare", "shallow"):
        source = find(tmp_path / folder)
        found = source.commit()
        assert found.id == commit
        assert source.file(found, "a") == b"2"
        assert source.changes() == []


def test_what_lies_between_two_commits_is_told_in_both_directions(repository):
    base = repository.commit("Base", a="1")
    one = repository.commit("One", a="2")
    repository.git("checkout", "--quiet", "-b", "side", base)
    two = repository.commit("Two", b="1")
    three = repository.commit("Three", b="2")
    found = find(repository.folder).between(one, three)
    assert found.ahead == ((three, "Three"), (two, "Two"))
    assert found.behind == ((one, "One"),)


def test_between_needs_commits_that_are_here(repository):
    commit = repository.commit(a="1")
    source = find(repository.folder)
    with pytest.raises(NotFound):
        source.between("0" * 40, commit)
    with pytest.raises(UsageError):
        source.between("--output=x", commit)


def test_the_callers_git_variables_do_not_matter(repository, tmp_path):
    commit = repository.commit(a="1")
    other = Repository(tmp_path / "other")
    other.commit(a="other")
    environ = {**os.environ, "GIT_DIR": str(other.folder / ".git"), "GIT_INDEX_FILE": "/nonexistent"}
    source = find(repository.folder, environ)
    assert source.commit().id == commit
    assert source.changes() == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a repository to somebody else")
def test_a_repository_of_another_user_is_read_all_the_same(repository):
    commit = repository.commit(a="1")
    subprocess.run(["chown", "-R", "12345", str(repository.folder)], check=True)
    source = find(repository.folder)
    assert source.commit().id == commit
    assert source.changes() == []
    assert source.between(commit, commit).ahead == ()


def test_what_a_partial_clone_lacks_comes_with_what_the_hint_says(repository, tmp_path):
    repository.commit("First", **{"big/one": "1"})
    repository.commit("Second", **{"big/one": "2"})
    repository.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    address = f"file://{repository.folder}"
    repository.git("clone", "--quiet", "--filter=blob:none", "--no-checkout", address, str(clone))
    cloned = Repository(clone)
    cloned.git("sparse-checkout", "set", "--no-cone", "/*", "!big")
    cloned.git("checkout", "--quiet", "main")
    with pytest.raises(BuildFailed, match="lacks object") as failure:
        made(cloned, tmp_path / "store")
    command = failure.value.hint.split("`")[1].split()
    assert command[:2] == ["git", "fetch"]
    cloned.git(*command[1:])
    assert contents(tmp_path / "store", made(cloned, tmp_path / "store"))["big/one"] == b"2"


def test_what_a_shallow_clone_cannot_know_is_said_with_the_command_that_brings_it(repository, tmp_path):
    first = repository.commit("First", a="1")
    repository.git("tag", "v1.1")
    repository.commit("Second", a="2")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.folder}", str(clone))
    source = find(clone)
    for ref in ("v1.1", "HEAD~1", first):
        with pytest.raises(NotFound, match="shallow clone") as failure:
            source.commit(ref)
    Repository(clone).git(*failure.value.hint.split("`")[1].split()[1:])
    assert {source.commit(ref).id for ref in ("v1.1", "HEAD~1", first)} == {first}
