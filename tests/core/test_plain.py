"""Which commands are one plain program."""

import pytest

from deployer.core.plain import by_loopback, direct, program, takes_socket


@pytest.mark.parametrize(
    ("command", "name", "made"),
    [
        ("gunicorn app:app", "gunicorn", "exec gunicorn app:app"),
        ("  node server.js --port $PORT", "node", "exec node server.js --port $PORT"),
        ("A=1 B='x' ./bin/serve 'a b' \"$C\"", "serve", "A=1 B='x' exec ./bin/serve 'a b' \"$C\""),
        ("python3", "python3", "exec python3"),
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


@pytest.mark.parametrize(
    ("command", "takes", "local"),
    [
        ("gunicorn app:app --bind 0.0.0.0:$PORT", True, False),
        ("A=1 bin/gunicorn -b 127.0.0.1:$PORT app:app", True, True),
        ("gunicorn --bind=localhost:$PORT app:app", True, True),
        ("gunicorn '--bind' '[::1]:$PORT' app:app", False, False),
        ("gunicorn app:app", False, False),
        ("gunicorn --bind unix:/run/app.sock app:app", False, False),
        ("gunicorn --bind :$PORT --bind unix:/run/app.sock app:app", False, False),
        ("./migrate && gunicorn --bind 127.0.0.1:$PORT app:app", False, True),
        ("uvicorn --host 0.0.0.0 --port $PORT app:app", False, False),
    ],
)
def test_gunicorn_on_its_port_takes_a_socket_instead_where_it_would_have_listened(command, takes, local):
    assert takes_socket(command) == takes
    assert by_loopback(command) == local
