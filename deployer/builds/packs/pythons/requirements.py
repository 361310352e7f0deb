"""What does a requirements file say of itself: is it locked, and does it lead into the tree?"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer.core.errors import BuildFailed

_INCLUDE = re.compile(r"(?:-r|--requirement|-c|--constraint)(?:\s+|=)(\S+)")
_LOCAL = re.compile(r"(?:-e|--editable)\b|\.{0,2}/|\.(?:\[|\s|$)|file:|[^#;]*@\s*(?:file:|\.{0,2}/)")
_FIND_LINKS = re.compile(r"(?:-f|--find-links)(?:\s+|=)(\S+)")
_EDITABLE_REPOSITORY = re.compile(r"(?:-e|--editable)(?:\s+|=)(git\+\S+)")
_KNOWN = re.compile(  # what uv obeys, what is given to it by arguments, and what changes nothing here
    r"(?:-[rcefi]\b|--(?:requirement|constraint|editable|find-links|index-url|extra-index-url|no-index|no-binary|"
    r"only-binary|pre|trusted-host|prefer-binary|require-hashes|use-feature)\b)"
)
_WITHOUT_EFFECT = re.compile(r"--(?:prefer-binary|use-feature)\b")
_WHEEL = re.compile(r"(?!.*://)\S+\.(?:whl|tar\.gz|zip)\b")


@dataclass(frozen=True)
class Requirements:
    """A requirements file and all that it includes.

    `text` is all of it; `hashed` if every requirement has a hash; `local` if one of them is a path.  `options` are
    those that uv knows by arguments alone, and would drop without a word: as such.
    """

    text: str
    hashed: bool
    local: bool
    options: tuple[str, ...] = ()


def read(tree: Path, path: str, top: Path | None = None) -> Requirements:
    """The requirements file at `path` in `tree`; `BuildFailed` if it, or one it includes, is not below `top`."""
    lines = _lines(tree, path, top)
    asked = [line for line in lines if not line.startswith("-") or line.startswith(("-e", "--editable"))]
    for line in lines:
        if line.startswith("-") and not _KNOWN.match(line):
            raise BuildFailed(
                f"{path}: {line.split('=')[0].split()[0]} is not an option that can be obeyed here",
                hint="take it out; `build.env` in deploy.yaml sets variables for the build, such as CFLAGS",
            )
    return Requirements(
        text="\n".join(lines),
        hashed=bool(asked) and all("--hash=" in line for line in asked),
        local=any(_LOCAL.match(line) or _WHEEL.match(line) for line in asked),
        options=tuple(_options(lines)),
    )


def whole(tree: Path, path: str, top: Path | None = None) -> str:
    """The file with all that it includes in one: paths of options made absolute, for it is read elsewhere.

    An editable requirement of a repository (`-e git+https://…`, as `pip freeze` writes it) is one as any other.
    """
    return "\n".join(
        filter(None, (_moved(tree, line, folder) for line, folder in _placed(tree, path, set(), top=top, limits=False)))
    )


def _moved(tree: Path, line: str, folder: str) -> str:
    include = _INCLUDE.match(line)
    if include and "://" not in include.group(1):  # the lines of a requirements file are here; limits stay limits
        return f"-c {os.path.normpath(tree / folder / include.group(1))}" if _is_limit(line) else ""
    links = _FIND_LINKS.match(line)
    if links and not re.match(r"[a-z+]+:|/", links.group(1)):
        return f"--find-links {os.path.normpath(tree / folder / links.group(1))}"
    repository = _EDITABLE_REPOSITORY.match(line)
    if repository:
        address, _, fragment = repository.group(1).partition("#")
        said = dict(part.partition("=")[::2] for part in fragment.split("&"))
        below = f"#subdirectory={said['subdirectory']}" if "subdirectory" in said else ""
        return f"{said['egg']} @ {address}{below}" if said.get("egg") else address + below
    return line


def _options(lines: list[str]) -> Iterator[str]:
    for line in lines:
        name, _, value = line.replace("=", " ", 1).partition(" ")
        if name == "--pre":
            yield from ("--prerelease", "allow")
        elif name == "--trusted-host":
            yield from ("--allow-insecure-host", value.strip())


def of(lines: list[str]) -> Requirements:
    """The same of lines that a converter wrote."""
    hashed = all("--hash=" in line for line in lines if not line.startswith("-") or line.startswith("-e"))
    return Requirements("\n".join(lines), hashed=hashed, local=any(_LOCAL.match(line) for line in lines))


def _lines(tree: Path, path: str, top: Path | None) -> list[str]:
    return [line for line, _ in _placed(tree, path, set(), top=top)]


def _placed(
    tree: Path, path: str, seen: set[str], *, top: Path | None = None, limits: bool = True
) -> Iterator[tuple[str, str]]:
    """The logical lines of a file and of those it includes, without comments, each with its file's folder.

    Without `limits` those of constraint files (`-c`) are left where they are.
    """
    path = posixpath.normpath(path)
    if path in seen:
        return
    seen.add(path)
    place = os.path.join(top or tree, "")
    inside = not posixpath.isabs(path) and os.path.normpath(tree / path).startswith(place)
    if not inside or not os.path.isfile(tree / path):
        raise BuildFailed(f"{path} is not in the commit", hint="`git add` it, or fix `build.python.lock`")
    text = (tree / path).read_text(encoding="utf-8-sig", errors="replace")
    folder = posixpath.dirname(path)
    for raw in re.sub(r"\\\r?\n", " ", text).splitlines():
        line = re.sub(r"(^|\s)#.*", "", raw).strip()
        include = _INCLUDE.match(line)
        if line and not _WITHOUT_EFFECT.match(line):
            yield line, folder
        if include and "://" not in include.group(1) and (limits or not _is_limit(line)):
            yield from _placed(tree, posixpath.join(folder, include.group(1)), seen, top=top, limits=limits)


def _is_limit(line: str) -> bool:
    return line.startswith(("-c", "--constraint"))
