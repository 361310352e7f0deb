"""What the command line says of a target with several hosts: each of them, and never only the first error."""

import pytest

from .fleet import NAMES


@pytest.fixture
def shipped(fleet):
    fleet.deploy("ship")
    return fleet


def table(text):
    """The rows of a table, by the host in each."""
    rows = [line.split() for line in text.splitlines()]
    return {row[0]: row[1:] for row in rows if row and row[0] in NAMES}


def test_a_run_tells_of_every_host(fleet):
    done = fleet.run("ship")
    assert done.out == "v1\n"
    assert {host: cells[0] for host, cells in table(done.err).items()} == {"web1": "v1", "web2": "v1", "web3": "v1"}
    document = fleet.json("run")
    assert [(host["host"], host["release"], host["ok"]) for host in document["hosts"]] == [
        ("web1", "v1", True),
        ("web2", "v1", True),
        ("web3", "v1", True),
    ]


def test_a_run_that_failed_tells_how_it_ended_on_every_host(shipped):
    shipped.tiny.behave(web="fail-health")
    done = shipped.run("ship")
    assert done.code == 30
    assert "error: web1: web.0 of v2 answered 500 at /up" in done.err
    assert "web1: preparing v2 ... failed" in done.err
    assert {host: cells[0] for host, cells in table(done.err).items()} == {"web1": "v1", "web2": "v1", "web3": "v1"}
    assert table(done.err)["web2"][1:] == ["as", "before"]
    assert table(done.err)["web1"][1:] == ["failed"]
    assert done.err.count("answered 500") == 1
    assert "hint: `deploy logs --hosts web1 --release v2 web.0` shows all it has written" in done.err
    told = shipped.json("run", code=30)["error"]
    assert [(host["host"], host["release"], host["ok"]) for host in told["hosts"]] == [
        ("web1", "v1", False),
        ("web2", "v1", True),
        ("web3", "v1", True),
    ]
    assert shipped.serves() == {"web1": "v1", "web2": "v1", "web3": "v1"}


def test_a_command_is_narrowed_to_the_hosts_that_are_named(shipped):
    before = {row["host"]: row["pid"] for row in shipped.json("ps")["processes"] if row["process"] == "worker.1"}
    shipped.deploy("restart", "--hosts", "web[2:2],*3")
    after = {row["host"]: row["pid"] for row in shipped.json("ps")["processes"] if row["process"] == "worker.1"}
    assert {host for host in before if before[host] != after[host]} == {"web2", "web3"}
    assert {row["host"] for row in shipped.json("ps", "--limit", "2")["processes"]} == {"web1", "web2"}
    assert [host["host"] for host in shipped.json("status", "--hosts", "web3")["hosts"]] == ["web3"]


def test_a_host_that_the_target_has_not_is_a_mistake(shipped):
    done = shipped.run("restart", "--hosts", "web1,wbe2")
    assert (done.code, done.out) == (2, "")
    assert "has no host 'wbe2'; did you mean \"web2\"?" in done.err
    assert shipped.run("ps", "--hosts", ",").code == 2
    assert shipped.run("ps", "--limit", "0").code == 2
    assert shipped.run("ps", "--limit", "some").code == 2
    assert shipped.run("-t", "local", "ps", "--limit", "1").code == 2


def test_what_cannot_be_known_of_a_host_is_told_as_unknown(shipped):
    with shipped.down("web3"):
        shown = shipped.run("ps")
        assert shown.code == 40
        assert "error: web3: " in shown.err
        states = {(row["host"], row["process"]): row["state"] for row in shipped.json("ps", code=40)["processes"]}
        assert states["web3", "worker.1"] == "unknown"
        assert states["web2", "worker.1"] == "up"
        status = shipped.json("status", code=40)
        assert (status["ok"], status["error"]["kind"]) == (False, "host-unreachable")
        assert {host["host"]: bool(host["error"]) for host in status["hosts"]} == {
            "web1": False,
            "web2": False,
            "web3": True,
        }
        assert {one["host"] for one in shipped.json("verify", code=40)["releases"]} == {"web1", "web2"}
        assert {one["host"] for one in shipped.json("events", code=40)["events"]} == {"web1", "web2"}
        bad = [one for one in shipped.json("doctor", code=20)["findings"] if not one["ok"]]
        assert [one["where"] for one in bad] == ["web3"]


def test_who_only_reads_the_ledger_is_not_stopped_by_a_host_that_is_down(shipped):
    with shipped.down("web2", "web3"):
        assert shipped.json("releases")["releases"][0]["release"] == "v1"
        assert shipped.json("show", "v1")["release"] == "v1"
        assert shipped.json("config") == {"names": [], "stored": []}
        assert shipped.deploy("exec", "--", "echo", "here") == "here"


def test_every_host_that_is_down_is_named_even_if_the_primary_is_one(shipped):
    with shipped.down("web1", "web3"):
        done = shipped.run("run")
    assert done.code == 40
    assert set(table(done.err)) == {"web1", "web3"}


def test_a_change_waits_for_all_hosts_unless_some_may_be_missing(shipped):
    with shipped.down("web3"):
        assert shipped.run("restart").code == 40
        done = shipped.run("restart", "--allow-missing")
        assert done.code == 0
        assert "warning: left out: web3: " in done.err
    shipped.deploy("run")
    assert shipped.differences() == []


def test_a_one_off_command_runs_on_the_host_that_is_named(shipped):
    assert shipped.deploy("exec", "--", "pwd").startswith(str(shipped.of("web1")))
    assert shipped.deploy("exec", "--host", "web2", "--", "pwd").startswith(str(shipped.of("web2")))
    assert shipped.deploy("exec", "--host", "web3", "--", "cat", code=0, text="typed") == "typed"
    for wrong in (["--host", "web9"], ["--host", "web*"], ["--host", "web1", "--all"]):
        assert shipped.run("exec", *wrong, "--", "true").code == 2


def test_a_one_off_command_on_all_hosts_has_each_line_behind_its_host(shipped):
    script = 'echo "$DEPLOY_RELEASE"; echo oops >&2; printf end; case $PWD in */web2/*) exit 7;; esac'
    done = shipped.run("exec", "--all", "--", "sh", "-c", script)
    assert done.code == 7
    assert sorted(done.out.splitlines()) == sorted(f"{h} | {said}" for h in shipped.names for said in ("v1", "end"))
    assert sorted(line for line in done.err.splitlines() if "|" in line) == [f"{h} | oops" for h in shipped.names]
    assert "web2: ended with code 7" in done.err
    told = shipped.run("exec", "--all", "--json", "--", "sh", "-c", script).document
    assert told["code"] == 7
    assert [(host["host"], host["code"], host["stdout"]) for host in told["hosts"]] == [
        ("web1", 0, "v1\nend"),
        ("web2", 7, "v1\nend"),
        ("web3", 0, "v1\nend"),
    ]


def test_a_one_off_command_on_all_hosts_tells_which_it_did_not_reach(shipped):
    with shipped.down("web2"):
        done = shipped.run("exec", "--all", "--json", "--", "cat")
    assert done.code == 40
    assert [(host["host"], host["code"], bool(host["error"])) for host in done.document["hosts"]] == [
        ("web1", 0, False),
        ("web3", 0, False),
        ("web2", None, True),
    ]
