"""Who holds the listening sockets of a target under the embedded manager?  A pair of processes, `hold ROOT`.

It outlives releases and supervisord, and needs no file: the release that it was started from may be pruned.  Both
processes have every socket.  One answers on `run/hold.sock`, the other waits for its end: whoever of the two is left
alone makes the other anew, so that the death of one loses nothing, neither a socket nor a connection in its queue.

A request is one line: `give TYPE` (answered with the socket itself), `open TYPE ADDRESS PORT`, `adopt TYPE ADDRESS
PORT` (comes with a socket), `close TYPE`, `list` or `end`; the answer is one line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
from typing import NoReturn, Optional

from deployer.agent import handed

PATIENCE = 5.0
LARGEST = 4096


class Held:
    """The sockets of a target, each with its address and its port, where requests for them arrive, and who `waits`."""

    def __init__(self, control: socket.socket) -> None:
        self.control, self.waits = control, 0
        self.sockets: dict[str, tuple[str, int, socket.socket]] = {}

    def put(self, kind: str, address: str, port: int, held: socket.socket) -> None:
        """Hold this socket for `kind`, in place of what it had."""
        self.drop(kind)
        self.sockets[kind] = (address, port, held)

    def drop(self, kind: str) -> None:
        """Hold nothing for `kind`."""
        if kind in self.sockets:
            self.sockets.pop(kind)[2].close()


def main(arguments: list[str]) -> NoReturn:
    """`ROOT`: hold what is asked for until told to end."""
    (root,) = arguments
    os.chdir(root)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    held = Held(_control(root))
    while True:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        held.waits = os.getpid()
        if os.fork():
            theirs.close()
            _wait(ours, held)
        else:
            ours.close()
            _answer(theirs, held)


def _control(root: str) -> socket.socket:
    directory, address = handed.near(root, handed.CONTROL)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(address)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    os.umask(0o077)
    control.bind(address)
    control.listen(128)
    os.close(directory)
    return control


def _wait(other: socket.socket, held: Held) -> None:
    """Be the one that waits: follow every change; returns when the one that answers is gone, which is then reaped."""
    while True:
        try:
            text, descriptors, _, _ = socket.recv_fds(other, LARGEST, 1)
        except OSError:
            text = b""
        if not text:
            break
        change = json.loads(text)
        if change["what"] == "end":
            os._exit(0)
        if descriptors:
            held.put(change["kind"], change["address"], change["port"], socket.socket(fileno=descriptors[0]))
        else:
            held.drop(change["kind"])
        with contextlib.suppress(OSError):
            other.send(b".")
    other.close()
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _answer(other: socket.socket, held: Held) -> None:
    """Be the one that answers; returns when the other is gone."""
    while True:
        ready, _, _ = select.select([other, held.control], [], [])
        if other in ready:  # it says nothing by itself: this is its end
            other.close()
            return
        with contextlib.suppress(OSError, ValueError, IndexError):  # it is gone already, or its words are none of ours
            asker, _ = held.control.accept()
            with asker:
                asker.settimeout(PATIENCE)
                line, descriptors, _, _ = socket.recv_fds(asker, LARGEST, 1)
                _serve(line.decode().split(), descriptors, asker, other, held)


def _serve(words: list[str], descriptors: list[int], asker: socket.socket, other: socket.socket, held: Held) -> None:
    what, kind = words[0], words[1] if len(words) > 1 else ""
    answer: dict[str, object] = {"pids": [os.getpid(), os.getppid()]}
    if what == "give":
        known = held.sockets.get(kind)
        if known is not None:
            socket.send_fds(asker, [b"{}\n"], [known[2].fileno()])
            return
    elif what in ("open", "adopt"):
        problem = _put(
            kind, words[2], int(words[3]), socket.socket(fileno=descriptors[0]) if descriptors else None, held
        )
        answer["errno"] = problem
        if not problem:
            address, port, made = held.sockets[kind]
            _tell(other, held, {"what": "put", "kind": kind, "address": address, "port": port}, made)
    elif what == "close":
        held.drop(kind)
        _tell(other, held, {"what": "drop", "kind": kind}, None)
    elif what == "end":
        asker.send(json.dumps(answer).encode() + b"\n")
        other.send(b'{"what": "end"}')
        with contextlib.suppress(FileNotFoundError):
            os.unlink(handed.CONTROL)
        os._exit(0)
    answer["held"] = {name: [address, port] for name, (address, port, _) in held.sockets.items()}
    asker.send(json.dumps(answer).encode() + b"\n")


def _put(kind: str, address: str, port: int, given: Optional[socket.socket], held: Held) -> int:
    """Hold a socket of `kind` on `port`; 0, or the errno of what is in the way."""
    known = held.sockets.get(kind)
    if known is not None and known[1] == port:
        return 0
    try:
        made = given or socket.socket(fileno=handed.bound(address, port).detach())
    except OSError as error:
        return error.errno or 1
    held.put(kind, address, port, made)
    return 0


def _tell(other: socket.socket, held: Held, change: dict[str, object], made: Optional[socket.socket]) -> None:
    """Have the other one do the same, and wait until it has."""
    other.settimeout(PATIENCE)
    try:
        socket.send_fds(other, [json.dumps(change).encode()], [made.fileno()] if made else [])
        other.recv(1)
    except socket.timeout:  # 3.9 knows it by this name only
        os.kill(held.waits, signal.SIGKILL)  # it hangs: one of us is enough to make another, two would be too many
    except OSError:  # it is gone: it will be made anew, of what is held here
        return
    other.settimeout(None)
