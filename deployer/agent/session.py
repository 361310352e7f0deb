"""How does the agent hear its operator?  Frames in, frames out, and the silence that means nobody is there.

A thread reads all frames as they come, so that a lost operator is noticed in the middle of a verb: `check()` then
raises `Lost`, and whatever was pending is put back.  Another one sends a heartbeat, by which the operator notices a
host that is gone without a word.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import select
import threading
import time
from typing import Any, BinaryIO, Callable, Optional

from deployer.core import wire

GONE = (b"", b"")  # in the queue: no frame will follow
SILENCE = 30.0  # seconds without a word or a heartbeat (design, rule 6)
BEAT_EVERY = 5.0


class Lost(Exception):
    """The operator is gone: end of file, a broken frame, or silence."""


class Session:
    """One operator's session, from its first frame to end of file."""

    def __init__(self, source: BinaryIO, sink: int) -> None:
        self._source, self._sink = source, sink
        self._frames: queue.Queue[tuple[bytes, bytes]] = queue.Queue(maxsize=64)
        self._lost = threading.Event()
        self._heard = time.monotonic()
        self._sending = threading.Lock()
        self.silence = SILENCE
        self.number: Optional[int] = None  # of the request that is being served
        self.cancelled = threading.Event()
        self.when_lost: Callable[[], None] = lambda: None  # called once, as soon as the operator is known to be gone
        os.set_blocking(sink, False)  # an operator who reads no more must not keep us from noticing that it is gone
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._beat, daemon=True).start()

    def check(self) -> None:
        """`Lost` if nobody listens any more.  Everything that waits calls this often."""
        if self._is_lost():
            raise Lost

    def _is_lost(self) -> bool:
        if not self._lost.is_set() and time.monotonic() - self._heard > self.silence:
            self._end()
        return self._lost.is_set()

    def _end(self) -> None:
        """Nobody listens any more: what goes on in the midst of a verb hears of it, and so does who waits for us."""
        if not self._lost.is_set():
            self._lost.set()
            self.when_lost()

    def next(self, timeout: Optional[float] = None) -> Optional[tuple[bytes, bytes]]:
        """The next frame; None after `timeout` seconds; `Lost` when there will be none."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = 0.5 if deadline is None else max(0.0, min(0.5, deadline - time.monotonic()))
            try:
                found = self._frames.get(timeout=left) if left else self._frames.get_nowait()
            except queue.Empty:
                if deadline is not None and time.monotonic() >= deadline:
                    return None
                self.check()
                continue
            if found is GONE:
                raise Lost
            return found

    def stream(self) -> Stream:
        """The byte stream that follows a request, up to its END frame."""
        return Stream(self)

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Send one frame; `Lost` if nobody takes it."""
        content = memoryview(wire.frame(kind, payload))
        with self._sending:
            while content:
                try:
                    content = content[os.write(self._sink, content) :]
                except BlockingIOError:
                    self.check()
                    select.select([], [self._sink], [], 0.5)
                except OSError as error:
                    self._end()
                    raise Lost from error

    def event(self, event: str, text: str) -> None:
        """Tell the operator something while a request is being served."""
        self.send(wire.EVENT, wire.dump({"event": event, "text": text}))

    def phase(self, text: str, spent: float, of: float) -> None:
        """Tell what is being waited for, since how many seconds, and for how many at most (0: that is not known)."""
        self.send(wire.EVENT, wire.dump({"event": wire.PHASE, "text": text, "spent": round(spent, 1), "of": of}))

    def reply(self, value: Any) -> None:
        """Answer the request."""
        self._answer({"ok": wire.encode(value)})

    def fail(self, error: dict[str, Any]) -> None:
        """Answer the request with a failure."""
        self._answer({"error": error})

    def _answer(self, told: dict[str, Any]) -> None:
        """With the request's number, so that nobody takes it for the answer to another one."""
        number = {} if self.number is None else {"number": self.number}
        self.send(wire.REPLY, wire.dump({**told, **number}))

    def _beat(self) -> None:
        with contextlib.suppress(Lost):
            while not self._lost.wait(BEAT_EVERY) and not self._is_lost():
                self.send(wire.BEAT)

    def _listen(self) -> None:
        try:
            while True:
                found = wire.read_frame(self._source)
                if found is None:
                    break
                self._heard = time.monotonic()
                if found[0] == wire.CANCEL:
                    self.cancelled.set()
                elif found[0] != wire.BEAT:
                    self._put(found)
        except (wire.BadFrame, OSError, ValueError):
            pass  # a cut line is the end of the session, like end of file
        self._end()
        with contextlib.suppress(queue.Full):  # then there is enough to wake whoever waits
            self._frames.put_nowait(GONE)

    def _put(self, found: tuple[bytes, bytes]) -> None:
        while not self._lost.is_set():
            try:
                self._frames.put(found, timeout=1)
                return
            except queue.Full:
                self._heard = time.monotonic()
                if _hung_up(self._source):  # what it sent before is nobody's any more
                    self._end()


def _hung_up(source: BinaryIO) -> bool:
    """Whether nobody holds the other end, though there may be bytes to read still."""
    ends = select.poll()
    try:
        ends.register(source.fileno(), select.POLLRDHUP)
    except (OSError, ValueError):  # no descriptor
        return False
    return any(event & (select.POLLHUP | select.POLLRDHUP | select.POLLERR) for _, event in ends.poll(0))


class Stream(io.RawIOBase):
    """A request's byte stream as a file to read from."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self._left, self._ended = session, b"", False

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes (all of them for -1), b"" at the end; `Lost` if the operator goes before it."""
        if size < 0:
            return b"".join(iter(lambda: self.read(1 << 20), b""))
        while not self._left and not self._ended:
            found = self._session.next()
            if found is None or found[0] not in (wire.CHUNK, wire.END):
                raise wire.BadFrame("a stream was expected")
            self._left, self._ended = found[1], found[0] == wire.END
        part, self._left = self._left[:size], self._left[size:]
        return part

    def drain(self) -> None:
        """Read to the end, so that the next frame is the next request."""
        while self.read(1 << 20):
            pass
