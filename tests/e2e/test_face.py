"""What a person sees of a ship, from its first line to its last; and what they ask next."""

import re


def test_a_ship_begins_with_what_it_does_where_and_ends_with_where_it_is_reached(deployed, tiny):
    first = deployed.run("ship")
    assert (first.code, first.out) == (0, "v1\n")
    lines = first.err.splitlines()
    assert re.fullmatch(rf"{deployed.app} → local · v1 · commit [0-9a-f]{{7}} .+", lines[0]), first.err
    url = rf"http://127\.0\.0\.1:{deployed.port}"
    assert re.fullmatch(rf"v1 is live: {url} · [\d.]+ s · commit [0-9a-f]{{7}} .+", lines[-1]), first.err
    told = deployed.json("info")
    assert (told["app"], told["target"], told["release"]) == (deployed.app, "local", "v1")
    assert told["urls"] == [f"http://127.0.0.1:{deployed.port}"]
    assert told["hosts"] == [{"host": "local", "path": str(deployed.root), "manager": "supervisor"}]
    assert deployed.deploy("open") == told["urls"][0]
    assert deployed.deploy("logs", "--grep", "^no such line$") == ""
    tiny.behave(web="fail-health")
    failed = deployed.run("ship")
    assert failed.code == 30
    assert "v1 → v2" in failed.err.splitlines()[0]
    assert failed.err.count("failed") == 1, failed.err
    stopped = deployed.run("stop")
    assert stopped.err.splitlines()[0] == f"{deployed.app} → local · v1 · stop"
    assert re.fullmatch(r"v1 is stopped · [\d.]+ s", stopped.err.splitlines()[-1])
    assert deployed.run("open").code == 3
