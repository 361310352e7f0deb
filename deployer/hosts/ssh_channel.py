"""A command on a host as two files: what is written to one is its stdin, the other is its stdout.

Needs no thread beside the transport's: stderr is taken up while stdout is read.  Every wait ends after
`SshSettings.silence`.  Imported only where a host is reached over SSH.
"""

from __future__ import annotations

import io
import time
from collections import deque
from typing import BinaryIO, cast

from paramiko.channel import Channel  # type: ignore[import-untyped]
from paramiko.common import cMSG_CHANNEL_REQUEST  # type: ignore[import-untyped]
from paramiko.message import Message  # type: ignore[import-untyped]
from paramiko.ssh_exception import ChannelException, SSHException  # type: ignore[import-untyped]

from deployer.hosts import ssh_refusals as refusals
from deployer.hosts.ssh_connect import Logins
from deployer.hosts.ssh_route import Route
from deployer.hosts.ssh_transport import Tuned

TICK = 1.0  # seconds after which a wait looks around
PART = 1 << 15  # bytes of a packet
BUFFER = 1 << 16
LAST = 4000  # bytes of stderr that are kept


def opened(logins: Logins, route: Route, command: str) -> SshChannel:
    """`command`, running on the host of `route`; `HostUnreachable`.  A login that then hangs is made anew once."""
    transport = logins.login(route)
    try:
        return SshChannel(_executing(transport, command), transport, logins.settings.silence)
    except ChannelException as error:
        transport.close()
        raise refusals.no_channel(route, error) from error
    except (SSHException, EOFError, OSError):
        transport.close()
    transport = logins.login(route)
    try:
        return SshChannel(_executing(transport, command), transport, logins.settings.silence)
    except (SSHException, EOFError, OSError) as error:
        transport.close()
        raise refusals.no_channel(route, error) from error


def _executing(transport: Tuned, command: str) -> Channel:
    """A channel with `command`.  Waiting for an answer would cost a round trip, and has no deadline in paramiko."""
    channel = transport.open_session()
    channel.settimeout(TICK)
    request = Message()
    request.add_byte(cMSG_CHANNEL_REQUEST)
    request.add_int(channel.remote_chanid)
    request.add_string("exec")
    request.add_boolean(False)  # noqa: FBT003 - want-reply
    request.add_string(command)
    transport._send_user_message(request)  # noqa: SLF001 - as paramiko's Channel does
    return channel


class SshChannel:
    """A command on a host."""

    def __init__(self, channel: Channel, transport: Tuned, silence: float) -> None:
        self._channel, self._transport = channel, transport
        self._errors = Errors(channel)
        self.writer = cast("BinaryIO", Input(channel, silence))
        self.reader = cast("BinaryIO", io.BufferedReader(Output(channel, self._errors, silence), BUFFER))

    def close(self, *, timeout: float) -> None:
        """End its input, wait up to `timeout` seconds for its end, and log out."""
        try:
            self._channel.shutdown_write()
            self._channel.status_event.wait(timeout)
        except (SSHException, EOFError, OSError):
            pass  # the connection is gone, and with it the command
        finally:
            self.drop()

    def drop(self) -> None:
        """Log out, whatever it does."""
        self._transport.close()

    def begun(self) -> None:
        """Nothing: a login is over before there is a channel."""

    def refusal(self) -> None:
        """None: whoever is refused gets no channel."""

    def ended(self) -> int | None:
        """Its exit code, once its output has ended."""
        self._channel.status_event.wait(TICK)
        code: int = self._channel.exit_status
        return None if code < 0 else code

    def complaint(self) -> str:
        """The end of what it printed on stderr."""
        return self._errors.text()


class Errors:
    """What a command prints on stderr: the end of it is kept."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._kept: deque[int] = deque(maxlen=LAST)

    def take(self) -> None:
        """Take up what has come, so that it does not fill the window that stdout needs too."""
        while self._channel.recv_stderr_ready():
            self._kept.extend(self._channel.recv_stderr(BUFFER))

    def text(self) -> str:
        """All that is kept."""
        self.take()
        return bytes(self._kept).decode(errors="replace")


class Input(io.RawIOBase):
    """Its stdin.  `OSError` where it takes no more, `TimeoutError` where it takes nothing for `silence` seconds."""

    def __init__(self, channel: Channel, silence: float) -> None:
        super().__init__()
        self._channel, self._silence = channel, silence

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]
        """Send all of `content`; it waits while the host is slow."""
        at, moved = 0, time.monotonic()
        while at < len(content):
            try:
                sent = self._channel.send(content[at : at + PART])
            except TimeoutError:
                if time.monotonic() - moved > self._silence:
                    raise TimeoutError("the host takes nothing more") from None
                continue
            except (SSHException, EOFError) as error:
                raise BrokenPipeError("the connection is lost") from error
            if not sent:
                raise BrokenPipeError("the command has ended")
            at, moved = at + sent, time.monotonic()
        return len(content)


class Output(io.RawIOBase):
    """Its stdout.  `TimeoutError` where nothing comes for `silence` seconds."""

    def __init__(self, channel: Channel, errors: Errors, silence: float) -> None:
        super().__init__()
        self._channel, self._errors, self._silence = channel, errors, silence

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """What has come, at most as much as fits into `buffer`; 0 at the end."""
        deadline = time.monotonic() + self._silence
        while True:
            self._errors.take()
            try:
                content = self._channel.recv(len(buffer))
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise TimeoutError("nothing was heard from the host") from None
                continue
            buffer[: len(content)] = content
            return len(content)
