"""The agent's program: `serve` a session, `launch` a process, `guard` a switch, `boot` a target, tell its `router`.

And of a one-off process that goes on by itself: `keep` it, start it (`oneoff`), note that it has `ended`.
And of what runs at its times: `schedule` it, run what is `due`, tell how it `ran`.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Do what the first argument says."""
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "serve":
        from deployer.agent.serve import main as serve  # noqa: PLC0415 - each start pays for one only

        serve()
    elif what == "launch":
        from deployer.agent.launch import main as launch  # noqa: PLC0415

        launch(sys.argv[2:])
    elif what == "guard":
        from deployer.agent.guarding import main as guard  # noqa: PLC0415

        guard(sys.argv[2:])
    elif what == "boot":
        from deployer.agent.boot import main as boot  # noqa: PLC0415

        boot(sys.argv[2:])
    elif what == "router":
        from deployer.agent.router_unit import main as router  # noqa: PLC0415

        router(sys.argv[2:])
    elif what == "keep":
        from deployer.agent.keep import main as keep  # noqa: PLC0415

        keep(sys.argv[2:])
    elif what == "oneoff":
        from deployer.agent.oneoff_start import main as oneoff  # noqa: PLC0415

        oneoff()
    elif what == "ended":
        from deployer.agent.oneoff_end import main as ended  # noqa: PLC0415

        ended(sys.argv[2:])
    elif what in ("schedule", "due", "ran"):
        _at_its_times(what)
    else:
        sys.exit("deployer's agent: serve, launch, guard, boot, router, keep, oneoff, ended, schedule, due or ran")


def _at_its_times(what: str) -> None:
    from deployer.agent import scheduled_run, scheduler  # noqa: PLC0415

    {"schedule": scheduler.main, "due": scheduled_run.due, "ran": scheduled_run.ran}[what](sys.argv[2:])


if __name__ == "__main__":
    main()
