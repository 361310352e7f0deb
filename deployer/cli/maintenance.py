"""`deploy maintenance`: the router answers in the app's place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployer.cli import heading, options
from deployer.cli.call import Call
from deployer.core.errors import NotFound, UsageError

if TYPE_CHECKING:
    from deployer.core.routing import Maintenance


def on(
    ctx: typer.Context,
    *,
    message: Annotated[
        str | None, typer.Option("--message", metavar="TEXT", help="What visitors read, on a plain page.")
    ] = None,
    page: Annotated[str | None, typer.Option("--page", metavar="FILE", help="An HTML page of your own.")] = None,
    retry_after: Annotated[
        str, typer.Option("--retry-after", metavar="DURATION", help="When clients may ask again.")
    ] = "2m",
) -> None:
    """Have the router answer 503 in the app's place.

    With Retry-After, on every host, until it is taken off; runs and rollbacks meanwhile change nothing of it. What has
    begun is answered by the app.
    """
    from deployer.core.routing import Maintenance

    if message is not None and page is not None:
        raise UsageError("--message and --page: only one of them can be shown", hint="")
    seconds = options.seconds("--retry-after", retry_after)
    if not 1 <= seconds <= 30 * 24 * 3600:
        raise UsageError(f"--retry-after {retry_after}: expected a time from 1s to 720h", hint="")
    wanted = Maintenance(message or "", _page(page) if page is not None else "", round(seconds))
    _set(ctx.obj, wanted)


def off(ctx: typer.Context) -> None:
    """Let the app answer again."""
    _set(ctx.obj, None)


def _set(call: Call, wanted: Maintenance | None) -> None:
    from deployer.stages import router as stage

    with call.opened(write=True) as target:
        heading.begin(call, target, f"maintenance {'off' if wanted is None else 'on'}")
        hosts = stage.set_maintenance(target, wanted)
    call.screen.answer({"maintenance": wanted is not None, "hosts": hosts}, hosts)


def _page(name: str) -> str:
    from deployer.core.routing import LARGEST_PAGE

    path = Path(name)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_PAGE + 1)
    except FileNotFoundError as error:
        raise NotFound(f"--page: there is no {name}") from error
    except OSError as error:
        raise UsageError(f"--page: {name} cannot be read: {error.strerror}", hint="") from error
    if len(content) > LARGEST_PAGE:
        raise UsageError(f"--page: {name} is larger than {LARGEST_PAGE >> 10} KiB", hint="link to what is large")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"--page: {name} is not UTF-8", hint="save it as UTF-8") from error
    if not text.strip():
        raise UsageError(f"--page: {name} is empty", hint="")
    return text
