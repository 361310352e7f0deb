"""Known servers: how a program binds its port, by what its command says, and whether it takes a socket instead.

Socket activation comes to a program in the way that it knows: by systemd's protocol (LISTEN_FDS, LISTEN_PID), by a
variable of its own (UVICORN_FD), or by an option that the command has (`--fd 3`).  The command itself goes to the shell
unchanged; a program that is not known here binds its port itself.
"""

from __future__ import annotations

import re
from typing import Callable, Mapping, Optional, Sequence

from deployer.core.plain import direct, serves_files

LOOPBACK, IPV4 = "127.0.0.1", "0.0.0.0"  # noqa: S104 - what puma's own socket has
LOCAL = ("127.0.0.1", "localhost", "[::1]", "::1")
NOBODY = "0"
NOTHING: Mapping[str, str] = {}
Read = Callable[[str], str]  # the text of a file of the build, '' where there is none

_WORD = r"(?:[^\s'\"\\;&|<>(){}`$]|\\.|\$\{[^{}`(]*\}|\$(?![({])|'[^']*'|\"(?:[^\"\\`$]|\\.|\$(?!\())*\")+"
_TOKEN = re.compile(rf"[ \t]+|({_WORD})|(&&|;|\n)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_LITERAL = re.compile(r"'([^']*)'|\\(.)", re.DOTALL)
_STRING = re.compile(r"'[^'\n]*:[^'\n]*'|\"[^\"\n]*:[^\"\n]*\"")
_PYTHON = re.compile(r"python[0-9.]*\Z")
_PORT = re.compile(r"\$(?:PORT|\{PORT\}|\{PORT:?-[^{}]*\})\Z")
_BIND = re.compile(r"\$(?:BIND|\{BIND\}|\{BIND:?-[^{}]*\})\Z")
_BOUND = re.compile(r"^[ \t]*bind\b[^=\n]*=[ \t]*(.*?)(?=^[A-Za-z_@#]|\Z)", re.MULTILINE | re.DOTALL)
_PUMA_BINDS = re.compile(r"^[ \t]*(?:bind|ssl_bind|port)\b.*$", re.MULTILINE)
_PUMA_MAJOR = re.compile(r"^    puma \((\d+)", re.MULTILINE)
_PUMA_NEXT = 8  # whose own socket is another one
# what only prepares a program, and then becomes it, or stays in front of it; the word that comes after its name
_BECOMES = {"exec": "", "env": "", "poetry": "run", "pipenv": "run", "bundle": "exec"}
_STAYS = {"uv": "run", "pdm": "run", "hatch": "run", "rye": "run"}
_PREFIXES = {"uvicorn": "UVICORN", "flask": "FLASK_RUN", "granian": "GRANIAN", "litestar": "LITESTAR"}


class Command:
    """The program that the last part of a command line runs, with its arguments.

    `becomes` is whether that program has the pid of the process that is launched, as LISTEN_PID needs it.
    """

    def __init__(self, program: str, arguments: Sequence[str], *, becomes: bool) -> None:
        self.program, self.arguments, self.becomes = program, arguments, becomes

    def values(self, *names: str) -> list[str]:
        """What these options are given: `-b X`, `-bX`, `--bind X`, `--bind=X`."""
        found: list[str] = []
        for place, word in enumerate(self.arguments):
            name, equals, value = word.partition("=")
            if word in names:
                found += self.arguments[place + 1 : place + 2]
            elif equals and name in names:
                found.append(value)
            else:
                found += [word[2:] for short in names if len(short) == len("-b") and word.startswith(short)]
        return found

    def has(self, *names: str) -> bool:
        """Whether it has one of these options."""
        return any(word.partition("=")[0] in names for word in self.arguments)


class Taking:
    """How a program takes a socket: the `address` where it would have listened, and the `variables` that tell it.

    Without `protocol` it must not take LISTEN_FDS for its own, too.  `unasked`: it listens on PORT, whatever its type.
    """

    def __init__(
        self, address: str = "", variables: Mapping[str, str] = NOTHING, *, protocol: bool = True, unasked: bool = True
    ) -> None:
        self.address, self.variables, self.protocol, self.unasked = address, variables, protocol, unasked


def command(line: str) -> Optional[Command]:
    """The last program of `line`, the ones before it having ended; None for what only a shell understands."""
    parts = _parts(line)
    if parts is None:
        return None
    words = [word for word in parts[-1] if word]
    becomes = len(parts) == 1 and direct(line) != line
    while words:
        name = words[0].rpartition("/")[2]
        if _VARIABLE.match(words[0]):
            words = words[1:]
        elif name in _BECOMES or name in _STAYS:
            then = _BECOMES.get(name, _STAYS.get(name, ""))
            if then and words[1:2] != [then]:
                return None
            becomes = name not in _STAYS and (becomes or name == "exec")
            words = _without_options(words[2 if then else 1 :], ())
        elif _PYTHON.match(name) or name == "-m":
            words = words if name == "-m" else _without_options(words[1:], ("-W", "-X"))
            return Command(words[1], words[2:], becomes=becomes) if words[:1] == ["-m"] and words[1:] else None
        else:
            return Command(name, words[1:], becomes=becomes)
    return None


def taking(line: str, read: Read = lambda _: "", port: int = 0) -> Optional[Taking]:
    """How the program of `line` takes a socket; None where it does not, or binds something that is not PORT.

    `read` reads its configuration; `port` is what PORT will be, where that is known.
    """
    if serves_files(line):
        return Taking()
    found = command(line)
    judge = _JUDGES.get(found.program) if found else None
    return judge(found, read, port) if found and judge else None


def address(line: str) -> str:
    """Where the socket listens that the program of `line` is given: '' on every address.

    What the command says of its address holds for the socket that it is given instead.
    """
    found = command(line)
    binds = found.values("-b", "--bind") if found else []
    if any(map(_local, binds)):
        return LOOPBACK
    took = taking(line)
    return took.address if took else ""


def variables(line: str, made: Mapping[str, str], *, socket: bool) -> dict[str, str]:
    """What tells the program of `line` of its socket, or of its PORT, as far as `made` does not say so already.

    LISTEN_PID is nobody's where the program is told otherwise: gunicorn would take the socket twice.
    """
    if not socket:
        return _own_port(command(line), made)
    took = taking(line)
    if took is None:
        return {}
    told = {name: value for name, value in took.variables.items() if name not in made}
    if _ARGUMENTS in took.variables and "-b" not in made.get(_ARGUMENTS, "-b"):
        told[_ARGUMENTS] = f"{made[_ARGUMENTS]} {took.variables[_ARGUMENTS]}"  # one more option, beside the user's own
    return told if took.protocol else {**told, "LISTEN_PID": NOBODY}


def _own_port(found: Optional[Command], made: Mapping[str, str]) -> dict[str, str]:
    """The variables for its port; for its address where that is ours to say, behind a router."""
    prefix = _PREFIXES.get(found.program) if found else None
    if prefix is None or "PORT" not in made:
        return {}
    ours = ("PORT", "HOST") if made.get("BIND") == f"{made.get('HOST')}:{made['PORT']}" else ("PORT",)
    return {f"{prefix}_{name}": made[name] for name in ours if f"{prefix}_{name}" not in made}


def _parts(line: str) -> Optional[list[list[str]]]:
    """The words of `line`, unquoted, in its parts between `&&`, `;` and the ends of lines."""
    parts: list[list[str]] = [[]]
    place, line = 0, line.strip()
    while place < len(line):
        match = _TOKEN.match(line, place)
        if match is None:
            return None
        place = match.end()
        if match.group(1):
            parts[-1].append(_unquoted(match.group(1)))
        elif match.group(2):
            parts.append([])
    return [part for part in parts if part] or None


def _unquoted(word: str) -> str:
    """`word` without its quotes; a `$` that the shell leaves alone is none here."""
    return _LITERAL.sub(lambda found: (found.group(1) or found.group(2) or "").replace("$", "\0"), word).replace(
        '"', ""
    )


def _without_options(words: list[str], valued: Sequence[str]) -> list[str]:
    """`words` from the first that is no option, or is `-m`; `--` is dropped."""
    place = 0
    while place < len(words) and words[place].startswith("-") and words[place] not in ("-m", "--"):
        place += 2 if words[place] in valued else 1
    return words[place + 1 :] if words[place : place + 1] == ["--"] else words[place:]


def _local(bind: str) -> bool:
    return bind.startswith(LOCAL)


def _is_port(text: str, port: int) -> bool:
    return bool(_PORT.search(text)) or (port > 0 and text.rpartition(":")[2] == str(port))


# What each program does.  Tried with real ones: docs/howto/own-the-socket.md has the table.

_ARGUMENTS = "GUNICORN_CMD_ARGS"


def _gunicorn(found: Command, read: Read, port: int) -> Optional[Taking]:
    """Systemd's protocol, whatever its file binds; where it has another pid, its own variable, if it binds nothing."""
    binds = found.values("-b", "--bind")
    if binds == ["fd://3"]:
        return Taking(protocol=False)
    if binds:
        good = len(binds) == 1 and (_is_port(binds[0], port) or _BIND.match(binds[0]))
        return Taking(LOOPBACK if _local(binds[0]) else "") if good and found.becomes else None
    files = found.values("-c", "--config")
    name = files[-1] if files else "gunicorn.conf.py"
    bound = _BOUND.findall(read(name.removeprefix("file:")))
    if (
        found.has("-D", "--daemon")
        or len(bound) > 1
        or any("unix:" in one or len(_STRING.findall(one)) > 1 for one in bound)
    ):
        return None
    local = LOOPBACK if any(word in one for one in bound for word in LOCAL) else ""
    return Taking(local) if found.becomes else Taking(local, {_ARGUMENTS: "--bind=fd://3"}, protocol=False)


def _uvicorn(found: Command, _read: Read, port: int) -> Optional[Taking]:
    """UVICORN_FD is its `--fd`, which is stronger than its `--port`."""
    if found.has("--fd"):
        return Taking() if found.values("--fd") == ["3"] else None
    if found.has("--uds", "--reload") or not all(_is_port(said, port) for said in found.values("--port")):
        return None
    hosts = found.values("--host") or [LOOPBACK]
    return Taking(LOOPBACK if _local(hosts[-1]) else "", {"UVICORN_FD": "3"}, unasked=False)


def _hypercorn(found: Command, _read: Read, _port: int) -> Optional[Taking]:
    return Taking() if found.values("-b", "--bind") == ["fd://3"] else None


def _daphne(found: Command, _read: Read, _port: int) -> Optional[Taking]:
    return Taking() if found.values("--fd") == ["3"] or found.values("-e", "--endpoint") == ["fd:fileno=3"] else None


def _puma(found: Command, read: Read, port: int) -> Optional[Taking]:
    """Systemd's protocol, for a socket that has the very address and port that it would have bound."""
    if not found.becomes:
        return None
    if found.has("--bind-to-activated-sockets"):
        return Taking()
    binds, ports = found.values("-b", "--bind"), found.values("-p", "--port")
    if binds:
        good = len(binds) == 1 and not ports and binds[0].startswith("tcp://0.0.0.0:") and _is_port(binds[0], port)
        return Taking(IPV4) if good else None
    major = _PUMA_MAJOR.search(read("Gemfile.lock"))
    if major and int(major.group(1)) >= _PUMA_NEXT:
        return None
    text = read((found.values("-C", "--config") or ["config/puma.rb"])[-1])
    if "bind_to_activated_sockets" in text:
        return Taking()
    said = [f"port ${{PORT}} {one}" if _is_port(one, port) else one for one in ports] or _PUMA_BINDS.findall(text)
    return Taking(IPV4) if len(said) == 1 and said[0].strip().startswith("port") and "PORT" in said[0] else None


_JUDGES: Mapping[str, Callable[[Command, Read, int], Optional[Taking]]] = {
    "gunicorn": _gunicorn,
    "uvicorn": _uvicorn,
    "hypercorn": _hypercorn,
    "daphne": _daphne,
    "puma": _puma,
}
