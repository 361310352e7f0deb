"""Diagnosis of a run that failed: the likely cause and the line to write, by what the process wrote last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deployer.core.errors import ReleaseCommandFailed, RunFailed, RunMixed

if TYPE_CHECKING:
    from deployer.stages.target import Target


@contextmanager
def advised(target: Target, version: int) -> Iterator[None]:
    """Put what is likely to be the cause before the hint of what fails in here while `version` is brought up."""
    try:
        yield
    except (RunFailed, RunMixed, ReleaseCommandFailed) as failed:
        if failed.output:
            from deployer.stages.diagnosis import likely  # noqa: PLC0415 - only where something has failed

            failed.hint = likely.cause(target, version, failed)
        raise
