"""`deploy dev`: the processes of a work tree, in this terminal."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from .terminal import MAIN, Terminal, deploy, environment

WAITS = "exec sleep 1000"


@pytest.fixture
def tree(tmp_path):
    """A work tree that nobody has committed, with a Procfile and a .env."""
    (tmp_path / "deploy.yaml").write_text("app: tiny\n")
    (tmp_path / ".env").write_text("COLOUR='red and #blue'\n")
    (tmp_path / "Procfile").write_text("web: echo $PS $PORT $COLOUR; exit 7\n")
    return tmp_path


def lines(result):
    """What the processes wrote, without honcho's times."""
    return [line.partition(" ")[2] for line in result.stdout.splitlines()]


def wrote(result, process):
    """The lines of one process."""
    found = (line.split("| ", 1) for line in lines(result))
    return [text for name, text in found if name.strip() == process]


def started(tree, *words, **more):
    """`deploy dev` as a process in a session of its own."""
    return subprocess.Popen(
        [*MAIN, "dev", *words],
        cwd=tree,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **more,
    )


def gone(pid, seconds=15):
    """Whether a process is gone before long."""
    deadline = time.monotonic() + seconds
    while os.path.exists(f"/proc/{pid}"):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def pids(tree, *names):
    """The ids that processes have written down, once all have."""
    deadline = time.monotonic() + 30
    while not all((tree / name).exists() and (tree / name).read_text().endswith("\n") for name in names):
        assert time.monotonic() < deadline, "they did not begin"
        time.sleep(0.05)
    return [int((tree / name).read_text()) for name in names]


def test_the_first_that_ends_ends_all_and_gives_its_exit_code(tree):
    (tree / "Procfile").write_text(f"web: echo $PS $PORT $COLOUR; sleep 0.5; exit 7\nworker: echo $PORT; {WAITS}\n")
    result = deploy("dev", cwd=tree)
    assert result.returncode == 7, result.stderr
    assert wrote(result, "web.1") == ["web.1 5000 red and #blue"]
    assert wrote(result, "worker.1") == ["5100"]


def test_ports_are_foremans(tree):
    (tree / "Procfile").write_text(
        "release: exit 9\nweb: echo $PORT; sleep 0.5\nworker: echo $PORT; exec sleep 1000\nother: echo $PORT\n"
    )
    result = deploy("dev", "-m", "web=2,worker=1", "--port", "7000", cwd=tree)
    assert [wrote(result, name) for name in ("web.1", "web.2", "worker.1", "other.1")] == [
        ["7000"],
        ["7001"],
        ["7100"],
        [],
    ]
    assert wrote(deploy("dev", "other", cwd=tree), "other.1") == ["5200"]
    assert wrote(deploy("dev", "other", cwd=tree, PORT="8000"), "other.1") == ["8200"]
    (tree / ".env").write_text("PORT=9000\n")
    assert wrote(deploy("dev", "other", cwd=tree), "other.1") == ["9200"]


def test_deploy_yaml_refines_the_procfile_and_a_schedule_is_left_out(tree):
    nightly = "nightly: {command: echo never, schedule: '0 3 * * *'}"
    web = "web: {command: 'echo refined; sleep 0.5'}"
    (tree / "deploy.yaml").write_text(f"app: tiny\nprocesses:\n  {web}\n  {nightly}\n")
    result = deploy("dev", cwd=tree)
    assert wrote(result, "web.1") == ["refined"]
    assert "nightly" not in result.stdout
    assert deploy("dev", "nightly", cwd=tree).returncode == 3


def test_another_dotenv_file(tree):
    (tree / "other.env").write_text("COLOUR=green\n")
    assert wrote(deploy("dev", "--env", "other.env", cwd=tree), "web.1") == ["web.1 5000 green"]
    assert deploy("dev", "--env", "none.env", cwd=tree).returncode == 2
    (tree / ".env").write_text("COLOUR=$(touch pwned)\n")
    assert wrote(deploy("dev", cwd=tree), "web.1") == ["web.1 5000 $(touch pwned)"]
    assert not (tree / "pwned").exists()


def test_ctrl_c_ends_all_also_those_that_do_not_listen(tree):
    (tree / "Procfile").write_text("web: trap '' TERM; echo $$ >web; while :; do sleep 0.1; done\n")
    terminal = Terminal([*MAIN, "dev"], cwd=tree)
    (pid,) = pids(tree, "web")
    terminal.send("\x03")
    assert terminal.end() == 130
    assert gone(pid)


def test_sigterm_and_a_reader_that_is_gone_end_all(tree):
    (tree / "Procfile").write_text(
        "web: echo $$ >web; while echo x; do sleep 0.1; done\nworker: echo $$ >worker; exec sleep 1000\n"
    )
    process = started(tree)
    both = pids(tree, "web", "worker")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert all(map(gone, both))
    for name in ("web", "worker"):
        (tree / name).unlink()
    process = started(tree)
    both = pids(tree, "web", "worker")
    process.stdout.close()
    process.wait(timeout=30)
    assert all(map(gone, both))


def test_it_says_what_is_wrong_with_what_was_asked(tree):
    for words, code, told in [
        (["wev"], 3, "there is no process type 'wev'"),
        (["-m", "web"], 2, "is no number of processes"),
        (["-m", "web=0"], 2, "no process at all"),
        (["--port", "http"], 2, "'http' is no port"),
        (["--port", "65535"], 2, "there are no 100 ports for each process type from 65535 on"),
        (["--json"], 2, "--json"),
    ]:
        result = deploy("dev", *words, cwd=tree)
        assert (result.returncode, told in result.stderr + result.stdout) == (code, True), result
    (tree / "Procfile").unlink()
    assert "there is no Procfile" in deploy("dev", cwd=tree).stderr
    scheduled = "processes: {clock: {command: tick, schedule: hourly}}"
    (tree / "deploy.yaml").write_text(f"app: tiny\n{scheduled}\n")
    result = deploy("dev", cwd=tree)
    assert (result.returncode, "there is no Procfile" in result.stderr) == (2, True), result


def test_a_port_that_another_program_holds_is_refused_and_its_holder_named(tree):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = deploy("dev", "--port", str(port), cwd=tree)
        assert (result.returncode, result.stdout) == (2, "")
        assert f"port {port}, which web.1 would have, is held by " in result.stderr
        assert f"(pid {os.getpid()})" in result.stderr
        assert "`deploy dev -p " in result.stderr
    (tree / "Procfile").write_text("worker: echo $PORT\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:  # what listens on nothing finds nothing taken
        assert deploy("dev", "--port", str(taken.getsockname()[1]), cwd=tree).returncode == 0


def test_a_worker_that_ends_well_when_it_is_asked_to_is_told_so(tree):
    program = "import signal, sys, time\nsignal.signal(signal.SIGINT, lambda *_: None)\n"
    program += "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\nopen('at', 'w').write('0\\n')\ntime.sleep(100)\n"
    (tree / "worker.py").write_text(program)
    (tree / "Procfile").write_text(f"worker: {sys.executable} worker.py\n")
    running = started(tree)
    pids(tree, "at")
    running.send_signal(signal.SIGINT)
    written, _ = running.communicate(timeout=30)
    assert "worker.1 stopped (rc=0)" in written


def test_each_is_asked_to_end_by_the_signal_of_its_type(tree):
    program = "import signal, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    program += "signal.signal(signal.SIGUSR1, lambda *_: sys.exit(0))\nopen('at', 'w').write('0\\n')\ntime.sleep(100)\n"
    (tree / "worker.py").write_text(program)
    (tree / "Procfile").write_text(f"worker: {sys.executable} worker.py\n")
    (tree / "deploy.yaml").write_text("app: shop\nprocesses: {worker: {stop_signal: USR1}}\n")
    running = started(tree)
    pids(tree, "at")
    running.send_signal(signal.SIGINT)
    written, _ = running.communicate(timeout=30)
    assert "sending SIGUSR1 to worker.1" in written
    assert "worker.1 stopped (rc=0)" in written


def test_names_are_in_colour_on_a_terminal_alone(tree):
    (tree / "Procfile").write_text("web: echo hello\n")
    terminal = Terminal([*MAIN, "dev"], cwd=tree)
    terminal.end()
    assert "\x1b[" in terminal.shown
    assert "\x1b[" not in deploy("dev", cwd=tree).stdout
