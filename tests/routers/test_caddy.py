"""What holds for caddy alone: its config, its certificates, its admin API."""

from __future__ import annotations

import http.client
import json
import ssl
import threading

import pytest

from deployer.agent.caddy_admin import Admin
from deployer.agent.routers import router_of
from deployer.core.errors import RunFailed
from deployer.core.routing import Router
from tests.agent.releases import wait_for

from .conftest import a_root
from .programs import SITE, CaddyProgram, a_route, get

pytestmark = pytest.mark.needs("caddy")


@pytest.fixture
def program(tmp_path):
    made = CaddyProgram(tmp_path / "caddy")
    yield made
    made.stop()


def get_securely(port, host):
    """What `host` answers over TLS, whoever signed its certificate; the names in that."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with socket_to(port) as plain, trusting.wrap_socket(plain, server_hostname=host) as link:
        link.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(link)
        answer.begin()
        return answer.read().decode()


def socket_to(port):
    import socket

    return socket.create_connection(("127.0.0.1", port), timeout=10)


def answers_securely(port, host):
    try:
        return get_securely(port, host)
    except OSError:  # its certificate is being made
        return None


def test_a_domain_is_served_over_https_by_itself(program, files, one):
    router = router_of(files, Router("caddy", ("shop.localhost",), admin=program.admin))
    router.put(a_route(program, one, domain=("shop.localhost",), port=0))
    wait_for(lambda: answers_securely(program.tls_port, "shop.localhost") == "one", 60)
    assert router.shown().at == f"shop.localhost:{program.tls_port}"
    assert program.theirs().startswith("theirs")


def test_a_domain_stands_beside_sites_that_caddy_serves_over_https_already(program, files, tmp_path, one, two):
    program.stop()
    program.file.write_text(program.file.read_text() + "their.localhost {\n\ttls internal\n\trespond secured\n}\n")
    program.start()
    wait_for(lambda: answers_securely(program.tls_port, "their.localhost") == "secured", 60)
    before = program.servers()
    roots = {"shop": files, "blog": a_root(tmp_path / "blog", "blog")}
    for app, upstream in (("shop", one), ("blog", two)):
        domain = (f"{app}.localhost",)
        router_of(roots[app], Router("caddy", domain, admin=program.admin)).put(
            a_route(program, upstream, app=app, domain=domain, port=0)
        )
    wait_for(lambda: answers_securely(program.tls_port, "shop.localhost") == "one", 60)
    wait_for(lambda: answers_securely(program.tls_port, "blog.localhost") == "two", 60)
    assert get_securely(program.tls_port, "their.localhost") == "secured"
    for app, root in roots.items():
        router_of(root, Router("caddy", (f"{app}.localhost",), admin=program.admin)).remove()
    assert program.servers() == before


def test_two_targets_of_one_name_do_not_take_each_others_route(program, files, tmp_path, one, two):
    router_of(files, program.router()).put(a_route(program, one))
    namesake = router_of(a_root(tmp_path / "namesake", "shop"), program.router())
    with pytest.raises(RunFailed, match="belongs to"):
        namesake.put(a_route(program, two))
    assert get(program.port).body == "one"


def test_what_a_removed_target_has_left_is_taken_over(program, tmp_path, one, two):
    gone = a_root(tmp_path / "gone", "shop")
    router_of(gone, program.router()).put(a_route(program, one))
    gone.run.rename(gone.root / "was")
    router_of(a_root(tmp_path / "new", "shop"), program.router()).put(a_route(program, two))
    assert get(program.port).body == "two"


def test_a_domain_of_another_target_is_not_taken(program, files, tmp_path, one, two):
    router_of(files, program.router(domain=("a.example",))).put(a_route(program, one, domain=("a.example",)))
    other = router_of(a_root(tmp_path / "other", "blog"), program.router(domain=("a.example",)))
    with pytest.raises(RunFailed, match=f"a.example already, for {files.root}"):
        other.put(a_route(program, two, app="blog", domain=("a.example",)))
    assert get(program.port, host="a.example").body == "one"


def test_many_apps_at_the_same_time_lose_no_route(program, tmp_path, one):
    names = [f"app{number}" for number in range(8)]
    roots = {name: a_root(tmp_path / name, name) for name in names}

    def put(name):
        domain = (f"{name}.example",)
        route = a_route(program, one, app=name, domain=domain)
        router_of(roots[name], program.router(domain=domain)).put(route)

    threads = [threading.Thread(target=put, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {get(program.port, host=f"{name}.example").body for name in names} == {"one"}


def test_the_admin_api_may_be_a_socket(program, files, tmp_path, one):
    program.stop()
    path = tmp_path / "admin.sock"
    program.file.write_text(program.file.read_text().replace(program.admin, f"unix/{path}"))
    program.start()
    router = router_of(files, program.router(admin=f"unix/{path}"))
    assert router.hindrance() == ()
    router.put(a_route(program, one))
    assert get(program.port).body == "one"


def test_what_is_no_caddy_is_told(files, one):
    message, hint = router_of(files, Router("caddy", port=1, admin=f"127.0.0.1:{one.port}")).hindrance()
    assert "not caddy's admin API" in message
    assert not hint or "admin" in hint


def test_a_caddy_without_any_config_gets_all_it_needs(tmp_path, files, one):
    class Empty(CaddyProgram):
        def configure(self):
            super().configure()
            self.file = self.folder / "caddy.json"
            self.file.write_text(json.dumps({"admin": {"listen": self.admin}}))
            self.site_port = self.admin_port

        def line(self):
            return ["caddy", "run", "--config", str(self.file)]

    program = Empty(tmp_path / "empty")
    try:
        router_of(files, program.router()).put(a_route(program, one))
        assert get(program.port).body == "one"
        router_of(files, program.router()).remove()
        assert Admin(program.admin).config()["apps"]["http"]["servers"] == {}
    finally:
        program.stop()


def test_a_site_without_tls_stays_without_it_when_a_domain_comes_beside(program, files, one):
    domain = ("shop.localhost",)
    router = router_of(files, program.router(domain=domain, port=program.site_port))
    router.put(a_route(program, one, domain=domain, port=program.site_port))
    assert get(program.site_port, host="shop.localhost").body == "one"
    assert get(program.site_port, host=SITE).body == "theirs"


def test_who_comes_without_tls_is_sent_on_though_somebody_has_a_site_for_all_names(program, files, one):
    """As Debian's Caddyfile has it."""
    program.stop()
    plain = int(program.file.read_text().partition("http_port ")[2].split()[0])
    program.file.write_text(program.file.read_text() + f":{plain} {{\n\trespond welcome\n}}\n")
    program.start()
    before = program.servers()
    domain = ("shop.localhost",)
    router = router_of(files, Router("caddy", domain, admin=program.admin))
    for _ in range(2):
        router.put(a_route(program, one, domain=domain, port=0))
        sent = get(plain, "/a?b=c", host="shop.localhost")
        assert (sent.status, sent.headers["Location"]) == (308, "https://shop.localhost/a?b=c")
        assert get(plain, host="other.localhost").body == "welcome"
    wait_for(lambda: answers_securely(program.tls_port, "shop.localhost") == "one", 60)
    router.remove()
    assert program.servers() == before
