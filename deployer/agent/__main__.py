"""The agent's program: what its first argument says.  Each start loads what that one needs, and nothing else."""

from __future__ import annotations

import sys

# word: (module of deployer.agent, its function, which gets the other arguments)
WORDS = {
    "serve": ("serve", "main"),  # a session
    "launch": ("launch", "main"),  # a process of the formation
    "guard": ("guarding", "main"),  # a pending switch
    "boot": ("boot", "main"),  # a target, after the host has booted
    "hold": ("hold", "main"),  # the sockets of a target, where systemd does not
    "router": ("router_unit", "main"),  # tell the router of a target
    "schedule": ("scheduler", "main"),  # the times of scheduled processes, where systemd does not keep them
    "due": ("scheduled_run", "due"),  # a scheduled process is to run
    "ran": ("scheduled_run", "ran"),  # it has ended
    "oneoff": ("oneoff_start", "main"),  # a one-off process that goes on by itself
    "keep": ("keep", "main"),  # keep it, where systemd does not
    "static": ("static_main", "main"),  # a process that serves the files of a folder
    "ended": ("oneoff_end", "main"),  # it has ended, as systemd says
}


def main() -> None:
    """Do what the first argument says."""
    module, function = WORDS.get(sys.argv[1] if len(sys.argv) > 1 else "", ("", ""))
    if not module:
        sys.exit(f"deployer's agent: {', '.join(WORDS)}")
    loaded = __import__(f"deployer.agent.{module}", fromlist=[function])  # importlib would cost every launch a little
    getattr(loaded, function)(sys.argv[2:])


if __name__ == "__main__":
    main()
