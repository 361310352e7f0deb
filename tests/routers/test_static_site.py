"""A router in front of a static site: it serves the files itself, and asks the site's process for all else."""

import pytest

from deployer.agent import routing
from deployer.core import canonical, wire
from deployer.core.formation import Process
from deployer.core.manifest import File, Launch, Link, ProcessType, manifest
from deployer.core.release import Spec
from tests.apps.repository import commit
from tests.e2e.deployed import Deployed

from .load import Load
from .programs import free_port, get
from .test_commands import router_of

SITE = {
    "index.html": "home",
    "page.html": "a page",
    "style.css": "a{color:red}",
    "app.3f2a9c1d.js": "let a",
    "report-20241130.css": "a date",
    ".env": "secret",
    "sub/index.html": "sub",
    "sub/.git/config": "secret",
}
PROCESS = "one"  # what the process answers to everything


def release(files, version, router, site, *more):
    """A release of a static site in `public/`, and the manifest of its build."""
    home = files.release(version) / "app/public"
    entries = [*more]
    for name, text in site.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
        entries.append(File(f"public/{name}", canonical.sha256(text.encode()), len(text)))
    launch = Launch("static", processes=(ProcessType("web", "python3 -IS ../agent.pyz static public"),))
    build = manifest(wire.encode(launch), entries)
    files.build(build.id).mkdir(parents=True, exist_ok=True)
    (files.build(build.id) / "manifest").write_bytes(build.render())
    return Spec(files.app, files.target, version, build.id, "c", launch, {}, (), (), router=router)


def moved(files, spec, app):
    routing.move(files, spec, [Process(spec.version, "web", 1, app.port)])
    return routing.stored(files)


def test_the_router_serves_files_and_the_process_all_that_is_none(program, files, one):
    moved(files, release(files, 1, program.router(), SITE), one)
    for path, kind in (("page.html", "text/html; charset=utf-8"), ("style.css", "text/css; charset=utf-8")):
        found = get(program.port, f"/{path}?x=1")
        assert (found.body, found.headers["Content-Type"]) == (SITE[path], kind)
        assert get(program.port, f"/{path}", If_None_Match=found.headers["ETag"]).status == 304
        assert get(program.port, f"/{path}", If_Modified_Since=found.headers["Last-Modified"]).status == 304
    for path in ("/", "/sub", "/sub/", "/page", "/missing.css", "/.env", "/sub/.git/config"):
        assert get(program.port, path).body == PROCESS, path
    assert "secret" not in get(program.port, "/../public/.env").body
    assert get(program.port, "/style.css", Range="bytes=0-0").body == "a"
    lasting = {path: "immutable" in get(program.port, f"/{path}").headers["Cache-Control"] for path in list(SITE)[1:5]}
    assert [path for path, told in lasting.items() if told] == ["app.3f2a9c1d.js"]


def test_another_release_is_served_at_once_and_the_router_is_told_nothing_new(program, files, one):
    router = program.router()
    first = release(files, 1, router, SITE)
    told = moved(files, first, one)
    second = release(files, 2, router, {**SITE, "style.css": "a{color:tan}", "new.css": "new"})
    assert moved(files, second, one) == told
    assert [get(program.port, f"/{path}").body for path in ("style.css", "new.css")] == ["a{color:tan}", "new"]
    assert moved(files, first, one) == told  # a rollback: what it has not is not there any more
    assert [get(program.port, f"/{path}").body for path in ("style.css", "new.css")] == ["a{color:red}", PROCESS]
    routing.move(files, first, [])
    assert get(program.port, "/style.css").status == 503


@pytest.mark.parametrize("more", [Link("public/out.css", "../deploy.yaml"), File("public/style.css.gz", "0" * 64, 1)])
def test_the_process_serves_what_a_router_would_serve_wrongly(program, files, one, more):
    moved(files, release(files, 1, program.router(), SITE, more), one)
    assert get(program.port, "/style.css").body == PROCESS


def test_a_site_behind_a_router_is_shipped_changed_and_rolled_back_and_no_request_is_dropped(tmp_path, program):
    folder = tmp_path / "app"
    folder.mkdir()
    settings = "app: pages\nprocesses:\n  web: {healthy_time: 300ms}\ntargets:\n  local:\n    keep: 5\n"
    (folder / "deploy.yaml").write_text(settings + router_of(program).replace(", assets: [static]", ""))
    site = Deployed(folder, tmp_path / "home", "pages", free_port())
    site.home.mkdir()
    site.leave_first_ports()

    def ship(text):
        for name in ("index.html", "a.css", "404.html"):
            (folder / name).write_text(text)
        commit(folder, text)
        return site.json("ship")

    def told():
        paths = ("/", "/a.css", "/nothing")
        return [(found.status, found.body) for found in (get(program.port, path) for path in paths)]

    try:
        assert ship("red")["urls"] == [f"http://127.0.0.1:{program.port}"]
        assert told() == [(200, "red"), (200, "red"), (404, "red")]
        kept = get(program.port, "/a.css").headers
        with Load(program.port, kept=2, fresh=2) as load:
            ship("tan")
            assert told() == [(200, "tan"), (200, "tan"), (404, "tan")]
            later = get(program.port, "/a.css", If_None_Match=kept["ETag"])
            assert (later.status, later.body) == (200, "tan")
            site.deploy("rollback")
            back = get(program.port, "/a.css", If_None_Match=later.headers["ETag"])
            assert (back.status, back.body) == (200, "red")
        assert load.failed == []
        assert program.theirs().startswith("theirs")
        assert site.differences() == []
    finally:
        site.end()
