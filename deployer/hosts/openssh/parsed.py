"""ssh's configuration without an ssh program: paramiko's parser reads it, as far as it can.

It takes a criterion of Match that it does not know for true: such lines are refused here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from deployer.core.errors import SettingsError
from deployer.hosts import quick_paramiko
from deployer.hosts.openssh.config_files import DEEPEST, SHELLS, ConfigFiles, setting, words
from deployer.hosts.openssh.resolve import Options

GIVEN = {"-l": "user", "-p": "port"}
ALONE = ("all", "canonical", "final")
CRITERIA = (*ALONE, "host", "originalhost", "user", "localuser", "exec")
LISTS = ("userknownhostsfile", "globalknownhostsfile", "revokedhostkeys")  # several paths in one value
BETWEEN = "\t"  # them: `ssh -G` has a space there, which a path may have, too


def parsed(files: ConfigFiles, host: str, given: Sequence[str]) -> Options:
    """What holds for `host`, in the words of `ssh -G`."""
    quick_paramiko.load()
    from paramiko.config import SSHConfig  # type: ignore[import-untyped]  # noqa: PLC0415 - slow, and seldom needed
    from paramiko.ssh_exception import (  # type: ignore[import-untyped]  # noqa: PLC0415
        ConfigParseError,
        CouldNotCanonicalize,
    )

    config, path = SSHConfig(), files.mine
    try:
        for path in (files.mine, files.system):
            config.parse(_lines(files, path, path.parent, 0))
        said = dict(config.lookup(host))
    except (ConfigParseError, CouldNotCanonicalize, ValueError) as error:
        shown = str(path).replace(str(files.home), "~", 1)
        raise SettingsError(f"{host}: ssh's configuration: {shown}: {error}", hint=f"fix {shown}") from error
    said.update({GIVEN[flag]: value for flag, value in zip(given[::2], given[1::2], strict=True)})
    found = {key: value if isinstance(value, list) else [value] for key, value in said.items() if value is not None}
    return {key: values for key, values in found.items() if values}


def _lines(files: ConfigFiles, path: Path, folder: Path, depth: int) -> Iterator[str]:
    """The lines of `path` and of what it includes, as paramiko's parser understands them."""
    block = "Host *"
    for number, line in enumerate(files.lines.get(path, []), 1):
        key, value = setting(line) or ("", "")
        if key == "include" and depth < DEEPEST:
            for found in files.included(value, folder):
                yield from _lines(files, found, folder, depth + 1)
            yield block  # a Host of the included file ends with it
        elif key == "match":
            block = f"Match {_criteria(words(value), f'{path}:{number}')}"
            yield block
        elif key == "host":
            block = "Host " + " ".join(words(value))
            yield block
        elif key in SHELLS:
            yield line
        elif key:
            yield f"{key} {(BETWEEN if key in LISTS else ' ').join(words(value))}"
        elif line.strip() and not line.strip().startswith("#"):
            yield line  # paramiko says what is wrong with it


def _criteria(said: list[str], place: str) -> str:
    """The criteria of a Match; `SettingsError` for one that paramiko does not know."""
    found, rest = [], list(said)
    while rest:
        criterion, equals, joined = rest.pop(0).partition("=")
        rest[:0] = [joined] if equals and joined else []
        kind = criterion.lower().removeprefix("!")
        if kind not in CRITERIA:
            raise SettingsError(
                f"{place}: Match {criterion} cannot be judged without the ssh program, which is not installed here",
                hint="install it (Debian: apt install openssh-client), or take that Match away",
            )
        if kind != "all" or len(said) == 1:  # `final all` is final
            found.append(criterion.lower())
        if kind not in ALONE and rest:
            found.append(_quoted(rest.pop(0)))
    return " ".join(found)


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\"'\"'") + "'"
