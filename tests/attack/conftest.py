"""The same app and the same command as in tests/e2e."""

from tests.e2e.conftest import deployed, fast, port, tiny

__all__ = ["deployed", "fast", "port", "tiny"]
