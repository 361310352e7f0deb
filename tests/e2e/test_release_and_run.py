"""Build, release, run, rollback: what a user types, and what is true afterwards."""

import json
import os
import stat

import pytest

from .deployed import eventually


def test_ship_builds_releases_and_runs(deployed, tiny):
    tiny.say("first")
    assert deployed.deploy("ship") == "v1"
    assert deployed.get("/").strip() == "first"
    assert deployed.get("/env/DEPLOY_RELEASE").strip() == "v1"
    assert deployed.current() == "v1"
    assert deployed.processes() == {"web.1": "up", "worker.1": "up"}
    deployed.deploy("status")


def test_a_release_touches_no_process_until_it_is_run(deployed, tiny):
    deployed.deploy("ship")
    before = deployed.get("/pid")
    tiny.say("second")
    assert deployed.deploy("release") == "v2"
    assert deployed.get("/pid") == before
    assert deployed.current() == "v1"
    assert deployed.deploy("run", "v2") == "v2"
    assert deployed.get("/").strip() == "second"


def test_the_same_commit_again_is_a_cache_hit(deployed):
    first = deployed.json("build")
    again = deployed.json("build")
    assert not first["cached"]
    assert again["cached"]
    assert again["build"] == first["build"]


def test_running_what_runs_already_changes_nothing(deployed):
    deployed.deploy("ship")
    pid, records = deployed.get("/pid"), sorted(os.listdir(deployed.root / "ledger"))
    assert deployed.json("run", "v1")["changed"] is False
    assert deployed.get("/pid") == pid
    assert sorted(os.listdir(deployed.root / "ledger")) == records


def test_a_release_directory_is_complete_read_only_and_private(deployed):
    deployed.deploy("ship")
    home = deployed.root / "releases" / "v1"
    assert {"app", "agent.pyz", "env", "release.json"} <= set(os.listdir(home))
    assert stat.S_IMODE(os.stat(home / "env").st_mode) == 0o400
    for folder, _, names in os.walk(home / "app"):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o555
        for name in names:
            assert stat.S_IMODE(os.lstat(f"{folder}/{name}").st_mode) in (0o444, 0o555)


def test_processes_run_from_the_release_itself_never_through_current(deployed):
    deployed.deploy("ship")
    assert deployed.get("/cwd").strip() == str(deployed.root / "releases" / "v1" / "app")


def test_a_rollback_brings_code_and_config_back_and_can_be_undone(deployed, tiny):
    tiny.say("first")
    deployed.deploy("config", "set", "COLOUR=red")
    deployed.deploy("ship")
    tiny.say("second")
    deployed.deploy("release")
    deployed.deploy("config", "set", "COLOUR=blue", "--run")
    assert (deployed.get("/").strip(), deployed.get("/env/COLOUR").strip()) == ("second", "blue")
    assert deployed.deploy("rollback") == "v1"
    assert (deployed.get("/").strip(), deployed.get("/env/COLOUR").strip()) == ("first", "red")
    assert deployed.deploy("rollback", "v3") == "v3"
    assert (deployed.get("/").strip(), deployed.get("/env/COLOUR").strip()) == ("second", "blue")
    assert set(os.listdir(deployed.root / "releases")) == {"v1", "v2", "v3"}


def test_a_rollback_needs_no_repository_and_no_build_store(deployed, tiny):
    tiny.say("first")
    deployed.deploy("ship")
    tiny.say("second")
    deployed.deploy("ship")
    os.rename(deployed.folder / ".git", deployed.folder / "gone")
    os.rename(deployed.root / "objects", deployed.root / "gone")
    assert deployed.deploy("rollback") == "v1"
    assert deployed.get("/").strip() == "first"


def test_a_bare_rollback_never_chooses_a_release_that_failed(deployed, tiny):
    tiny.say("good")
    deployed.deploy("ship")
    tiny.behave(web="fail-health")
    deployed.deploy("ship", code=30)
    tiny.behave(web="ok")
    tiny.say("better")
    deployed.deploy("ship")
    assert deployed.deploy("rollback") == "v1"
    os.utime(deployed.root / "releases" / "v2")  # Capistrano chose by mtime
    deployed.deploy("rollback", code=3)


def test_a_bare_rollback_says_what_it_skips_and_never_returns_to_what_was_rolled_back_from(deployed, tiny):
    for text in ("first", "second"):
        tiny.say(text)
        deployed.deploy("ship")
    assert deployed.deploy("rollback", "--expect", "v2") == "v1"
    assert "v1 is current" in deployed.run("rollback", "--expect", "v2").err
    nothing = deployed.run("rollback")
    assert (nothing.code, "no release before v1" in nothing.err) == (3, True)
    tiny.say("third")
    deployed.deploy("ship")
    deployed.deploy("rollback", "--expect", "v2", code=20)
    told = deployed.json("rollback")
    assert told["release"] == "v1"
    assert told["skipped"] == [{"release": "v2", "why": "it was rolled back from"}]
    deployed.deploy("run", "v3")
    assert deployed.json("rollback", "v2")["skipped"] == []
    assert deployed.get("/").strip() == "second"


def test_with_one_release_there_is_nothing_to_roll_back_to(deployed):
    deployed.deploy("ship")
    deployed.deploy("rollback", code=3)
    assert deployed.current() == "v1"
    deployed.deploy("status")


def test_a_release_number_is_never_used_again(deployed, tiny):
    deployed.deploy("ship")
    tiny.behave(release="fail")
    deployed.deploy("ship", code=21)
    tiny.behave(release="ok")
    assert deployed.deploy("ship") == "v3"


def test_rollback_with_the_current_config_makes_a_new_release(deployed, tiny):
    tiny.say("first")
    deployed.deploy("config", "set", "COLOUR=red")
    deployed.deploy("ship")
    tiny.say("second")
    deployed.deploy("release")
    deployed.deploy("config", "set", "COLOUR=blue", "--run")
    assert deployed.deploy("rollback", "v1", "--config-from", "current") == "v4"
    assert (deployed.get("/").strip(), deployed.get("/env/COLOUR").strip()) == ("first", "blue")


def test_a_build_made_elsewhere_is_released_from_its_file(deployed, tiny, tmp_path):
    tiny.say("from a file")
    deployed.env["XDG_STATE_HOME"] = str(tmp_path / "ci")
    build = deployed.deploy("build", "--output", str(tmp_path / "shop.build"))
    del deployed.env["XDG_STATE_HOME"]
    assert deployed.deploy("release", str(tmp_path / "shop.build")) == "v1"
    deployed.deploy("run")
    assert deployed.get("/").strip() == "from a file"
    assert deployed.json("releases")["releases"][0]["build"].startswith(build)


def test_expect_refuses_when_somebody_else_was_quicker(deployed):
    deployed.deploy("release")
    deployed.deploy("release")
    deployed.deploy("release", "--expect", "v1", code=20)
    assert deployed.deploy("release", "--expect", "v2") == "v3"


def test_releases_and_builds_are_found_by_their_names(deployed, tiny):
    build = deployed.deploy("build")
    deployed.deploy("ship")
    for name in ("v1", "1", build[:8]):
        assert deployed.json("show", name)["release"] == "v1"
    deployed.deploy("show", "v9", code=3)
    deployed.deploy("run", "nonsense", code=3)
    assert deployed.deploy("release", build[:8]) == "v2"


def test_diff_tells_files_and_names_but_no_values(deployed, tiny):
    deployed.deploy("config", "set", "COLOUR=crimson")
    deployed.deploy("ship")
    tiny.say("second")
    deployed.deploy("release")
    deployed.deploy("config", "set", "COLOUR=azure", "SIZE=1")
    told = deployed.deploy("diff", "v1", "v3")
    assert "text.txt" in told
    assert "COLOUR" in told
    assert "SIZE" in told
    assert "crimson" not in told
    assert "azure" not in told


def test_a_ledger_that_was_altered_is_refused(deployed):
    deployed.deploy("ship")
    record = deployed.root / "ledger" / "00000001"
    record.chmod(0o644)
    record.write_bytes(record.read_bytes().replace(b'"cause":"ship"', b'"cause":"none"'))
    deployed.deploy("releases", code=50)
    deployed.deploy("ship", code=50)
    assert deployed.get("/").strip() == "hello"


def test_a_ledger_that_was_cut_short_is_refused(deployed):
    deployed.deploy("ship")
    os.unlink(deployed.root / "ledger" / "00000002")
    deployed.deploy("status", code=50)


def test_a_release_whose_file_was_edited_is_not_run(deployed, tiny):
    deployed.deploy("ship")
    tiny.say("second")
    deployed.deploy("ship")
    edited = deployed.root / "releases" / "v1" / "app" / "server.py"
    os.chmod(edited.parent, 0o755)
    os.rename(edited, edited.with_name("kept"))
    edited.write_text("print('mine')\n")
    deployed.deploy("verify", code=50)
    deployed.deploy("rollback", code=50)
    assert deployed.get("/").strip() == "second"


def test_prune_keeps_what_is_needed(deployed, tiny):
    for number in range(4):
        tiny.say(f"text {number}")
        deployed.deploy("ship")
    tiny.behave(web="fail-health")
    for _ in range(4):
        deployed.deploy("release")
        deployed.deploy("run", code=30)
    told = deployed.json("prune", "--keep", "1")["hosts"][0]
    kept = set(os.listdir(deployed.root / "releases"))
    assert kept == {"v3", "v4", "v6", "v7", "v8"}, "the current one, a rollback's, the newest three that failed"
    assert told["releases"] == [one["release"] for one in told["removed"]] == ["v1", "v2", "v5"]
    assert "served" in told["removed"][0]["why"]
    assert "failed" in told["removed"][2]["why"]
    assert len(deployed.json("releases")["releases"]) == 8, "the ledger's lines stay"
    deployed.deploy("run", "v1", code=3)
    deployed.deploy("verify")
    deployed.deploy("rollback")
    assert deployed.get("/").strip() == "text 2"


def test_two_apps_on_one_host_do_not_meet(deployed, tiny, tmp_path):
    text = (tiny.folder / "deploy.yaml").read_text()
    tiny.settings(text + f"targets:\n  local: {{path: {tmp_path}/place}}\n")
    deployed.deploy("ship")
    tiny.settings(text.replace("app: tiny", "app: other") + f"targets:\n  local: {{path: {tmp_path}/place}}\n")
    deployed.deploy("ship", code=20)
    tiny.settings(text + f"targets:\n  local: {{path: {tmp_path}/place}}\n")
    deployed.place = tmp_path / "place"


@pytest.mark.parametrize("signal", ["-INT", "-TERM", "-HUP"])
def test_an_interrupted_run_is_undone_before_the_command_ends(deployed, tiny, signal):
    import subprocess

    tiny.say("good")
    deployed.deploy("ship")
    tiny.behave(web="never-bind")
    process = deployed.start("ship", "--json")
    eventually((deployed.root / "run" / "pending").exists, what="the switch")
    subprocess.run(["kill", signal, str(process.pid)], check=True)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    told = json.loads(out)["error"]
    assert told["hosts"] == [{"host": "local", "release": "v1", "ok": True}]
    assert told["details"]["releases"] == ["v2"]
    assert f"interrupted: build {told['details']['build']} was made, v2 was released; v1 serves" in err
    assert deployed.current() == "v1"
    assert deployed.get("/").strip() == "good"
    assert deployed.differences() == []


def test_an_app_in_a_folder_of_its_repository_starts_there_and_has_all_else_beside_it(deployed, tiny, fast):
    settings = fast.format(app="tiny", port=deployed.port, more="").replace("build:\n", "build:\n  root: backend\n")
    for name in os.listdir(tiny.folder):
        if name not in (".git", "deploy.yaml"):
            os.renames(tiny.folder / name, tiny.folder / "backend" / name)
    (tiny.folder / "libs").mkdir()
    (tiny.folder / "libs" / "shared.txt").write_text("beside it")
    tiny.settings(settings)
    assert deployed.deploy("ship") == "v1"
    assert deployed.get("/env/DEPLOY_RELEASE").strip() == "v1"
    assert deployed.processes() == {"web.1": "up", "worker.1": "up"}
    assert deployed.deploy("exec", "--", "sh", "-c", "pwd; cat ../libs/shared.txt").split("\n") == [
        f"{deployed.root}/releases/v1/app/backend",
        "beside it",
    ]
