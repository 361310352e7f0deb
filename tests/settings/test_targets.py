"""A command works on the target that was named, or on the only one; on all of its hosts, or those that are chosen."""

import pytest

from deployer import settings
from deployer.core.errors import UsageError

NONE = settings.parse("app: shop")
ONE = settings.parse("app: shop\ntargets: {production: {hosts: [a]}}")
TWO = settings.parse("app: shop\ntargets: {staging: {hosts: [a]}, production: {hosts: [b]}}")


def test_without_targets_it_is_this_machine():
    assert settings.target(NONE, None).name == settings.target(NONE, "").name == "local"


def test_the_only_one_needs_no_name():
    assert settings.target(ONE, None).name == "production"


def test_a_name_chooses_and_local_is_always_there():
    assert settings.target(TWO, "staging").name == "staging"
    assert settings.target(TWO, "local").is_local


def test_local_may_be_refined():
    refined = settings.parse("app: shop\ntargets: {local: {keep: 2}}")
    assert settings.target(refined, None).keep == 2


def test_several_are_named():
    with pytest.raises(UsageError, match="2 targets: staging, production") as caught:
        settings.target(TWO, None)
    assert "-t staging" in caught.value.hint


def test_a_slip_of_the_pen_is_met_with_a_suggestion():
    with pytest.raises(UsageError, match="no target 'prodution'; did you mean \"production\"") as caught:
        settings.target(TWO, "prodution")
    assert "staging, production, local" in caught.value.hint


FLEET = settings.target(
    settings.parse('app: shop\ntargets: {fleet: {hosts: ["web[01:12]", jobs1, db.example.com]}}'), ""
)


@pytest.mark.parametrize(
    ("hosts", "limit", "chosen"),
    [
        (None, None, ()),
        (["jobs1"], None, ("jobs1",)),
        (["jobs1", "web02"], None, ("web02", "jobs1")),
        (["web[02:03]"], None, ("web02", "web03")),
        (["web1*", "db.*"], None, ("web10", "web11", "web12", "db.example.com")),
        (["jobs?", "jobs1"], None, ("jobs1",)),
        (None, 2, ("web01", "web02")),
        (["jobs1", "web1*"], 2, ("web10", "web11")),
        (None, 99, tuple(host.host for host in FLEET.hosts)),
    ],
)
def test_a_command_is_narrowed_to_hosts_in_the_target_s_order(hosts, limit, chosen):
    narrowed = settings.narrowed(FLEET, hosts, limit)
    assert narrowed.chosen == chosen
    assert narrowed.hosts == FLEET.hosts  # the primary stays known


@pytest.mark.parametrize(
    ("hosts", "said", "hint"),
    [
        (["jbos1"], "the target 'fleet' has no host 'jbos1'; did you mean \"jobs1\"?", "it has: web01, web02"),
        (["web01", "mail*"], "the target 'fleet' has no host 'mail*'", "db.example.com"),
        (["web[12:13]"], "has no host 'web13'", ""),
        (["web[3:1]"], "--hosts web[3:1]: [3:1] ends before it begins", "[01:20]"),
        ([""], "has no host ''", ""),
    ],
)
def test_a_host_that_is_not_there_is_a_mistake(hosts, said, hint):
    with pytest.raises(UsageError) as caught:
        settings.narrowed(FLEET, hosts, None)
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_at_least_one_host_is_chosen():
    with pytest.raises(UsageError, match="at least one host"):
        settings.narrowed(FLEET, None, 0)


@pytest.mark.parametrize(("hosts", "limit"), [(["web1"], None), (None, 1)])
def test_this_machine_cannot_be_narrowed(hosts, limit):
    with pytest.raises(UsageError, match="the target `local` is this machine"):
        settings.narrowed(settings.target(NONE, None), hosts, limit)


def test_of_a_thousand_hosts_a_message_names_twenty():
    many = settings.target(settings.parse('app: shop\ntargets: {p: {hosts: ["h[0:999]"]}}'), None)
    with pytest.raises(UsageError) as caught:
        settings.narrowed(many, ["x"], None)
    assert caught.value.hint.endswith("h19 and 980 more")
