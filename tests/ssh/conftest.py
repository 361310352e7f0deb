import pytest

from tests.ssh.server import SSHD, Sshd


@pytest.fixture
def sshd(tmp_path):
    """A real sshd; skipped where there is none."""
    if SSHD is None:
        pytest.skip("not installed: sshd")
    with Sshd(tmp_path / "sshd") as one:
        yield one
