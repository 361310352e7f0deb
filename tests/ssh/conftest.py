import pytest

from tests.ssh.server import Sshd


@pytest.fixture
def sshd(tmp_path):
    """A real sshd; skipped where there is none."""
    with Sshd(tmp_path / "sshd") as one:
        yield one
