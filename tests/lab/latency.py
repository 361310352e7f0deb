"""How does a line feel that is far away?  A TCP relay on loopback that holds back each direction for a while."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Iterator, Sequence

CHUNK, IN_FLIGHT = 64 * 1024, 8 * 1024**2  # bytes, for one direction of one connection
START = 10  # seconds for the relay's own start, and for its end


@contextlib.contextmanager
def slow_lines(targets: Sequence[tuple[str, int]], *, each_way: float) -> Iterator[list[tuple[str, int]]]:
    """Relay to each target; yields the addresses to connect to instead, in the same order.

    `each_way` is in seconds, and good to about a millisecond.  What a target says first arrives when it would on a real
    line, after the four passages that a TCP handshake and a greeting take; only `connect` itself returns at once.
    """
    relay = _Relay(targets, each_way)
    thread = threading.Thread(target=relay.run, name="slow lines")
    thread.start()
    try:
        if not relay.ready.wait(START):
            raise TimeoutError(f"the relay does not listen after {START} s")
        yield relay.doors
    finally:
        relay.stop()
        thread.join(START)


class _Relay:
    def __init__(self, targets: Sequence[tuple[str, int]], each_way: float) -> None:
        self.targets, self.each_way = targets, each_way
        self.ready, self.doors = threading.Event(), []
        self.loop = asyncio.new_event_loop()
        self.ended = asyncio.Event()

    def run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._listen())

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.ended.set)

    async def _listen(self) -> None:
        async with contextlib.AsyncExitStack() as open_doors:
            for target in self.targets:
                server = await asyncio.start_server(self._answer(target), "127.0.0.1", 0, backlog=256)
                open_doors.callback(server.close)
                self.doors.append(server.sockets[0].getsockname())
            self.ready.set()
            await self.ended.wait()

    def _answer(self, target: tuple[str, int]):
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(3 * self.each_way)  # there, back, there: now a real handshake would be over
            try:
                far_reader, far_writer = await asyncio.open_connection(*target)
            except OSError:
                writer.transport.abort()
                return
            there, back = _Passage(reader, far_writer, self.each_way), _Passage(far_reader, writer, self.each_way)
            try:
                await asyncio.gather(there.carry(), back.carry())
            except* OSError:  # a passage ends with a group of them
                pass  # one side has cut the connection: the other one's is cut as well
            finally:
                for end in (writer, far_writer):
                    end.transport.abort()

        return answer


class _Passage:
    """One direction of one connection: what is read is written `delay` seconds later, and never out of order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
        self.reader, self.writer, self.delay = reader, writer, delay
        self.under_way: deque[tuple[float, bytes]] = deque()
        self.bytes_under_way = 0
        self.changed = asyncio.Condition()

    async def carry(self) -> None:
        """Carry until the sender has ended and all of it has arrived."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._take())
            both.create_task(self._deliver())

    async def _take(self) -> None:
        chunk = b"-"
        while chunk:
            chunk = await self.reader.read(CHUNK)
            async with self.changed:
                await self.changed.wait_for(lambda: self.bytes_under_way < IN_FLIGHT)
                self.under_way.append((asyncio.get_running_loop().time() + self.delay, chunk))
                self.bytes_under_way += len(chunk)
                self.changed.notify_all()

    async def _deliver(self) -> None:
        while True:
            async with self.changed:
                await self.changed.wait_for(lambda: bool(self.under_way))
                due, chunk = self.under_way.popleft()
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            if not chunk:
                self.writer.write_eof()
                return
            self.writer.write(chunk)
            await self.writer.drain()
            async with self.changed:
                self.bytes_under_way -= len(chunk)
                self.changed.notify_all()
