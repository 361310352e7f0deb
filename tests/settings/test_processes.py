"""The Procfile, the pack's conventions and `processes:` make the process types."""

import re
from pathlib import Path

import pytest

from deployer.core.errors import SettingsError
from deployer.settings import ProcessSettings, parse, settle
from deployer.settings.model import HealthSettings


def test_the_procfile_is_refined_by_processes():
    given = parse("app: a\nprocesses: {worker: {stop_timeout: 10m, update: stop-first}}").processes
    types, release, console = settle({"web": "serve", "worker": "work"}, given, {"web": "convention"})
    assert [(kind.name, kind.command, kind.stop_timeout, kind.update) for kind in types] == [
        ("web", "serve", 30, "auto"),
        ("worker", "work", 600, "stop-first"),
    ]
    assert release == console == ""


def test_limits_and_what_may_be_written_reach_the_process_type():
    text = "app: a\nprocesses: {web: {memory: 512M, cpu: 50%, files: 4096, hardening: false, writable: [/var/spool/a]}}"
    types, _, _ = settle({"web": "serve", "worker": "work"}, parse(text).processes, {})
    limited, free = types
    assert (limited.memory, limited.cpu, limited.files) == (512 << 20, 0.5, 4096)
    assert (limited.hardening, limited.writable) == (False, ("/var/spool/a",))
    assert (free.memory, free.cpu, free.files, free.hardening, free.writable) == (0, 0, 0, True, ())


@pytest.mark.parametrize("wrong", ["memory: 512", "cpu: 0", "files: 1", "hardening: no", "writable: [spool]"])
def test_a_limit_that_is_none_is_refused(wrong):
    with pytest.raises(SettingsError, match=wrong.partition(":")[0]):
        parse(f"app: a\nprocesses: {{web: {{{wrong}}}}}")


@pytest.mark.parametrize("written", ["QUIT", "SIGQUIT", "quit", "SigQuit", "'QUIT'"])
def test_a_stop_signal_is_written_as_people_write_it(written):
    given = parse(f"app: a\nprocesses: {{web: {{stop_signal: {written}}}}}").processes
    (web,) = settle({"web": "uwsgi app.ini"}, given, {}).processes
    assert web.stop_signal == "QUIT"


@pytest.mark.parametrize("wrong", ["KILL", "SIGKILL", "15", "''", "TERMINATE", "true"])
def test_a_stop_signal_that_is_none_is_refused(wrong):
    with pytest.raises(SettingsError, match="stop_signal: expected TERM, INT, QUIT, HUP, USR1, USR2 or WINCH, not"):
        parse(f"app: a\nprocesses: {{web: {{stop_signal: {wrong}}}}}")


def told_to_stop_by(command):
    (web,) = settle({"web": command}, {}, {}).processes
    return web.stop_signal


def test_programs_are_told_to_stop_as_the_reference_says():
    page = (Path(__file__).parents[2] / "docs/reference/deploy-yaml.md").read_text()
    section = page.partition("### stop_signal")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:3] for line in section.splitlines() if re.match(r"\|.*\| [A-Z1]+ \|", line)]
    assert len(rows) > 8
    for programs, wanted in rows:
        for program in map(str.strip, programs.partition("…")[0].split(",")):
            for before in ("", "exec ", "cd src && ", "A=1 B=2 ", ".venv/bin/", "bundle exec ", "uv run "):
                assert told_to_stop_by(f"{before}{program} --port $PORT") == wanted.strip(), before + program


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("nginx -g 'daemon off;'", "QUIT"),
        ("bin/migrate && exec uwsgi --ini app.ini", "INT"),
        ("php-fpm8.2 -F", "QUIT"),
        ("/usr/sbin/php-fpm7.4 --nodaemonize", "QUIT"),
        ("httpd -f -p $PORT", "TERM"),  # busybox has one
        ("python app.py uwsgi", "TERM"),
        ("my-uwsgi", "TERM"),
        ("uwsgi-top", "TERM"),
    ],
)
def test_the_program_of_a_command_is_found(command, wanted):
    assert told_to_stop_by(command) == wanted


def test_release_and_console_are_commands_of_their_own():
    found = settle({"release": "migrate", "web": "serve", "console": "shell"}, {}, {})
    assert [kind.name for kind in found.processes] == ["web"]
    assert (found.release_command, found.console) == ("migrate", "shell")


def test_a_command_in_processes_replaces_or_adds():
    given = {
        "clock": ProcessSettings(command="tick"),
        "web": ProcessSettings(command="new"),
        "release": ProcessSettings("m"),
    }
    found = settle({"web": "old", "worker": "work"}, given, {})
    assert [(kind.name, kind.command) for kind in found.processes] == [
        ("web", "new"),
        ("worker", "work"),
        ("clock", "tick"),
    ]
    assert found.release_command == "m"


def test_conventions_hold_only_without_a_procfile():
    assert [kind.command for kind in settle(None, {}, {"web": "npm start"}).processes] == ["npm start"]
    assert settle({}, {}, {"web": "npm start"}).processes == ()


def test_a_process_binds_its_port_if_it_is_web_or_says_so():
    given = {"api": ProcessSettings(health=HealthSettings("/up")), "rpc": ProcessSettings(port=7000)}
    found = settle({"web": "a", "api": "b", "rpc": "c", "worker": "d"}, given, {})
    assert {kind.name: kind.binds_port for kind in found.processes} == {
        "web": True,
        "api": True,
        "rpc": True,
        "worker": False,
    }


def test_every_process_without_a_command_is_named_with_its_line():
    given = parse("app: a\nprocesses:\n  wrker: {}\n  clock:\n").processes
    with pytest.raises(SettingsError) as caught:
        settle({"web": "a", "worker": "b"}, given, {})
    assert caught.value.message.split("\n") == [
        'deploy.yaml:3: processes.wrker: has no `command`, and the Procfile has no wrker; did you mean "worker"?',
        "deploy.yaml:4: processes.clock: has no `command`, and the Procfile has no clock",
    ]
    with pytest.raises(SettingsError, match="the pack's conventions have no wrker"):
        settle(None, given, {"web": "a", "clock": "c"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'schedule: "61 * * * *"',
            '"61 \\* \\* \\* \\*" is no schedule: minute 61: expected 0 to 59; expected five fields',
        ),
        ("schedule: often", "is no schedule: 'often' is no weekday"),
        ("schedule: 5", "schedule: expected five fields .*, not 5"),
        ("schedule: [hourly]", "schedule: expected five fields .*, not a list"),
        ("{schedule: hourly, health: /up}", "health: has no meaning for a type with a `schedule`"),
        ("{schedule: hourly, listen: socket}", "listen: a type with a `schedule` is given no socket"),
    ],
)
def test_a_schedule_that_is_none_or_makes_no_sense_is_refused(text, said):
    given = text if text.startswith("{") else f"{{{text}}}"
    with pytest.raises(SettingsError, match=said):
        parse(f"app: a\nprocesses: {{report: {given}}}")


def test_a_schedule_reaches_the_process_type_which_binds_no_port():
    given = parse('app: a\nprocesses: {web: {schedule: "*/5 * * * *"}, report: {schedule: "Mon..Fri 07:30"}}').processes
    types, _, _ = settle({"web": "x", "report": "y"}, given, {})
    assert [(kind.schedule, kind.binds_port) for kind in types] == [("*/5 * * * *", False), ("Mon..Fri 07:30", False)]


def test_a_watchdog_is_for_what_speaks_with_systemd():
    parse("app: a\nprocesses: {web: {health: notify, watchdog: 30s}}")
    with pytest.raises(SettingsError, match=r"processes\.web\.watchdog: needs `health: notify`"):
        parse("app: a\nprocesses: {web: {health: /up, watchdog: 30s}}")


@pytest.mark.parametrize(
    ("command", "said", "listen"),
    [
        ("gunicorn --bind :$PORT app", "", "socket"),
        ("gunicorn --bind :$PORT app", "{listen: port}", "port"),
        ("node server.js", "", "port"),
        ("node server.js", "{listen: socket}", "socket"),
    ],
)
def test_a_program_that_is_known_to_take_a_socket_is_given_one(command, said, listen):
    given = parse(f"app: a\nprocesses: {{web: {said or '{}'}}}").processes
    assert settle({"web": command}, given, {}).processes[0].listen == listen


@pytest.mark.parametrize(
    ("name", "said", "spoken", "health"),
    [
        ("web", "{}", "http", ("", "", ())),
        ("web", "{health: /up}", "http", ("/up", "", ())),
        ("web", "{health: {path: /up, host: shop.example.com}}", "http", ("/up", "shop.example.com", ())),
        ("web", "{health: {host: 'shop.example.com:8080'}}", "http", ("", "shop.example.com:8080", ())),
        ("web", "{health: {headers: {X-Key: k}}}", "http", ("", "", (("X-Key", "k"),))),
        ("web", "{health: tcp}", "tcp", ("tcp", "", ())),
        ("web", "{expose: tcp}", "tcp", ("", "", ())),
        ("web", "{health: notify}", "http", ("notify", "", ())),
        ("web", "{schedule: hourly}", "", ("", "", ())),
        ("api", "{health: /up}", "http", ("/up", "", ())),
        ("api", "{health: {host: a.example.com}}", "http", ("", "a.example.com", ())),
        ("api", "{expose: http}", "http", ("", "", ())),
        ("api", "{port: 7000}", "port", ("", "", ())),
        ("worker", "{}", "", ("", "", ())),
    ],
)
def test_what_a_type_speaks_and_how_it_is_asked(name, said, spoken, health):
    kind = settle({name: "x"}, parse(f"app: a\nprocesses: {{{name}: {said}}}").processes, {}).processes[0]
    assert kind.expose == spoken
    assert (kind.health, kind.health_host, kind.health_headers) == health
    assert kind.binds_port == bool(spoken)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("{path: tcp, host: a.example.com}", "health.host: has no meaning with `path: tcp`"),
        ("{path: up}", "health.path: expected a path such as /up, tcp or notify"),
        ("{host: 'a b'}", "health.host: expected a domain such as shop.example.com"),
        ('{host: "a\\r\\nX: y"}', "health.host: expected a domain"),
        ("{headers: {Host: a.example.com}}", "health.headers: expected the name of a header, and not Host"),
        ('{headers: {X-Key: "a\\r\\nY: z"}}', "health.headers.X-Key: expected a value"),
        ("{port: 80}", '"port" is no key'),
        ("[/up]", "health: expected a path such as /up, tcp or notify or a mapping"),
    ],
)
def test_a_health_check_that_cannot_be_asked_is_refused(said, told):
    with pytest.raises(SettingsError) as caught:
        parse(f"app: a\nprocesses: {{web: {{health: {said}}}}}")
    assert told in caught.value.message


def test_a_server_that_can_take_a_socket_is_given_it_unasked():
    commands = {
        "web": "uvicorn a:a",
        "api": "gunicorn a:a",
        "rpc": "uvicorn a:a",
        "worker": "work",
        "tick": "gunicorn a:a",
    }
    given = {"tick": ProcessSettings(schedule="daily")}
    found = {kind.name: (kind.listen, kind.binds_port) for kind in settle(commands, given, {}).processes}
    assert found == {
        "web": ("socket", True),
        "api": ("socket", True),  # gunicorn reads PORT by itself
        "rpc": ("port", False),  # it has a port of its own, which others may know
        "worker": ("port", False),
        "tick": ("port", False),
    }
    (web, *_) = settle(commands, {"web": ProcessSettings(listen="port")}, {}).processes
    assert (web.listen, web.binds_port) == ("port", True)


def test_where_a_server_s_file_has_it_listen_is_recorded():
    (web,) = settle({"web": "gunicorn a:a"}, {}, {}, lambda _: "bind = '127.0.0.1:8000'").processes
    assert (web.listen, web.address) == ("socket", "127.0.0.1")
