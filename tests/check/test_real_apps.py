"""The audit of real apps, the demo shop and an Express app: they keep every rule, or the audit names the one."""

import shutil
from pathlib import Path

import pytest

from tests.apps import node_app
from tests.apps.repository import commit

from .test_small_apps import results

pytestmark = [pytest.mark.registry, pytest.mark.slow]
SHOP = Path(__file__).parents[2] / "examples/shop"
UNFIT = {"user"}  # another user may not reach the interpreter that the build is for


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tmp_path_factory.mktemp("made")


def audited(one, code=0):
    one.deploy("build")  # each command has its own time
    document = one.json(*one.more, code=code)
    assert {check for _, check in results(document, "skipped")} <= UNFIT
    return results(document, "fail")


def test_the_demo_shop_keeps_every_rule(tmp_path, checked, data):
    folder = tmp_path / "app"
    shutil.copytree(SHOP, folder)
    commit(folder, "The shop")
    one = checked(folder, SECRET_KEY="of-the-tests", DATABASE_URL=f"sqlite:///{data}/shop.sqlite3")
    assert audited(one) == []


def test_a_node_app_keeps_every_rule_until_it_drops_its_requests(tmp_path, checked, made):
    app = node_app(tmp_path / "app", cache=made)
    one = checked(app.folder)
    assert audited(one) == []
    server = app.folder / "server.js"
    code = server.read_text().replace("  server.close(() => process.exit(0));", "  process.exit(0);")
    # What takes less than the look at the frozen process is answered before node hears of the signal.
    late = "setTimeout(said => answer.type('text').send(said), 1000, "
    server.write_text(code.replace("answer.type('text').send(", late))
    commit(app.folder, "It ends at once")
    assert audited(one, 50) == [("web", "requests")]
