"""Which commands are one plain program."""

import pytest

from deployer.core.plain import direct, program


@pytest.mark.parametrize(
    ("command", "name", "made"),
    [
        ("gunicorn app:app", "gunicorn", "exec gunicorn app:app"),
        ("  node server.js --port $PORT", "node", "exec node server.js --port $PORT"),
        ("A=1 B='x' ./bin/serve 'a b' \"$C\"", "serve", "A=1 B='x' exec ./bin/serve 'a b' \"$C\""),
        ("python3", "python3", "exec python3"),
        ("gunicorn -b :${PORT:-80} app", "gunicorn", "exec gunicorn -b :${PORT:-80} app"),
    ],
)
def test_a_plain_program_takes_the_shell_s_place(command, name, made):
    assert program(command) == name
    assert direct(command) == made


@pytest.mark.parametrize(
    "command",
    ["migrate && serve", "serve; true", "a | b", "serve > log", "serve &", "cd x", "exec serve", "(serve)", "a `b`",
     "serve $(cat args)", "if x", "serve\nother", "A='x y' serve", "$PROGRAM x", ""],
)  # fmt: skip
def test_what_only_a_shell_understands_is_left_as_it_is(command):
    assert program(command) == ""
    assert direct(command) == command
