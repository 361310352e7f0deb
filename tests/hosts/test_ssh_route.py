"""ssh's configuration leads to a host; over jump hosts and ProxyCommands too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.core.errors import HostUnreachable, SettingsError
from deployer.hosts.ssh_route import Routes
from tests.ssh.server import Sshd


@pytest.fixture
def configured(operator):
    def configure(text, **files):
        folder = operator / ".ssh"
        folder.mkdir(exist_ok=True)
        (folder / "config").write_text(text)
        for name, content in files.items():
            (folder / name).write_text(content)
        return Routes(operator)

    return configure


def test_a_name_without_configuration_is_itself(operator):
    route = Routes(operator).to("web1.example.com")
    assert (route.host, route.port, route.known_as) == ("web1.example.com", 22, "web1.example.com")
    assert route.identities == ()


def test_an_alias_leads_where_it_says(configured):
    routes = configured("Host web*\n  HostName %h.example.com\n  User deploy\n  Port 2222\n  IdentityFile ~/.ssh/web\n")
    route = routes.to("web1")
    assert (route.host, route.port, route.user) == ("web1.example.com", 2222, "deploy")
    assert route.known_as == "[web1.example.com]:2222"
    assert route.identities == (f"{os.environ['HOME']}/.ssh/web",)


def test_deploy_yaml_wins_over_the_configuration(configured):
    route = configured("Host *\n  User deploy\n  Port 2222\n").to("web1", user="root", port=22)
    assert (route.user, route.port, route.known_as) == ("root", 22, "web1")


def test_a_user_and_a_port_may_stand_in_the_name(configured):
    route = configured("").to("deploy@web1:2222")
    assert (route.user, route.host, route.port) == ("deploy", "web1", 2222)


def test_included_files_are_read_and_do_not_swallow_what_follows(configured):
    routes = configured(
        "Include more-*\nUser everybody\nHost web2\n  Port 2200\n",
        **{"more-1": "Host web1\n  Port 2201\n  User one\n"},
    )
    assert (routes.to("web1").port, routes.to("web1").user) == (2201, "one")
    assert (routes.to("web2").port, routes.to("web2").user) == (2200, "everybody")


def test_files_that_include_each_other_come_to_an_end(configured):
    with pytest.raises(SettingsError, match="Too many recursive configuration includes"):
        configured("Include config\nHost *\n  Port 2222\n").to("web1")


def test_jumps_are_chained(configured):
    route = configured("Host web1\n  ProxyJump one,deploy@two:2222\n").to("web1")
    assert route.through is not None
    assert (route.through.host, route.through.user, route.through.port) == ("two", "deploy", 2222)
    assert route.through.through.host == "one"
    assert route.through.through.through is None


def test_a_jump_to_none_is_no_jump(configured):
    assert configured("Host web1\n  ProxyJump none\nHost *\n  ProxyJump gateway\n").to("web1").through is None


def test_a_jump_host_that_the_pattern_matches_too_does_not_jump_from_itself(configured):
    route = configured("Host *\n  ProxyJump gateway\n").to("web1")
    assert (route.through.host, route.through.through) == ("gateway", None)


def test_known_hosts_files_are_those_of_the_configuration(configured, operator):
    route = configured("Host web1\n  UserKnownHostsFile ~/one /two\n  GlobalKnownHostsFile none\n").to("web1")
    assert route.known_hosts == (operator / "one", Path("/two"))


def test_a_mistake_in_the_configuration_is_told(configured):
    with pytest.raises(SettingsError, match=r"~/\.ssh/config.* line 2: Bad port"):
        configured("Host web1\n  Port many\n").to("web1")
    with pytest.raises(SettingsError, match=r"~/\.ssh/config: line 2: Bad configuration option: nonsense"):
        configured("Host web1\n  nonsense yes\n").to("web1")


def reaches(reached, name):
    reached.name = name
    reached.host().start().close(timeout=10)


def test_a_host_behind_another(over_ssh, tmp_path):
    with Sshd(tmp_path / "behind") as behind:
        behind.operator(over_ssh.home, "behind", more="ProxyJump web1")
        reaches(over_ssh, "behind")
        assert "Accepted publickey" in over_ssh.sshd.log.read_text()
        assert "Accepted publickey" in behind.log.read_text()


def test_hosts_behind_another_share_one_login_to_it(over_ssh):
    sshd = over_ssh.sshd
    sshd.operator(over_ssh.home, "gateway")
    sshd.operator(over_ssh.home, "one", "two", "three", more="ProxyJump gateway")
    host = over_ssh.host()
    for name in ("one", "two", "three"):
        host.name = name
        host.start().close(timeout=10)
    assert sshd.log.read_text().count("Accepted publickey") == 4


def test_the_key_of_a_jump_host_is_checked_too(over_ssh, tmp_path):
    with Sshd(tmp_path / "gateway") as gateway:
        gateway.operator(over_ssh.home, "gateway", known=False)
        over_ssh.sshd.operator(over_ssh.home, "behind", more="ProxyJump gateway")
        over_ssh.name = "behind"
        with pytest.raises(HostUnreachable, match="gateway: its host key is not known"):
            over_ssh.host().start()


def test_a_jump_host_that_cannot_reach_it(over_ssh):
    over_ssh.sshd.operator(over_ssh.home, "behind", more="ProxyJump web1")
    over_ssh.sshd.stop()
    over_ssh.sshd.options = ["AllowTcpForwarding no"]
    over_ssh.sshd.start()
    over_ssh.name = "behind"
    with pytest.raises(HostUnreachable, match=r"behind: .* through web1 cannot be reached from there"):
        over_ssh.host().start()


PIPE = """\
import os, socket, sys, threading
to = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def up():
    while part := os.read(0, 65536):
        to.sendall(part)
    to.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while part := to.recv(65536):
    os.write(1, part)
"""


def test_a_proxy_command_is_run(over_ssh, tmp_path):
    (tmp_path / "pipe.py").write_text(PIPE)
    python = over_ssh.sshd.bin / "python3"
    over_ssh.sshd.operator(over_ssh.home, "by-command", more=f"ProxyCommand {python} {tmp_path}/pipe.py %p 2>/dev/null")
    reaches(over_ssh, "by-command")


def test_a_proxy_command_is_run_by_the_user_s_own_shell(over_ssh, tmp_path, monkeypatch):
    monkeypatch.setenv("SHELL", "/bin/bash")
    (tmp_path / "pipe.py").write_text(PIPE)
    python = over_ssh.sshd.bin / "python3"
    over_ssh.sshd.operator(over_ssh.home, "by-command", more=f"ProxyCommand {python} <(cat {tmp_path}/pipe.py) %p")
    reaches(over_ssh, "by-command")


def test_a_proxy_command_that_fails(over_ssh):
    over_ssh.sshd.operator(over_ssh.home, "by-command", more="ProxyCommand exit 1")
    over_ssh.name = "by-command"
    with pytest.raises(HostUnreachable, match=r"by-command: .*by its ProxyCommand closed the connection") as told:
        over_ssh.host().start()
    assert told.value.hint.endswith(": exit 1")  # ssh -v would not say more than the command itself


def test_match_exec_decides_as_for_ssh(tmp_path):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text(
        "Match exec true\n  User yes\nMatch exec false\n  Port 2222\nHost web1\n  HostName 192.0.2.1\n"
    )
    found = Routes(tmp_path).to("web1")
    assert (found.host, found.user, found.port) == ("192.0.2.1", "yes", 22)


def test_no_command_pays_for_invoke():
    script = (
        "import sys; from deployer.hosts import quick_paramiko; quick_paramiko.load();"
        " import deployer.hosts.ssh_connect, deployer.hosts.ssh_channel; assert 'invoke' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
