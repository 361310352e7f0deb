"""How does a command line become a call: parsed by typer, run, and its end turned into an exit code?"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

import typer
import typer.core
import typer.main

from deployer.cli import failure, interrupted, interrupts, options, table
from deployer.cli.call import Call
from deployer.cli.display import progress
from deployer.cli.display.screen import Screen
from deployer.core.errors import NotFound, UsageError

VERBATIM = ("exec", "console")  # what follows their first argument is the user's command, options and all


class Command(typer.core.TyperCommand):
    """A command whose help tells its own options and the global ones apart, and which commands are below it."""

    def get_help_option(self, ctx: Any) -> Any:
        """The `--help` flag; one that was not given costs nothing (see `_as_typed`)."""
        option: Any = super().get_help_option(ctx)
        if "process_value" not in vars(option):
            answer = option.process_value
            option.process_value = lambda context, value: answer(context, value) if value else False
        return option

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words after the command's name, as the metavars of its arguments say them."""
        return ["[OPTIONS]", *(str(p.metavar) for p in self.get_params(ctx) if p.param_type_name == "argument")]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options of the command, then those that every command has."""
        parts: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Global options": []}
        for param in cast("list[Any]", self.get_params(ctx)):
            if param.param_type_name == "argument":
                parts["Arguments"].append((str(param.metavar), param.help or ""))
            elif not param.hidden:
                shared = param.name in options.SHARED
                parts["Global options" if shared else "Options"].append(param.get_help_record(ctx))
        commands = [(f"deploy {name}", table.COMMANDS[name][3]) for name in table.below(self.name or "")]
        for title, records in {"Commands": commands, **parts}.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def load(name: str) -> Command:
    """The command `name`: its module is imported now, and no other's."""
    _, module, function, _ = table.COMMANDS[name]
    command = _typed(getattr(import_module(f"deployer.cli.{module}"), function), name)
    for more in (
        *([options.narrowing] if name in table.NARROWED else []),
        *([options.forgiving] if name in table.FORGIVING else []),
        options.shared,
    ):
        command.params += _typed(more, name).params
    for param in cast("list[Any]", command.params):
        if not getattr(param, "is_flag", False):
            param.process_value = _as_typed(param)
    return command


def _as_typed(param: Any) -> Callable[[Any, Any], Any]:
    """Take the words of an argument or option as they are.

    Every one of ours is text, or a list of texts, that its command reads; typer would import all of pydantic (a tenth
    of a second, more than a rollback's own work) to turn a string into a string.
    """

    def process_value(_context: Any, value: Any) -> Any:
        if param.required and not value:
            raise UsageError(f"{param.metavar} is missing", hint=f"`deploy {_context.command.name} --help` explains it")
        return list(value) if isinstance(value, tuple) else value

    return process_value


def _typed(function: Any, name: str) -> Command:
    settings = {"help_option_names": ["-h", "--help"], "allow_interspersed_args": name not in VERBATIM}
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name=name, cls=Command, context_settings=settings)(function)
    return cast("Command", typer.main.get_command(app))


def run(before: list[str], words: list[str]) -> int:
    """Run the command that `words` begin with, the global options `before` it included; the exit code."""
    screen = Screen(sys.stdout, sys.stderr, os.environ)
    given = [*before, *words]
    given = given[: given.index("--")] if "--" in given else given
    screen.json = "--json" in given  # a first guess, until typer has understood them
    screen.verbose = "-v" in given or "--verbose" in given
    try:
        with interrupts.raised():
            return _run(before, words, screen)
    except BaseException as error:  # noqa: BLE001 - nothing passes unseen: this is where every end gets its exit code
        return _ended(error, screen, words)


def _run(before: list[str], words: list[str], screen: Screen) -> int:
    if not words:
        with _typed(options.shared, "deploy").make_context("deploy", before):  # a mistake in them is told first
            raise UsageError("which command?")
    before, words = _ours(before, words, screen)
    name, rest = _named(words)
    command = load(name)
    with command.make_context(f"deploy {name}", [*before, *rest]) as context, progress.shown(screen) as shown:
        asked = {key: context.params.pop(key) for key in options.SHARED}
        yes = context.params.pop("asked_yes", False)
        hosts, limit, missing = (context.params.pop(key, None) for key in options.NARROWING)
        screen.json, screen.quiet, screen.verbose = (asked[f"asked_{key}"] for key in ("json", "quiet", "verbose"))
        if asked["asked_directory"] is not None:
            _enter(asked["asked_directory"])
        context.obj = Call(
            command=f"deploy {name}",
            target=asked["asked_target"] or os.environ.get("DEPLOY_TARGET") or None,
            wait=options.seconds("--wait", asked["asked_wait"] or "0"),
            narrow=options.narrow(hosts, limit, missing=bool(missing)),
            directory=_here(),
            environ=os.environ,
            screen=screen,
            progress=shown,
            yes=bool(yes),
        )
        try:
            code = command.invoke(context)
        except KeyboardInterrupt as error:
            shown.finish()
            raise interrupted.failure(context.obj) from error
    return code if isinstance(code, int) else 0


def _ours(before: list[str], words: list[str], screen: Screen) -> tuple[list[str], list[str]]:
    """The command line in our words where it has those of another tool (`ps:scale`, `production deploy`)."""
    if words[0] == "logs" and words[-1] == "-t":
        raise UsageError("-t names a target here", hint="`deploy logs --tail`, or -f, goes on as more comes")
    if table.resolve(words) and (len(words) == 1 or words[1].startswith("-")):
        return before, words
    from deployer.cli import words as foreign

    if told := foreign.one_off(words):
        raise NotFound(f"there is no release {words[1]!r}", hint=told)
    phrase, meant, rest = foreign.translated(words)
    if phrase and not meant:
        raise UsageError(f"there is no command {phrase!r}", hint=foreign.OTHERWISE[phrase])
    if phrase:
        if not {"-q", "--quiet"} & {*before, *words}:
            screen.say(f"`{phrase}` is called `deploy {meant.removesuffix(' --')}` here")
        return before, [*meant.split(), *rest]
    target = "" if table.resolve(words) else _target(words[0])
    if target and not words[1:]:
        raise UsageError(f"{target} is a target", hint=f"`deploy ship -t {target}` deploys there")
    if target:
        before, words = _ours(before, words[1:], screen)
        before = [*before, "-t", target]
    return before, words


def _target(name: str) -> str:
    """`name`, if deploy.yaml has a target of that name."""
    from pathlib import Path

    from deployer import settings
    from deployer.core.errors import DeployError

    try:
        return name if name in settings.load(Path(settings.NAME)).targets else ""
    except DeployError:
        return ""


def _named(words: list[str]) -> tuple[str, list[str]]:
    found = table.resolve(words)
    if found is None and (names := table.below(words[0])):
        said = " ".join(words[:2])
        ways = " or ".join(f"`deploy {name}`" for name in names)
        raise UsageError(f"there is no command {said!r}" if words[1:] else f"`{said}` what?", hint=f"say {ways}")
    if found is None:
        near = " or ".join(f"`deploy {name}`" for name in table.similar(words[0]))
        raise UsageError(f"there is no command {words[0]!r}", hint=f"did you mean {near}?" if near else None)
    return found


def _here() -> str:
    try:
        return os.getcwd()
    except OSError as error:
        raise UsageError(f"the current folder is gone: {error.strerror}", hint="go to another one: `cd`") from error


def _enter(directory: str) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise UsageError(f"-C {directory}: {error.strerror}", hint="") from error


def _ended(error: BaseException, screen: Screen, words: list[str]) -> int:
    if isinstance(error, typer.Exit):
        return error.exit_code
    if isinstance(error, typer.Abort):
        return failure.show(KeyboardInterrupt(), screen)
    refused = cast("type[Exception]", typer.BadParameter.__mro__[1])  # click's UsageError, wherever typer keeps it
    if isinstance(error, refused):
        found = table.resolve(words) if words else None  # the error does not always know
        path = f"deploy {found[0]}" if found else "deploy"
        return failure.show(failure.usage(error.format_message(), path), screen)  # type: ignore[attr-defined]
    return failure.show(error, screen)
