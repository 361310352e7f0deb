"""What holds for nginx alone: its files, its test before each reload, its certificates."""

from __future__ import annotations

import ssl
import subprocess

import pytest

from deployer.agent.routers import router_of
from deployer.core.errors import RunFailed

from .conftest import a_root
from .programs import NginxProgram, a_route, free_port, get
from .test_caddy import get_securely

pytestmark = pytest.mark.needs("nginx")


@pytest.fixture
def program(tmp_path):
    made = NginxProgram(tmp_path / "nginx")
    yield made
    made.stop()


@pytest.fixture
def router(program, files):
    return router_of(files, program.router())


def test_one_file_is_ours_and_no_other_is_written(program, router, one):
    before = sorted(program.conf.iterdir())
    router.put(a_route(program, one))
    assert sorted(set(program.conf.iterdir()) - set(before)) == [program.conf / "deployer-shop.local.conf"]
    router.remove()
    assert sorted(program.conf.iterdir()) == before


@pytest.mark.parametrize("first", [True, False])
def test_a_configuration_that_others_have_broken_is_left_as_it_is(program, router, one, two, first):
    if not first:
        router.put(a_route(program, one))
    broken = program.conf / "theirs.conf"
    broken.write_text("server { listen nowhere; }\n")
    before = {path.name: path.read_bytes() for path in program.conf.iterdir()}
    with pytest.raises(RunFailed, match="nginx refuses its configuration") as caught:
        router.put(a_route(program, two))
    assert "theirs.conf" in caught.value.output
    assert {path.name: path.read_bytes() for path in program.conf.iterdir()} == before
    assert get(program.site_port).body == "theirs"
    if not first:
        assert get(program.port).body == "one"
    broken.unlink()
    router.put(a_route(program, two))
    assert get(program.port).body == "two"


def test_a_folder_that_nginx_does_not_include_is_told(program, files, one):
    program.file.write_text(program.file.read_text().replace("conf.d/*.conf", "conf.d/somebody.conf"))
    with pytest.raises(RunFailed, match="does not include") as caught:
        router_of(files, program.router()).put(a_route(program, one))
    assert "include" in caught.value.hint
    assert [path.name for path in program.conf.iterdir()] == ["somebody.conf"]


def test_a_file_that_was_written_but_never_loaded_is_loaded(program, router, one, two):
    """Killed between the two: the file is right, and what serves is not."""
    router.put(a_route(program, two))
    conf = program.conf / "deployer-shop.local.conf"
    wanted = conf.read_bytes()
    router.put(a_route(program, one))
    conf.write_bytes(wanted)
    router.put(a_route(program, two))
    assert get(program.port).body == "two"


def test_two_targets_of_one_name_do_not_take_each_others_file(program, router, tmp_path, one, two):
    router.put(a_route(program, one))
    with pytest.raises(RunFailed, match="is not this target's"):
        router_of(a_root(tmp_path / "namesake", "shop"), program.router()).put(a_route(program, two))
    assert get(program.port).body == "one"


def test_a_certificate_has_it_speak_tls(program, files, tmp_path, one):
    pair = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert"), "-days", "2", "-subj", "/CN=shop.example"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *pair], check=True, capture_output=True)
    port = free_port()
    settings = program.router(
        domain=("shop.example",), port=port, certificate=str(tmp_path / "cert"), certificate_key=str(tmp_path / "key")
    )
    router = router_of(files, settings)
    router.put(a_route(program, one, domain=("shop.example",), port=port))
    assert get_securely(port, "shop.example") == "one"
    assert router.shown().at == f"{port} ssl shop.example"
    with pytest.raises((ssl.SSLError, AssertionError)):
        assert get(port, host="shop.example").status == 200


def test_a_certificate_that_is_not_there_changes_nothing(program, router, files, one):
    router.put(a_route(program, one))
    missing = program.router(certificate="/nowhere/cert", certificate_key="/nowhere/key")
    with pytest.raises(RunFailed, match="nginx refuses its configuration") as caught:
        router_of(files, missing).put(a_route(program, one))
    assert "/nowhere/cert" in caught.value.output
    assert get(program.port).body == "one"


def test_a_root_that_nginx_cannot_be_told_of_is_refused(program, tmp_path):
    root = a_root(tmp_path / "dollar$", "shop")
    message, hint = router_of(root, program.router()).hindrance()
    assert "dollar$" in message
    assert "path" in hint


def test_where_it_does_not_run_its_own_words_say_why_and_nothing_that_just_failed_is_advised(program, router):
    program.stop()
    kept = program.file.read_text()
    program.file.write_text(kept.replace("http {", "http {\n    listening on;"))
    problem, hint = router.hindrance()
    assert "[emerg]" in problem
    assert "listening" in problem
    assert "enable" not in hint
    assert "nginx -t" in hint
    program.file.write_text(kept)
    problem, hint = router.hindrance()
    assert "[emerg]" not in problem
    assert hint
