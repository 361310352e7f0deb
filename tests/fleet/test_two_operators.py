"""Two operators at once: one writes, the other is told who does, or waits."""

from tests.e2e.deployed import eventually


def test_the_second_operator_is_told_who_holds_the_target_and_with_wait_comes_after(fleet):
    fleet.tiny.behave(release="slow 6")
    text = fleet.say()
    first = fleet.start("ship")
    eventually((fleet.of("web1") / "run/command").exists, seconds=60, what="the release command to start")
    told = fleet.json("run", code=41)
    assert "ship" in told["error"]["message"], "what the holder runs"
    waiting = fleet.start("restart", "--wait", "60s")
    assert fleet.json("ps")["processes"], "who only looks is not kept waiting"
    out, err = first.communicate(timeout=90)
    assert first.returncode == 0, out + err
    out, err = waiting.communicate(timeout=90)
    assert waiting.returncode == 0, out + err
    assert "waiting for" in err
    fleet.heals()
    assert fleet.answered() == text


def test_of_operators_who_begin_at_the_same_moment_one_wins_and_nothing_is_lost(fleet):
    fleet.say()
    fleet.deploy("build")
    before = len(fleet.ledger("web1"))
    racing = [fleet.start("release") for _ in range(3)]
    ended = [(process, *process.communicate(timeout=120)) for process in racing]
    codes = sorted(process.returncode for process, _, _ in ended)
    assert set(codes) <= {0, 41}, ended
    assert codes[0] == 0
    made = [out.strip() for process, out, _ in ended if process.returncode == 0]
    assert len(set(made)) == len(made) == len(fleet.ledger("web1")) - before, "no number was given twice"
    fleet.heals()
