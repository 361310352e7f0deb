"""Of which types do the old processes end first, since a port or a socket changes hands?"""

from __future__ import annotations

import pytest

from deployer.agent import handing, stage
from deployer.agent.handed import ANY
from deployer.agent.holder import Holder
from deployer.agent.supervisor import Supervisor
from deployer.core.formation import Places, Process
from deployer.core.message import fields
from deployer.core.release import Spec
from deployer.core.routing import Router

from .releases import a_release, a_type

WEB, SITE = Process(2, "web", 1, 5000), Process(2, "site", 1, 5000)
OLD_WEB, OLD_SITE = Process(1, "web", 1, 5000), Process(1, "site", 1, 5000)
BOUND, HELD = Places({"web": 5000}), Places({"web": 5000}, sockets=("web",))
ELSEWHERE = Places({"web": 6000}, sockets=("web",))
RENAMED = Places({"site": 5000}, sockets=("site",))
BEFORE_THAT = Process(1, "web", 1, 6000)


@pytest.mark.parametrize(
    ("given", "places", "wanted", "present", "expected"),
    [
        pytest.param(HELD, HELD, [WEB], [OLD_WEB], set(), id="it stays where it is"),
        pytest.param(BOUND, BOUND, [WEB], [OLD_WEB], set(), id="it goes on binding its port"),
        pytest.param(BOUND, HELD, [WEB], [OLD_WEB], {"web"}, id="it begins to be given a socket"),
        pytest.param(HELD, BOUND, [WEB], [OLD_WEB], {"web"}, id="it binds its port again"),
        pytest.param(ELSEWHERE, HELD, [WEB], [BEFORE_THAT], {"web"}, id="its socket gets another port"),
        pytest.param(RENAMED, HELD, [WEB], [OLD_SITE], {"web"}, id="it was called otherwise"),
        pytest.param(RENAMED, BOUND, [WEB], [OLD_SITE], {"web"}, id="it takes the port of another type's socket"),
        pytest.param(BOUND, RENAMED, [SITE], [OLD_WEB], {"site"}, id="its socket has the port of another type"),
        pytest.param(Places(), HELD, [WEB], [], set(), id="nothing was there"),
    ],
)
def test_a_port_that_changes_hands_is_free_first(given, places, wanted, present, expected):
    assert handing.moving(given, places, wanted, present) == expected


@pytest.mark.parametrize(
    ("before", "after", "router", "expected"),
    [
        ("127.0.0.1", "gunicorn app:app --bind 0.0.0.0:$PORT", Router(), {"web"}),
        ("", "gunicorn app:app --bind 127.0.0.1:$PORT", Router(), {"web"}),
        ("", "gunicorn app:app --bind 0.0.0.0:$PORT", Router(), set()),
        ("", "exec ./serve", Router("caddy", type="web"), set()),  # wider than it needs: nobody is cut off
        ("127.0.0.1", "exec ./serve", Router("nginx", type="web"), set()),
        ("127.0.0.1", "exec ./serve", Router("caddy", type="web", host="front"), {"web"}),
        ("127.0.0.1", "exec ./serve", Router(), {"web"}),
    ],
)
def test_a_socket_whose_address_does_not_do_any_more_is_opened_anew(files, port, before, after, router, expected):
    a_release(files, 1, a_type("web", after, listen="socket"))
    spec = stage.spec(files, 1)
    found = Spec(**{name: getattr(spec, name) for name in fields(Spec)} | {"router": router})
    manager = Supervisor(files)
    holder = Holder(files)
    holder.open({"web": (before or ANY, port)}, 1)
    try:
        assert handing.readdressed(manager, {"web": port}, found) == expected
        assert handing.readdressed(manager, {"web": port + 1}, found) == set()  # of that another test tells
    finally:
        holder.end()
