"""Does every request get its answer?  An open-loop load: requests are sent when it is their time, answered or not.

Run as a program, `generator.py PLAN` (JSON: the fields of `Plan`), it tells on stdin's every line `NAME` that something
begins or ends now (`begin ship`, `end ship`), and when stdin ends waits for what is under way and prints what it saw.

**Connections.** A share of the requests is sent on connections that are kept, the others on one each.  A kept one that
was idle may be closed by the server at the very moment at which it is used again: a client cannot tell that from a
server that is gone, and RFC 9112 (9.3.1) has it send an idempotent request again on another connection.  Every browser
and proxy does.  Such requests count as `retried`, beside what became of them; they are retried only if no byte had come
and the end came within RACE of the request.  Whatever ends later was cut off, and has failed.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import dataclasses
import json
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

RACE = 0.25  # seconds
OK, REFUSED, RESET, CLOSED, INCOMPLETE, TIMEOUT = "ok", "refused", "reset", "closed", "incomplete", "timeout"
BEHIND = 0.5  # seconds that the load may be late and still make up for it: all that was missed at once is no load
AROUND = 1.0  # seconds before and after a switch that belong to it


@dataclass(frozen=True)
class Plan:
    """What is asked of `addresses` (`10.77.1.11:8080`), `rate` requests a second in all.

    A share of `slow` of them is for `slow_path`, which takes `slow_time` seconds, and a share of `kept` is sent on
    connections that are kept, for at most `idle` seconds without use.
    """

    addresses: tuple[str, ...]
    rate: float = 200
    slow: float = 0.5
    kept: float = 0.5
    path: str = "/"
    slow_path: str = "/slow"
    slow_time: float = 2.0
    idle: float = 30.0
    timeout: float = 30.0
    host: str = "localhost"
    seed: int = 1


@dataclass(slots=True)
class Request:
    """One of them: when it was sent, how long it took, how it ended, and which release answered."""

    at: float
    address: str
    slow: bool
    kept: bool
    took: float = 0.0
    outcome: str = ""
    release: str = ""
    retried: str = ""  # how the connections ended that it had to be sent on again for
    detail: str = ""


class Ended(Exception):
    """The connection ended before the answer did."""

    def __init__(self, outcome: str, detail: str = "") -> None:
        super().__init__(outcome)
        self.outcome, self.detail = outcome, detail


class Connection(asyncio.Protocol):
    """One connection, for one request at a time."""

    def __init__(self) -> None:
        self.open, self.used, self.idle_since = False, False, 0.0
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes, bool]] | None = None
        self._got = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.open = transport, True

    def data_received(self, data: bytes) -> None:
        self._got += data
        found = parsed(self._got)
        if found and self._answer and not self._answer.done():
            self._answer.set_result(found)

    def eof_received(self) -> bool:
        self.open = False
        self._fail(Ended(INCOMPLETE if self._got else CLOSED))
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        self._fail(Ended(RESET if error else INCOMPLETE if self._got else CLOSED, f"after {len(self._got)} bytes"))

    def _fail(self, error: Ended) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(error)

    async def ask(self, message: bytes) -> tuple[int, bytes]:
        """The status and the body that `message` is answered with; `Ended` if it is not."""
        assert self._transport is not None
        self._got.clear()
        self._answer = asyncio.get_running_loop().create_future()
        if not self.open:
            raise Ended(CLOSED)
        self._transport.write(message)
        status, body, keeps = await self._answer
        self.used = True
        if not keeps:
            self.close()
        return status, body

    def close(self) -> None:
        """End it from our side."""
        self.open = False
        if self._transport:
            self._transport.close()


def parsed(got: bytearray) -> tuple[int, bytes, bool] | None:
    """The status, the body, and whether the connection may be used again; None while the answer is not complete."""
    end = got.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(got[:end]).decode("latin-1").lower().split("\r\n")
    version, status, *_ = head[0].split(" ")
    fields = dict(line.split(":", 1) for line in head[1:])
    keeps = fields.get("connection", "").strip() != "close" and version == "http/1.1"
    if fields.get("transfer-encoding", "").strip() == "chunked":
        body = unchunked(bytes(got[end + 4 :]))
        return None if body is None else (int(status), body, keeps)
    length = int(fields.get("content-length", "0"))
    body = bytes(got[end + 4 : end + 4 + length])
    return (int(status), body, keeps) if len(body) == length else None


def unchunked(text: bytes) -> bytes | None:
    """A body that came in chunks; None while it is not complete."""
    body = b""
    while True:
        size, found, rest = text.partition(b"\r\n")
        if not found:
            return None
        length = int(size.split(b";")[0], 16)
        if len(rest) < length + 2:
            return None
        if not length:
            return body
        body, text = body + rest[:length], rest[length + 2 :]


class Load:
    """Sends what the plan says until `stop`; `requests` are those that ended, `marks` what was told meanwhile."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.requests, self.marks = plan, list[Request](), list[tuple[float, str]]()
        self.late = 0.0  # the most that a request was sent after its time: this program's own fault
        self.skipped = 0  # requests that were never sent, since this program was not let run
        self._idle: dict[str, deque[Connection]] = {address: deque() for address in plan.addresses}
        self._stopped = asyncio.Event()
        self.begun = 0.0

    def stop(self) -> None:
        """Send nothing more."""
        self._stopped.set()

    def mark(self, name: str) -> None:
        """Something begins or ends now."""
        self.marks.append((time.monotonic() - self.begun, name))

    async def run(self) -> None:
        """Until it is stopped, and all that was sent has ended."""
        chance, plan, sent = random.Random(self.plan.seed), self.plan, 0
        under_way: set[asyncio.Task[None]] = set()
        self.begun = due = time.monotonic()
        while not self._stopped.is_set():
            due += chance.expovariate(plan.rate)
            pause = due - time.monotonic()
            if pause > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), pause)
                    break
            else:
                self.late = max(self.late, -pause)
                if -pause > BEHIND:
                    self.skipped += int(-pause * plan.rate)
                    due = time.monotonic()
                await asyncio.sleep(0)
            address = plan.addresses[sent % len(plan.addresses)]
            slow, kept = chance.random() < plan.slow, chance.random() < plan.kept
            task = asyncio.create_task(self._one(address, slow=slow, kept=kept))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            sent += 1
        if under_way:
            await asyncio.wait(under_way)

    async def _one(self, address: str, *, slow: bool, kept: bool) -> None:
        begun = time.monotonic()
        request = Request(begun - self.begun, address, slow, kept)
        try:
            async with asyncio.timeout(self.plan.timeout):
                status, body = await self._answered(request)
            request.outcome = OK if status == 200 else str(status)
            request.release = body.decode(errors="replace").strip()[:40] if status == 200 else ""
            request.detail = "" if status == 200 else body.decode(errors="replace")[:200]
        except TimeoutError:
            request.outcome = TIMEOUT
        except Ended as error:
            request.outcome, request.detail = error.outcome, error.detail
        request.took = time.monotonic() - begun
        self.requests.append(request)

    async def _answered(self, request: Request) -> tuple[int, bytes]:
        path = self.plan.slow_path if request.slow else self.plan.path
        close = "" if request.kept else "Connection: close\r\n"
        message = f"GET {path} HTTP/1.1\r\nHost: {self.plan.host}\r\n{close}\r\n".encode()
        while True:
            connection = self._pooled(request.address) if request.kept else None
            connection = connection or await self._connected(request.address)
            reused, sent = connection.used, time.monotonic()
            try:
                answer = await connection.ask(message)
            except Ended as error:
                connection.close()
                if reused and error.outcome in (CLOSED, RESET) and time.monotonic() - sent < RACE:
                    request.retried += f"{error.outcome} "
                    continue
                raise
            except asyncio.CancelledError:
                connection.close()
                raise
            if request.kept and connection.open:
                connection.idle_since = time.monotonic()
                self._idle[request.address].append(connection)
            else:
                connection.close()
            return answer

    def _pooled(self, address: str) -> Connection | None:
        """The connection that was used last, of those that are open still."""
        pool = self._idle[address]
        while pool and (not pool[0].open or time.monotonic() - pool[0].idle_since > self.plan.idle):
            pool.popleft().close()
        while pool:
            found = pool.pop()
            if found.open:
                return found
        return None

    async def _connected(self, address: str) -> Connection:
        host, _, port = address.rpartition(":")
        try:
            _, made = await asyncio.get_running_loop().create_connection(Connection, host, int(port))
        except ConnectionRefusedError:
            raise Ended(REFUSED) from None
        except OSError as error:
            raise Ended(RESET if isinstance(error, ConnectionResetError) else "unreachable", str(error)) from None
        return made


@dataclass
class Summary:
    """What a load came to.  Latencies are what was added to the time that the app itself takes, in milliseconds."""

    sent: int = 0
    seconds: float = 0.0
    failed: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    retried: dict[str, int] = field(default_factory=dict)  # `closed`, `reset`: how the reused connection ended
    releases: dict[str, int] = field(default_factory=dict)
    latency: dict[str, dict[str, float]] = field(default_factory=dict)  # `quiet`, `commands`, `switches`
    late: float = 0.0
    skipped: int = 0
    failures: list[dict[str, object]] = field(default_factory=list)
    commands: list[dict[str, object]] = field(default_factory=list)


def summary(load: Load) -> Summary:
    """Of all requests, and the latencies by what happened meanwhile."""
    requests = sorted(load.requests, key=lambda one: one.at)
    failed = [one for one in requests if one.outcome != OK]
    commands, changes = spans(load.marks), switches(requests)
    near = lambda one: _is_near(one.at, changes.get(one.address, []))
    within = lambda one: any(begin <= one.at <= end for _, begin, end in commands)
    groups: dict[str, list[Request]] = {"quiet": [], "commands": [], "switches": []}
    for one in requests:
        groups["switches" if near(one) else "commands" if within(one) else "quiet"].append(one)
    return Summary(
        sent=len(requests),
        seconds=round(max((one.at for one in requests), default=0.0), 1),
        failed=len(failed),
        outcomes=dict(Counter(one.outcome for one in requests)),
        retried=dict(Counter(word for one in requests for word in one.retried.split())),
        releases=dict(Counter(one.release for one in requests if one.release)),
        latency={name: latencies(found, load.plan.slow_time) for name, found in groups.items()},
        late=round(load.late * 1000, 1),
        skipped=load.skipped,
        failures=[told(one, load.marks) for one in failed[:50]],
        commands=[
            {"what": what, "at": round(begin, 2), "seconds": round(end - begin, 2)} for what, begin, end in commands
        ],
    )


def spans(marks: Sequence[tuple[float, str]]) -> list[tuple[str, float, float]]:
    """What was begun and ended, with the moments."""
    begun: dict[str, float] = {}
    found = []
    for at, text in marks:
        word, _, name = text.partition(" ")
        if word == "begin":
            begun[name] = at
        elif word == "end" and name in begun:
            found.append((name, begun.pop(name), at))
    return found


def switches(requests: Sequence[Request]) -> dict[str, list[float]]:
    """When each address answered with another release than before."""
    found: dict[str, list[float]] = {}
    seen = dict[str, str]()
    for one in requests:
        if one.release and one.release != seen.get(one.address):
            if one.address in seen:
                found.setdefault(one.address, []).append(one.at)
            seen[one.address] = one.release
    return found


def _is_near(at: float, moments: Sequence[float]) -> bool:
    place = bisect.bisect_left(moments, at - AROUND)
    return place < len(moments) and moments[place] <= at + AROUND


def latencies(requests: Sequence[Request], slow_time: float) -> dict[str, float]:
    """Median, 99th percentile and the largest of what was added."""
    added = sorted((one.took - slow_time * one.slow) * 1000 for one in requests if one.outcome == OK)
    if not added:
        return {"count": 0}
    at = lambda share: round(added[min(len(added) - 1, int(len(added) * share))], 1)
    return {"count": len(added), "p50": at(0.5), "p99": at(0.99), "max": round(added[-1], 1)}


def told(one: Request, marks: Sequence[tuple[float, str]]) -> dict[str, object]:
    """A request that failed, with what had been told last before it was sent."""
    before = [text for at, text in marks if at <= one.at]
    return {**dataclasses.asdict(one), "at": round(one.at, 3), "took": round(one.took, 3), "after": before[-1:]}


async def _main(plan: Plan) -> Summary:
    load = Load(plan)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    running = asyncio.create_task(load.run())
    while line := await lines.readline():
        load.mark(line.decode().strip())
    load.stop()
    await running
    return summary(load)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    seen = asyncio.run(_main(Plan(**{**given, "addresses": tuple(given["addresses"])})))
    sys.stdout.write(json.dumps(dataclasses.asdict(seen)) + "\n")
