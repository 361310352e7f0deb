"""`deploy config`: the target's variables."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli import config_change, editor, failure, values
from deployer.cli.call import Call
from deployer.core import dotenv
from deployer.core.errors import SettingsError
from deployer.core.secret import Secret, reveal, seal

Run = Annotated[bool, typer.Option("--run", help="Bring the new release up, too.")]
Expect = Annotated[
    str | None, typer.Option("--expect", metavar="RELEASE", help="Refuse unless it is the newest release.")
]


def config(ctx: typer.Context) -> int:
    """List the names of the target's config.

    Values are shown by `deploy config get NAME` alone. `stored` ones were set here; the others come from the sources
    in deploy.yaml.
    """
    from deployer.stages import config as stage

    call: Call = ctx.obj
    with call.opened(partial=True) as target:
        found, missing = stage.variables(target), target.outdated
    names = sorted(found.values)
    rows = [[name, "stored" if name in found.stored else "deploy.yaml"] for name in names]
    if not names:
        call.screen.note("the config is empty: `deploy config set NAME`")
    document = {"names": names, "stored": sorted(found.stored)}
    return failure.answer(call.screen, document, call.screen.table(["name", "from"], rows) if rows else [], missing)


def get(ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME", help="The variable.")]) -> int:
    """Print one value."""
    from deployer.stages import config as stage

    call: Call = ctx.obj
    with call.opened(partial=True) as target:
        value, missing = stage.get(target, name).reveal(), target.outdated
    if not call.screen.json:
        call.screen.write_bytes(value.encode("utf-8", "surrogateescape") + b"\n")
    return failure.answer(call.screen, {"name": name, "value": value}, [], missing)


def set_(
    ctx: typer.Context,
    variables: Annotated[list[str], typer.Argument(metavar="NAME[=VALUE]...", help="See above.")],
    *,
    run: Run = False,
    expect: Expect = None,
) -> int:
    """Set values; makes a new release.

    NAME=VALUE is seen by your shell's history. NAME=@FILE takes a file's content, NAME=- standard input, and NAME
    alone asks for it.
    """
    call: Call = ctx.obj
    return config_change.change(call, store=values.given(variables), run=run, expect=expect)


def unset(
    ctx: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Stored variables.")],
    *,
    run: Run = False,
    expect: Expect = None,
) -> int:
    """Take values away; makes a new release."""
    return config_change.change(ctx.obj, unset=names, run=run, expect=expect)


def import_(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Dotenv or a JSON object; - for standard input.")],
    *,
    run: Run = False,
    expect: Expect = None,
) -> int:
    """Set the values of a dotenv or JSON file.

    Makes a new release. Values that the file does not name stay as they are.
    """
    where = "standard input" if file == "-" else file
    found = dotenv.parse_any(values.file_text(file), where=where)
    return config_change.change(ctx.obj, store=seal(found), run=run, expect=expect)


def edit(ctx: typer.Context, *, run: Run = False) -> int:
    """Edit the values in your editor; makes a new release.

    They lie in a private file while you edit, which is removed afterwards; what is unchanged changes nothing.
    """
    from deployer.stages import config as stage

    call: Call = ctx.obj
    with call.opened(partial=True) as target:
        before, newest = stage.stored(target), target.ledger.newest
    call.progress.finish()
    call.progress.stop()
    after = _edited(call, dotenv.render(reveal(before)))
    return config_change.replace(call, after, run=run, expect=newest)


def _edited(call: Call, text: str) -> dict[str, Secret]:
    """The variables that the user made of `text`; on a terminal a mistake can be mended, not only told."""
    interactive = call.screen.terminal and call.screen.live
    while True:
        text = editor.edited(text, environ=call.environ, terminal=interactive, name="config.env")
        try:
            return seal(dotenv.parse(text, where="config"))
        except SettingsError as error:
            if not interactive or call.screen.json:
                raise
            call.screen.say(f"error: {error.message}", "red")
            if not typer.confirm("Edit it again?", default=True, err=True):
                raise
