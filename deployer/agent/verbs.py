"""Who answers which request?  A table; modules are imported when their first request comes."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Callable

from deployer.core import requests, wire

# request → module of deployer.agent that answers it (function of the request's name in lower case), does it write?
VERBS: dict[str, tuple[str, str, bool]] = {
    "Claim": ("claim", "claim", False),
    "ReadLedger": ("records", "read_ledger", False),
    "Append": ("records", "append", True),
    "ReplaceLedger": ("aside", "replace_ledger", True),
    "ReadEvents": ("records", "read_events", False),
    "OfferBuild": ("transfer", "offer_build", True),
    "PutBuild": ("transfer", "put_build", True),
    "PutTool": ("transfer", "put_tool", True),
    "ReadManifest": ("relay", "read_manifest", False),
    "ReadContents": ("relay", "read_contents", False),
    "ReadAgent": ("relay", "read_agent", False),
    "PutAgent": ("relay", "put_agent", True),
    "Survey": ("interpreters", "survey", False),
    "Stage": ("stage", "stage", True),
    "ReadSpec": ("stage", "read_spec", False),
    "ReadSpecText": ("stage", "read_spec_text", False),
    "RunReleaseCommand": ("command", "run_release_command", True),
    "GiveTimes": ("file_times", "give_times", True),
    "Intend": ("intents", "intend", True),
    "EndIntent": ("intents", "end_intent", True),
    "Prepare": ("switch", "prepare", True),
    "Switch": ("switch", "switch", True),
    "StillUp": ("switch", "still_up", True),
    "Restore": ("switch", "restore", True),
    "Retire": ("retiring", "retire", True),
    "Look": ("look", "look", False),
    "GetConfig": ("config", "get_config", False),
    "SetDraft": ("config", "set_draft", True),
    "Verify": ("verify", "verify", False),
    "Prune": ("prune", "prune", True),
    "Logs": ("follow", "logs", False),
    "Exec": ("oneoff", "exec_", False),
    "Reserve": ("detached", "reserve", False),
    "Detach": ("detached", "detach", False),
    "EndOneOff": ("detached", "end_one_off", False),
    "ReadUnits": ("unit_export", "read_units", False),
    "Examine": ("examine", "examine", False),
    "SetMaintenance": ("router_verbs", "set_maintenance", True),
    "ShowRouter": ("router_verbs", "show_router", False),
    "ReadRoute": ("shared_route", "read_route", False),
    "PutRoute": ("shared_route", "put_route", True),
    "RestoreRoute": ("shared_route", "restore_route", True),
}


def writes(name: str) -> bool:
    """Whether the verb `name` changes the target, so that its session must hold the lock."""
    return VERBS[name][2]


def verb(name: str, fields: Any) -> tuple[Any, Callable[[Any, Any], Any]]:
    """The decoded request and the function that answers it; `BadFrame` for an unknown one."""
    if name not in VERBS:
        raise wire.BadFrame(f"unknown request {name!r}")
    module, function, _ = VERBS[name]
    request = wire.decode(getattr(requests, name), fields)
    return request, getattr(import_module(f"deployer.agent.{module}"), function)
