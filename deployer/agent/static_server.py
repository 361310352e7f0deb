"""Static file server: the process of a static site, where no router serves its files.

One thread and an event loop, so that a thousand slow clients cost a thousand small objects.  On SIGTERM it accepts
nothing more, answers what has begun and what comes on a connection that is open, and closes each after that.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import os
import socket
import time
from typing import Optional
from urllib.parse import quote

from deployer.agent.static_files import MISSING, Folder, Found, Moved
from deployer.agent.static_reply import REASONS, Refused, Reply, Request, file_reply, head, parse

LARGEST_HEAD = 16 << 10  # bytes
SMALL = 64 << 10  # bytes that are sent in one go with their head
PIECE = 1 << 20  # bytes, each to be taken within PROGRESS
MOST = 1000  # connections at a time; further ones wait in the queue of the kernel
HEAD, IDLE, PROGRESS = 10.0, 65.0, 60.0  # seconds: for a request's head, between two requests, for a piece
LAST = 0.5  # seconds that a client may take, when we end, to ask on a connection that is open
BUSY = MOST * 3 // 4  # connections: where there are more, none is kept open for another request


class Server:
    """Answers requests for the files of a folder."""

    def __init__(self, folder: Folder, *, fallback: str = "", most: int = MOST) -> None:
        self._folder, self._fallback = folder, fallback
        self._open: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(most)
        self._ending = asyncio.Event()

    async def serve(self, listener: socket.socket) -> None:
        """Accept connections until `end`; return when the last one is closed."""
        loop = asyncio.get_running_loop()
        ending = loop.create_task(self._ending.wait())
        while not self._ending.is_set():
            accepting = loop.create_task(self._accept(listener))
            await asyncio.wait({accepting, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not accepting.done():
                accepting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await accepting
        listener.close()
        while self._open:
            await asyncio.wait(self._open)

    def end(self) -> None:
        """Accept nothing more."""
        self._ending.set()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await self._places.acquire()
        try:
            connection, _ = await loop.sock_accept(listener)
        except BaseException as error:
            self._places.release()
            if isinstance(error, OSError):  # no descriptor is left, or the client is gone already
                await asyncio.sleep(0.05)
                return
            raise
        task = loop.create_task(self._connection(connection))
        self._open.add(task)
        task.add_done_callback(self._closed)

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        self._places.release()

    async def _connection(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = asyncio.StreamReader(limit=LARGEST_HEAD)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection)
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            patience = HEAD
            while await self._answer(reader, writer, patience):
                patience = IDLE
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
            pass  # the client is gone, or too slow
        finally:
            await _close(writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float) -> bool:
        """Answer the next request; whether another one may follow."""
        try:
            request = await self._request(reader, patience)
            if request is None:
                return False
            keeps = request.keeps and not self._ending.is_set() and len(self._open) <= BUSY
            await self._reply(writer, request, keeps=keeps)
        except Refused as refused:
            await _short(writer, refused.status, {}, keeps=False, body=True)
            return False
        return keeps

    async def _request(self, reader: asyncio.StreamReader, patience: float) -> Optional[Request]:
        """The next request; None where the client sends no more."""
        reading = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            done, _ = await asyncio.wait({reading, ending}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if reading not in done and ending in done:
                await asyncio.wait({reading}, timeout=HEAD if patience == HEAD else LAST)
            if not reading.done():
                return None
            return parse(reading.result())
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise Refused(400) from None
            return None
        except asyncio.LimitOverrunError:
            raise Refused(431) from None
        finally:
            reading.cancel()
            ending.cancel()

    async def _reply(self, writer: asyncio.StreamWriter, request: Request, *, keeps: bool) -> None:
        if request.method not in ("GET", "HEAD"):
            await _short(writer, 405, {"Allow": "GET, HEAD"}, keeps=keeps, body=True)
            return
        accepted = request.header("accept-encoding")
        found, status = self._folder.find(request.path, accepted), 200
        if isinstance(found, Moved):
            where = found.location + (f"?{quote(request.query, safe='/?&=+%:;,@!$()*~-._')}" if request.query else "")
            await _short(writer, 301, {"Location": where}, keeps=keeps, body=request.method == "GET")
            return
        if found is None and self._fallback and "." not in request.path.rpartition("/")[2]:
            found = self._folder.named(self._fallback, accepted)
        if found is None:
            found, status = self._folder.named(MISSING, accepted), 404
        if found is None:
            await _short(writer, 404, {}, keeps=keeps, body=request.method == "GET")
            return
        try:
            await _send(writer, found, file_reply(request, found, status=status), request, keeps=keeps)
        finally:
            os.close(found.descriptor)


async def _send(writer: asyncio.StreamWriter, found: Found, reply: Reply, request: Request, *, keeps: bool) -> None:
    lines = head(reply.status, reply.headers, keeps=keeps, date=_now())
    length = 0 if request.method == "HEAD" else reply.length
    if length <= SMALL:
        writer.write(lines + (os.pread(found.descriptor, length, reply.start) if length else b""))
        await _taken(writer)
        return
    writer.write(lines)
    await _taken(writer)
    loop, at, end = asyncio.get_running_loop(), reply.start, reply.start + length
    with open(found.descriptor, "rb", closefd=False) as file:  # noqa: ASYNC230 - it is open already
        while at < end:
            sending = loop.sendfile(writer.transport, file, at, min(PIECE, end - at))
            sent = await asyncio.wait_for(sending, PROGRESS)
            if not sent:  # it became shorter meanwhile: what was promised cannot be had
                writer.transport.abort()
                raise ConnectionAbortedError
            at += sent


async def _short(
    writer: asyncio.StreamWriter, status: int, headers: dict[str, str], *, keeps: bool, body: bool
) -> None:
    """A reply that says no more than its status."""
    text = f"{status} {REASONS[status]}\n".encode()
    headers = {**headers, "Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(text))}
    writer.write(head(status, headers, keeps=keeps, date=_now()) + (text if body else b""))
    await _taken(writer)


async def _taken(writer: asyncio.StreamWriter) -> None:
    await asyncio.wait_for(writer.drain(), PROGRESS)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close in an orderly way: the client gets all that was written, also where it has sent more than was read."""
    with contextlib.suppress(OSError, RuntimeError):
        if writer.can_write_eof() and not writer.transport.is_closing():
            writer.write_eof()
    writer.close()
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), PROGRESS)


def _now() -> str:
    return email.utils.formatdate(time.time(), usegmt=True)
