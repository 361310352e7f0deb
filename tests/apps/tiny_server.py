"""The tiny app: `server.py web`, `worker` or `release`, each behaving as the file behaviour/TYPE says.

ok | fail-health | fail-health-if PATH | never-bind | crash | crash-after SECONDS | ignore-sigterm | fork
| print-secrets | fail | slow SECONDS (release, or web before it binds)
"""

import os
import pathlib
import signal
import socket
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
RELEASE = os.environ.get("DEPLOY_RELEASE", "")
kind = sys.argv[1]
behaviour, _, more = (HERE / "behaviour" / kind).read_text().strip().partition(" ")


def say(text):
    print(f"{kind} {RELEASE}: {text}", flush=True)  # noqa: T201


def note(name, text):
    """A line in the folder that outlives releases, where there is one."""
    if os.environ.get("DATA_DIR"):
        folder = pathlib.Path(os.environ["DATA_DIR"])
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / name, "a") as lines:
            lines.write(text + "\n")


def answer(path):
    if path == "/up":
        sick = behaviour == "fail-health" or (behaviour == "fail-health-if" and os.path.exists(more))
        return (500, b"sick\n") if sick else (200, f"ok {RELEASE}\n".encode())
    if path == "/":
        return 200, (HERE / "text.txt").read_bytes()
    if path.startswith("/env/"):  # a variable's very bytes
        value = os.environb.get(path[5:].encode())
        return (404, b"") if value is None else (200, value)
    if path == "/pid":
        return 200, str(os.getpid()).encode()
    if path == "/cwd":
        return 200, os.getcwd().encode()
    if path == "/crash":
        os._exit(3)
    if path == "/slow":  # a request that is under way while the process is asked to stop
        time.sleep(1)
        return 200, b"slow\n"
    return 404, b"no such page\n"


def serve(port):
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    say(f"listens on {port}")
    while True:
        if behaviour == "crash-after":
            left = started + float(more) - time.monotonic()
            if left <= 0:
                say("crashes now")
                os._exit(3)
            listener.settimeout(left)
        try:
            connection = listener.accept()[0]
        except TimeoutError:
            continue
        with connection:
            connection.settimeout(5)
            try:
                code, body = answer(connection.recv(65536).decode("latin-1").split(" ")[1])
                head = f"HTTP/1.1 {code} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                connection.sendall(head.encode() + body)
            except (OSError, IndexError):
                pass  # somebody only looked whether the port answers


def stop(*_):
    say("stops")
    note("stopped", f"{kind} {RELEASE}")
    os._exit(0)


started = time.monotonic()
signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "ignore-sigterm" else stop)
if kind == "release":
    say("migrates")
    if behaviour == "slow":
        time.sleep(float(more))
    note("migrations", RELEASE)
    sys.exit("release: failed as asked" if behaviour == "fail" else 0)
if behaviour == "crash":
    say("crashes at once")
    sys.exit(3)
if behaviour == "print-secrets":
    for name, value in sorted(os.environ.items()):
        say(f"{name}={value}")
if behaviour == "fork":  # children of its own, which die only with the whole process group
    for _ in range(2):
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            note("children", str(os.getpid()))
            time.sleep(600)
            os._exit(0)
if kind == "web" and behaviour != "never-bind":
    if behaviour == "slow":
        time.sleep(float(more))
    serve(int(os.environ["PORT"]))
say("works")
while True:
    if behaviour == "crash-after" and time.monotonic() > started + float(more):
        say("crashes now")
        os._exit(3)
    time.sleep(0.2)
    if int(time.monotonic() * 5) % 5 == 0:
        say("tick")
