"""Shared folders belong to the user that the app runs as, or it is said that the app cannot write there."""

import os
import pwd

import pytest

from deployer.agent import shared_folders
from deployer.agent.layout import Layout
from deployer.core.errors import ReleaseRefused
from deployer.core.manifest import Launch
from deployer.core.release import SharedPath, Spec

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has `run_as`")
NOBODY = "nobody"


@pytest.fixture
def files(tmp_path):
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o111)  # or nobody could write there, whoever owns what is below
    (tmp_path / "shared").mkdir()
    return Layout(tmp_path, "shop", "local")


def spec(*paths, run_as=""):
    launch = Launch("commands")
    return Spec("shop", "local", 1, "", "", launch, {}, (), (), tuple(map(shared, paths)), run_as)


def shared(path):
    return SharedPath(path.rstrip("!"), is_file=path.endswith("!"))


def owner(path):
    return pwd.getpwuid(path.stat().st_uid).pw_name


@ROOT
def test_a_new_folder_and_those_above_it_are_the_apps_user_s(files):
    made = spec("media/uploads", "conf/own.ini!", run_as=NOBODY)
    for path in made.shared:
        shared_folders.make(files, path, made)
    assert {owner(files.shared / name) for name in ("media", "media/uploads", "conf")} == {NOBODY}
    assert owner(files.shared) == "root"
    assert shared_folders.unwritable(files, made) == []


@ROOT
def test_what_is_there_stays_whose_it_is_and_is_said_with_the_command_that_helps(files):
    (files.shared / "uploads").mkdir()
    made = spec("uploads", "uploads/cache", run_as=NOBODY)
    for path in made.shared:
        shared_folders.make(files, path, made)
    assert owner(files.shared / "uploads") == "root"
    ((text, hint),) = shared_folders.unwritable(files, made)
    assert f"{NOBODY}, the user that the app runs as, cannot write to {files.shared}/uploads" in text
    os.system(hint.split("`")[1].removeprefix("sudo "))
    assert shared_folders.unwritable(files, made) == []


@ROOT
def test_nothing_is_given_away_behind_a_link(files, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (files.shared / "uploads").symlink_to(elsewhere)
    made = spec("uploads/new", run_as=NOBODY)
    shared_folders.make(files, made.shared[0], made)
    assert owner(elsewhere / "new") == "root"
    assert len(shared_folders.unwritable(files, made)) == 1


@ROOT
def test_a_user_that_the_host_does_not_have_is_refused_by_name(files):
    made = spec("uploads", run_as="no-such-user")
    with pytest.raises(ReleaseRefused, match="no user no-such-user") as refused:
        shared_folders.make(files, made.shared[0], made)
    assert "useradd" in refused.value.hint


def test_a_folder_that_is_not_the_app_s_to_write_is_said(files):
    (files.shared / "uploads").mkdir(mode=0o555)
    run_as = NOBODY if os.geteuid() == 0 else ""  # root may write everywhere
    assert len(shared_folders.unwritable(files, spec("uploads", run_as=run_as))) == 1
