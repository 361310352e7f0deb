"""A repository may be the enemy's: nothing of it runs, and its commit's bytes come out exactly or not at all."""

import os
import subprocess

import pytest
from repositories import ENV, Repository, contents, made

from deployer.builds.source import find
from deployer.core.errors import BuildFailed, DeployError


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "app")


@pytest.fixture
def canary(tmp_path):
    """A program that leaves a trace when it runs, and the place where it would be."""
    program = tmp_path / "canary.sh"
    program.write_text(f"#!/bin/sh\necho ran >> {tmp_path}/trace\ncat\n")
    program.chmod(0o755)
    return program, tmp_path / "trace"


def ask_everything(repository, root):
    """Every question that the program ever asks a repository."""
    source = find(repository.folder)
    commit = source.commit("main")
    source.changes()
    source.file(commit, "Procfile")
    source.between(commit.id, commit.id)
    return made(repository, root, "main")


def test_no_hook_monitor_filter_pager_or_signature_checker_runs(repository, canary, tmp_path):
    program, trace = canary
    repository.write(".gitattributes", "*.txt filter=evil diff=evil ident eol=crlf\n")
    repository.write("a.txt", "$Id$\nline\n")
    repository.commit()
    repository.write("a.txt", "$Id$\nLINE\n")  # of the same size: git has to read it to see the change
    for name in ("post-checkout", "post-index-change", "reference-transaction", "pre-commit"):
        (repository.folder / ".git" / "hooks" / name).write_text(program.read_text())
        (repository.folder / ".git" / "hooks" / name).chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for key in (
        *("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv", "diff.external"),
        *("core.fsmonitor", "core.pager", "gpg.program", "core.sshCommand", "core.alternateRefsCommand"),
        *("core.editor", "core.askPass", "credential.helper", "uploadpack.packObjectsHook"),
    ):
        repository.git("config", key, str(program))
    repository.git("config", "core.hooksPath", str(repository.folder / ".git" / "hooks"))
    repository.git("config", "log.showSignature", "true")
    repository.git("config", "filter.evil.required", "true")
    trace.unlink(missing_ok=True)
    build = ask_everything(repository, tmp_path / "store")
    assert find(repository.folder).changes() == ["a.txt"]
    assert not trace.exists()
    assert contents(tmp_path / "store", build)["a.txt"] == b"$Id$\nline\n"


def test_the_canary_would_have_sung(repository, canary):
    """The trap of the test above is a real one: plain git falls into it."""
    program, trace = canary
    repository.commit(a="1")
    repository.git("config", "core.fsmonitor", str(program))
    subprocess.run(
        ["git", "status"], cwd=repository.folder, env={**os.environ, **ENV}, check=False, capture_output=True
    )
    assert trace.exists()


def test_a_partial_clone_fetches_nothing_and_the_missing_object_is_named(repository, canary, tmp_path):
    program, trace = canary
    repository.commit(a="content")
    blob = repository.git("rev-parse", "HEAD:a")
    os.unlink(repository.folder / ".git" / "objects" / blob[:2] / blob[2:])
    repository.git("config", "core.repositoryFormatVersion", "1")
    repository.git("config", "extensions.partialClone", "evil")
    repository.git("config", "remote.evil.promisor", "true")
    repository.git("config", "remote.evil.url", f"ext::{program}")
    repository.git("config", "protocol.ext.allow", "always")
    with pytest.raises(BuildFailed) as error:
        made(repository, tmp_path / "store")
    assert blob in error.value.message
    assert not trace.exists()


def test_export_ignore_and_export_subst_change_nothing(repository, tmp_path):
    repository.write(".gitattributes", "data export-ignore\nversion export-subst\n")
    repository.write("data/x", "kept")
    repository.write("version", "$Format:%d$")
    repository.commit()
    before = made(repository, tmp_path / "store")
    repository.git("tag", "v1")
    after = made(repository, tmp_path / "other")
    assert before.id == after.id
    assert contents(tmp_path / "store", before) == {
        ".gitattributes": b"data export-ignore\nversion export-subst\n",
        "data/x": b"kept",
        "version": b"$Format:%d$",
    }


def test_a_replaced_object_is_not_believed(repository, tmp_path):
    repository.commit(a="true")
    blob = repository.git("rev-parse", "HEAD:a")
    repository.git("replace", blob, repository.blob(b"false"))
    assert contents(tmp_path / "store", made(repository, tmp_path / "store")) == {"a": b"true"}


@pytest.mark.parametrize("name", ["..", ".", ".git", ".GIT", ".gIt"])
def test_a_folder_that_leads_outside_or_into_git_is_refused(repository, tmp_path, name):
    blob = repository.blob(b"evil")
    repository.commit_tree(repository.tree(("040000", "tree", repository.tree(("100644", "blob", blob, "x")), name)))
    with pytest.raises(BuildFailed) as error:
        made(repository, tmp_path / "store", "raw")
    assert f"{name}/x" in error.value.message
    assert not list(tmp_path.rglob("x"))


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "a\x7f"])
def test_a_name_with_a_control_character_is_refused(repository, tmp_path, name):
    repository.commit_tree(repository.tree(("100644", "blob", repository.blob(b""), name)))
    with pytest.raises(BuildFailed, match="control character"):
        made(repository, tmp_path / "store", "raw")


def test_a_name_that_is_not_utf8_is_refused(repository, tmp_path):
    with open(os.fsencode(repository.folder) + b"/caf\xe9", "w"):
        pass
    repository.commit()
    with pytest.raises(BuildFailed, match="not UTF-8"):
        made(repository, tmp_path / "store")


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "a/../../outside", "../../../../etc", ".."])
def test_a_link_that_leads_outside_is_refused_by_name(repository, tmp_path, target):
    os.symlink(target, repository.folder / "trap")
    repository.commit()
    with pytest.raises(BuildFailed, match="trap"):
        made(repository, tmp_path / "store")


def test_no_file_is_written_through_a_link(repository, tmp_path):
    inner = repository.tree(("100644", "blob", repository.blob(b"evil"), "x"))
    link = repository.blob(str(tmp_path / "victim").encode())
    (tmp_path / "victim").mkdir()
    tree = repository.tree(("120000", "blob", link, "d"), ("040000", "tree", inner, "d"))
    repository.commit_tree(tree)
    with pytest.raises(DeployError):
        made(repository, tmp_path / "store", "raw")
    assert os.listdir(tmp_path / "victim") == []


def test_one_name_twice_is_refused(repository, tmp_path):
    one, two = repository.blob(b"1"), repository.blob(b"2")
    repository.commit_tree(repository.tree(("100644", "blob", one, "a"), ("100755", "blob", two, "a")))
    with pytest.raises(BuildFailed):
        made(repository, tmp_path / "store", "raw")


def test_a_file_that_is_a_folder_too_is_refused(repository, tmp_path):
    inner = repository.tree(("100644", "blob", repository.blob(b""), "x"))
    tree = repository.tree(("100644", "blob", repository.blob(b""), "a"), ("040000", "tree", inner, "a"))
    repository.commit_tree(tree)
    with pytest.raises(BuildFailed):
        made(repository, tmp_path / "store", "raw")


def test_a_link_inside_and_the_executable_bit_are_kept(repository, tmp_path):
    repository.write("bin/run", "#!/bin/sh\n", mode=0o755)
    os.symlink("bin/run", repository.folder / "run")
    repository.commit()
    build = made(repository, tmp_path / "store")
    assert contents(tmp_path / "store", build) == {"bin/run": b"#!/bin/sh\n", "run": "-> bin/run"}
