"""What a target's router may be: a domain or a port, and the keys of its kind alone."""

import pytest

from deployer import settings
from deployer.core.errors import SettingsError
from deployer.core.routing import Assets, Router


def router(text):
    return settings.parse(f"app: shop\ntargets: {{p: {{hosts: [a], router: {text}}}}}").targets["p"].router


@pytest.mark.parametrize(
    ("text", "found", "listens", "secure"),
    [
        ("{kind: caddy, domain: shop.example.com}", Router("caddy", ("shop.example.com",)), 443, True),
        ("{kind: caddy, domain: [a.example, b.example]}", Router("caddy", ("a.example", "b.example")), 443, True),
        ("{kind: caddy, port: 8080}", Router("caddy", port=8080), 8080, False),
        ("{kind: caddy, domain: a.example, port: 80}", Router("caddy", ("a.example",), 80), 80, False),
        ("{kind: nginx, domain: a.example}", Router("nginx", ("a.example",)), 80, False),
        (
            "{kind: nginx, domain: a.example, certificate: /c.pem, certificate_key: /k.pem}",
            Router("nginx", ("a.example",), certificate="/c.pem", certificate_key="/k.pem"),
            443,
            True,
        ),
    ],
)
def test_where_a_router_listens(text, found, listens, secure):
    assert router(text) == found
    assert (found.listens, found.secure) == (listens, secure)


def test_a_target_without_a_router_has_none():
    assert settings.parse("app: shop").targets["local"].router == Router()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[static]", (Assets("/static", "static"),)),
        ("[public/build, static]", (Assets("/public/build", "public/build"), Assets("/static", "static"))),
        ("{/assets: public/assets}", (Assets("/assets", "public/assets"),)),
    ],
)
def test_assets_are_folders_or_paths_with_folders(text, found):
    assert router(f"{{kind: caddy, port: 80, assets: {text}}}").assets == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{port: 80}", "router.kind: is missing; expected caddy or nginx"),
        ("{kind: haproxy, port: 80}", "router.kind: expected caddy or nginx"),
        ("{kind: caddy}", "router: expected a `domain` or a `port`"),
        ("{kind: caddy, domain: []}", "router: expected a `domain` or a `port`"),
        ("{kind: caddy, domain: 'a b'}", "router.domain: expected a domain"),
        ("{kind: caddy, domain: 'a.example; }'}", "router.domain: expected a domain"),
        ("{kind: caddy, domain: [a.example, a.example]}", "router.domain[1]: stands in the list already"),
        ("{kind: caddy, port: 0}", "router.port: expected a number from 1"),
        ("{kind: caddy, port: 80, assets: [../x]}", "router.assets[0]: expected a folder of the build"),
        ("{kind: caddy, port: 80, assets: ['a b']}", "router.assets[0]: expected a folder of the build"),
        ("{kind: caddy, port: 80, assets: {static: static}}", "router.assets: expected a path such as /static"),
        ("{kind: caddy, port: 80, assets: {/../etc: static}}", "router.assets: expected a path such as /static"),
        ("{kind: caddy, port: 80, admin: 'example.com:2019'}", "router.admin: expected an address such as"),
        ("{kind: nginx, port: 80, admin: 'localhost:2019'}", "router.admin: is a key of caddy's"),
        ("{kind: caddy, port: 80, conf: /etc/nginx/conf.d}", "router.conf: is a key of nginx's"),
        ("{kind: nginx, port: 80, conf: '/x y;'}", "router.conf: expected an absolute path without spaces"),
        ("{kind: caddy, port: 80, host: b}", "router: `host: b` is none of the target's hosts"),
        ("{kind: caddy, port: 80, host: [a]}", "router.host: expected a host's name or address"),
        ("{kind: nginx, port: 80, certificate: /c}", "router: `certificate` and `certificate_key` go together"),
        ("{kind: caddy, port: 80, sticky: true}", '"sticky" is no key'),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(text, said):
    with pytest.raises(SettingsError) as caught:
        router(text)
    assert said in caught.value.message
    assert caught.value.message.startswith("deploy.yaml:2: targets.p.router")


@pytest.mark.parametrize("text", ["{kind: caddy, port: 0}", "{kind: caddy, domain: 'a b'}"])
def test_what_is_there_and_wrong_is_not_told_as_missing_too(text):
    with pytest.raises(SettingsError) as caught:
        router(text)
    assert "expected a `domain` or a `port`" not in caught.value.message


def test_one_host_may_have_the_router_of_all_and_run_nothing():
    text = """
      hosts: [{host: "web[1:2]"}, {host: web3, address: 10.0.0.3}, {host: lb, runs: []}]
      router: {kind: caddy, port: 80, host: lb}"""
    found = settings.parse(f"app: shop\ntargets:\n  p:{text}").targets["p"]
    assert found.router.host == "lb"
    assert found.router.own == ()
    assert [(host.host, host.runs, host.address) for host in found.hosts] == [
        ("web1", None, ""),
        ("web2", None, ""),
        ("web3", None, "10.0.0.3"),
        ("lb", (), ""),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hosts: [web1, web2], router: {kind: caddy, port: 80, host: wbe1}", 'did you mean "web1"'),
        ("hosts: [{host: 'web[1:2]', address: 10.0.0.1}]", "an `address` is one host's"),
        ("hosts: [{host: web1, address: 'a b'}]", "hosts[0].address: expected a host's name or address"),
    ],
)
def test_what_is_said_of_one_router_for_all_has_to_fit_the_hosts(text, said):
    with pytest.raises(SettingsError) as caught:
        settings.parse(f"app: shop\ntargets: {{p: {{{text}}}}}")
    assert said in caught.value.message


def test_this_machine_has_no_other_hosts_to_stand_in_front_of():
    with pytest.raises(SettingsError, match=r"targets.local.router.host: the target `local` is this machine alone"):
        settings.parse("app: shop\ntargets: {local: {router: {kind: caddy, port: 80, host: localhost}}}")
