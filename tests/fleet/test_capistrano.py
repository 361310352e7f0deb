"""What was seen to go wrong with Capistrano, tried here on the same kind of fleet.

Its `--dry-run`, which never connects, has no counterpart: there is no such option.
"""

from .fleet import ROOT


def test_capistrano_a_run_that_dies_between_the_new_link_and_its_rename_is_not_taken_for_done_by_the_next(fleet):
    """There: the next deploy exits 0 and logs the new release, and `current` serves the old one."""
    served = fleet.answered()
    text = fleet.say()
    with fleet.begun("ship", at=("web2", "current.rename")) as ship:
        ship.kill()
        fleet["web2"].power_cut()
        fleet["web2"].boot()
    assert [path.name for path in fleet.of("web2").glob(".tmp-current-*")], "the new link was left behind"
    others = {fleet.get_from("web1"), fleet.get_from("web3")}
    assert others <= {served, text}
    fleet.heals()
    assert fleet.answered() == text


def test_capistrano_one_bad_host_mixes_no_fleet_and_is_not_left_behind_when_it_is_repaired(fleet):
    """There: exit 1 and a mixed fleet; after the repair an exit 0 with one host on the old release."""
    served, serving = fleet.answered(), fleet.serves()
    text = fleet.say()
    fleet["web3"].run(f"chmod 0555 /{ROOT}/releases")
    with fleet.watch() as watch:
        ended = fleet.run("ship")
    assert ended.code == 20, ended.err
    assert "web3" in ended.err
    watch.served(only=[served])
    assert fleet.serves() == serving
    fleet["web3"].run(f"chmod 0755 /{ROOT}/releases")
    made = fleet.deploy("ship")
    assert fleet.serves() == dict.fromkeys(fleet.hosts, made)
    assert fleet.heals() == made
    assert fleet.answered() == text


def test_capistrano_a_rollback_asks_the_ledger_and_no_clock(fleet):
    """There: by mtime.  After a failed deploy to the live release; a touch misleads it; so do three failures."""
    before, current = fleet.serves()["web1"], ""
    text = fleet.answered()
    fleet.say()
    current = fleet.deploy("ship")
    fleet.tiny.behave(web="crash")
    for _ in range(3):
        fleet.say()
        fleet.deploy("ship", code=30)
    for name in fleet.hosts:
        fleet[name].run(f"touch /{ROOT}/releases/{before}; touch -d 2030-01-01 /{ROOT}/releases/{current}")
    kept = {name: {path.name for path in fleet.of(name).glob("releases/v*")} for name in fleet.hosts}
    assert fleet.deploy("rollback") == before
    assert fleet.serves() == dict.fromkeys(fleet.hosts, before)
    assert fleet.answered() == text
    assert kept == {name: {path.name for path in fleet.of(name).glob("releases/v*")} for name in fleet.hosts}
    assert fleet.deploy("run", current) == current, "and it can be undone"
    fleet.tiny.behave(web="ok")
    fleet.say()
    fleet.deploy("ship")
    fleet.heals()


def test_capistrano_current_leads_somewhere_on_every_host_when_the_exit_code_is_0(fleet):
    """There: left dangling on two hosts, exit 0."""
    served, serving = fleet.answered(), fleet.serves()
    text = fleet.say()
    made = fleet.deploy("release")
    for name in ("web2", "web3"):
        fleet[name].run(f"rm -r /{ROOT}/releases/{made}")
    with fleet.watch() as watch:
        assert fleet.deploy("run") == made
    watch.served(only=[served, text])
    assert fleet.serves() == dict.fromkeys(fleet.hosts, made)
    assert fleet.heals() == made != serving["web1"]
    assert fleet.answered() == text


def test_capistrano_two_deploys_in_one_second_have_a_directory_each(fleet):
    text = fleet.say()
    fleet.deploy("build")
    racing = [fleet.start("ship", "--force", "--wait", "60s") for _ in range(2)]
    ended = [(process, *process.communicate(timeout=120)) for process in racing]
    assert [process.returncode for process, _, _ in ended] == [0, 0], ended
    first, second = sorted((out.strip() for _, out, _ in ended), key=lambda name: int(name[1:]))
    assert first != second
    for name in fleet.hosts:
        assert {first, second} <= {path.name for path in fleet.of(name).glob("releases/v*")}
    assert fleet.serves() == dict.fromkeys(fleet.hosts, second)
    fleet.heals()
    assert fleet.answered() == text
