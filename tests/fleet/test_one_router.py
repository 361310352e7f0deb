"""One router in front of several hosts: it sends requests to all that serve, to no others, and loses none."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.apps.repository import commit
from tests.e2e.deployed import Deployed, eventually
from tests.routers.load import Load

PUBLIC, PORT = 8080, 7000
SETTINGS = """\
app: shop
build: {{pack: commands}}
processes:
  web: {{health: /up, boot_timeout: 20s, stop_timeout: 5s, healthy_time: 300ms, port: {port}, listen: {listen}}}
targets:
  production:
    user: root
    formation: {{web: 2}}
    confirm_timeout: 5s
    ssh: {{connect_timeout: 3s}}
    rollout: {{batch: {batch}}}
    hosts: [{hosts}]
    router: {{kind: {kind}, port: {public}{front}}}
"""


class Shop(Deployed):
    """The app on web1 and web2, behind the router of web3, which runs none of it."""

    def __init__(self, lab, folder: Path) -> None:
        super().__init__(folder / "app", folder / "home", "shop", PORT)
        self.hosts = {host.name: host for host in lab.fresh_hosts(3)}
        self.listen, self.batch, self.kind, self.public = "socket", "all", "caddy", PUBLIC
        self.shared = True
        self.folder.mkdir(parents=True)
        shutil.copy(Path(__file__).with_name("app_program.py"), self.folder / "server.py")
        (self.folder / "Procfile").write_text("web: exec python3 -I -S server.py\n")
        (self.home / ".ssh").mkdir(mode=0o700, parents=True)
        shutil.copy(lab.ssh_config, self.home / ".ssh" / "config")
        self.declare("web1", "web2")

    @property
    def front(self):
        return self.hosts["web3"]

    def declare(self, *names: str) -> None:
        """Say in deploy.yaml that these hosts run the app."""
        entries = [f"{{host: {name}, address: {self.hosts[name].address}}}" for name in names]
        text = SETTINGS.format(
            hosts=", ".join([*entries, "{host: web3, runs: []}"]),
            port=PORT,
            public=self.public,
            listen=self.listen,
            batch=self.batch,
            kind=self.kind,
            front=", host: web3" if self.shared else "",
        )
        (self.folder / "deploy.yaml").write_text(text)
        commit(self.folder, f"On {', '.join(names)}")

    def load(self, **more) -> Load:
        """Requests from outside, through the router."""
        return Load(self.public, host=self.front.address, **more)

    def answering(self) -> set[str]:
        """Who answers, release and host, when many ask at the same time."""
        with self.load() as load:
            eventually(lambda: load.total > 60, what="answers")
        assert not load.failed, load.failed[:5]
        return set(load.answers)

    def upstreams(self) -> set[str]:
        """Where web3's router sends requests to, as it says itself."""
        (seen,) = [one for one in self.json("router", "show")["hosts"] if one["host"] == "web3"]
        assert seen["drift"] is None
        return {f"{one['host']} {one['listens']}" for one in seen["upstreams"]}


@pytest.fixture(scope="module")
def shop(lab, tmp_path_factory):
    """The app, shipped, as its hosts are left by one test for the next."""
    made = Shop(lab, tmp_path_factory.mktemp("shop"))
    made.front.run("systemctl enable --quiet --now caddy")
    made.deploy("ship")
    return made


def test_requests_reach_all_hosts_and_the_router_itself_runs_nothing(shop):
    assert shop.answering() == {"v1 web1", "v1 web2"}
    assert shop.upstreams() == {"web1 True", "web2 True"}
    assert {row["host"] for row in shop.json("ps")["processes"]} == {"web1", "web2"}


def test_a_ship_and_a_rollback_under_load_lose_no_request(shop):
    with shop.load() as load:
        eventually(lambda: load.total > 100, what="requests before")
        commit(shop.folder, "Nothing new")
        assert shop.deploy("ship") == "v2"
        shop.deploy("rollback", "v1")
        shop.deploy("run", "v2", "--hosts", "web1")
        shop.deploy("run", "v2")
        seen = load.total
        eventually(lambda: load.total > seen + 100, what="requests after")
    assert load.failed == []
    assert {"v1 web1", "v1 web2", "v2 web1", "v2 web2"} == set(load.answers)


def test_a_release_that_does_not_come_up_leaves_the_route_as_it_was(shop):
    before = shop.upstreams()
    shop.hosts["web2"].run("touch /etc/sick-v3")
    commit(shop.folder, "Sick on web2")
    with shop.load() as load:
        shop.deploy("ship", code=30)
    assert load.failed == []
    assert (shop.upstreams(), shop.answering()) == (before, {"v2 web1", "v2 web2"})
    shop.deploy("run", "v2")


def test_a_host_that_is_down_is_skipped(shop):
    shop.hosts["web2"].power_cut()
    eventually(lambda: shop.answering() == {"v2 web1"}, seconds=30, what="web1 alone to answer")
    shop.hosts["web2"].boot()
    eventually(lambda: shop.answering() == {"v2 web1", "v2 web2"}, seconds=60, what="web2 to answer again")
    shop.deploy("run", "v2", "--wait", "30s")


def test_the_route_outlives_reboots_and_maintenance_is_the_routers(shop):
    shop.front.reboot()
    eventually(lambda: _code(shop) == "200", seconds=60, what="the route to be there again")
    shop.deploy("maintenance", "on")
    assert _code(shop) == "503"
    shop.deploy("maintenance", "off")
    eventually(lambda: shop.answering() == {"v2 web1", "v2 web2"}, seconds=30, what="both to answer")


def test_scaled_to_nothing_it_is_sent_nobody_and_a_host_that_leaves_is_forgotten_at_the_next_run(shop):
    shop.deploy("scale", "web=0", "--hosts", "web2")
    assert shop.upstreams() == {"web1 True"}
    assert shop.answering() == {"v2 web1"}
    shop.deploy("run", "v2")
    shop.deploy("scale", "web=1")
    shop.declare("web1")
    with shop.load() as load:
        shop.deploy("run", "v2", "--wait", "20s")
        shop.deploy("restart")
    assert load.failed == []
    assert shop.upstreams() == {"web1 True"}
    shop.declare("web1", "web2")
    shop.deploy("run", "v2", "--wait", "20s")
    assert shop.upstreams() == {"web1 True", "web2 True"}


def test_ports_that_processes_bind_are_replaced_one_host_after_the_other(shop):
    shop.listen, shop.batch = "port", "1"
    shop.declare("web1", "web2")
    shop.deploy("scale", "web=2")
    shop.deploy("ship")
    assert shop.upstreams() == {"web1 True", "web2 True"}
    with shop.load(kept=0) as load:
        eventually(lambda: load.total > 100, what="requests before")
        shop.deploy("restart")
        seen = load.total
        eventually(lambda: load.total > seen + 100, what="requests after")
    assert load.failed == []


def test_from_one_router_for_all_to_one_on_each_host_and_back(shop):
    for name in ("web1", "web2"):
        shop.hosts[name].run("systemctl enable --quiet --now caddy")
    shop.shared = False
    newest = int(shop.json("releases")["releases"][0]["release"].removeprefix("v"))
    shop.hosts["web2"].run(f"touch /etc/sick-v{newest + 1}")
    shop.declare("web1", "web2")
    with shop.load() as load:
        shop.deploy("ship", code=30)
    assert load.failed == []
    assert {text.split()[1] for text in shop.answering()} == {"web1", "web2"}
    shop.hosts["web2"].run(f"rm /etc/sick-v{newest + 1}")
    shop.deploy("run")
    told = {one["host"]: one for one in shop.json("router", "show")["hosts"]}
    assert [told[name]["router"] for name in shop.hosts] == ["caddy", "caddy", None]
    assert _code(shop) != "200"
    assert _code(shop, shop.hosts["web1"]) == "200"
    shop.shared = True
    shop.declare("web1", "web2")
    shop.deploy("ship")
    assert shop.upstreams() == {"web1 True", "web2 True"}
    told = {one["host"]: one for one in shop.json("router", "show")["hosts"]}
    assert [told[name]["router"] for name in shop.hosts] == [None, None, "caddy"]
    assert {text.split()[1] for text in shop.answering()} == {"web1", "web2"}


def test_a_new_host_of_the_router_is_told_of_all_by_converge(shop):
    shop.front.reset()
    shop.front.boot()
    shop.front.run("systemctl enable --quiet --now caddy")
    shop.deploy("converge", "--wait", "20s")
    assert shop.upstreams() == {"web1 True", "web2 True"}
    assert {text.split()[1] for text in shop.answering()} == {"web1", "web2"}


@pytest.mark.parametrize("agent", ["goes on", "is killed too"])
def test_an_operator_who_is_killed_leaves_the_route_as_it_was(shop, agent):
    before = shop.upstreams()
    trace, environment = shop.front.root / "tmp/trace", shop.front.root / "etc/environment"
    trace.unlink(missing_ok=True)
    environment.write_text("DEPLOYER_FAULT=route.shared:1:stop\nDEPLOYER_FAULT_TRACE=/tmp/trace\n")
    try:
        stopping = shop.start("stop")
        eventually(lambda: trace.exists() and "route.shared" in trace.read_text(), seconds=60, what="the route to move")
    finally:
        environment.write_text("")
    stopping.kill()
    stopping.communicate()
    pid = trace.read_text().split("route.shared")[0].split()[-1]
    shop.front.run(f"kill -{'CONT' if agent == 'goes on' else 'KILL'} {pid}")
    if agent == "is killed too":
        assert _code(shop) == "503"
        shop.deploy("converge", "--wait", "30s")  # whoever holds the lock next puts it right
    eventually(lambda: _code(shop) == "200", seconds=60, what="the route to be as it was")
    assert shop.upstreams() == before


def _code(shop, host=None) -> str:
    address = (host or shop.front).address
    asked = [
        "curl",
        "-s",
        "-m",
        "5",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        f"http://{address}:{shop.public}/",
    ]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout


def test_nginx_stands_in_front_of_all_hosts_as_well(shop):
    shop.front.run("rm /etc/nginx/sites-enabled/default && systemctl enable --quiet --now nginx")
    shop.kind, shop.public = "nginx", PUBLIC + 1
    shop.declare("web1", "web2")
    shop.deploy("ship")
    assert shop.upstreams() == {"web1 True", "web2 True"}
    assert {text.split()[1] for text in shop.answering()} == {"web1", "web2"}
    with shop.load() as load:
        eventually(lambda: load.total > 100, what="requests before")
        shop.deploy("restart", "web.1")
    assert load.failed == []
    shop.public = PUBLIC
    assert _code(shop) == "000"  # caddy has the route no more
