"""Values that the user gives: arguments, files, standard input, the keyboard, an editor."""

import os
import stat
import sys

import pytest

from .terminal import Terminal, environment, python

GIVEN = """
import sys
from deployer.cli.values import given
from deployer.core.errors import DeployError
try:
    for name, value in given({arguments!r}).items():
        sys.stdout.write(f"{{name}}: {{value.reveal().encode('utf-8', 'surrogateescape')!r}}\\n")
except DeployError as error:
    sys.stdout.write(f"error: {{error.message}}")
"""


def given(*arguments, stdin=""):
    import subprocess

    script = GIVEN.format(arguments=list(arguments))
    done = subprocess.run(
        [sys.executable, "-c", script], input=stdin, capture_output=True, text=True, env=environment(), check=True
    )
    return done.stdout


def test_a_value_comes_from_the_argument_a_file_or_standard_input(tmp_path):
    file = tmp_path / "key.pem"
    file.write_bytes(b"one\ntwo\xff\n")
    assert given("A=1=2 3", f"B=@{file}", "C=-", stdin="from stdin\n").splitlines() == [
        "A: b'1=2 3'",
        "B: b'one\\ntwo\\xff\\n'",
        "C: b'from stdin'",
    ]


@pytest.mark.parametrize("stdin", ["", "secret\n"])
def test_a_bare_name_is_refused_where_nobody_can_be_asked(stdin):
    assert given("A", stdin=stdin) == "error: there is no terminal to ask for the value of A"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["1A=x"], "'1A' is no name for a variable"),
        (["hunter2!"], "an argument is no name for a variable"),
        (["A=1", "A=2"], "A is given twice"),
        (["A=-", "B=-"], "A and B cannot both come from standard input"),
        (["A=@/no/such"], "/no/such: No such file or directory"),
    ],
)
def test_what_makes_no_sense_is_refused_without_its_value(arguments, message):
    assert given(*arguments) == f"error: {message}"


def test_a_bare_name_is_asked_for_on_a_terminal_and_not_shown():
    terminal = Terminal([sys.executable, "-c", GIVEN.format(arguments=["TOKEN"])])
    terminal.until("TOKEN (not shown): ")
    terminal.send("hidden-word\n")
    assert terminal.end() == 0
    assert terminal.shown.count("hidden-word") == 1
    assert "TOKEN: b'hidden-word'" in terminal.shown


EDIT = """
import os, sys
from deployer.cli.editor import edited
from deployer.core.errors import DeployError
try:
    print(edited("A=1\\n", environ=os.environ, terminal=False, name="config.env"), end="")
except DeployError as error:
    print("error:", error.message)
"""


def an_editor(tmp_path, body):
    program = tmp_path / "editor"
    program.write_text(f"#!{sys.executable}\nimport os, sys\npath = sys.argv[-1]\n{body}\n")
    program.chmod(0o755)
    return str(program)


def test_the_editor_gets_a_private_file_that_is_gone_afterwards(tmp_path):
    seen = tmp_path / "seen"
    body = (
        f"open({str(seen)!r}, 'w').write(' '.join([path, oct(os.stat(path).st_mode), "
        "oct(os.stat(os.path.dirname(path)).st_mode), *sys.argv[1:-1]]))\n"
        "open(path + '~', 'w').write('a backup of the editor')\n"
        "open(path, 'a').write('B=2\\n')"
    )
    os.mkdir(tmp_path / "run", 0o700)
    done = python(EDIT, VISUAL=f"{an_editor(tmp_path, body)} --wait", XDG_RUNTIME_DIR=str(tmp_path / "run"))
    assert done.stdout == "A=1\nB=2\n"
    path, mode, folder, *options = seen.read_text().split()
    assert path.startswith(str(tmp_path / "run"))
    assert (stat.S_IMODE(int(mode, 8)), stat.S_IMODE(int(folder, 8)), options) == (0o600, 0o700, ["--wait"])
    assert os.listdir(tmp_path / "run") == []


def test_an_editor_that_fails_changes_nothing_and_leaves_nothing(tmp_path):
    os.mkdir(tmp_path / "run", 0o700)
    done = python(EDIT, EDITOR=an_editor(tmp_path, "sys.exit(7)"), XDG_RUNTIME_DIR=str(tmp_path / "run"))
    assert "ended with code 7; nothing was changed" in done.stdout
    assert os.listdir(tmp_path / "run") == []


def test_without_a_terminal_and_an_editor_there_is_nothing_to_edit_with():
    assert "there is no terminal to edit on" in python(EDIT).stdout
