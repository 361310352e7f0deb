"""`deploy check` beside its findings: what it needs, what it leaves, what it shows."""

import os
import signal

from deployer.agent import procfs
from tests.apps.repository import commit
from tests.e2e.deployed import eventually

from .small import small_app

SETTINGS = """\
app: small
build: {pack: commands, commands: ['true']}
processes:
"""


def launched_in(place):
    """The processes that live in a scratch directory below `place`."""
    everyone = {one.pid: procfs.variables(one.pid).get("DEPLOY_ROOT", "") for one in procfs.everyone() if one.alive}
    return [pid for pid, root in everyone.items() if root.startswith(f"{place}/deploy-check-")]


def app_of(folder, program, settings):
    """An app of one Python program, with these process types."""
    folder.mkdir()
    (folder / "deploy.yaml").write_text(SETTINGS + "".join(f"  {line}\n" for line in settings))
    (folder / "program.py").write_text(program)
    commit(folder)
    return folder


PROGRAM = "command: exec python3 -I program.py"


def test_a_required_variable_that_is_missing_is_named_and_nothing_is_made_up(tmp_path, checked):
    one = checked(small_app(tmp_path / "app"))
    document = one.json("check", code=50, env={"DATA_DIR": "/nowhere"})
    (row,) = (row for row in document["checks"] if row["result"] == "fail")
    assert (row["check"], row["type"]) == ("config", None)
    assert "DATA_DIR" in row["found"]
    assert "set in your shell" in row["found"]
    assert {row["result"] for row in document["checks"] if row["check"] != "config"} == {"skipped"}


def test_a_variable_that_is_only_in_the_shell_is_said_to_be(tmp_path, checked):
    one = checked(small_app(tmp_path / "app", "a variable that nobody declared"))
    document = one.json(*one.more, "--type", "web", code=50, env={"API_TOKEN": "of the shell"})
    (row,) = (row for row in document["checks"] if row["result"] == "fail")
    assert "missed API_TOKEN (API_TOKEN is set in your shell" in row["found"]


def test_the_table_fits_and_says_what_to_change(tmp_path, checked):
    one = checked(small_app(tmp_path / "app", "deaf"))
    told = one.run(*one.more, "--type", "web")
    assert told.code == 50
    assert "web: stop, IX. Disposability" in told.out
    assert "-> end on SIGTERM" in told.out
    assert "error: " in told.err
    assert "fails 1 of 12 checks: web: stop" in told.err


def test_what_was_stored_for_this_machine_is_part_of_the_config(tmp_path, data, checked):
    one = checked(small_app(tmp_path / "app"))
    one.deploy("config", "set", f"DATA_DIR={data}")
    assert {row["result"] for row in one.json("check", "--type", "web")["checks"]} <= {"pass", "skipped"}


def test_no_value_of_the_config_is_told(tmp_path, checked):
    program = "import os, sys\nsys.exit('cannot use the key ' + os.environ['KEY'])\n"
    one = checked(app_of(tmp_path / "app", program, [f"web: {{{PROGRAM}}}"]), KEY="hunter2-hunter2")
    told = one.run(*one.more, "--json")
    assert told.code == 50
    assert "cannot use the key [hidden]" in told.out
    assert "hunter2" not in told.out + told.err


def test_interrupted_it_leaves_nothing(tmp_path, checked):
    one = checked(small_app(tmp_path / "app"))
    place = tmp_path / "scratch"
    place.mkdir()
    running = one.start(*one.more, env={"TMPDIR": str(place)})
    eventually(lambda: launched_in(place), what="a process that is audited")
    os.kill(running.pid, signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode == 130
    assert launched_in(place) == []
    assert list(place.glob("deploy-check-*")) == []


def test_what_a_killed_one_left_goes_with_the_next(tmp_path, checked):
    one = checked(small_app(tmp_path / "app"))
    place = tmp_path / "scratch"
    place.mkdir()
    running = one.start(*one.more, env={"TMPDIR": str(place)})
    eventually(lambda: launched_in(place), what="a process that is audited")
    os.kill(running.pid, signal.SIGKILL)
    running.communicate(timeout=60)
    assert list(place.glob("deploy-check-*")) != []
    one.deploy(*one.more, "--type", "worker", env={"TMPDIR": str(place)})
    assert launched_in(place) == []
    assert list(place.glob("deploy-check-*")) == []


def test_a_type_that_is_not_there_is_refused(tmp_path, checked):
    one = checked(small_app(tmp_path / "app"))
    assert one.json(*one.more, "--type", "clock", code=3)["error"]["kind"] == "not-found"


def test_a_scheduled_type_runs_once_and_ends_well(tmp_path, checked):
    report = f"report: {{{PROGRAM}, schedule: '*/5 * * * *'}}"
    one = checked(app_of(tmp_path / "app", "print('made the report')\n", [report]))
    rows = {row["check"]: row for row in one.json(*one.more)["checks"]}
    assert set(rows) == {"config", "start", "writes", "daemon", "logs"}
    assert rows["start"]["found"].startswith("ran to its end in ")
    (one.folder / "program.py").write_text("raise SystemExit('no paper')\n")
    commit(one.folder)
    (row,) = (row for row in one.json(*one.more, code=50)["checks"] if row["result"] == "fail")
    assert row["check"] == "start"
    assert row["found"] == "exited with code 1: no paper"


def test_a_variable_that_the_release_command_misses_is_named(tmp_path, checked):
    one = checked(app_of(tmp_path / "app", "import os\nos.environ['DATABASE_URL']\n", [f"web: {{{PROGRAM}}}"]))
    (one.folder / "Procfile").write_text("release: python3 -I program.py\n")
    commit(one.folder)
    rows = one.json(*one.more, code=50)["checks"]
    assert [(row["check"], row["result"]) for row in rows] == [("release", "fail"), ("start", "skipped")]
    assert rows[0]["found"] == "ended with code 1: missed DATABASE_URL"


def test_what_is_written_to_a_path_that_outlives_releases_is_not_in_the_release(tmp_path, checked):
    program = "import os, time\nopen(f'uploads/{os.getuid()}', 'w')\nprint('works', flush=True)\ntime.sleep(99)\n"
    one = checked(app_of(tmp_path / "app", program, [f"worker: {{{PROGRAM}, healthy_time: 300ms}}"]))
    with (one.folder / "deploy.yaml").open("a") as more:
        more.write("targets: {local: {shared: [uploads]}}\n")
    commit(one.folder)
    assert one.json(*one.more)["ok"]


BEHIND = """\
targets:
  production:
    hosts: [web1.invalid]
    router: {kind: nginx, domain: shop.example.com}
    config: [{file: production.env}]
"""


SERVES = """\
import http.server, os
host, _, port = os.environ["BIND"].partition(":")
print(os.environ["GREETING"], flush=True)
http.server.ThreadingHTTPServer((host, int(port)), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def test_a_target_of_hosts_is_played_here_with_its_sources_and_no_host_is_asked(tmp_path, checked):
    one = checked(app_of(tmp_path / "app", SERVES, [f"web: {{{PROGRAM}}}"]))
    with (one.folder / "deploy.yaml").open("a") as more:
        more.write(BEHIND)
    commit(one.folder)
    (one.folder / "production.env").write_text("GREETING=hello\n")
    rows = {row["check"]: row for row in one.json("check", "-t", "production", code=50)["checks"]}
    assert rows["start"]["result"] == "pass"
    assert rows["port"]["found"].startswith("PORT, and no other: 127.0.0.1:")
    assert [name for name, row in rows.items() if row["result"] == "fail"] == ["requests"]  # it has no SIGTERM handler


HANDED = """\
import os, signal, socket, sys, threading
mine = socket.socket(fileno=3)
mine.setblocking(True)
assert os.environ["LISTEN_PID"] == str(os.getpid())
stopping = threading.Event()


def stop(*_):
    stopping.set()
    socket.create_connection(mine.getsockname()[:2]).close()


signal.signal(signal.SIGTERM, stop)
print("takes what it is given", flush=True)
while not stopping.is_set():
    with mine.accept()[0] as connection:
        if connection.recv(9999):
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\nConnection: close\\r\\n\\r\\nok\\n")
"""
SAYS_SO = """\
import os, socket, time
print("works", flush=True)
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(READY, os.environ["NOTIFY_SOCKET"].replace("@", "\\0"))
time.sleep(99)
"""


def test_a_type_that_is_given_its_socket_is_given_one(tmp_path, checked):
    one = checked(
        app_of(tmp_path / "app", HANDED, [f"web: {{{PROGRAM}, listen: socket, health: /up, stop_timeout: 9s}}"])
    )
    rows = one.json(*one.more)["checks"]
    assert {row["result"] for row in rows if row["check"] != "user"} == {"pass"}
    assert {"port", "requests", "two", "crash"} <= {row["check"] for row in rows}


def test_a_type_that_says_when_it_is_ready_is_heard(tmp_path, checked):
    said = SAYS_SO.replace("READY", 'b"READY=1"')
    one = checked(app_of(tmp_path / "app", said, [f"worker: {{{PROGRAM}, health: notify, boot_timeout: 5s}}"]))
    assert one.json(*one.more)["ok"]
    (one.folder / "program.py").write_text(SAYS_SO.replace("READY", 'b"STATUS=soon"'))
    commit(one.folder)
    (row,) = (row for row in one.json(*one.more, code=50)["checks"] if row["result"] == "fail")
    assert row["check"] == "start"
    assert "has not said READY=1" in row["found"]
