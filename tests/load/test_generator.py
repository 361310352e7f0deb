"""The load sees what goes wrong: each way in which a request can fail, and what is no failure."""

import asyncio
import contextlib
import socket
import struct

import pytest

from .generator import CLOSED, INCOMPLETE, OK, RACE, REFUSED, RESET, TIMEOUT, Load, Plan, Request, spans, summary

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nv1"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nv\r\n1\r\n1\r\n0\r\n\r\n"
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nv1"


def asked(serve, times=1, *, kept=True, **plan):
    """What becomes of requests, one after the other, to a server whose connections are each handled by `serve`."""

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        load = Load(Plan((f"127.0.0.1:{port}",), **plan))
        for _ in range(times):
            await load._one(load.plan.addresses[0], slow=False, kept=kept)
        server.close()
        return load

    return asyncio.run(main())


def answering(*answers, then="close", pause=0.0):
    """Gives these answers on each connection, and then ends it."""

    async def serve(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            for answer in answers:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer)
            if then == "hang":
                await asyncio.sleep(30)
            if then != "close":  # only once it is asked again
                await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(pause)
            if then == "reset":
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            writer.close()

    return serve


@pytest.mark.parametrize(
    ("serve", "outcome"),
    [
        (answering(GOOD, then="close"), OK),
        (answering(CHUNKED), OK),
        (answering(LAST), OK),
        (answering(then="late"), CLOSED),
        (answering(then="reset"), RESET),
        (answering(GOOD[:-1]), INCOMPLETE),
        (answering(b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n"), "502"),
        (answering(then="hang"), TIMEOUT),
    ],
)
def test_how_a_request_ended(serve, outcome):
    (one,) = asked(serve, timeout=0.5).requests
    assert (one.outcome, one.retried) == (outcome, "")
    assert one.release == ("v1" if outcome == OK else "")


def test_nobody_listens():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        load = Load(Plan((f"127.0.0.1:{probe.getsockname()[1]}",)))
        asyncio.run(load._one(load.plan.addresses[0], slow=False, kept=True))
    assert load.requests[0].outcome == REFUSED


@pytest.mark.parametrize(("then", "how"), [("late", CLOSED), ("reset", RESET)])
def test_a_connection_that_was_idle_and_ends_as_it_is_used_again_is_told_apart(then, how):
    load = asked(answering(GOOD, then=then), 2)
    assert [(one.outcome, one.retried.strip()) for one in load.requests] == [(OK, ""), (OK, how)]
    assert summary(load).retried == {how: 1}
    assert summary(load).failed == 0


def test_a_request_that_was_cut_off_later_has_failed_on_a_reused_connection_too():
    load = asked(answering(GOOD, then="late", pause=RACE * 2), 2)
    assert [one.outcome for one in load.requests] == [OK, CLOSED]


def test_without_kept_connections_each_request_has_its_own():
    assert [one.outcome for one in asked(answering(GOOD, then="late"), 3, kept=False).requests] == [OK] * 3


def test_latencies_are_told_by_what_happened_meanwhile():
    load = Load(Plan(("a:1",), slow_time=2))
    load.marks = [(5.0, "begin ship"), (9.0, "end ship"), (20.0, "begin cut off")]
    took = {1.0: ("v1", 0.01), 5.5: ("v1", 0.02), 8.0: ("v2", 0.5), 30.0: ("v2", 0.03)}
    load.requests = [Request(at, "a:1", False, True, took=t, outcome=OK, release=r) for at, (r, t) in took.items()]
    load.requests.append(Request(2.0, "a:1", True, True, took=2.25, outcome=OK, release="v1"))
    seen = summary(load)
    assert spans(load.marks) == [("ship", 5.0, 9.0)]
    assert {name: (found["count"], found["max"]) for name, found in seen.latency.items()} == {
        "quiet": (3, 250.0),
        "commands": (1, 20.0),
        "switches": (1, 500.0),
    }


def test_it_sends_as_many_as_it_should_answered_or_not():
    async def serve(reader, writer):
        await asyncio.sleep(0.5)
        writer.close()

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        load = Load(Plan((f"127.0.0.1:{server.sockets[0].getsockname()[1]}",), rate=100))
        running = asyncio.create_task(load.run())
        await asyncio.sleep(1)
        load.stop()
        await running
        return load

    load = asyncio.run(main())
    assert 60 < len(load.requests) < 150
    assert {one.outcome for one in load.requests} <= {
        CLOSED,
        RESET,
    }
