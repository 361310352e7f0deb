"""deploy.yaml is checked in one pass, and every mistake has its line, its path and what was expected."""

import os
from pathlib import Path

import pytest

from deployer import settings
from deployer.core.errors import SettingsError
from deployer.core.recipe import Recipe
from deployer.settings import CommandSource, EnvSource, FileSource, HostSettings, SharedPath


def mistakes(text, read=settings.parse):
    with pytest.raises(SettingsError) as caught:
        read(text)
    return caught.value.message.split("\n")


def mistake(text):
    """What is said of a file in which one thing is wrong, without its place."""
    (line,) = mistakes(f"app: shop\n{text}")
    assert line.startswith("deploy.yaml:")
    return line.split(": ", 1)[1]


FULL = """\
app: shop
build:
  pack: python
  commands: [npm run build, npm run build]
  python: {version: 3.10, collectstatic: false}
  env: {DEBUG: no, LEVEL: 3}
processes:
  web: {health: /up, boot_timeout: 90s, stop_timeout: 1m30s}
  worker:
config: {required: [SECRET_KEY]}
targets:
  production:
    hosts: [web1, {host: jobs1, runs: [worker], port: 2222}]
    user: deploy
    formation: {web: 2}
    config: [{file: a.env}, {command: sops -d x}, {env: [DSN]}]
    shared: [media, {folder: up/loads}, {file: db.sqlite3}]
"""


def test_a_full_file_is_what_it_says():
    found = settings.parse(FULL)
    assert found.app == "shop"
    assert found.build.python.version == "3.10"
    assert found.build.env == {"DEBUG": "no", "LEVEL": "3"}
    assert found.build.commands == ("npm run build",) * 2
    assert found.processes["web"].boot_timeout == found.processes["web"].stop_timeout == 90
    assert found.processes["worker"].boot_timeout == 60
    assert found.config.required == ("SECRET_KEY",)
    production = found.targets["production"]
    assert production.hosts == (HostSettings("web1"), HostSettings("jobs1", ("worker",), port=2222))
    assert production.config == (FileSource("a.env"), CommandSource("sops -d x"), EnvSource(("DSN",)))
    assert production.shared == (SharedPath("media"), SharedPath("up/loads"), SharedPath("db.sqlite3", is_file=True))
    assert (production.name, production.keep, production.user, production.is_local) == (
        "production",
        5,
        "deploy",
        False,
    )


def test_only_the_app_s_name_is_required():
    found = settings.parse("app: shop")
    assert found.build == Recipe()
    assert list(found.targets) == ["local"]
    assert found.declared == ()
    assert found.targets["local"].is_local
    assert mistakes("")[0].startswith("deploy.yaml:1: app: is missing")


def test_sections_whose_lines_are_all_commented_out_are_empty():
    text = "app: shop\nbuild:\n  # pack: python\nprocesses:\n  web:\nconfig:\ntargets:\n  local:\n    # keep: 3\n"
    assert settings.parse(text).declared == ("local",)


def test_every_mistake_is_told_at_once_in_the_order_of_lines():
    text = """\
app: Shop
bild: {}
build: {match: exat, submodules: yes}
processes:
  web: {health: up, boot_timeout: 60x}
targets:
  production:
    hosts: [web1, {host: jobs1, port: ssh}, {prt: 5}]
    keep: 0777
app: shop
"""
    assert mistakes(text) == [
        'deploy.yaml:1: app: expected a name of small letters, digits and -, beginning with a letter, not "Shop"',
        'deploy.yaml:2: "bild" is no key that this version of deployer knows here; did you mean "build"?',
        'deploy.yaml:3: build.match: expected auto or exact or minor, not "exat"; did you mean "exact"?',
        'deploy.yaml:3: build.submodules: expected true or false, not "yes"',
        'deploy.yaml:5: processes.web.health: expected a path such as /up, tcp or notify, not "up"',
        'deploy.yaml:5: processes.web.boot_timeout: expected a duration from 1s to 1h, such as 90s or 10m, not "60x"',
        'deploy.yaml:8: targets.production.hosts[1].port: expected a number from 1 to 65535, not "ssh"',
        'deploy.yaml:8: targets.production.hosts[2]: "prt" is no key that this version of deployer knows here; did you mean "port"?',  # noqa: E501
        "deploy.yaml:8: targets.production.hosts[2].host: is missing; expected a host's name or address",
        'deploy.yaml:9: targets.production.keep: expected a number from 1 to 1000, not "0777"',
        "deploy.yaml:10: app: stands here again; it is on line 1 already",
    ]


@pytest.mark.parametrize("key", ["listen", "schedule"])
def test_a_key_of_a_later_version_is_never_ignored(key):
    said = mistake(f"targets: {{production: {{hosts: [a], {key}: x}}}}")
    assert said == f'targets.production: "{key}" is no key that this version of deployer knows here'


@pytest.mark.parametrize("text", ["{update: canary}", "{listen: port, at: x}"])
def test_a_wish_that_this_version_cannot_grant_is_never_ignored(text):
    assert mistake(f"processes: {{clock: {text}}}").startswith("processes.clock")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("processes: [web]", "processes: expected a mapping of process types to settings, not a list"),
        ("build: python", "build: expected a mapping (pack, before, commands"),
        ("processes: {_x: {}}", "processes: expected the name of a process type (letters, digits, - and _; not run)"),
        (
            "processes: {run: {command: x}}",
            'processes: expected the name of a process type (letters, digits, - and _; not run), not "run"',
        ),
        ('processes: {"a\\nb": {}}', "processes: expected the name of a process type"),
        ("processes: {web: {port: 0}}", "processes.web.port: expected a number from 1 to 65436, not 0"),
        ('processes: {web: {port: "80"}}', 'processes.web.port: expected a number from 1 to 65436, not "80"'),
        ("processes: {web: {port: 65437}}", "processes.web.port: expected a number from 1 to 65436, not 65437"),
        ("processes: {web: {port: true}}", "processes.web.port: expected a number from 1 to 65436, not true"),
        ("processes: {web: {command: }}", "processes.web.command: expected a command, not nothing"),
        ("processes: {web: {command: '  '}}", "processes.web.command: expected a command"),
        ("processes: {release: {command: x, port: 5}}", "processes.release: is no process type"),
        ("processes: {console: {health: /}}", "processes.console: is no process type"),
        ("processes: {a: {port: 5000}, b: {port: 5000}}", "processes.b.port: 5000 is the port of a already"),
        ("processes: {web: {boot_timeout: 0s}}", "processes.web.boot_timeout: expected a duration from 1s"),
        (f"processes: {{web: {{boot_timeout: {'9' * 400}s}}}}", "processes.web.boot_timeout: expected a duration"),
        ("config: {required: [PORT]}", "config.required[0]: expected the name of a variable (and none of PORT"),
        ("config: {required: [A, B, A]}", "config.required[2]: stands in the list already"),
        ("config: {required: A}", "config.required: expected a list of names of variables, not"),
        ("build: {env: {A: x}, secrets: [A]}", "build.secrets: A stands in build.env too"),
        ("build: {root: ../x}", "build.root: expected a folder of the repository"),
        ("targets: {Prod: {hosts: [a]}}", "targets: expected the name of a target"),
        ("targets: {production: }", "targets.production.hosts: is missing"),
        ("targets: {production: {hosts: []}}", "targets.production.hosts: is missing"),
        ("targets: {production: {hosts: [-oProxyCommand=x]}}", "targets.production.hosts[0]: expected a host's name"),
        ("targets: {production: {hosts: [a b]}}", "targets.production.hosts[0]: expected a host's name"),
        ("targets: {production: {hosts: [a, a]}}", "targets.production.hosts[1]: a is on line 2 already"),
        (
            "targets: {production: {hosts: [a, {host: a, runs: [w]}]}}",
            "targets.production.hosts[1]: a is on line 2 already; a host has one entry, with all that it `runs`",
        ),
        ("targets: {local: {sudo: true}}", "targets.local.sudo: the target `local` is this machine"),
        ("targets: {local: {rollout: {batch: 1}}}", "targets.local.rollout: the target `local` is this machine"),
        ("targets: {p: {hosts: [a], manager: runit}}", "targets.p.manager: expected auto or systemd or supervisor"),
        (
            "targets: {p: {hosts: [a], confirm_timeout: 4s}}",
            "targets.p.confirm_timeout: expected a duration from 5s to",
        ),
        ("targets: {p: {hosts: [a], rollout: {batch: 0}}}", "targets.p.rollout.batch: expected all, a number such as"),
        ("targets: {p: {hosts: [a], rollout: {batch: 101%}}}", "targets.p.rollout.batch: expected all, a number"),
        ("targets: {p: {hosts: [a], rollout: {pause: 2h}}}", "targets.p.rollout.pause: expected a duration from 0s"),
        ("targets: {p: {hosts: [a], ssh: {concurrency: 0}}}", "targets.p.ssh.concurrency: expected a number from 1"),
        ("targets: {p: {hosts: [{host: a, sudo: maybe}]}}", "targets.p.hosts[0].sudo: expected true or false"),
        ("targets: {local: {hosts: [a]}}", "targets.local.hosts: the target `local` is this machine"),
        ("targets: {local: {path: x/y}}", "targets.local.path: expected an absolute path"),
        ("targets: {local: {path: /a/../b}}", "targets.local.path: expected an absolute path"),
        ("targets: {local: {formation: {web: 100}}}", "targets.local.formation.web: expected a number from 0 to 99"),
        ("targets: {local: {config: [a.env]}}", "targets.local.config[0]: expected a mapping (file or command or env)"),
        ("targets: {local: {config: [{file: a, env: [B]}]}}", "targets.local.config[0]: expected exactly one of file"),
        ("targets: {local: {config: [{}]}}", "targets.local.config[0]: expected exactly one of file, command, env"),
        ("targets: {local: {config: [{fil: x}]}}", 'targets.local.config[0]: "fil" is no key'),
        ("targets: {local: {config: [{env: [PORT]}]}}", "targets.local.config[0].env[0]: expected the name"),
        ("targets: {local: {shared: [/etc]}}", "targets.local.shared[0]: expected a path below the repository"),
        ("targets: {local: {shared: [a/../..]}}", "targets.local.shared[0]: expected a path below the repository"),
        ("targets: {local: {shared: [a, {file: a/b}]}}", "targets.local.shared: a/b is inside a, which is shared"),
        ("targets: {local: {shared: [{folder: a, file: b}]}}", "targets.local.shared[0]: expected exactly one of"),
        ("targets: {local: {run_as: 'x; y'}}", "targets.local.run_as: expected the name of a user"),
    ],
)
def test_a_mistake_names_its_path_and_what_was_expected(text, said):
    assert mistake(text).startswith(said)


def test_what_a_target_says_of_its_hosts_is_read():
    text = """\
app: shop
targets:
  production:
    hosts: [a, {host: b, sudo: false}]
    sudo: true
    manager: systemd
    confirm_timeout: 1m
    rollout: {batch: 25%, pause: 10s}
    ssh: {concurrency: 8, connect_timeout: 3s}
"""
    production = settings.parse(text).targets["production"]
    assert [host.sudo for host in production.hosts] == [None, False]
    assert (production.sudo, production.manager, production.confirm_timeout) == (True, "systemd", 60)
    assert production.rollout == settings.RolloutSettings("25%", 10)
    assert production.ssh == settings.SshSettings(8, 3)


def test_a_very_long_value_is_cut_in_the_message():
    assert len(mistake(f"targets: {{local: {{run_as: '{'x' * 9999}'}}}}")) < 200


def test_after_fifty_mistakes_the_rest_is_counted():
    lines = mistakes("app: shop\n" + "".join(f"x{n}: 1\n" for n in range(70)))
    assert len(lines) == 51
    assert lines[-1] == "deploy.yaml: and 20 more"


def test_a_build_does_not_look_at_targets():
    old = "app: shop\nprocesses: {web: {health: /up}}\ntargets: {production: {no_longer_known: 1}}\n"
    found = settings.parse_build(old, where="deploy.yaml of 1234567")
    assert found.processes["web"].health.path == "/up"
    assert list(found.targets) == ["local"]
    assert mistakes("app: shop\nbuild: {x: 1}", settings.parse_build)[0].startswith("deploy.yaml:2: build:")


def test_settings_are_loaded_from_a_file(tmp_path):
    path = tmp_path / "deploy.yaml"
    path.write_bytes("\ufeffapp: shop\r\n".encode())
    found = settings.load(path)
    assert (found.path, found.folder) == (path, tmp_path)


def test_a_file_that_is_not_there_says_how_to_make_it(tmp_path):
    with pytest.raises(SettingsError, match=f"there is no deploy.yaml in {tmp_path}") as caught:
        settings.load(tmp_path / "deploy.yaml")
    assert "deploy init" in caught.value.hint


def test_what_is_no_text_file_is_refused_in_one_line(tmp_path):
    folder, fifo, latin, huge = (tmp_path / name for name in ("folder", "fifo", "latin", "huge"))
    folder.mkdir()
    os.mkfifo(fifo)
    latin.write_bytes(b"app: shop\n# caf\xe9\n")
    with huge.open("wb") as file:
        file.truncate(100 * 2**20)
    for path, said in (
        (folder, "is not a file"),
        (fifo, "is not a file"),
        (latin, "latin:2: not UTF-8"),
        (huge, "1 MiB"),
    ):
        (line,) = mistakes(path, settings.load)
        assert said in line


def test_the_demo_app_s_file_is_without_mistakes():
    assert settings.load(Path(settings.__file__).parents[2] / "examples/shop/deploy.yaml").app == "shop"
