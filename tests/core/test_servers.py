"""What is known of servers by their commands: who takes a socket, in which way, and where it would have listened."""

import pytest

from deployer.core.servers import LOOPBACK, address, taking, variables

ANY, IPV4 = "", "0.0.0.0"
BY_FD = {"GUNICORN_CMD_ARGS": "--bind=fd://3"}
UVICORN = {"UVICORN_FD": "3"}


def none(_):
    return ""


@pytest.mark.parametrize(
    ("command", "where", "told"),
    [
        ("gunicorn app:app", ANY, {}),
        ("gunicorn -w 4 app:app", ANY, {}),
        ("A=1 bin/gunicorn -c conf.py app:app", ANY, {}),
        ("python -m gunicorn app:app", ANY, {}),
        ("./venv/bin/python3.11 -u -W ignore -m gunicorn app:app", ANY, {}),
        ("exec gunicorn app:app", ANY, {}),
        ("env A=1 gunicorn app:app", ANY, {}),
        ("poetry run gunicorn app:app", ANY, {}),
        ("pipenv run gunicorn --bind 0.0.0.0:$PORT app:app", ANY, {}),
        ("gunicorn app:app --bind 0.0.0.0:$PORT", ANY, {}),
        ("gunicorn app:app --bind 0.0.0.0:${PORT:-8000}", ANY, {}),
        ('gunicorn app:app --bind="0.0.0.0:${PORT}"', ANY, {}),
        ("gunicorn app:app -b${BIND:-0.0.0.0:$PORT}", ANY, {}),
        ("A=1 bin/gunicorn -b 127.0.0.1:$PORT app:app", LOOPBACK, {}),
        ("gunicorn --bind=localhost:$PORT app:app", LOOPBACK, {}),
        ("./migrate && exec gunicorn --bind 127.0.0.1:$PORT app:app", LOOPBACK, {}),
        ("./migrate && gunicorn app:app", ANY, BY_FD),
        ("python manage.py migrate; gunicorn app.wsgi", ANY, BY_FD),
        ("uv run gunicorn app:app", ANY, BY_FD),
        ("uv run --frozen -- python -m gunicorn app:app", ANY, BY_FD),
        ("uv run -m gunicorn app:app", ANY, BY_FD),
        ("gunicorn --bind fd://3 app:app", ANY, {}),
        ("uvicorn app:app", LOOPBACK, UVICORN),
        ("uvicorn app:app --host 0.0.0.0 --port $PORT", ANY, UVICORN),
        ("uvicorn --host=127.0.0.1 --port=$PORT --workers 2 app:app", LOOPBACK, UVICORN),
        ("uv run uvicorn --host ${HOST:-0.0.0.0} app:app", ANY, UVICORN),
        ("./migrate && python -m uvicorn app:app", LOOPBACK, UVICORN),
        ("uvicorn --fd 3 app:app", ANY, {}),
        ("hypercorn --bind fd://3 app:app", ANY, {}),
        ("daphne --fd 3 app:app", ANY, {}),
        ("daphne -e fd:fileno=3 app:app", ANY, {}),
        ("bundle exec puma -p $PORT", IPV4, {}),
        ("puma -b tcp://0.0.0.0:$PORT", IPV4, {}),
        ("puma --bind-to-activated-sockets only", ANY, {}),
    ],
)
def test_a_program_that_takes_a_socket_gets_it_where_it_would_have_listened(command, where, told):
    found = taking(command)
    assert found is not None
    assert (found.address, dict(found.variables)) == (where, told)
    assert address(command) == where


@pytest.mark.parametrize(
    "command",
    [
        "gunicorn '--bind' '[::1]:$PORT' app:app",  # the shell leaves this one alone
        "gunicorn --bind 0.0.0.0:8000 app:app",
        "gunicorn --bind unix:/run/app.sock app:app",
        "gunicorn --bind :$PORT --bind unix:/run/app.sock app:app",
        "gunicorn --daemon app:app",
        "./migrate && gunicorn --bind 127.0.0.1:$PORT app:app",  # it would have to be told by its pid
        "uv run gunicorn --bind 0.0.0.0:$PORT app:app",
        "gunicorn app:app | tee log",
        "(gunicorn app:app)",
        "gunicorn $(cat args)",
        "sh -c 'gunicorn app:app'",
        "uvicorn --port 8000 app:app",
        "uvicorn --uds /run/app.sock app:app",
        "uvicorn --reload app:app",
        "uvicorn --fd 4 app:app",
        "hypercorn app:app",
        "hypercorn --bind 0.0.0.0:$PORT app:app",
        "daphne -p $PORT app:app",
        "waitress-serve --port=$PORT app:app",
        "puma",
        "puma -p 9292",
        "puma -b tcp://127.0.0.1:$PORT",
        "rails server",
        "python -m",
        "python app.py",
        "node server.js",
        "npm start",
        "uv run",
        "",
    ],
)
def test_whatever_else_binds_its_port_itself(command):
    assert taking(command) is None


def test_a_port_that_is_written_out_is_the_one_that_deploy_yaml_says():
    assert taking("gunicorn --bind 0.0.0.0:8000 app:app", none, 8000)
    assert taking("uvicorn --port 8000 app:app", none, 8000)
    assert not taking("uvicorn --port 8001 app:app", none, 8000)


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ("workers = 4\n", ANY),
        ('bind = "0.0.0.0:8000"\n', ANY),  # what it is given is stronger
        ("bind = f\"[::]:{os.environ['PORT']}\"\nworkers = 2\n", ANY),
        ('bind = ["127.0.0.1:8000"]\n', LOOPBACK),
        ('bind = os.environ.get("BIND", "localhost:8000")\n', LOOPBACK),
        ('bind = ["0.0.0.0:8000", "0.0.0.0:8001"]\n', None),
        ('bind = [\n    "0.0.0.0:8000",\n    "unix:/run/app.sock",\n]\n', None),
        ('bind = "unix:/run/app.sock"\n', None),
        ('if DEBUG:\n    bind = "127.0.0.1:8000"\nelse:\n    bind = "0.0.0.0:8000"\n', None),
    ],
)
def test_gunicorn_s_file_is_read(said, where):
    for command, name in (
        ("gunicorn app:app", "gunicorn.conf.py"),
        ("gunicorn -c conf/g.py app:app", "conf/g.py"),
        ("gunicorn --config=file:conf/g.py app:app", "conf/g.py"),
        ("./migrate && gunicorn app:app", "gunicorn.conf.py"),
    ):
        found = taking(command, {name: said}.get)
        assert (found and found.address) == where


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ('port ENV.fetch("PORT") { 3000 }\n', IPV4),
        ('port ENV.fetch("PORT", 3000)\nbind "unix:///run/app.sock"\n', None),
        ("port 3000\n", None),
        ("bind_to_activated_sockets 'only'\n", ANY),
    ],
)
def test_puma_s_file_is_read(said, where):
    for command, name in (("bundle exec puma", "config/puma.rb"), ("puma -C puma.rb", "puma.rb")):
        found = taking(command, lambda path, name=name: said if path == name else "")
        assert (found and found.address) == where


def test_a_puma_whose_own_socket_may_be_another_one_binds_it_itself():
    locked = "GEM\n  specs:\n    puma ({})\n      nio4r (~> 2.0)\n"
    assert taking("puma -p $PORT", lambda _: locked.format("7.1.0"))
    assert not taking("puma -p $PORT", lambda _: locked.format("8.0.0"))


def test_a_variable_of_the_user_s_own_is_not_replaced():
    assert variables("uvicorn a:a", {"UVICORN_FD": "7"}, socket=True) == {}
    assert variables("flask run", {"PORT": "5", "FLASK_RUN_PORT": "7"}, socket=False) == {}


def test_gunicorn_s_own_arguments_get_one_more():
    told = variables("uv run gunicorn a:a", {"GUNICORN_CMD_ARGS": "--workers 4"}, socket=True)
    assert told == {"GUNICORN_CMD_ARGS": "--workers 4 --bind=fd://3", "LISTEN_PID": "0"}


@pytest.mark.parametrize(
    ("command", "prefix"),
    [
        ("flask run", "FLASK_RUN"),
        ("python -m flask --app shop run", "FLASK_RUN"),
        ("uv run flask run", "FLASK_RUN"),
        ("uvicorn a:a", "UVICORN"),
        ("granian --interface asgi a:a", "GRANIAN"),
        ("litestar run", "LITESTAR"),
    ],
)
def test_a_server_that_does_not_read_port_is_told_it_in_its_own_variable(command, prefix):
    assert variables(command, {"PORT": "5000", "HOST": "shop.example"}, socket=False) == {f"{prefix}_PORT": "5000"}
    behind = {"PORT": "5000", "HOST": LOOPBACK, "BIND": f"{LOOPBACK}:5000"}
    assert variables(command, behind, socket=False) == {f"{prefix}_PORT": "5000", f"{prefix}_HOST": LOOPBACK}


def test_nobody_else_is_told_anything():
    assert variables("node server.js", {"PORT": "5000"}, socket=False) == {}
    assert variables("node server.js", {"PORT": "5000"}, socket=True) == {}
