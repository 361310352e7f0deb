"""A disk that is full at some moment: what served serves on, and with room again the same command succeeds."""

import os
import subprocess

import pytest


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 12 MB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,nr_inodes=4000", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_is_full_at_any_moment_loses_nothing(small_disk, deployed, tiny, fast):
    tiny.settings(
        fast.format(app="tiny", port=deployed.port, more=f"targets: {{local: {{path: {small_disk}/tiny}}}}\n")
    )
    deployed.place = small_disk / "tiny"
    tiny.say("text 0")
    deployed.deploy("ship")
    seen = set()
    for number, spare in enumerate((0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 160), 1):
        tiny.say(f"text {number}")
        served = deployed.get("/").strip()
        filler = small_disk / "filler"
        with filler.open("wb") as file:
            room = os.statvfs(small_disk).f_bavail * 4096 - spare * 4096
            file.write(b"\0" * max(room, 0))
        result = deployed.run("ship")
        seen.add(result.code)
        assert result.code in (0, 20, 30, 40), result.err
        assert "Traceback" not in result.err
        if result.code:
            assert deployed.get("/").strip() == served
            assert "No space left" in result.err or "space" in result.err, result.err
        filler.unlink()
        deployed.deploy("ship")
        assert deployed.get("/").strip() == f"text {number}"
    assert seen & {20, 30, 40}
