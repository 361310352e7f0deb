"""`deploy dev`: the formation of the work tree, in this terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from deployer.cli.call import Call
from deployer.core.errors import UsageError


def dev(
    ctx: typer.Context,
    only: Annotated[list[str] | None, typer.Argument(metavar="[TYPE]...", help="web, worker; else all.")] = None,
    *,
    port: Annotated[
        str | None, typer.Option("-p", "--port", metavar="PORT", help="The first port; else $PORT, else 5000.")
    ] = None,
    env: Annotated[str | None, typer.Option("-e", "--env", metavar="FILE", help="Another file than .env.")] = None,
    formation: Annotated[
        str, typer.Option("-m", "--formation", metavar="TYPE=N,...", help="How many: web=2,worker=1; others: none.")
    ] = "",
) -> int:
    """Run the work tree's processes in this terminal.

    As Foreman does: the Procfile as it is now, committed or not, refined by deploy.yaml; no build, no release, no
    target. They have your environment, that of .env, and PORT: 5000 for the first type, 5100 for the second, one more
    for each further process. The first that ends ends all, and its exit code is the exit code; so does Ctrl-C. Types
    with a schedule are left out.
    """
    from deployer.cli.together import Together
    from deployer.stages import development

    call: Call = ctx.obj
    if call.screen.json:
        raise UsageError("--json is one document, and `deploy dev` has none", hint="leave --json out")
    settings = call.project.settings
    kinds = development.types(settings)
    chosen = development.counts(kinds, only or [], formation)
    variables = development.variables(settings, env)
    first = development.first_port(port, variables.get("PORT"), call.environ.get("PORT"))
    planned = development.processes(kinds, chosen, variables, port=first)
    if not planned:
        raise UsageError("that is no process at all", hint="say `-m all=1`")
    development.check_ports(planned)
    together = Together(call.screen)
    for process in planned:
        environ, folder = {**call.environ, **process.variables}, str(development.app_folder(settings).absolute())
        together.add(process.name, process.command, environ, folder, stop_signal=process.stop_signal)
    call.progress.stop()
    return together.run()
