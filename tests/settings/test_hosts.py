"""A name with ranges stands for as many hosts as in an inventory of Ansible's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer import settings
from deployer.core.errors import SettingsError
from deployer.settings import ranges


def hosts(text):
    return settings.parse(f"app: shop\ntargets:\n  production:\n    hosts:\n{text}").targets["production"].hosts


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("web1", ["web1"]),
        ("fe80::1%eth0", ["fe80::1%eth0"]),
        ("web[1:3].example.com", ["web1.example.com", "web2.example.com", "web3.example.com"]),
        ("web[08:11]", ["web08", "web09", "web10", "web11"]),
        ("web[0:2]", ["web0", "web1", "web2"]),
        ("web[9:11]", ["web9", "web10", "web11"]),
        ("web[1:9:2]", ["web1", "web3", "web5", "web7", "web9"]),
        ("web[1:8:3]", ["web1", "web4", "web7"]),
        ("[a:c]", ["a", "b", "c"]),
        ("db-[A:E:2]", ["db-A", "db-C", "db-E"]),
        ("r[1:2]-[a:b]", ["r1-a", "r1-b", "r2-a", "r2-b"]),
        ("w[5:5]", ["w5"]),
    ],
)
def test_a_range_has_both_its_ends(written, names):
    assert ranges.expanded(written) == names
    assert [host.host for host in hosts(f"      - {written if written[0] != '[' else repr(written)}")] == names


@given(st.integers(0, 400), st.integers(0, 400), st.integers(1, 50), st.booleans())
def test_a_range_is_as_python_counts(low, more, step, padded):
    first, last = (f"{n:05}" if padded else str(n) for n in (low, low + more))
    numbers = range(low, low + more + 1, step)
    assert ranges.expanded(f"h[{first}:{last}:{step}]x") == [f"h{n:05}x" if padded else f"h{n}x" for n in numbers]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("w[3:1]", "[3:1] ends before it begins"),
        ("w[c:a]", "[c:a] ends before it begins"),
        ("w[01:100]", "both ends need the same number of digits"),
        ("w[1:9:0]", "goes on by 0"),
        ("w[a:C]", "a small letter and ends with a capital one"),
        ("w[1:c]", "[1:c] is no range"),
        ("w[1]", "[1] is no range"),
        ("w[]", "[] is no range"),
        ("w[1:2", "a bracket has no partner"),
        ("w1:2]", "a bracket has no partner"),
        ("w[[1:2]]", "a bracket has no partner"),
        ("w[1:1001]", "stands for 1001 hosts; a target has at most 1000"),
        ("w[1:999999999][1:999999999]", "a target has at most 1000"),
        ("w[1:9999999999]", "is no range"),
    ],
)
def test_a_bad_range_is_a_mistake_with_its_line(written, said):
    with pytest.raises(SettingsError) as caught:
        hosts(f"      - a\n      - {{host: '{written}', runs: [web]}}")
    assert caught.value.message.startswith("deploy.yaml:6: targets.production.hosts[1]: ")
    assert said in caught.value.message
    assert "[01:20]" in caught.value.message


def test_the_keys_of_an_entry_hold_for_all_of_its_range():
    found = hosts("      - web1\n      - {host: 'jobs[1:2]', runs: [worker], user: jobs, sudo: true}")
    assert [(host.host, host.runs, host.user, host.sudo) for host in found] == [
        ("web1", None, "", None),
        ("jobs1", ("worker",), "jobs", True),
        ("jobs2", ("worker",), "jobs", True),
    ]


def test_a_host_that_two_ranges_have_stands_twice():
    with pytest.raises(SettingsError, match=r"yaml:6: targets.production.hosts\[1\]: web3 is on line 5 already"):
        hosts("      - web[1:3]\n      - web[3:5]")


def test_a_range_that_begins_like_an_option_is_none():
    with pytest.raises(SettingsError, match="expected a host's name or address"):
        hosts("      - '-o[1:3]'")


def test_all_ranges_together_have_a_bound():
    with pytest.raises(SettingsError, match="1200 hosts; a target has at most 1000"):
        hosts("      - a[1:600]\n      - b[1:600]")


def test_an_unquoted_range_in_brackets_is_met_with_the_quotes():
    with pytest.raises(SettingsError, match=r"deploy.yaml:2: no YAML") as caught:
        settings.parse("app: shop\ntargets: {p: {hosts: [web[01:20]]}}")
    assert caught.value.hint == 'quote a range in a list of hosts: ["web[01:20].example.com"]'
