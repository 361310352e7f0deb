"""Files of the host's that somebody has damaged, and names that are no text."""

import subprocess
import urllib.request

import pytest

from tests.e2e.deployed import DEPLOY


@pytest.mark.parametrize("damage", [b"", b"garbage", b"1 2 3", b"\0\0\0\0"])
@pytest.mark.parametrize(("name", "words"), [("ledger.head", ["status"]), ("target", ["release"])])
def test_a_damaged_file_is_named_and_nothing_is_changed(deployed, name, words, damage):
    deployed.deploy("release")
    path = deployed.root / name
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(damage)
    result = deployed.run(*words)
    assert result.code == 50
    assert str(path) in result.err
    assert "Python" not in result.err
    path.write_bytes(whole)
    deployed.deploy(*words)


@pytest.mark.parametrize("name", ["pending", "ports"])
def test_a_damaged_note_of_the_host_is_named_and_what_serves_serves_on(deployed, name):
    deployed.deploy("ship")
    (deployed.root / "run" / name).write_bytes(b"garbage")
    result = deployed.run("restart")
    assert result.code == 50
    assert f"run/{name} is damaged" in result.err
    assert deployed.get("/").strip() == "hello"
    (deployed.root / "run" / name).unlink()
    deployed.deploy("restart")


@pytest.mark.parametrize("name", ["env", "agent.pyz", "release.json"])
def test_no_process_is_ended_for_a_release_that_cannot_be_launched(deployed, name):
    deployed.deploy("ship")
    pid = deployed.get("/pid")
    path = deployed.root / "releases" / "v1" / name
    path.unlink()
    path.write_bytes(b"{")
    assert deployed.run("restart").code == 50
    assert deployed.get("/pid") == pid


def test_a_folder_in_the_place_of_current_is_drift(deployed):
    deployed.deploy("ship")
    (deployed.root / "current").unlink()
    (deployed.root / "current").mkdir()
    assert deployed.run("status").code == 50
    (deployed.root / "current").rmdir()
    deployed.deploy("restart")
    assert deployed.differences() == []


def test_a_refused_session_ends_without_a_crash_of_the_interpreter(deployed):
    deployed.deploy("ship")
    program = next((deployed.root / "agent").glob("*.pyz"))
    agent = subprocess.Popen(
        ["python3", "-IS", str(program), "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert agent.stdin is not None
    agent.stdin.write(b"Q\0\0\0\2{}")  # no Open: the agent refuses and ends, while its input stays open
    agent.stdin.flush()
    try:
        assert agent.wait(20) == 0
    finally:
        agent.kill()
        _, told = agent.communicate()
    assert told == b""


def test_a_branch_may_have_any_name(deployed):
    name = "br\udcff\u00e9"
    subprocess.run(["git", "branch", name], cwd=deployed.folder, check=True)
    made = deployed.json("build", name)
    assert deployed.deploy("builds", env={"PYTHONUTF8": "1"})
    assert len(made["build"]) >= 12


def test_a_value_need_not_be_utf_8(deployed, tmp_path):
    value = b"a\xff\xfe\xc3\x28 \\udcff \xf0\x9f\x9a\x80 z"
    (tmp_path / "value").write_bytes(value)
    deployed.deploy("config", "set", f"ODD=@{tmp_path}/value")  # before the first release: a draft
    deployed.deploy("ship")
    with urllib.request.urlopen(f"http://127.0.0.1:{deployed.port}/env/ODD", timeout=10) as answer:
        assert answer.read() == value
    deployed.deploy("config", "set", "OTHER=x", "--run")
    assert _bytes(deployed) == value
    assert deployed.differences() == []


def _bytes(deployed):
    """What `deploy exec` finds in its environment."""
    return subprocess.run(
        [*DEPLOY, "exec", "--", "sh", "-c", 'printf %s "$ODD"'],
        cwd=deployed.folder,
        env=deployed.environ,
        check=True,
        capture_output=True,
    ).stdout
