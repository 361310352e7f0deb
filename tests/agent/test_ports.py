"""No two targets of a host have ports of the same thousand, also when one of them is stopped."""

import threading

from deployer.agent import durable, ports
from deployer.agent.layout import Layout
from deployer.core.formation import BASES

from .releases import a_type

WEB, API = a_type("web", "serve"), a_type("api", "serve")


def a_host(tmp_path, name):
    root = tmp_path / name
    root.mkdir()
    return Layout(root, name, "production")


def test_another_target_has_another_thousand_though_nobody_listens(tmp_path):
    first, second = a_host(tmp_path, "first"), a_host(tmp_path, "second")
    one = ports.allocated(first, [WEB, API], {}, registry=tmp_path / "state", free=lambda _: True)
    two = ports.allocated(second, [WEB, API], {}, registry=tmp_path / "state", free=lambda _: True)
    assert one == {"web": 5000, "api": 5100}
    assert two == {"web": 7000, "api": 7100}  # no browser opens 6000
    assert ports.allocated(first, [WEB, API], one, registry=tmp_path / "state") == one


def test_more_than_ten_types_go_on_where_nobody_else_is(tmp_path):
    many, second = a_host(tmp_path, "many"), a_host(tmp_path, "second")
    types = [a_type(f"type{number}", "serve") for number in range(12)]
    anew = {"registry": tmp_path / "state", "free": lambda _: True}
    first = ports.allocated(many, types[:10], {}, **anew)
    assert ports.allocated(second, [WEB], {}, **anew) == {"web": 7000}
    more = ports.allocated(many, types, first, **anew)
    assert sorted(set(more.values()) - set(first.values())) == [6100, 6200]
    assert (
        ports.allocated(many, [*types, *(a_type(f"other{number}", "serve") for number in range(9))], more, **anew)[
            "other8"
        ]
        == 8100
    )


def test_what_a_target_has_had_before_the_file_was_there_is_entered(tmp_path):
    first, second = a_host(tmp_path, "first"), a_host(tmp_path, "second")
    known = {"web": 7000}
    assert ports.allocated(first, [WEB], known, registry=tmp_path / "state") == known
    own = a_type("web", "serve", port=5050)
    assert ports.allocated(first, [own], known, registry=tmp_path / "state") == {"web": 5050}
    given = ports.allocated(second, [WEB], {}, registry=tmp_path / "state", free=lambda _: True)
    assert given == {"web": 7000}


def test_a_target_that_is_gone_has_none(tmp_path):
    first, second = a_host(tmp_path, "first"), a_host(tmp_path, "second")
    ports.allocated(first, [WEB], {}, registry=tmp_path / "state", free=lambda _: True)
    first.root.rmdir()
    (tmp_path / "state" / f"{durable.TEMPORARY}ports.json-of-one-that-was-killed").touch()
    given = ports.allocated(second, [WEB], {}, registry=tmp_path / "state", free=lambda _: True)
    assert given == {"web": 5000}
    assert "first" not in (tmp_path / "state" / "ports.json").read_text()
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == ["ports.json", "ports.lock"]


def test_when_all_have_an_owner_or_the_file_is_damaged_or_cannot_be_had_what_is_free_has_to_do(tmp_path):
    for number in range(len(BASES)):
        ports.allocated(a_host(tmp_path, f"app{number}"), [WEB], {}, registry=tmp_path / "s", free=lambda _: True)
    last = a_host(tmp_path, "last")
    free = (9000).__eq__
    assert ports.allocated(last, [WEB], {}, registry=tmp_path / "s", free=free) == {"web": 9000}
    (tmp_path / "s" / "ports.json").write_bytes(b'{"/srv')
    assert ports.allocated(last, [WEB], {}, registry=tmp_path / "s", free=free) == {"web": 9000}
    (tmp_path / "a file").touch()
    assert ports.allocated(last, [WEB], {}, registry=tmp_path / "a file", free=free) == {"web": 9000}


def test_many_at_the_same_time_have_a_thousand_each(tmp_path):
    hosts = [a_host(tmp_path, f"app{number}") for number in range(12)]
    given = []

    def ask(files):
        given.append(ports.allocated(files, [WEB], {}, registry=tmp_path / "state", free=lambda _: True)["web"])

    threads = [threading.Thread(target=ask, args=[files]) for files in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(given)) == len(hosts)
