import shutil
import tempfile
from pathlib import Path

import pytest

from tests.e2e.deployed import Deployed


@pytest.fixture
def data():
    """A folder that outlives releases, which every user reaches and may write to."""
    folder = Path(tempfile.mkdtemp(prefix="small-data-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def checked(tmp_path, data):
    """Audits the app in a folder: `checked(folder)(*arguments, code=50)` is the JSON document."""

    def of(folder, **config):
        one = Deployed(folder, tmp_path / "home", "small", 0)
        one.home.mkdir(exist_ok=True)
        variables = {"DATA_DIR": str(data), **config}
        (tmp_path / "more.env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        one.more = ["check", "--config", str(tmp_path / "more.env")]
        return one

    return of
