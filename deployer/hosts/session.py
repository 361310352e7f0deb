"""The operator's end of an agent's session: one request at a time, its events, streams and reply.

Requests are numbered, and an answer has the number of its request: one that comes late is never taken for the next
one's.  A session of which nothing was heard in time, or whose line broke, is never used again.
"""

from __future__ import annotations

import contextlib
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self, TypeVar

from deployer.agent.fault import point
from deployer.core import requests, wire
from deployer.core.errors import DeployError, HostUnreachable, from_wire
from deployer.hosts.host import Channel, Host

BEAT_EVERY = 5.0
CLOSING = 120.0  # seconds an agent may take to undo what is pending
PIECE = 1 << 16

Reply = TypeVar("Reply")
Heard = Callable[[bytes, bytes], None]


class Session:
    """An open session with one host.  Use it as a context manager."""

    def __init__(self, host: Host, channel: Channel) -> None:
        self.host = host
        self.opened: requests.Opened | None = None
        self._channel = channel
        self._writing, self._asking = threading.Lock(), threading.RLock()
        self._closed = threading.Event()
        self._number = self._answered = 0  # of the newest request; of the newest that was answered
        self._ahead: list[tuple[Any, int]] = []  # asked already, and not yet answered; with their numbers
        self._lost = ""  # how it was lost
        self._greeted = self._writes = self._unanswered = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session; the agent undoes a switch that was not confirmed before this returns.

        One that holds no lock and has answered everything is not waited for, nor one that is lost.
        """
        self._closed.set()
        waits = (self._writes or self._unanswered) and not self._lost
        self._channel.close(timeout=CLOSING if waits else 0)

    def open(self, request: requests.Open, then: Sequence[Any] = ()) -> requests.Opened:
        """The first request of a session; from here on the agent hears a heartbeat, well within its patience.

        `then` as in `call`.
        """
        every = min(BEAT_EVERY, request.silence / 4)
        threading.Thread(target=self._beat, args=(every,), daemon=True).start()
        self.opened = self.call(request, requests.Opened, then=then)
        return self.opened

    @property
    def found(self) -> requests.Opened:
        """The host as the session found it."""
        assert self.opened is not None
        return self.opened

    def call(
        self,
        request: Any,
        answer: type[Reply],
        *,
        stream: Iterable[bytes] | None = None,
        heard: Heard | None = None,
        asked: Callable[[], None] | None = None,
        then: Sequence[Any] = (),
    ) -> Reply:
        """Ask, send `stream` after it, hand every frame that is not the reply to `heard`, and decode the reply.

        `asked` is called once the request is on its way: only then does the agent take frames that belong to it.
        `then` are requests that will be made next, in this order: sent along, they cost no round trip of their own.

        A failure that the agent tells is raised as it is; a session that breaks is `HostUnreachable`.
        """
        with self._alone():
            number, doing = self._ask_once(request), type(request).__name__
            for following in then:
                if all(following != known for known, _ in self._ahead):
                    self._ahead.append((following, self._ask(following)))
            if asked is not None:
                asked()
            if stream is not None:
                for part in stream:
                    self.send(wire.CHUNK, part)
                self.send(wire.END)
            while (told := self._reply(number, doing, frame := self._next(doing))) is None:
                if heard and self._belongs(number, frame):
                    heard(*frame)
            try:
                return wire.decode(answer, told)
            except wire.BadFrame as error:
                raise self._gone(f"it gave no answer to {doing}: {error}") from error

    def stream(self, request: Any) -> Iterator[bytes]:
        """Ask for a stream: its bytes as they come.  Read it to its end before the next request."""
        with self._alone():
            number, doing = self._ask_once(request), type(request).__name__
            while self._reply(number, doing, frame := self._next(doing)) is None:
                if frame[0] == wire.CHUNK and self._belongs(number, frame):
                    yield frame[1]

    def receive(self, request: Any) -> bytes:
        """Ask for a stream: all its bytes."""
        return b"".join(self.stream(request))

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Send one frame; other threads may do so at the same time."""
        if self._lost:
            raise self._gone(self._lost)
        try:
            with self._writing:
                self._channel.writer.write(wire.frame(kind, payload))
                self._channel.writer.flush()
        except (OSError, ValueError) as error:
            raise self._gone("it takes nothing more") from error

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One request at a time.  An agent whose session is lost hears of its end, if need be when it wakes up."""
        with self._asking:
            try:
                yield
            finally:
                if self._lost:
                    self._channel.close(timeout=0)

    def _ask_once(self, request: Any) -> int:
        """Ask, unless it was asked ahead; its number.  Answers to what was asked ahead for nothing are passed over."""
        while self._ahead and self._ahead[0][0] != request:
            self._ahead.pop(0)
        return self._ahead.pop(0)[1] if self._ahead else self._ask(request)

    def _ask(self, request: Any) -> int:
        point(f"ask.{type(request).__name__}")
        self._unanswered, self._writes = True, self._writes or isinstance(request, requests.Claim)
        self._number += 1
        asked = {"verb": type(request).__name__, "fields": wire.encode(request), "number": self._number}
        self.send(wire.REQUEST, wire.dump(asked))
        return self._number

    def _next(self, doing: str) -> tuple[bytes, bytes]:
        try:
            if self._greeted or _skip_to_magic(self._channel):
                self._greeted = True
                while (found := wire.read_frame(self._channel.reader)) is not None:
                    if found[0] != wire.BEAT:
                        return found
        except TimeoutError:
            raise self._gone(f"nothing was heard of it during {doing}") from None
        except (OSError, ValueError) as error:
            raise self._gone(f"it ended during {doing}: {error}") from error
        raise self._gone(f"it ended during {doing}")

    def _reply(self, number: int, doing: str, frame: tuple[bytes, bytes]) -> Any:
        """What request `number` is told by this frame; None where it is no answer to it.  A failure is raised.

        An answer that comes late, to an earlier request, is nobody's.  One without a number is that of an older agent,
        which answers in turn.
        """
        kind, payload = frame
        if kind != wire.REPLY:
            return None
        try:
            told = wire.load(payload)
            answered = told.get("number", self._answered + 1)
            ok, error = (None, told["error"]) if "error" in told else (told["ok"], None)
        except (ValueError, AttributeError, KeyError) as damaged:
            raise self._gone(f"it gave no answer to {doing}: {damaged}") from damaged
        self._answered = answered
        if answered < number:
            return None
        if answered > number:
            raise self._gone(f"it gave the answer to another request than {doing}")
        self._unanswered = bool(self._ahead)
        if error is None:
            return ok
        failure: DeployError = from_wire(error)
        failure.details.setdefault("host", self.host.name)
        raise failure

    def _belongs(self, number: int, frame: tuple[bytes, bytes]) -> bool:
        """Whether this frame is of request `number`: what comes before the answer to the one before is of that."""
        return frame[0] != wire.REPLY and self._answered >= number - 1

    def _gone(self, how: str) -> HostUnreachable:
        """Why this session is of no use, from now on."""
        self._lost = self._lost or how
        return HostUnreachable(
            f"{self.host.name}: the agent is gone: {self._lost}",
            hint="run the command again; it finishes or cleans up what was begun",
            output=self._channel.complaint(),
        )

    def _beat(self, every: float) -> None:
        while not self._closed.wait(every) and not self._lost:
            with contextlib.suppress(HostUnreachable):
                self.send(wire.BEAT)


def _skip_to_magic(channel: Channel) -> bool:
    """Skip what a login script printed before the agent's first byte."""
    seen = b""
    while not seen.endswith(wire.MAGIC):
        byte = channel.reader.read(1)
        if not byte:
            return False
        seen = (seen + byte)[-len(wire.MAGIC) :]
    return True


def pieces(content: bytes) -> Iterator[bytes]:
    """`content` in frames of a bounded size."""
    for start in range(0, len(content), PIECE):
        yield content[start : start + PIECE]


def compressed(contents: Iterable[bytes]) -> Iterator[bytes]:
    """One zlib stream of all `contents`."""
    packer = zlib.compressobj(4)  # two thirds of the time of 6, and a twentieth more bytes
    for content in contents:
        packed = packer.compress(content)
        if packed:
            yield from pieces(packed)
    yield from pieces(packer.flush())
