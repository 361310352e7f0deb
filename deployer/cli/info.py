"""`deploy info`, `deploy open`: what this app is, and where it is reached."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import typer

from deployer.cli import failure, heading
from deployer.cli.call import Call
from deployer.cli.display import columns
from deployer.cli.outcome import name_or_none
from deployer.core.errors import NotFound

if TYPE_CHECKING:
    from deployer.stages.target import Target


def info(ctx: typer.Context) -> int:
    """Tell what the app is, and where: target, hosts, release, URL.

    Exit code 40 where a host cannot be reached.
    """
    from deployer.stages import addresses

    call: Call = ctx.obj
    with call.opened(partial=True) as target:
        document = _document(call, target, addresses.current(target))
        missing = target.fleet.missing
        version = target.ledger.current
        commit = heading.commit_of(target, version) if version else "-"
    rows = [
        ("app", f"{document['app']} ({document['settings']})"),
        ("target", document["target"] + (" (protected)" if document["protected"] else "")),
        ("others", ", ".join(document["others"]) or "none"),
        ("release", f"{document['release'] or 'nothing runs here yet'}"),
        ("commit", commit.removeprefix("commit ")),
        ("url", ", ".join(document["urls"]) or "none"),
        *(
            (one["host"], f"{one['path'] or 'cannot be reached'} ({one['manager'] or '-'})")
            for one in document["hosts"]
        ),
        ("formation", " ".join(f"{kind}={count}" for kind, count in document["formation"].items()) or "none"),
    ]
    return failure.answer(call.screen, document, columns.pairs(rows), missing)


def _document(call: Call, target: Target, urls: tuple[str, ...]) -> dict[str, Any]:
    run, settings = target.ledger.current_run, target.settings
    hosts = [
        {"host": session.host.name, "path": session.found.root, "manager": session.found.manager or None}
        for session in target.chosen
    ]
    hosts += [{"host": name, "path": None, "manager": None} for name in target.fleet.missing]
    return {
        "app": target.app,
        "settings": str(call.project.settings.path),
        "target": settings.name,
        "protected": settings.protect,
        "others": [name for name in call.project.settings.targets if name != settings.name],
        "release": name_or_none(target.ledger.current),
        "commit": target.ledger.release(target.ledger.current).commit if target.ledger.current else None,
        "urls": list(urls),
        "formation": dict(run.formation) if run else {},
        "hosts": hosts,
    }


def open_(ctx: typer.Context) -> int:
    """Print the app's URL, and open it in your browser.

    The browser is opened from a terminal of a desktop alone; elsewhere the URL is all.
    """
    from deployer.stages import addresses

    call: Call = ctx.obj
    with call.opened(partial=True) as target:
        urls, missing, name = addresses.current(target), target.fleet.missing, target.settings.name
    if not urls:
        raise NotFound(f"nothing that runs on {name} has a URL", hint="`deploy ps` tells what runs")
    if call.screen.terminal and not call.screen.json and _desktop(call):
        import webbrowser

        webbrowser.open(urls[0])
    return failure.answer(call.screen, {"urls": list(urls)}, [urls[0]], missing)


def _desktop(call: Call) -> bool:
    """Whether there is a browser to be seen."""
    named = call.environ.get("BROWSER") or call.environ.get("DISPLAY") or call.environ.get("WAYLAND_DISPLAY")
    return not call.environ.get("CI") and (bool(named) or sys.platform == "darwin" or os.name == "nt")
