"""A host whose disk is full: while a release is staged, while the ledger is written."""

import pytest

from .fleet import ROOT

CONFIRMING = {  # of the run's record; the first one is that of the release
    "the primary's record": ("web1", "ledger.create:2", 30),
    "a copy of it": ("web2", "ledger.create:2", 31),
    "the ledger's head": ("web1", "head.create:2", 0),
}


def test_a_disk_that_is_full_while_staging_stops_the_ship_and_nothing_was_touched(fleet):
    served, serving = fleet.answered(), fleet.serves()
    text = fleet.say()
    with fleet.watch() as watch:
        with fleet.begun("ship", "--json", at=("web2", "stage.link")) as ship:
            filler = fleet["web2"].fill_disk(f"/{ROOT}", 0)
        told = ship.ended(code=20)
        assert "web2" in str(told["error"])
        assert "No space left" in told["error"]["message"]
        assert fleet.run("ship").code in (20, 40), "it is full still"
        filler.unlink()
    watch.served(only=[served])
    assert fleet.serves() == serving
    fleet.deploy("ship")
    fleet.heals()
    assert fleet.answered() == text


@pytest.mark.parametrize("what", CONFIRMING)
def test_a_disk_that_is_full_while_the_run_is_written_down_leaves_host_and_ledger_of_one_mind(fleet, what):
    name, point, code = CONFIRMING[what]
    served, serving = fleet.answered(), fleet.serves()
    text = fleet.say()
    with fleet.watch() as watch:
        with fleet.begun("ship", at=(name, point)) as ship:
            filler = fleet[name].fill_disk(f"/{ROOT}", 0)
        ended = ship.ended()
        filler.unlink()
    assert ended.code == code, ended.err
    watch.served(only=[served, text])
    fleet.undone()
    if code == 30:
        assert fleet.serves() == serving
        assert fleet.answered() == served
    if code == 31:
        assert "web2" in ended.err
        assert fleet.answers() == {"web1": text, "web2": served, "web3": text}
    if code == 0:
        assert fleet.answered() == text
    fleet.heals()
    assert fleet.answered() == text
