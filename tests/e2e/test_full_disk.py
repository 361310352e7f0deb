"""A disk that is full, or read-only, at some moment: what serves is told as it is, and is put right afterwards."""

import contextlib
import os
import subprocess

import pytest

from .deployed import eventually
from .test_kill_anywhere import stopped

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
SPARE = (0, 1, 3, 8, 24, 64)  # blocks of 4096 bytes that are left free


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 12 MB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,nr_inodes=4000", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def place_on(disk, deployed, tiny, fast):
    """Have the target on that disk, and two releases of it there."""
    tiny.settings(fast.format(app="tiny", port=deployed.port, more=f"targets: {{local: {{path: {disk}/tiny}}}}\n"))
    deployed.place = disk / "tiny"
    for text in ("text 0", "text 00"):
        tiny.say(text)
        deployed.deploy("ship")


@contextlib.contextmanager
def filled(disk, spare):
    """The disk is full but for `spare` blocks."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        file.write(b"\0" * max((os.statvfs(disk).f_bavail - spare) * 4096, 0))
    yield
    filler.unlink()


@pytest.mark.slow
@ROOT_ONLY
def test_a_full_disk_loses_nothing_and_one_can_look_and_go_back_on_it(small_disk, deployed, tiny, fast):
    place_on(small_disk, deployed, tiny, fast)
    seen, told = set(), []
    for number, spare in enumerate(SPARE, 1):
        tiny.say(f"text {number}")
        served = deployed.get("/").strip()
        with filled(small_disk, spare):
            result = deployed.run("ship")
            seen.add(result.code)
            assert result.code in (0, 20, 30, 40), result.err
            assert "Traceback" not in result.err
            if result.code:
                assert deployed.get("/").strip() == served
                assert "space" in result.err, result.err
                told.append(result.err)
        deployed.deploy("ship")
        assert deployed.get("/").strip() == f"text {number}"
    assert seen & {20, 30, 40}
    named = [text for text in told if f"{small_disk}/tiny/" in text and " MB and " in text and "make room" in text]
    assert named, told
    with filled(small_disk, 0):
        for words in (["ps"], ["status"], ["logs", "-n", "1"]):
            deployed.deploy(*words)
        deployed.deploy("rollback")
        assert deployed.get("/").strip() == f"text {number - 1}"
        deployed.deploy("status")
    deployed.deploy("ship")


@pytest.mark.slow
@ROOT_ONLY
@pytest.mark.parametrize("point", ["guard.start", "current.renamed", "switch.launched"])
def test_a_disk_that_fills_in_the_middle_stops_nothing(small_disk, deployed, tiny, fast, point):
    place_on(small_disk, deployed, tiny, fast)
    tiny.say("new")
    process = deployed.start("ship", env={"DEPLOYER_FAULT": f"{point}:1:stop"})
    (agent,) = eventually(lambda: stopped(deployed.root, process.pid), seconds=60)
    with filled(small_disk, 0):
        os.kill(agent, 18)
        told = process.communicate(timeout=120)[1]
        assert process.returncode == 30, told
        assert "No space left on device" in told
        assert told.count("v2 serves again") == 1
        assert deployed.get("/").strip() == "text 00"
        deployed.deploy("status")
    deployed.deploy("ship")
    assert deployed.get("/").strip() == "new"


@pytest.fixture
def aborting_disk(tmp_path):
    """A file system of 24 MB whose kernel can be told that it is broken: it is read-only from then on."""
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(24 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=False).returncode:
        pytest.skip("this machine has no loop devices")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.slow
@ROOT_ONLY
@pytest.mark.needs("mkfs.ext4")
@pytest.mark.parametrize("point", ["guard.start", "current.renamed", "switch.launched"])
def test_a_disk_that_turns_read_only_in_the_middle_is_told_as_it_is(aborting_disk, deployed, tiny, fast, point):
    place_on(aborting_disk, deployed, tiny, fast)
    tiny.say("new")
    process = deployed.start("ship", env={"DEPLOYER_FAULT": f"{point}:1:stop"})
    (agent,) = eventually(lambda: stopped(deployed.root, process.pid), seconds=60)
    subprocess.run(["mount", "-o", "remount,abort", str(aborting_disk)], check=False)
    os.kill(agent, 18)
    told = process.communicate(timeout=120)[1]
    assert "Traceback" not in told
    assert "Read-only file system" in told
    status = deployed.run("status")
    try:
        serves = deployed.get("/", seconds=1).strip()
    except OSError:
        serves = "nothing"
    if process.returncode in (20, 30, 40):
        assert (serves, status.code) == ("text 00", 0), told
    else:
        assert process.returncode == 31, told
        assert ("v2 serves again" in told) == (serves == "text 00" and deployed.current() == "v2"), told
    assert deployed.run("ps").code == 0
    assert deployed.run("logs", "-n", "1").code == 0
