"""The reference pages say what the program does."""

import re

from deployer.cli import frame, table
from deployer.cli.failure import OutOfService
from deployer.core.errors import KINDS

from .terminal import ROOT


def test_every_failure_has_its_line_among_the_exit_codes():
    page = (ROOT / "docs/reference/exit-codes.md").read_text()
    told = {(kind, int(code)) for code, kind in re.findall(r"^\| (\d+) \| `([a-z-]+)`", page, re.MULTILINE)}
    assert told == {(kind, cls.exit_code) for kind, cls in KINDS.items()} | {("system", OutOfService.exit_code)}


def commands_page():
    """docs/reference/commands.md; `python -m tests.cli.test_reference` writes it."""
    parts = ["# Commands\n\nWhat `--help` says, command by command; the global options once, at the end.\n"]
    for name in table.COMMANDS:
        command = frame.load(name)
        with command.make_context(f"deploy {name}", [], resilient_parsing=True, terminal_width=80) as context:
            text = command.get_help(context).partition("\nGlobal options:")[0].rstrip()
        parts.append(f"## deploy {name}\n\n```text\n{text}\n```\n")
    parts.append(f"## Global options\n\n```text\n{table.OPTIONS}```\n")
    return "\n".join(parts)


def test_the_page_of_commands_is_what_help_says():
    page = ROOT / "docs/reference/commands.md"
    assert page.read_text() == commands_page(), "write it anew: python -m tests.cli.test_reference"


if __name__ == "__main__":
    (ROOT / "docs/reference/commands.md").write_text(commands_page())
