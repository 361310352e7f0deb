"""Tokens and variables in ssh's configuration: %h, ${NAME}, ~, as ssh_config(5) has them.

`ssh -G` shows some values expanded and others as they were written; those are expanded here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

TOKEN = re.compile(r"%(.)")
NAMED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SHELL = "/bin/sh"


def tokens(text: str, values: Mapping[str, str]) -> str:
    """`text` with each %X replaced; one that has no value stays as it is."""
    return TOKEN.sub(lambda token: "%" if token[1] == "%" else values.get(token[1], token[0]), text)


def path(text: str, values: Mapping[str, str], home: Path) -> str:
    """A path: `~` is `home`, ${NAME} the caller's variable, %X a token."""
    if text == "~" or text.startswith("~/"):
        text = f"{home}{text[1:]}"
    elif text.startswith("~"):
        text = os.path.expanduser(text)
    return tokens(NAMED.sub(lambda name: os.environ.get(name[1], name[0]), text), values)


def agent(said: str) -> str:
    """The socket of the agent to ask: IdentityAgent, else SSH_AUTH_SOCK; '' for none."""
    if said == "none":
        return ""
    if said in ("", "SSH_AUTH_SOCK"):
        return os.environ.get("SSH_AUTH_SOCK", "")
    return os.environ.get(said[1:], "") if said.startswith("$") else said


def shell() -> str:
    """The caller's shell, which runs a ProxyCommand."""
    return os.environ.get("SHELL") or SHELL


def variables() -> Mapping[str, str]:
    """The caller's variables."""
    return os.environ
