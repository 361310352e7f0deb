"""Package indexes: where a lock file says that a package comes from, and how uv is held to that.

A package that a lock binds to an index is asked for there and nowhere else (dependency confusion): an index of the
caller's environment or of a uv.toml has no say.  Credentials are variables of the build, and reach uv by its
environment, never as an argument.
"""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

from deployer.core.errors import BuildFailed

PUBLIC = re.compile(r"https?://pypi\.(?:python\.)?org/(?:simple/?)?\Z")  # everybody's default, which may be mirrored
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)")
_INDEX_URL = re.compile(r"^(?:-i|--index-url)(?:\s+|=)(\S+)", re.MULTILINE)
_OTHER_INDEXES = ("UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX")


@dataclass(frozen=True)
class Index:
    """An index that packages are bound to: its `name` in the lock file, its `url`, in which `${NAME}` may stand."""

    name: str
    url: str
    verify: bool = True


@dataclass(frozen=True)
class Locked:
    """One requirement of a lock file, and the index that it is bound to (None: the default one)."""

    line: str
    index: Index | None = None


def index(name: str, url: str, *, verify: bool = True) -> Index | None:
    """The index of this name and address; None for the public one, for which the caller may have a mirror."""
    return None if PUBLIC.match(url) else Index(name, url, verify)


def only(index: Index, given: Mapping[str, str], source: str) -> dict[str, str]:
    """The variables by which uv knows `index` and no other; `BuildFailed` where its address needs one not `given`."""
    url = _with_credentials(index, _expanded(index, given, source), given)
    made = {**dict.fromkeys(_OTHER_INDEXES, ""), "UV_DEFAULT_INDEX": url, "UV_INDEX_STRATEGY": "first-index"}
    if not index.verify:
        made["UV_INSECURE_HOST"] = urllib.parse.urlsplit(url).netloc.rpartition("@")[2]
    return {**made, "UV_CONFIG_FILE": os.devnull}  # instead of any uv.toml, and of the project's own settings


def of_requirements(text: str) -> dict[str, str]:
    """The variables with which the index of a requirements file holds: without them one of the environment would win.

    The public one is the default, for which the caller may have a mirror.
    """
    found = _INDEX_URL.findall(text)
    if not found or PUBLIC.match(found[-1]):
        return {}
    return dict.fromkeys(("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"), "")


def shown(index: Index) -> str:
    """The index for a message: its name, and its address without what somebody may have written into it."""
    return f"{index.name} ({re.sub(r'://[^/@]*@', '://', index.url)})"


def _expanded(index: Index, given: Mapping[str, str], source: str) -> str:
    """The address with the build's variables in it, as Pipenv and pip write them."""
    names = [first or second for first, second in _VARIABLE.findall(index.url)]
    missing = [name for name in names if name not in given]
    if missing:
        raise BuildFailed(
            f"{source}: the address of the index {shown(index)} needs {missing[0]}, which the build does not have",
            hint=f"`secrets: [{', '.join(names)}]` under `build:` in deploy.yaml, and `export {missing[0]}=…`",
        )
    return _VARIABLE.sub(lambda found: urllib.parse.quote(given[found.group(1) or found.group(2)], safe=""), index.url)


def _with_credentials(index: Index, url: str, given: Mapping[str, str]) -> str:
    """The address with the user and password that Poetry's or uv's variables for it hold, where it has none."""
    parts = urllib.parse.urlsplit(url)
    if "@" in parts.netloc:
        return url
    name = re.sub(r"[^A-Z0-9]", "_", index.name.upper())
    for before in ("POETRY_HTTP_BASIC", "UV_INDEX"):
        user, password = (given.get(f"{before}_{name}_{what}", "") for what in ("USERNAME", "PASSWORD"))
        if user or password:
            quoted = ":".join(urllib.parse.quote(text, safe="") for text in (user, password))
            return parts._replace(netloc=f"{quoted}@{parts.netloc}").geturl()
    return url
