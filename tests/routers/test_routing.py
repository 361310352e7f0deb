"""A target's route goes with what runs, says what maintenance says, and keeps the assets of releases before."""

from __future__ import annotations

import pytest

from deployer.agent import routing
from deployer.agent.routers import router_of
from deployer.core.errors import RunFailed
from deployer.core.formation import Process
from deployer.core.manifest import Launch, ProcessType
from deployer.core.release import Spec, parse
from deployer.core.routing import Assets, Maintenance, Router, Upstream
from tests.agent.releases import wait_for

from .programs import free_port, get


def a_spec(files, version, router):
    """A release with two files among its assets, one of them its own."""
    folder = files.release(version) / "app/static"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "same.css").write_text(f"v{version}")
    (folder / f"only.{version}.css").write_text(f"v{version}")
    launch = Launch("commands", processes=(ProcessType("web", "x", health="/up"), ProcessType("worker", "x")))
    return Spec(files.app, files.target, version, "b", "c", launch, {}, (), (), router=router)


def web(version, *apps):
    return [Process(version, "web", number, app.port) for number, app in enumerate(apps, 1)]


def test_the_router_goes_with_what_runs(program, files, one, two):
    router = program.router()
    first, second = a_spec(files, 1, router), a_spec(files, 2, router)
    routing.move(files, first, [*web(1, one), Process(1, "worker", 1, free_port())])
    assert get(program.port).body == "one"
    routing.move(files, second, web(2, two))
    assert get(program.port).body == "two"
    routing.move(files, first, web(1, one))
    assert get(program.port).body == "one"


def test_processes_that_share_a_socket_are_one_upstream(program, files, one):
    spec = a_spec(files, 1, program.router())
    routing.move(files, spec, web(1, one, one, one))
    assert router_of(files, spec.router).shown().upstreams == (one.upstream,)


def test_what_is_leaving_is_waited_for_and_not_for_ever(program, files, one, two):
    from threading import Thread

    spec = a_spec(files, 1, program.router())
    routing.move(files, spec, web(1, one))
    leaving = routing.upstreams(spec, web(1, one))
    asking = Thread(target=get, args=(program.port, "/slow/1"))
    asking.start()
    program_ = router_of(files, spec.router)
    wait_for(lambda: program_.busy(one.upstream))
    routing.move(files, spec, web(2, two))
    checked = []
    assert not routing.drained(files, spec, leaving, 0.1, lambda: checked.append(1))
    assert checked
    assert routing.drained(files, spec, leaving, 10, lambda: None)
    asking.join()
    assert routing.drained(files, spec, leaving, 0, lambda: None)


def test_a_release_without_a_router_takes_the_route_away(program, files, one):
    routing.move(files, a_spec(files, 1, program.router()), web(1, one))
    for _ in range(2):
        routing.move(files, a_spec(files, 2, Router()), web(2, one))
        assert routing.stored(files) is None
    with pytest.raises(ConnectionError):
        get(program.port)


def test_a_host_that_runs_other_types_has_no_route(program, files):
    routing.move(files, a_spec(files, 1, program.router()), [Process(1, "worker", 1, 5000)])
    assert routing.stored(files) is None
    assert router_of(files, program.router()).shown() is None


def test_a_formation_that_is_stopped_is_told_of_and_comes_back(program, files, one):
    spec = a_spec(files, 1, program.router())
    routing.move(files, spec, web(1, one))
    routing.move(files, spec, [])
    assert get(program.port).status == 503
    routing.move(files, spec, web(1, one))
    assert get(program.port).body == "one"


def test_maintenance_outlasts_a_run(program, files, one, two):
    router = program.router()
    routing.move(files, a_spec(files, 1, router), web(1, one))
    routing.close(files, Maintenance("soon", retry_after=9))
    assert get(program.port).headers["Retry-After"] == "9"
    routing.move(files, a_spec(files, 2, router), web(2, two))
    assert get(program.port).status == 503
    routing.close(files, None)
    assert get(program.port).body == "two"
    routing.close(files, None)


def test_the_assets_of_three_releases_before_stay_reachable_and_the_router_is_told_nothing_new(program, files, one):
    router = program.router(assets=(Assets("/static", "static"),))
    routes = []
    for version in range(1, 7):
        routing.move(files, a_spec(files, version, router), web(version, one))
        routes.append(routing.stored(files))
        assert get(program.port, "/static/same.css").body == f"v{version}"
    assert len(set(routes)) == 1
    told = [get(program.port, f"/static/only.{version}.css").body for version in range(1, 7)]
    assert told == ["one", "one", "v3", "v4", "v5", "v6"]
    routing.move(files, a_spec(files, 4, router), web(4, one))  # a rollback
    assert get(program.port, "/static/same.css").body == "v4"
    told = [get(program.port, f"/static/only.{version}.css").body for version in range(1, 7)]
    assert told == ["one", "one", "v3", "v4", "v5", "v6"]


def test_a_move_that_fails_leaves_all_as_it_was(program, files, one, two):
    router = program.router(assets=(Assets("/static", "static"),))
    routing.move(files, a_spec(files, 1, router), web(1, one))
    before = routing.stored(files)
    taken = program.router(assets=router.assets, port=two.port)
    with pytest.raises(RunFailed):
        routing.move(files, a_spec(files, 2, taken), web(2, two))
    assert routing.stored(files) == before
    assert get(program.port).body == "one"
    assert get(program.port, "/static/same.css").body == "v1"


def test_a_router_that_is_gone_is_told_before_anything_is_touched(program, files, one):
    spec = a_spec(files, 1, program.router())
    routing.check(files, spec, web(1, one))
    program.stop()
    with pytest.raises(RunFailed):
        routing.check(files, spec, web(1, one))
    routing.check(files, spec, [Process(1, "worker", 1, 5000)])
    routing.check(files, a_spec(files, 2, Router()), web(2, one))


def test_a_release_says_which_router_it_has_and_an_older_one_has_none(files):
    spec = a_spec(files, 1, Router("caddy", ("a.example",), assets=(Assets("/s", "s"),)))
    assert parse(spec.render()) == spec
    without = spec.render().replace(spec.render(), spec.render())
    start = without.index(b',"router":')
    end = without.index(b"}", without.index(b'"type":"web"', start)) + 1
    assert parse(without[:start] + without[end:]).router == Router()
    assert routing.upstreams(parse(spec.render()), [Process(1, "web", 1, 5000)]) == (Upstream("127.0.0.1", 5000),)
