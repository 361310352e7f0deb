"""`deploy` as a whole: help, what it imports, usage errors and exit codes."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.cli import table

from .terminal import MAIN, ROOT, Terminal, deploy, environment, python

FRAME = {"__init__", "main", "table", "frame", "call", "options", "failure", "interrupts", "complete"}
PARTS = {  # of several commands, or beside one
    "outcome",
    "values",
    "editor",
    "keyboard",
    "attached",
    "config_change",
    "lines",
    "detached",
    "together",
    "caller",
    "interrupted",
    "refusals",
    "surroundings",
    "heading",
    "consent",
    "words",
    "pages",
}
HEAVY = ("rich", "fabric", "git", "paramiko", "yaml", "invoke", "cryptography")


def imported_by(*words):
    script = f"import sys; sys.argv = {['deploy', *words]!r}\nfrom deployer.cli.main import main\nmain()\n"
    done = python(script + "print(*sorted(sys.modules), file=sys.stderr)")
    return done.stderr.split()


def test_help_lists_every_command_with_what_it_does():
    shown = deploy("--help").stdout
    for name, (group, _, _, line) in table.COMMANDS.items():
        assert f"  {name:<14} {line}\n" in shown
        assert f"{group}:" in shown


def test_help_fits_eighty_columns():
    assert max(len(line) for line in table.overview().splitlines()) <= 80


def test_every_file_of_a_command_is_in_the_table_and_the_other_way_round():
    files = {path.stem for path in (ROOT / "deployer/cli").glob("*.py")} - FRAME - PARTS
    assert {module for _, module, _, _ in table.COMMANDS.values()} == files


@pytest.mark.parametrize("name", table.COMMANDS)
def test_every_command_has_help_that_begins_as_the_table_says(name):
    shown = deploy(*name.split(), "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"Usage: deploy {name} " in shown.stdout
    assert table.COMMANDS[name][3] in shown.stdout
    assert "--json" in shown.stdout


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["-h"], ["help"]])
def test_help_and_version_import_next_to_nothing(words):
    modules = imported_by(*words)
    assert not [name for name in modules if name.split(".")[0] in (*HEAVY, "typer", "click", "dataclasses", "inspect")]
    assert [name for name in modules if name.startswith("deployer.")] == [
        "deployer.cli",
        "deployer.cli.main",
        *(["deployer.cli.pages"] if words == ["help"] else []),  # it lists them
        "deployer.cli.table",
    ]


def test_the_help_of_a_command_imports_that_command_alone():
    modules = imported_by("completion", "--help")
    commands = {f"deployer.cli.{module}" for _, module, _, _ in table.COMMANDS.values()}
    assert commands & set(modules) == {"deployer.cli.completion"}
    assert not [name for name in modules if name.split(".")[0] in HEAVY]


def test_deploy_alone_prints_the_help_as_an_error():
    done = deploy()
    assert (done.returncode, done.stdout, done.stderr) == (2, "", table.overview())


def test_help_of_a_command_can_be_asked_in_either_way():
    assert deploy("help", "completion").stdout == deploy("completion", "--help").stdout


def test_an_option_that_nobody_knows_is_named_without_a_command_too():
    done = deploy("--nope")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: No such option: --nope")
    assert "Usage:" not in done.stderr
    assert "error: which command?" in deploy("-q").stderr


def test_an_option_without_its_value_points_to_the_help_of_its_command():
    assert "hint: `deploy exec --help` says what it takes" in deploy("exec", "--stop").stderr
    assert "hint: `deploy --help` says what it takes" in deploy("-t").stderr


def test_the_host_of_a_target_without_hosts_is_answered_in_the_words_that_were_used(tmp_path):
    (tmp_path / "deploy.yaml").write_text("app: tiny\n")
    done = deploy("exec", "--host", "zz", "--", "true", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --host zz: the target `local` is this machine")
    assert "--limit" not in done.stderr


def test_a_number_that_is_none_comes_with_an_example(tmp_path):
    (tmp_path / "deploy.yaml").write_text("app: tiny\n")
    assert "hint: say --limit 20\n" in deploy("ps", "--limit", "x", cwd=tmp_path).stderr


@pytest.mark.parametrize("name", ["maintenance", "router", "ledger", "export"])
def test_a_word_that_has_commands_below_it_has_help(name):
    shown = deploy(name, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == deploy("help", name).stdout
    for command in table.below(name):
        assert f"deploy {command} " in shown.stdout
        assert table.COMMANDS[command][3] in shown.stdout
    for words in ([name], [name, "nope"]):
        done = deploy(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"`deploy {table.below(name)[0]}`" in done.stderr


def test_a_mistyped_command_is_answered_with_the_likely_one():
    done = deploy("stauts")
    assert done.returncode == 2
    assert "there is no command 'stauts'" in done.stderr
    assert "did you mean `deploy status`" in done.stderr


@pytest.mark.parametrize(
    "words",
    [["nonsense"], ["completion"], ["completion", "--no-such"], ["--wait", "soon", "completion", "bash"], []],
)
def test_usage_errors_exit_2_and_are_json_when_asked(words):
    done = deploy("--json", *words)
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["kind"], error["hosts"]) == (2, "usage", [])
    assert error["message"] in done.stderr


def test_global_options_stand_before_or_after_the_command():
    assert deploy("--json", "completion", "bash").stdout == deploy("completion", "bash", "--json").stdout
    assert json.loads(deploy("-qt", "x", "--wait", "1m", "completion", "bash", "--json").stdout)


def test_a_directory_that_is_not_there_is_a_usage_error():
    done = deploy("-C", "/no/such/folder", "completion", "bash")
    assert done.returncode == 2
    assert "/no/such/folder: No such file" in done.stderr


@pytest.mark.parametrize("shell", ["bash", pytest.param("zsh", marks=pytest.mark.needs("zsh"))])
def test_the_completion_scripts_are_understood_by_their_shells(shell, tmp_path):
    script = tmp_path / "script"
    script.write_text(deploy("completion", shell).stdout)
    checked = subprocess.run([shell, "-n", script], capture_output=True, check=False, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.fixture
def on_path(tmp_path):
    """An environment in which `deploy` is a command."""
    command = tmp_path / "deploy"
    command.write_text(f'#!/bin/sh\nexec {" ".join(MAIN)} "$@"\n')
    command.chmod(0o755)
    environ = environment(HOME=str(tmp_path))
    return {**environ, "PATH": f"{tmp_path}:{environ['PATH']}"}


def what_shell_says(shell, script, environ):
    done = subprocess.run([shell, "-c", script], capture_output=True, check=False, text=True, env=environ, timeout=60)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["-t", "fleet", "ps", "--hosts", "web"], ["web1", "web2"]),
        (["ps", "--target", "fleet", "--hosts", "jobs1,w"], ["jobs1,web1", "jobs1,web2"]),
        (["-t", "fleet", "exec", "--host", ""], ["web1", "web2", "jobs1"]),
        (["-t", "nonesuch", "ps", "--hosts", ""], []),
    ],
)
def test_the_hosts_of_a_target_are_completed(words, found, tmp_path):
    (tmp_path / "deploy.yaml").write_text(
        'app: shop\ntargets: {fleet: {hosts: ["web[1:2]", jobs1]}, b: {hosts: [x]}}\n'
    )
    told = deploy("--complete", *words, cwd=tmp_path).stdout
    assert [line.split("\t")[0] for line in told.splitlines()] == found


def test_fish_completes_commands_and_options(on_path):
    script = deploy("completion", "fish").stdout + (
        'complete -C "deploy roll"; complete -C "deploy config se"; complete -C "deploy completion --dir"\n'
        'complete -C "deploy completion "\n'
    )
    lines = what_shell_says("fish", script, on_path)
    found = [line.split("\t")[0] for line in lines]
    assert found[:3] == ["rollback", "set", "--directory"]
    assert {"bash", "zsh", "fish"} <= set(found)


def test_zsh_completes_commands_with_what_they_do(on_path):
    script = (
        "compdef() { }; _files() { print files }\n_describe() { print -l -- ${(P)2} }\n"
        + deploy("completion", "zsh").stdout
        + "try() { words=(deploy $@); CURRENT=$#words; _deploy }; try roll; try config se; try show nothing-like-it\n"
    )
    assert what_shell_says("zsh", script, on_path) == [
        "rollback:Run an earlier release again: its code and its config.",
        "set:Set values; makes a new release.",
        "files",
    ]


def test_bash_completes_commands_and_options(on_path):
    script = deploy("completion", "bash").stdout + (
        'try() { COMP_WORDS=(deploy "$@"); COMP_CWORD=$#; _deploy; echo "${COMPREPLY[@]}"; }\n'
        "try roll; try config se; try completion --dir; try completion f\n"
    )
    assert what_shell_says("bash", script, on_path) == ["rollback", "set", "--directory", "fish"]


def test_a_reader_that_closes_the_pipe_ends_the_printing_quietly():
    for words in ("--help", "completion bash", "--json nonsense"):
        line = f"{' '.join(MAIN)} {words} | true; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, check=False, text=True, env=environment())
        assert "Traceback" not in done.stderr
        assert "BrokenPipe" not in done.stderr
        assert done.returncode == (2 if "nonsense" in words else 0)


def test_an_answer_that_the_disk_does_not_take_is_a_failure():
    for words in ("--help", "completion bash"):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [*MAIN, *words.split()], stdout=full, stderr=subprocess.PIPE, check=False, text=True, env=environment()
            )
        assert (done.returncode, "No space left on device" in done.stderr) == (1, True)


def test_closed_streams_are_no_bug():
    for words in ("--help", "completion bash", "nonsense"):
        line = f"{' '.join(MAIN)} {words} <&- >&- 2>&-"
        done = subprocess.run(["bash", "-c", line], check=False, env=environment())
        assert done.returncode == (2 if words == "nonsense" else 0 if words == "completion bash" else 1)


WAITS = """
import sys, time
from deployer.cli import frame, table
sys.modules["deployer.cli.waits"] = sys.modules["__main__"]
table.COMMANDS["waits"] = ("", "waits", "waits", "")
import typer
def waits(ctx: typer.Context) -> None:
    try:
        print("working", flush=True)
        time.sleep(30)
    finally:
        print("cleaned up", flush=True)
sys.exit(frame.run(["--json"], ["waits"]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_asked_to_end_cleans_up_and_exits_130(number):
    child = subprocess.Popen(
        [sys.executable, "-c", WAITS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    assert child.stdout.readline() == "working\n"
    child.send_signal(number)
    out, err = child.communicate(timeout=20)
    assert child.returncode == 130
    cleaned, document = out.splitlines()
    assert cleaned == "cleaned up"
    assert json.loads(document)["error"]["kind"] == "interrupted"
    assert "error: interrupted" in err
    assert "Traceback" not in err


def failing(raised, *words):
    script = WAITS.replace('print("working", flush=True)', raised).replace("time.sleep(30)", "pass")
    return python(script.replace('["--json"]', repr(list(words))))


def test_a_bug_of_ours_is_one_line_without_the_values_in_it():
    done = failing('raise KeyError("s3cr3t")')
    assert done.returncode == 1
    assert "this is a bug of deployer: KeyError" in done.stderr
    assert "s3cr3t" not in done.stderr
    assert "Traceback" not in done.stderr


def test_verbose_shows_the_traceback():
    assert "Traceback" in failing('raise KeyError("x")', "-v").stderr


def test_a_failure_tells_its_output_and_its_hosts_and_cannot_play_with_the_terminal():
    done = failing(
        "from deployer.core.errors import RunMixed; "
        'raise RunMixed("web1 \\x1b]0;title\\x07 differs", hint="look", output="one\\n\\x1b[31mtwo\\x1b[2J",'
        ' details={"hosts": [{"host": "web1"}]})',
        "--json",
    )
    assert done.returncode == 31
    assert "\x1b" not in done.stderr
    assert "error: web1 \\x1b]0;title\\x07 differs\n  | one\n  | two\\x1b[2J\nhint: look\n" in done.stderr
    error = json.loads(done.stdout.splitlines()[-1])["error"]
    assert error["hosts"] == [{"host": "web1"}]
    assert error["code"] == 31


def test_a_full_disk_is_no_bug_of_ours():
    done = failing('raise OSError(28, "No space left on device", "/srv/x")')
    assert done.returncode == 1
    assert "error: /srv/x: No space left on device (" in done.stderr


def test_help_on_a_terminal_is_the_same_text():
    terminal = Terminal([*MAIN, "--help"])
    assert terminal.end() == 0
    assert terminal.shown.replace("\r\n", "\n") == table.overview()


def test_nothing_here_names_the_machine_it_was_written_on():
    assert not [p for p in Path(ROOT, "deployer/cli").rglob("*.py") if str(ROOT) in p.read_text()]
