"""The audit of small apps, each breaking one rule: it names this rule, and no other."""

import os

import pytest

from .small import FAULTS, small_app

ROOT = os.geteuid() == 0


def results(document, result):
    return [(row["type"], row["check"]) for row in document["checks"] if row["result"] == result]


def test_an_app_that_keeps_every_rule_passes(tmp_path, checked):
    one = checked(small_app(tmp_path / "app"))
    document = one.json(*one.more)
    assert document["ok"]
    assert set(document) == {"ok", "build", "checks"}
    keys = {"check", "type", "factor", "result", "found", "advice", "seconds"}
    assert all(set(row) == keys for row in document["checks"])
    assert results(document, "fail") == []
    assert results(document, "skipped") == ([] if ROOT else [("web", "user"), ("worker", "user")])
    assert {"release", "config", "start", "port", "requests", "stop", "crash", "writes", "daemon", "two", "logs"} <= {
        row["check"] for row in document["checks"]
    }
    assert all(row["seconds"] > 0 for row in document["checks"] if row["check"] in {"start", "stop", "crash"})


@pytest.mark.parametrize("fault", [fault for fault, (check, *_) in FAULTS.items() if ROOT or check != "user"])
def test_an_app_that_breaks_one_rule_is_told_which(tmp_path, checked, fault):
    check = FAULTS[fault][0]
    one = checked(small_app(tmp_path / "app", fault))
    document = one.json(*one.more, "--type", "web", code=50)
    assert results(document, "fail") == [(None if check == "release" else "web", check)]
    assert not document["ok"]
    assert document["error"]["kind"] == "check-failed"
    (row,) = (row for row in document["checks"] if row["result"] == "fail")
    assert row["found"]
    assert row["advice"]
