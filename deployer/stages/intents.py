"""Intents: bind a relative command to what it goes on from, so that the same command again finishes it."""

from __future__ import annotations

from deployer.core import requests
from deployer.core.errors import DeployError
from deployer.stages.target import Target


def begin(target: Target, command: str, *, cause: str) -> requests.Intended:
    """Note `command` before anything is done; `reached` where it was cut off after its run had succeeded."""
    return target.primary.call(requests.Intend(command, cause), requests.Intended)


def end(target: Target) -> DeployError | None:
    """The end state was read back and is told: the same command again is a new one.

    Where that cannot be noted, the failure: the same command again would be taken for this one.
    """
    try:
        target.primary.call(requests.EndIntent(), requests.Done)
    except DeployError as error:
        error.message = f"it is done, but it cannot be noted that it has ended: {error.message}"
        error.hint = "the same command again notes it, and changes nothing more"
        return error
    return None
