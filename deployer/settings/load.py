"""How does deploy.yaml become `Settings`?  In one pass that finds every mistake."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from deployer.core.errors import SettingsError
from deployer.core.procfile import CONSOLE, RELEASE
from deployer.settings import reader, schema
from deployer.settings.kinds import WRONG
from deployer.settings.mistakes import Mistakes
from deployer.settings.model import LOCAL, ProcessSettings, Settings, TargetSettings
from deployer.settings.reader import Node

NAME = "deploy.yaml"


def load(path: Path) -> Settings:
    """The settings in the file `path`."""
    return _settings(text_of(path), where=path.name, path=path)


def parse(text: str, *, where: str = NAME) -> Settings:
    """The settings in `text`; `where` is the file's name for messages, and its path."""
    return _settings(text, where=where, path=Path(where))


def parse_build(text: str, *, where: str = NAME) -> Settings:
    """What a build needs of its commit's own deploy.yaml: everything but `targets`, which is not looked at.

    A target belongs to whoever deploys today, not to the commit: an old one must not keep a commit from being built.
    """
    mistakes = Mistakes(where)
    document = reader.read(text, mistakes)
    if isinstance(document.value, dict):
        document.value.pop(schema.TARGETS.name, None)
    values = schema.ROOT_OF_COMMIT.read(document, "", mistakes)
    _check_commands(document, values, mistakes)
    _check_ports(document, values, mistakes)
    mistakes.check()
    return Settings(path=Path(where), **values)


def text_of(path: Path) -> str:
    """The text of a settings file; `SettingsError` says why it cannot be had."""
    try:
        if path.exists() and not path.is_file():  # a FIFO would be waited for
            raise SettingsError(f"{path} is not a file")
        with path.open("rb") as file:
            content = file.read(reader.LARGEST + 1)
    except FileNotFoundError as error:
        hint = "`deploy init` writes one" if path.name == NAME else ""
        raise SettingsError(f"there is no {path.name} in {path.absolute().parent}", hint=hint) from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > reader.LARGEST:
        raise reader.too_large(path.name)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path.name}:{line}: not UTF-8", hint="save the file as UTF-8") from error


def _settings(text: str, *, where: str, path: Path) -> Settings:
    mistakes = Mistakes(where)
    document = reader.read(text, mistakes)
    values = schema.ROOT.read(document, "", mistakes)
    _check_commands(document, values, mistakes)
    _check_ports(document, values, mistakes)
    _check_targets(document, mistakes)
    mistakes.check()
    found: dict[str, TargetSettings] = values.pop(schema.TARGETS.name, {})
    targets = {name: dataclasses.replace(target, name=name) for name, target in found.items()}
    targets.setdefault(LOCAL, TargetSettings(LOCAL))
    return Settings(path=path, targets=targets, declared=tuple(found), **values)


def _check_commands(document: Node, values: Any, mistakes: Mistakes) -> None:
    """`release` and `console` are commands: nothing that only a long-lived process has makes sense for them."""
    processes = {} if values is WRONG else values.get("processes", {})
    nodes = _mapping(_mapping(document).get("processes"))
    for name in (RELEASE, CONSOLE):
        if name in processes and processes[name] != ProcessSettings(command=processes[name].command):
            mistakes.add(nodes[name].key_line, f"processes.{name}", "is no process type: it can have only a `command`")


def _check_ports(document: Node, values: Any, mistakes: Mistakes) -> None:
    """No two process types begin at the same port."""
    processes = {} if values is WRONG else values.get("processes", {})
    nodes = _mapping(_mapping(document).get("processes"))
    first: dict[int, str] = {}
    for name, given in processes.items():
        if given.port and first.setdefault(given.port, name) != name:
            line = _mapping(nodes[name])["port"].line
            mistakes.add(line, f"processes.{name}.port", f"{given.port} is the port of {first[given.port]} already")


def _check_targets(document: Node, mistakes: Mistakes) -> None:
    """`local` is this machine; every other target needs hosts."""
    for name, node in _mapping(_mapping(document).get("targets")).items():
        given = _mapping(node)
        if name == LOCAL:
            for key in ("hosts", "user", "sudo", "rollout", "ssh"):
                if key in given:
                    text = "the target `local` is this machine and has none; give the target another name"
                    mistakes.add(given[key].key_line, f"targets.{LOCAL}.{key}", text)
            if front := _mapping(given.get("router")).get("host"):
                mistakes.add(front.key_line, f"targets.{LOCAL}.router.host", "the target `local` is this machine alone")
        elif isinstance(node.value, (dict, type(None))) and ("hosts" not in given or not given["hosts"].value):
            mistakes.add(node.key_line, f"targets.{name}.hosts", "is missing; expected a list of one host or more")


def _mapping(node: Node | None) -> dict[str, Node]:
    return node.value if node is not None and isinstance(node.value, dict) else {}
