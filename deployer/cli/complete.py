"""What can stand where the cursor is?  Asked by the completion scripts at every press of Tab.

The commands come from the table alone; typer and one command's module are loaded for the options of that command,
the settings for the names of targets.
"""

from __future__ import annotations

import sys

from deployer.cli import table


def answer(words: list[str]) -> int:
    """Print what may complete the last of `words`, one a line, a tab before its explanation."""
    before, rest = table.split(words[:-1])
    last = words[-1] if words else ""
    for value, line in _candidates(before, rest, last):
        if value.startswith(last):
            sys.stdout.write(f"{value}\t{line}\n")
    return 0


def _candidates(before: list[str], rest: list[str], last: str) -> list[tuple[str, str]]:
    found = table.resolve(rest) if rest else None
    given = [*before, *rest]
    if given and given[-1] in ("-t", "--target"):
        return [(name, "target") for name in _targets()]
    if given and given[-1] in ("--hosts", "--host"):
        begun = last[: last.rfind(",") + 1]  # those before it in the list stay
        return [(begun + name, "host") for name in _hosts(given)]
    if found is None:
        if len(rest) > 1 or (rest and not table.below(rest[0])):
            return []
        words = {name.partition(" ")[0]: line for name, (*_, line) in reversed(table.COMMANDS.items())}
        return list(words.items())
    name, _ = found
    if last.startswith("-"):
        return _options(name)
    if name in ("run", "rollback", "show", "diff", "verify"):
        return [(release, "") for release in _releases(before)]
    if name == "completion":
        return [(shell, "") for shell in ("bash", "zsh", "fish")]
    return [(below.partition(" ")[2], table.COMMANDS[below][3]) for below in table.below(name)]


def _options(name: str) -> list[tuple[str, str]]:
    from deployer.cli import frame

    return [
        (option, getattr(param, "help", "") or "")
        for param in frame.load(name).params
        for option in param.opts
        if option.startswith("--")
    ]


def _releases(before: list[str]) -> list[str]:
    """The releases of the target, newest first, where it is this machine: another would keep the user waiting."""
    import os
    from pathlib import Path

    from deployer import settings
    from deployer.core.errors import DeployError
    from deployer.core.names import release_name
    from deployer.stages import events, operator, project, target

    named = before[before.index("-t") + 1] if "-t" in before[:-1] else os.environ.get("DEPLOY_TARGET")
    asker = operator.operator(os.environ, who="", now=str, token=str)
    try:
        app = project.project(Path.cwd(), asker)
        if not settings.target(app.settings, named).is_local:
            return []
        with target.opened(app, named, command="", write=False, report=events.silent) as opened:
            return [release_name(version) for version in reversed(opened.ledger.releases)]
    except DeployError:
        return []


def _hosts(given: list[str]) -> list[str]:
    """The hosts of the target that the command is for."""
    import os
    from pathlib import Path

    from deployer import settings
    from deployer.core.errors import DeployError

    named = next((given[at + 1] for at, word in enumerate(given[:-1]) if word in ("-t", "--target")), None)
    try:
        target = settings.target(settings.load(Path(settings.NAME)), named or os.environ.get("DEPLOY_TARGET"))
    except DeployError:
        return []
    return [host.host for host in target.hosts]


def _targets() -> list[str]:
    from pathlib import Path

    from deployer import settings
    from deployer.core.errors import DeployError

    try:
        return list(settings.load(Path(settings.NAME)).targets)
    except DeployError:  # a file that is missing or wrong has no targets to offer; the command will say why
        return []
