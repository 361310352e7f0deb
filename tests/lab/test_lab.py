"""The lab's hosts are what they are said to be: real systemd, real sshd, a power switch and a cable."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from . import network
from .access import write_files
from .lab import Lab, labs
from .latency import slow_lines
from .programs import LabError, call, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def web1(lab):
    return lab.fresh_hosts(1)[0]


@pytest.mark.parametrize("suite", ["bookworm", "bullseye", "trixie"])
def test_a_host_runs_systemd_and_nothing_in_it_has_failed(lab, suite):
    [host] = lab.fresh_hosts(1, suite=suite)
    assert host.run("cat /proc/1/comm").stdout == "systemd\n"
    assert host.run("systemctl is-system-running --wait").stdout == "running\n"
    assert host.run("systemctl --user is-system-running --wait", user="deploy").stdout == "running\n"


def test_a_bullseye_host_has_python_3_9(lab):
    [old1] = lab.hosts(1, suite="bullseye")
    assert lab.ssh(old1, "python3 --version").stdout.startswith("Python 3.9.")


def test_three_users_may_log_in_and_only_two_become_root(lab, web1):
    assert lab.ssh(web1, "id -un").stdout == "deploy\n"
    assert lab.ssh(web1, "id -un", user="root").stdout == "root\n"
    assert lab.ssh(web1, "sudo -n id -un", user="admin").stdout == "root\n"
    assert lab.ssh(web1, "sudo -n id -un", check=False).returncode != 0


def test_what_deploy_starts_outlives_its_session(lab, web1):
    lab.ssh(web1, "systemd-run --user --unit=stays sleep 1000")
    assert lab.ssh(web1, "systemctl --user is-active stays").stdout == "active\n"


def test_a_reboot_keeps_the_disk_and_the_host_key(lab, web1):
    web1.run("touch kept", user="deploy")
    before = web1.group.init
    web1.reboot()
    assert web1.group.init != before
    assert lab.ssh(web1, "ls").stdout == "kept\n"


def test_a_power_cut_tells_nobody(lab, web1):
    unit = "systemd-run --unit=clean -p 'ExecStop=touch /root/was-told' sleep 1000"
    web1.run(unit)
    web1.power_cut()
    assert not web1.running
    web1.boot()
    assert web1.run("ls -A /root/was-told", check=False).returncode != 0
    web1.run(unit)
    web1.power_off()
    assert (web1.root / "root/was-told").exists()


def test_an_unplugged_host_is_silent_and_its_connections_go_on_when_it_is_plugged_in(lab, web1):
    argv = ["ssh", "-F", lab.ssh_config, web1.name, "echo begun; read -r line; echo got $line"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout.readline() == "begun\n"
        web1.unplug()
        with pytest.raises(LabError, match=r"timed out|No route"):
            call("ssh", "-F", lab.ssh_config, "-o", "ConnectTimeout=1", web1.name, "true")
        web1.plug()
        assert session.communicate("it\n", timeout=30)[0] == "got it\n"


def test_a_small_disk_is_full_when_it_is_filled_and_survives_a_power_cut(web1):
    web1.small_disk("/home/deploy/shop", 16, user="deploy")
    filler = web1.fill_disk("/home/deploy/shop", 100_000)
    write = "head -c {} /dev/zero > shop/new"
    assert "No space left" in web1.run(write.format(1_000_000), user="deploy", check=False).stderr
    filler.unlink()
    web1.run(write.format(1_000_000), user="deploy")
    web1.power_cut()
    web1.boot()
    assert web1.run("stat -c %s shop/new", user="deploy").stdout == "1000000\n"


def test_a_fresh_host_has_forgotten_all_but_its_key(lab, web1):
    web1.run("touch /srv/x /etc/systemd/system/x.service; useradd x")
    web1.small_disk("/srv/y", 8)
    web1.unplug()
    web1.power_off()
    [again] = lab.fresh_hosts(1)
    assert lab.ssh(again, "ls /srv; id x", check=False).stdout == ""
    assert not (again.root / "etc/systemd/system/x.service").exists()


def test_ssh_goes_through_a_slow_line(lab, web1, tmp_path):
    with slow_lines([(web1.address, 22)], each_way=0.005) as [door]:
        config = write_files(tmp_path, [web1], lab.key, doors={web1.name: door})
        assert call("ssh", "-F", config, web1.name, "hostname").stdout == "web1\n"


def test_a_lab_in_use_is_nobody_elses(lab):
    with pytest.raises(LabError, match="in use"):
        Lab(lab.folder.name)


def test_what_a_killed_run_left_behind_is_swept_away_by_the_next(lab):
    dies = (
        "import os, sys; from tests.lab.lab import Lab; lab = Lab(sys.argv[1]); lab.hosts(1); os.kill(os.getpid(), 9)"
    )
    name = f"dies-{lab.number}"
    run = subprocess.run([sys.executable, "-c", dies, name], cwd=Path(__file__).parents[2], check=False, timeout=300)
    assert run.returncode == -signal.SIGKILL
    number = int((labs() / name / "number").read_text())
    assert network.bridge_exists(number)
    with Lab(f"next-{lab.number}"):
        pass
    assert not (labs() / name).exists()
    assert not network.bridge_exists(number)
    assert f"lab{number}-" not in Path("/proc/mounts").read_text()
    wait_until(lambda: f"lab{number}-web1" not in call("ps", "-eo", "args").stdout, "its processes end", timeout=5)
