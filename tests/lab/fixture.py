"""How does a test get real hosts?  By the fixture `lab`; a machine that can have none skips the test."""

from __future__ import annotations

import os

import pytest

from .lab import Lab, lacking


@pytest.fixture(scope="session")
def lab():
    """A lab of this test run's own: its hosts boot when they are first asked for, and are gone when it ends."""
    if reason := lacking():
        pytest.skip(reason)
    with Lab(f"test-{os.getpid()}") as opened:
        yield opened
