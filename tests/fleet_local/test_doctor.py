"""`deploy doctor` on every host: what is there, what is not well, and what to do."""

import os
import socket

import pytest

from deployer.agent import sockets
from tests.cli.terminal import ROOT

from .fleet import Fleet


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """v1 serves on web1, web2 and web3; no test leaves anything changed."""
    first = 18000 + os.getpid() % 90 * 20
    port = next(port for port in range(first, 30000, 20) if sockets.free(port))
    with Fleet(tmp_path_factory.mktemp("doctor"), port=port) as fleet:
        fleet.deploy("ship")
        yield fleet


def of(findings, where):
    return {one["name"]: one for one in findings if one["where"] == where}


def test_every_host_says_what_it_has(shipped):
    document = shipped.json("doctor")
    assert document["ok"]
    for host in shipped.names:
        found = of(document["findings"], host)
        assert {"python3", "user", "disk", "inodes", "path", "init", "process manager"} <= set(found)
        assert {"open files", "inotify", "somaxconn", "local ports", "clock"} <= set(found)
        assert found["path"]["found"] == str(shipped.of(host))
        assert found["clock"]["found"] == "as here"
        assert found["process manager"]["warn"], "supervisor starts nothing with the host"
    assert of(document["findings"], "web1")["ports"]["found"] == f"{shipped.port} (web.1)"
    assert "ports" not in of(document["findings"], "web2"), "no process there binds one"


def test_of_several_hosts_only_what_is_not_well_is_shown(shipped):
    short, long = shipped.run("doctor"), shipped.run("doctor", "-v")
    assert (short.code, long.code) == (0, 0)
    assert "web2 process manager warn" in " ".join(short.out.split())
    assert "inodes" not in short.out
    assert long.out.count("inodes free") == 3
    (hint,) = [line for line in short.err.splitlines() if "manager: systemd" in line]
    assert "(web1, web2, web3)" in hint


def test_a_host_that_cannot_be_reached_is_a_row_whichever_it_is(shipped):
    with shipped.down("web1", "web3"):
        told = shipped.run("doctor")
        assert told.code == 20
        rows = {line.split()[0]: line for line in told.out.splitlines()}
        assert " agent " in rows["web1"]
        assert " agent " in rows["web3"]
        assert " agent " not in rows["web2"]
        assert "NO" not in rows["web2"]
    with shipped.down(*shipped.names):
        told = shipped.run("doctor", "--json")
        assert told.code == 20
        assert {one["where"] for one in told.document["findings"] if not one["ok"]} == set(shipped.names)


def test_a_port_that_another_program_has_is_told_with_who_has_it(shipped):
    shipped.deploy("stop", "--hosts", "web1")
    try:
        with socket.create_server(("127.0.0.1", shipped.port)):
            found = of(shipped.json("doctor", "--hosts", "web1", code=20)["findings"], "web1")["ports"]
        assert not found["ok"]
        assert f"{shipped.port} of web.1 is held by " in found["found"]
        assert f"(pid {os.getpid()})" in found["found"]
    finally:
        shipped.deploy("start", "--hosts", "web1")


def test_a_ledger_that_is_damaged_is_a_finding_and_stops_no_other(shipped):
    record = shipped.of("web2") / "ledger" / "00000001"
    kept = record.read_bytes()
    record.chmod(0o600)
    record.write_bytes(kept[:-20] + b"altered by hand   }\n")
    try:
        findings = shipped.json("doctor", code=20)["findings"]
        states, status = shipped.json("ps", code=50)["processes"], shipped.json("status", code=50)
    finally:
        record.write_bytes(kept)
        record.chmod(0o444)
    assert [(one["where"], one["name"]) for one in findings if not one["ok"]] == [("web2", "ledger")]
    assert "disk" in of(findings, "web2")
    assert {one["host"]: one["state"] for one in states} == {"web1": "up", "web2": "unknown", "web3": "up"}
    assert {one["host"]: bool(one["error"]) for one in status["hosts"]} == {"web1": False, "web2": True, "web3": False}


def test_whatever_is_wrong_with_a_host_is_a_row_and_not_the_end_of_the_table(shipped):
    wrong = shipped.of("web2") / "run" / "pending"
    wrong.mkdir()
    try:
        states, status = shipped.json("ps", code=40)["processes"], shipped.run("status")
    finally:
        wrong.rmdir()
    assert {one["host"]: one["state"] for one in states} == {"web1": "up", "web2": "unknown", "web3": "up"}
    assert status.code == 40
    rows = {line.split()[0]: line for line in status.out.splitlines()}
    assert "worker.1 up" in rows["web3"]
    assert "pending" in rows["web2"], "the row says what it is"


def test_the_page_on_documents_names_what_a_finding_has(shipped):
    keys = set(shipped.json("doctor")["findings"][0])
    page = (ROOT / "docs/reference/json.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith("| `doctor`")]
    assert keys <= set(row.replace("{", " ").replace("}", " ").replace(",", " ").replace("]", " ").split())
