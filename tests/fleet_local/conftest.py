import pytest

from tests.e2e.conftest import port  # noqa: F401 - a fixture

from .fleet import Fleet


@pytest.fixture
def fleet(tmp_path, port):  # noqa: F811
    """web1, web2 and web3; nothing is deployed yet."""
    with Fleet(tmp_path, port=port) as one:
        yield one
