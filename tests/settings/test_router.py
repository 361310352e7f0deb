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
        ("{kind: nginx, port: 80, certificate: /c}", "router: `certificate` and `certificate_key` go together"),
        ("{kind: caddy, port: 80, sticky: true}", '"sticky" is no key'),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(text, said):
    with pytest.raises(SettingsError) as caught:
        router(text)
    assert said in caught.value.message
    assert caught.value.message.startswith("deploy.yaml:2: targets.p.router")
