"""The first and the last line of what changes a target, on terminals of any width."""

from hypothesis import given
from hypothesis import strategies as st

from deployer.cli import heading
from deployer.cli.display.columns import cells_of, wrapped
from deployer.settings import HostSettings, TargetSettings

PARTS = ["shop → production: web1, web2, web3 and 47 more", "v41 → v42", "commit abc1234 Fix the cart"]


def test_a_headline_is_one_line_where_there_is_room_and_breaks_between_its_parts_where_there_is_not():
    assert wrapped(PARTS, None) == [" · ".join(PARTS)]
    assert wrapped(PARTS, 80) == [" · ".join(PARTS[:2]), "  commit abc1234 Fix the cart"]
    assert wrapped(PARTS, 40) == [
        "shop → production: web1, web2, web3 and",
        "  47 more",
        "  v41 → v42",
        "  commit abc1234 Fix the cart",
    ]


@given(st.lists(st.text(alphabet="abc 日", max_size=30), max_size=6), st.integers(20, 120))
def test_no_word_of_a_headline_is_cut_or_lost(parts, width):
    lines = wrapped(parts, width)
    assert " ".join(lines).replace("·", " ").split() == " ".join(parts).split()
    assert all(len(line.split()) <= 1 or cells_of(line) <= width for line in lines)


def test_the_first_line_names_the_target_and_its_hosts_but_not_all_fifty():
    assert heading.place("shop", TargetSettings("local")) == "shop → local"
    hosts = tuple(HostSettings(f"web{n:02}") for n in range(1, 51))
    production = TargetSettings("production", hosts)
    assert heading.place("shop", production) == "shop → production: web01, web02, web03 and 47 more"
    assert heading.place("shop", TargetSettings("p", hosts, chosen=("web07",))) == "shop → p: web07"
