"""A secret is not shown by accident."""

import json
import traceback
from dataclasses import dataclass

import pytest

from deployer.core import wire
from deployer.core.secret import Secret, reveal, seal

CANARY = "s3cr3t-canary"


def test_no_way_of_showing_it_shows_it():
    secret = Secret(CANARY)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>20}",
        "{}".format(secret),  # noqa: UP032
        repr([secret]),
        repr({"a": secret}),
    ]
    assert not any(CANARY in text for text in shown)


def test_a_dataclass_and_a_traceback_do_not_show_it():
    @dataclass(frozen=True)
    class Holder:
        value: Secret

    try:
        raise ValueError(Holder(Secret(CANARY)))
    except ValueError:
        assert CANARY not in traceback.format_exc()


def test_it_does_not_become_json_by_accident():
    with pytest.raises(TypeError):
        json.dumps({"a": Secret(CANARY)})


def test_only_those_who_ask_get_it():
    variables = {"A": CANARY, "B": ""}
    assert reveal(seal(variables)) == variables
    assert wire.encode(Secret(CANARY)) == CANARY


def test_equal_secrets_are_equal():
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


def test_it_has_no_dict_to_look_into():
    assert not hasattr(Secret(CANARY), "__dict__")
