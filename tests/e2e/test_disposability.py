"""What a host does alone when processes end, and how it is told."""

from .deployed import eventually


def test_a_process_that_ends_again_and_again_is_told_as_failing(deployed, tiny):
    tiny.behave(worker="crash-after 1.2")
    deployed.deploy("ship")
    eventually(lambda: deployed.processes()["worker.1"] == "failing", seconds=60, what="three short lives")
    row = next(row for row in deployed.json("ps")["processes"] if row["process"] == "worker.1")
    assert row["restarts"] >= 2
    assert row["reason"].startswith("exited with code")
    status = deployed.run("status")
    assert status.code == 50
    assert "worker.1 is failing (exited with code" in status.out
