"""A command works on the target that was named, or on the only one."""

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
