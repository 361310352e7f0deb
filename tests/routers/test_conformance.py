"""What every router must do, on real ones.  A new router is one more entry of PROGRAMS."""

from __future__ import annotations

import json
import socket
import statistics
import threading
import time
from pathlib import Path

import pytest

from deployer.agent.router_caddy import MIGRATE
from deployer.agent.routers import router_of
from deployer.core.errors import RunFailed
from deployer.core.routing import AssetFolders, Maintenance, Route, Upstream
from tests.agent.releases import wait_for

from .conftest import a_root
from .load import Load
from .programs import SITE, App, a_route, free_port, get, says_how_to_start


@pytest.fixture
def router(program, files):
    return router_of(files, program.router())


def test_a_router_that_runs_can_be_used(router):
    assert router.hindrance() == ()


def test_a_router_that_does_not_run_says_what_to_type(program, router):
    program.stop()
    message, hint = router.hindrance()
    assert message
    assert says_how_to_start(program.kind, hint)


def test_requests_reach_the_app_and_tell_it_who_asked_for_what(program, router, one):
    router.put(a_route(program, one))
    assert get(program.port).body == "one"
    assert get(program.port, method="POST").body == "one"
    told = json.loads(get(program.port, "/headers", "shop.example:81", X_Forwarded_For="6.6.6.6").body)
    assert told["host"] == "shop.example:81"
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["x-forwarded-proto"] == "http"
    assert told["x-forwarded-host"] == "shop.example:81"


def test_an_upstream_is_shown_as_it_was_told_at_whatever_address(program, router):
    told = tuple(Upstream(address, 5000) for address in ("127.0.0.1", "::1", "fd00::2:1", "localhost"))
    router.put(Route("shop", "local", (), program.port, told))
    assert router.shown().upstreams == told


def test_a_connection_can_be_upgraded(program, router, one):
    router.put(a_route(program, one))
    with socket.create_connection(("127.0.0.1", program.port), timeout=10) as link:
        link.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        stream = link.makefile("rb")
        assert b" 101 " in stream.readline()
        while stream.readline().strip():
            pass
        link.sendall(b"hello\n")
        assert stream.readline() == b"hello\n"


def test_a_move_is_over_when_it_returns(program, router, one, two):
    for _ in range(5):
        for app in (one, two):
            router.put(a_route(program, app))
            assert {get(program.port).body for _ in range(10)} == {app.name}


def test_a_move_under_load_fails_no_request(program, router, one, two):
    router.put(a_route(program, one))
    with Load(program.port) as load:
        for app in (two, one) * 4:
            before = load.total
            wait_for(lambda before=before: load.total > before + 20)
            router.put(a_route(program, app))
    if program.kind == "caddy" and Path(MIGRATE).read_text().strip() != "1":
        load.failed = load.failed[2:]  # only root can have the kernel hand on what waits at a socket that caddy closes
    assert load.failed == []
    assert set(load.answers) == {"one", "two"}


def test_what_was_asked_before_a_move_is_answered_by_whom_it_was_asked(program, router, one, two):
    router.put(a_route(program, one))
    told = []
    asking = threading.Thread(target=lambda: told.append(get(program.port, "/slow/1.5").body))
    asking.start()
    wait_for(lambda: router.busy(one.upstream) == 1)
    router.put(a_route(program, two))
    assert get(program.port).body == "two"
    assert router.busy(one.upstream) == 1, "it is counted, though it is routed to no more"
    assert router.busy(two.upstream) == 0
    asking.join()
    assert told == ["one"]
    wait_for(lambda: router.busy(one.upstream) == 0)


def test_a_router_keeps_no_connection_open_and_costs_no_delayed_answer(program, router, one):
    """An app that sends head and body apart waits 40 ms for a delayed ACK, on a connection that is kept."""
    router.put(a_route(program, one))
    taken = []
    with Load(program.port, kept=1, fresh=0):
        for _ in range(31):
            begun = time.perf_counter()
            get(program.port)
            taken.append(time.perf_counter() - begun)
    assert statistics.median(taken) < 0.03
    wait_for(lambda: router.busy(one.upstream) == 0)


def test_a_dead_upstream_is_passed_over(program, router, one, two):
    router.put(a_route(program, one, two))
    wait_for(lambda: {get(program.port).body for _ in range(20)} == {"one", "two"})
    two.end()
    with Load(program.port) as load:
        wait_for(lambda: load.total > 200)
    assert load.failed == []
    assert set(load.answers) == {"one"}


def test_an_upstream_that_comes_back_is_used_again(program, router, one, two):
    router.put(a_route(program, one, two, health="/up"))
    two.end()
    wait_for(lambda: {get(program.port).body for _ in range(10)} == {"one"})
    back = App("two", two.port)
    try:
        wait_for(lambda: "two" in {get(program.port).body for _ in range(10)})
    finally:
        back.end()


def test_a_health_path_is_asked_as_visitors_are(program, files, one, two):
    """An app that sends everybody to https is well, though this port is plain: somebody else speaks TLS before it.

    It may answer to its own domain only, and to who knows a key.
    """
    router = router_of(files, program.router(domain=("localhost",)))
    own = {"health_host": "shop.example", "health_headers": (("x-key", "k"),)}
    router.put(a_route(program, one, two, domain=("localhost",), health="/secure", **own))
    end = time.monotonic() + 7  # longer than the time between two checks
    while time.monotonic() < end:
        assert get(program.port).status == 200
        time.sleep(0.1)


def test_a_route_is_as_it_is_shown(program, router, one, two):
    assert router.shown() is None
    router.put(a_route(program, one, two))
    shown = router.shown()
    assert set(shown.upstreams) == {one.upstream, two.upstream}
    assert str(program.port) in shown.at
    assert not shown.closed


def test_the_same_route_again_changes_nothing(program, router, one):
    router.put(a_route(program, one))
    with socket.create_connection(("127.0.0.1", program.port), timeout=10) as link:
        for _ in range(3):
            router.put(a_route(program, one))
            link.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 200 " in link.recv(4096), "a router that had loaded anything would have closed the connection"


PAGE = '<html><style>body {color: red}</style>$host {http.request.host} "it\'s" & ü' + "x" * 9000 + "</html>"


@pytest.mark.parametrize("path", ["/", "/static/app.css", "/slow/0"])
def test_in_maintenance_the_router_answers_by_itself(program, router, files, one, path):
    assets = (AssetFolders("/static", (f"{files.releases}/v1/app/static",)),)
    router.put(a_route(program, one, assets=assets, maintenance=Maintenance(page=PAGE, retry_after=77)))
    for method in ("GET", "POST"):
        answer = get(program.port, path, method=method)
        assert (answer.status, answer.headers["Retry-After"], answer.body) == (503, "77", PAGE)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["ETag"] is None
    assert get(program.port, method="HEAD").status == 503
    assert router.shown().closed
    router.put(a_route(program, one, assets=assets))
    assert get(program.port).body == "one"


def test_a_message_is_shown_as_text(program, router, one):
    router.put(a_route(program, one, maintenance=Maintenance("Back <b>at</b> 5 & $host {env.PATH}")))
    assert "Back &lt;b&gt;at&lt;/b&gt; 5 &amp; $host {env.PATH}" in get(program.port).body


def test_without_processes_the_router_says_so(program, router):
    router.put(a_route(program))
    assert get(program.port).status == 503
    assert int(get(program.port).headers["Retry-After"]) > 0


def test_what_is_in_flight_survives_the_begin_of_a_maintenance(program, router, one):
    router.put(a_route(program, one))
    told = []
    asking = threading.Thread(target=lambda: told.append(get(program.port, "/slow/1").body))
    asking.start()
    wait_for(lambda: router.busy(one.upstream) == 1)
    router.put(a_route(program, one, maintenance=Maintenance()))
    asking.join()
    assert told == ["one"]


def test_a_route_survives_the_restart_of_its_router(program, files, one):
    from deployer.agent import routing
    from deployer.core import wire

    router = router_of(files, program.router())
    route = a_route(program, one)
    router.put(route)
    (files.run / routing.ROUTE).write_bytes(wire.dump(wire.encode(routing.Routed(program.router(), route))))
    program.restart(files)
    assert get(program.port).body == "one"
    assert program.theirs().startswith("theirs")


def test_the_sites_of_others_are_left_alone(program, router, one, two):
    before = program.theirs()
    for route in (a_route(program, one), a_route(program, two), a_route(program, one, maintenance=Maintenance())):
        router.put(route)
        assert program.theirs() == before
    router.remove()
    assert program.theirs() == before


def test_a_route_that_is_removed_is_gone_and_twice_is_as_once(program, router, one):
    router.put(a_route(program, one))
    for _ in range(2):
        router.remove()
        assert router.shown() is None
    with pytest.raises(ConnectionError):
        get(program.port)


def test_a_domain_is_served_beside_that_of_somebody_else_on_the_same_port(program, files, one):
    router = router_of(files, program.router(domain=("shop.example", "www.shop.example"), port=program.site_port))
    before = program.theirs()
    router.put(a_route(program, one, domain=("shop.example", "www.shop.example"), port=program.site_port))
    assert get(program.site_port, host="shop.example").body == "one"
    assert get(program.site_port, host="www.shop.example").body == "one"
    assert program.theirs() == before
    router.remove()
    assert program.theirs() == before


def test_two_apps_side_by_side_do_not_see_each_other(program, files, tmp_path, one, two):
    other = a_root(tmp_path / "other", "blog")
    routes = {
        "shop.example": (files, a_route(program, one, domain=("shop.example",))),
        "blog.example": (other, a_route(program, two, app="blog", domain=("blog.example",))),
    }
    routers = {host: router_of(root, program.router(domain=(host,))) for host, (root, _) in routes.items()}
    threads = [threading.Thread(target=routers[host].put, args=(route,)) for host, (_, route) in routes.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert get(program.port, host="shop.example").body == "one"
    assert get(program.port, host="blog.example").body == "two"
    routers["shop.example"].remove()
    assert get(program.port, host="blog.example").body == "two"
    assert get(program.port, host="shop.example").body != "one"


def test_a_route_that_moves_to_another_port_leaves_the_first(program, files, router, one):
    router.put(a_route(program, one))
    port = free_port()
    router_of(files, program.router(port=port)).put(a_route(program, one, port=port))
    assert get(port).body == "one"
    with pytest.raises(ConnectionError):
        get(program.port)


def test_a_port_that_another_program_holds_is_refused_and_nothing_is_changed(program, files, router, one, two):
    router.put(a_route(program, one))
    before = program.theirs()
    elsewhere = router_of(files, program.router(port=two.port))
    with pytest.raises(RunFailed):
        elsewhere.put(a_route(program, one, port=two.port))
    assert get(program.port).body == "one"
    assert get(two.port).body == "two"
    assert program.theirs() == before


def test_the_files_of_earlier_releases_stay_reachable(program, router, files, one):
    for version, names in ((1, ["old.css", "both.css"]), (2, ["both.css", "new.css"])):
        folder = files.release(version) / "app/public/static/deep er"
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).write_text(f"v{version} {name}")
    folders = tuple(f"{files.release(version)}/app/public/static" for version in (2, 1))
    router.put(a_route(program, one, assets=(AssetFolders("/assets", folders),)))
    told = {name: get(program.port, f"/assets/deep%20er/{name}").body for name in ("old.css", "both.css", "new.css")}
    assert told == {"old.css": "v1 old.css", "both.css": "v2 both.css", "new.css": "v2 new.css"}
    assert get(program.port, "/assets/deep%20er/none.css").body == "one", "what none has is the app's"
    assert get(program.port, "/assets/deep%20er/").body == "one"
    assert get(program.port, "/assets/").body == "one"
    assert get(program.port, "/assets/deep%20er/new.css", method="POST").body in ("one", "") or program.kind == "nginx"
    assert "css" in get(program.port, "/assets/deep%20er/new.css").headers["Content-Type"]


@pytest.mark.parametrize("path", ["/assets/../../release.json", "/assets/%2e%2e/%2e%2e/release.json",
                                  "/assets/..%2f..%2frelease.json", "/assets//../../release.json"])  # fmt: skip
def test_nothing_but_the_assets_is_reachable(program, router, files, one, path):
    folder = files.release(1) / "app/static"
    folder.mkdir(parents=True)
    (files.release(1) / "release.json").write_text("SECRET")
    (files.release(1) / "app/release.json").write_text("SECRET")
    router.put(a_route(program, one, assets=(AssetFolders("/assets", (str(folder),)),)))
    assert "SECRET" not in get(program.port, path).body


def test_a_file_with_a_hash_in_its_name_is_kept_for_ever_and_no_other_is_taken_for_unchanged(
    program, router, files, one
):
    folder = files.release(1) / "app/static"
    folder.mkdir(parents=True)
    for name in ("app.d41d8cd98f.css", "app.css"):
        (folder / name).write_text("body{}")
    router.put(a_route(program, one, assets=(AssetFolders("/static", (str(folder),)),)))
    hashed, plain = (get(program.port, f"/static/{name}") for name in ("app.d41d8cd98f.css", "app.css"))
    assert "immutable" in hashed.headers["Cache-Control"]
    assert plain.headers["Cache-Control"] == "no-cache"
    for answer in (hashed, plain):
        assert (answer.headers["ETag"], answer.headers["Last-Modified"]) == (None, None), "all have the same time"


def test_a_site_of_that_name_is_not_taken_from_somebody_else(program, files, one):
    router = router_of(files, program.router(domain=(SITE,), port=program.site_port))
    with pytest.raises(RunFailed, match=f"{SITE} already"):
        router.put(Route("shop", "local", (SITE,), program.site_port, (one.upstream,)))
    assert program.theirs().startswith("theirs")


def test_a_port_with_sites_of_somebody_else_is_not_taken_as_a_whole(program, files, one):
    router = router_of(files, program.router(port=program.site_port))
    with pytest.raises(RunFailed, match=f"other sites on port {program.site_port} already"):
        router.put(a_route(program, one, port=program.site_port))
    assert program.theirs().startswith("theirs")
