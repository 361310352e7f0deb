"""The relay delays, and does nothing else."""

import socket
import threading
import time

import pytest

from .latency import slow_lines

EACH_WAY = 0.05
SLACK = 0.04  # seconds: other programs run here too


@pytest.fixture
def echo():
    """A server that greets, then sends back what it gets until the other side has ended."""

    def talk(line):
        with line:
            line.sendall(b"hello\n")
            while some := line.recv(65536):
                line.sendall(some)

    def serve():
        while True:
            try:
                line, _ = door.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=[line], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=serve, daemon=True).start()
        yield door.getsockname()
        door.shutdown(socket.SHUT_RDWR)


def seconds(action):
    began = time.monotonic()
    action()
    return time.monotonic() - began


def connected(address):
    line = socket.create_connection(address, timeout=10)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line


def test_a_greeting_takes_four_passages_and_a_question_two(echo):
    with slow_lines([echo], each_way=EACH_WAY) as [door]:
        times = [first_and_second(door) for _ in range(4)]
    greeting, asked = (min(each) for each in zip(*times, strict=True))
    assert 4 * EACH_WAY - 0.01 < greeting < 4 * EACH_WAY + SLACK
    assert 2 * EACH_WAY - 0.002 < asked < 2 * EACH_WAY + SLACK


def first_and_second(door):
    with connected(door) as line:
        return seconds(lambda: line.recv(6)), seconds(lambda: (line.sendall(b"x"), line.recv(1)))


def test_much_goes_through_whole_and_the_end_is_passed_on(echo):
    sent = bytes(range(256)) * 80_000  # 20 MB: more than may be under way
    got = bytearray()
    with slow_lines([echo], each_way=0.01) as [door], connected(door) as line:
        sender = threading.Thread(target=lambda: (line.sendall(sent), line.shutdown(socket.SHUT_WR)))
        sender.start()
        while some := line.recv(1 << 20):
            got += some
        sender.join()
    assert bytes(got) == b"hello\n" + sent


def test_each_target_has_a_door_of_its_own_and_one_that_is_down_is_cut(echo):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()
    with slow_lines([nobody, echo], each_way=0) as [cut, good]:
        with connected(cut) as line:
            assert hung_up(line)
        with connected(good) as line:
            assert line.recv(6) == b"hello\n"


def hung_up(line):
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True
