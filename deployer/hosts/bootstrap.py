"""How does the agent get onto a host, and start there, by one exec?

The command is a constant: no value of ours enters a shell.  The first line on its stdin is the program
`bootstrap_script.py`, compressed, the second what it is to do; the agent's bytes follow where the host asks for them.
"""

from __future__ import annotations

import base64
import contextlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from deployer.core.errors import DeployError, HostUnreachable
from deployer.hosts import pyz

LOADER = 'import base64,zlib;f=open(0,"rb",0,closefd=False);exec(zlib.decompress(base64.b64decode(f.readline())))'
COMMAND = f"exec python3 -IS -c '{LOADER}'"
AS_ROOT = f"exec sudo -n python3 -IS -c '{LOADER}'"
SCRIPT = Path(__file__).with_name("bootstrap_script.py")
MARK = b"\0deployer-bootstrap/1 "
LONGEST = 1 << 16  # bytes of an answer
NOISE = 1 << 20  # bytes that a login script may print
NOT_FOUND = 127  # what a shell exits with


class Started(Protocol):
    """A command that runs on a host."""

    writer: BinaryIO
    reader: BinaryIO

    def ended(self) -> int | None:
        """Its exit code, once its output has ended; None if there is none."""
        ...

    def complaint(self) -> str:
        """What it printed on stderr."""
        ...


@dataclass(frozen=True)
class Agent:
    """What is to run, and where."""

    app: str
    root: str
    sha256: str
    content: bytes

    @staticmethod
    def of(app: str, root: str, cache: Path) -> Agent:
        """The agent of this version."""
        digest, content = pyz.agent(cache)
        return Agent(app, root, digest, content)


def begin(started: Started, agent: Agent, *, host: str, sudo: bool) -> bool:
    """Have the agent there and started; whether it had to be sent.  `HostUnreachable` says what is in the way."""
    answer = _answer(started, introduction(agent), host, sudo=sudo)
    sent = "needs" in answer
    if sent:
        answer = _answer(started, agent.content, host, sudo=sudo)
    if "starts" not in answer:
        raise _refusal(host, str(answer.get("failed")), str(answer.get("text")))
    return sent


def introduction(agent: Agent) -> bytes:
    """What the host gets first: the script, and what it is to do."""
    asked = {"root": agent.root, "app": agent.app, "sha256": agent.sha256, "size": str(len(agent.content))}
    script = base64.b64encode(zlib.compress(SCRIPT.read_bytes(), 9))
    return script + f"\n{json.dumps(asked)}\n".encode()


def _answer(started: Started, content: bytes, host: str, *, sudo: bool) -> dict[str, Any]:
    """What the host says to `content`; whatever a login script printed before it is skipped."""
    with contextlib.suppress(BrokenPipeError):  # it has ended already: what it said before tells why
        started.writer.write(content)
    printed = b""
    while MARK not in printed or not printed.endswith(b"\n"):
        piece = started.reader.readline(LONGEST)
        printed += piece
        if not piece.endswith(b"\n") and len(piece) < LONGEST:
            raise _silence(host, started.ended(), printed.decode(errors="replace") + started.complaint(), sudo=sudo)
        if len(printed) > NOISE:
            raise HostUnreachable(
                f"{host}: a login script prints without end", hint="fix the login scripts (~/.bashrc) there"
            )
    told = json.loads(printed.partition(MARK)[2])
    assert isinstance(told, dict)
    return told


def _silence(host: str, code: int | None, output: str, *, sudo: bool) -> DeployError:
    """Why there was no answer at all."""
    if code == NOT_FOUND:
        what = "sudo" if sudo else "python3"
        return HostUnreachable(
            f"{host}: there is no {what}",
            hint="take `sudo: true` away, or install sudo there" if sudo else _install(host),
            output=output,
        )
    if sudo:
        return HostUnreachable(
            f"{host}: `sudo -n python3` was refused (exit code {code})",
            hint="let the user run it without a password, in /etc/sudoers.d there: USER ALL=(root) NOPASSWD: ALL",
            output=output,
        )
    how = "without an exit code" if code is None else f"with exit code {code}"
    return HostUnreachable(
        f"{host}: python3 did not start: the login ended {how}",
        hint=f"see what `ssh {host} python3 -V` says; the account needs a shell that runs commands",
        output=output,
    )


def _refusal(host: str, kind: str, text: str) -> DeployError:
    """What the host answered in place of a start."""
    if kind == "python":
        return HostUnreachable(
            f"{host}: its python3 is {text}, and 3.9 is the oldest that will do", hint=_install(host)
        )
    if kind == "path":
        return HostUnreachable(
            f"{host}: {text}",
            hint="make the folder there and give it to the user who logs in, or set `path` in deploy.yaml",
        )
    return HostUnreachable(f"{host}: {text}", hint="run the command again")


def _install(host: str) -> str:
    return f"install Python 3.9 or newer on {host} as `python3` (Debian: apt install python3)"
