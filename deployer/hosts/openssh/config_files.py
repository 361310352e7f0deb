"""The files of an ssh configuration: ~/.ssh/config, the system's, and what they Include.

What they say is for ssh to decide.  They are looked up here because an answer of `ssh -G` is good for as long as they
stay the same, and because ssh finds the caller's home in the user database alone, where deployer goes by HOME: if the
two differ (a container, a CI job), ssh is given copies in which `~` is HOME.
"""

from __future__ import annotations

import glob
import os
import pwd
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

SYSTEM = Path("/etc/ssh")
DEEPEST = 16  # files that include each other, as in ssh
LINE = re.compile(r'\s*"?([A-Za-z0-9]+)"?(?:\s*=\s*|\s+)(.*)', re.DOTALL)
VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")
TILDE = re.compile(r'(?<=[\s"=])~(?=/)')
SHELLS = ("host", "match", "proxycommand", "localcommand", "remotecommand", "knownhostscommand")
CHANGING = ("exec", "localnetwork", "canonical", "canonicalizehostname")  # what depends on more than the files


class ConfigFiles:
    """The caller's files, read once.  `home` is the caller's."""

    def __init__(self, home: Path) -> None:
        self.home, self.mine, self.system = home, home / ".ssh" / "config", SYSTEM / "ssh_config"
        self.moved = os.path.realpath(home) != os.path.realpath(home_of_passwd() or home)
        self.lines: dict[Path, list[str]] = {}
        for path in (self.mine, self.system):
            self._read(path, path.parent, 0)
        self._making = threading.Lock()
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def roots(self) -> list[Path]:
        """The files to begin with: as they are, or copies in which `~` is HOME."""
        if not self.moved:
            return [self.mine, self.system]
        return [path for path in map(self.copy_of, (self.mine, self.system)) if path]

    def digest(self, environ: Mapping[str, str]) -> str:
        """What an answer depends on, as a digest; '' if it depends on more than the files and variables."""
        found = sha256(str(self.home).encode())
        for path, lines in self.lines.items():
            text = "\n".join(lines)
            said = re.findall(r"[a-z]+", text.lower())
            if any(word in said for word in CHANGING):
                return ""
            values = [f"{name}={environ.get(name)}" for name in VARIABLE.findall(text)]
            found.update("\0".join([str(path), text, *values, ""]).encode(errors="surrogateescape"))
        return found.hexdigest()

    def included(self, value: str, folder: Path) -> list[Path]:
        """The files that an Include of `value` names; relative ones are in `folder`."""
        found = []
        for pattern in words(value):
            tilde = f"{self.home}{pattern[1:]}" if pattern.startswith("~/") else os.path.expanduser(pattern)
            expanded = re.sub(r"\$\{(\w+)\}", lambda name: os.path.expandvars(name[0]), tilde)
            found += [Path(path) for path in sorted(glob.glob(os.path.join(folder, expanded)))]
        return found

    def copy_of(self, path: Path) -> Path | None:
        """The copy of `path`, made with all that it includes; None for a file that cannot be read."""
        if path not in self.lines:
            return None
        copy = self.scratch() / str(list(self.lines).index(path))
        if not copy.exists():
            copy.touch(0o600)  # before its content: files may include each other
            lines = [self._moved(line, _folder(path, self.home)) for line in self.lines[path]]
            copy.write_text("\n".join(lines) + "\n", errors="surrogateescape")
        return copy

    def scratch(self) -> Path:
        """A private folder that goes with this process."""
        with self._making:
            if self._scratch is None:
                self._scratch = tempfile.TemporaryDirectory(prefix="deployer-ssh-")
            return Path(self._scratch.name)

    def original(self, text: str) -> str:
        """A message of ssh's with the names of the files themselves in place of their copies'."""
        if self._scratch is None:
            return text
        names = [str(path) for path in self.lines]
        return re.sub(rf"{re.escape(self._scratch.name)}/(\d+)", lambda copy: names[int(copy[1])], text)

    def _read(self, path: Path, folder: Path, depth: int) -> None:
        if path in self.lines or depth > DEEPEST:
            return
        try:
            self.lines[path] = path.read_text(errors="surrogateescape").splitlines()
        except OSError:  # ssh does without it, too
            return
        for key, value in filter(None, map(setting, self.lines[path])):
            if key == "include":
                for found in self.included(value, folder):
                    self._read(found, folder, depth + 1)

    def _moved(self, line: str, folder: Path) -> str:
        """`line` as the copy has it."""
        key, value = setting(line) or ("", "")
        if key == "include":
            copies = [copy for copy in map(self.copy_of, self.included(value, folder)) if copy]
            return "Include " + " ".join(f'"{copy}"' for copy in copies) if copies else ""
        return line if key in SHELLS else TILDE.sub(str(self.home), line).replace("%d", str(self.home))


def setting(line: str) -> tuple[str, str] | None:
    """The keyword of a line, in small letters, and what follows; None for an empty line and a comment."""
    found = LINE.match(line)
    return (found[1].lower(), found[2].strip()) if found and not line.lstrip().startswith("#") else None


def words(value: str) -> list[str]:
    """The words of a value as ssh splits them: quotes of both kinds, backslashes before them, a comment at the end."""
    found: list[str] = []
    word, quote, rest = None, "", iter(_escaped(value))
    for escaped, sign in rest:
        if not escaped and sign == quote:
            quote = ""
        elif not escaped and not quote and sign in "\"'":
            quote, word = sign, word or ""
        elif not quote and not escaped and sign in " \t":
            found += [] if word is None else [word]
            word = None
        elif not quote and not escaped and sign == "#" and word is None:
            break
        else:
            word = (word or "") + sign
    return found if word is None else [*found, word]


def _escaped(value: str) -> Iterator[tuple[bool, str]]:
    """Each character, and whether a backslash stood before it that ssh takes away."""
    at = 0
    while at < len(value):
        escaped = value[at] == "\\" and value[at + 1 : at + 2] in ("\\", '"', "'", " ")
        at += escaped
        if at < len(value):
            yield escaped, value[at]
        at += 1


def _folder(path: Path, home: Path) -> Path:
    """Where relative Includes of `path` are: ssh asks only whose configuration included it first."""
    return SYSTEM if path.is_relative_to(SYSTEM) else home / ".ssh"


def home_of_passwd() -> Path | None:
    """The home that ssh goes by; None for a user without an entry in the user database."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None
