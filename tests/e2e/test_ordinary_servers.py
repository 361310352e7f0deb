"""Servers as their users start them, all in one app: those that can take a socket do, and a deploy loses no request."""

import contextlib
import shutil

import pytest

from tests.agent.owned import asked

from .deployed import eventually

pytestmark = [pytest.mark.slow, pytest.mark.registry]

APP = """\
import os

TEXT = f"{os.environ['DEPLOY_RELEASE']} {os.getpid()}".encode()
HEADERS = [("Content-Length", str(len(TEXT)))]


def app(environ, start):
    start("200 OK", HEADERS)
    return [TEXT]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            said = (await receive())["type"]
            await send({"type": f"{said}.complete"})
            if said.endswith("shutdown"):
                return
    headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": TEXT})
"""
RACK = """\
text = "#{ENV['DEPLOY_RELEASE']} #{Process.pid}"
run ->(env) { [200, {"content-length" => text.size.to_s}, [text]] }
"""
CONF = "bind = '0.0.0.0:8000'\nworkers = 2\n"
REQUIREMENTS = "gunicorn==23.0.0\nuvicorn==0.54.0\nflask==3.1.3\n"
SOCKET = {  # by process type: how its users start it; one for each way in which a program hears of its socket
    "web": "gunicorn -c conf.py ours:app",
    "after": "true && gunicorn ours:app",  # no `exec`: a shell is in front
    "asgi": "uvicorn ours:asgi",
    "puma": "puma -p $PORT rack.ru",
}
PORT = {"flask": "flask --app flasky run"}
FLASKY = """\
import flask, os
app = flask.Flask(__name__)
app.get("/")(lambda: os.environ["DEPLOY_RELEASE"])
"""


@pytest.fixture
def forms():
    """The forms whose programs this machine has."""
    return {kind: line for kind, line in {**SOCKET, **PORT}.items() if shutil.which("puma") or kind != "puma"}


@pytest.fixture
def ordinary(deployed, tiny, port, forms):
    for name, text in (("ours.py", APP), ("flasky.py", FLASKY), ("rack.ru", RACK), ("conf.py", CONF)):
        (tiny.folder / name).write_text(text)
    (tiny.folder / "requirements.txt").write_text(REQUIREMENTS)
    tiny.procfile("".join(f"{kind}: {line}\n" for kind, line in forms.items()))
    lines = [
        f"  {kind}: {{expose: http, stop_timeout: 5s, healthy_time: 300ms, port: {port + number * 100}}}\n"
        for number, kind in enumerate(forms)
    ]
    every = ", ".join(f"{kind}: 1" for kind in forms)
    tiny.settings(f"app: tiny\nprocesses:\n{''.join(lines)}targets:\n  local:\n    formation: {{{every}}}\n")
    return deployed


def test_whatever_can_take_its_socket_gets_it_and_refuses_nobody_in_a_deploy(ordinary, tiny, port, forms):
    ordinary.deploy("ship")
    ports = {row["process"].split(".")[0]: row["port"] for row in ordinary.json("ps")["processes"]}
    assert set(ports) == set(forms)
    with contextlib.ExitStack() as stack:
        counted = {kind: stack.enter_context(asked(ports[kind], threads=1)) for kind in forms}
        tiny.say("second")
        ordinary.deploy("ship")
        eventually(lambda: all(found["v2"] > 10 for found in counted.values()), what="v2 to answer everywhere")
    for kind in forms:
        if kind in SOCKET:
            assert set(counted[kind]) == {"v1", "v2"}, (kind, counted)
