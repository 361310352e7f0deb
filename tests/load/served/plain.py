"""A server of the standard library that ends as one should: it takes no more, and finishes what it has."""

import os
import select
import signal
import socket
import threading
import time

import told

IDLE = 5.0  # seconds that a connection is kept
LINGER = 0.3  # seconds in which a connection that was just made may still ask, once we are to end
stopping = threading.Event()
live = set()


def main():
    given = os.environ.get("LISTEN_FDS")
    if given:
        listener = socket.socket(fileno=3)
    else:
        listener = socket.create_server((os.environ.get("HOST", "0.0.0.0"), int(os.environ["PORT"])), backlog=1024)
    listener.setblocking(False)
    asleep, awake = os.pipe()

    def stop(*_):
        stopping.set()
        os.write(awake, b".")

    signal.signal(signal.SIGTERM, stop)
    while not stopping.is_set():
        select.select([listener, asleep], [], [])
        if not stopping.is_set():
            take(listener)
    while not given and take(listener):  # whose socket is closed with us: nobody else would take these
        pass
    listener.close()
    for thread in list(live):
        thread.join()


def take(listener):
    try:
        connection, _ = listener.accept()
    except OSError:  # another process was quicker
        return False
    thread = threading.Thread(target=serve, args=(connection,), daemon=True)
    live.add(thread)
    thread.start()
    return True


def serve(connection):
    connection.setblocking(True)
    try:
        with connection:
            while answer(connection):
                pass
    except OSError:
        pass
    finally:
        live.discard(threading.current_thread())


def answer(connection):
    """One request; False when the connection is to end."""
    deadline = time.monotonic() + IDLE
    while not select.select([connection], [], [], 0.1)[0]:
        if stopping.is_set():
            deadline = min(deadline, time.monotonic() + LINGER)
        if time.monotonic() > deadline:
            return False
    got = b""
    while b"\r\n\r\n" not in got:
        more = connection.recv(65536)
        if not more:
            return False
        got += more
    path = got.split(b" ")[1].decode()
    if path == "/slow":
        time.sleep(told.SLOW)
    code = 500 if path == "/up" and told.sick() else 200
    close = stopping.is_set() or b"connection: close" in got.lower()
    last = "Connection: close\r\n" if close else ""
    head = f"HTTP/1.1 {code} X\r\nContent-Type: text/plain\r\nContent-Length: {len(told.RELEASE)}\r\n{last}\r\n"
    connection.sendall((head + told.RELEASE).encode())
    return not close


main()
