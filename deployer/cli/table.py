"""Which commands are there?  The one table that `deploy --help`, the dispatch and the shell completion read.

It is read at every start: nothing but the interpreter's own modules is imported here, and no command's module
before it is called.
"""

from __future__ import annotations

BUILD, RUN, LOOK, CONFIG, UPKEEP = "Build and release", "Run", "Look", "Config", "Upkeep"

# name: (group, module below deployer.cli, its function, what it does in one line: the start of its docstring)
COMMANDS: dict[str, tuple[str, str, str, str]] = {
    "init": (BUILD, "init", "init", "Detect the app and write its deploy.yaml."),
    "dev": (BUILD, "dev", "dev", "Run the work tree's processes in this terminal."),
    "build": (BUILD, "build", "build", "Make a build of a commit, its dependencies vendored."),
    "check": (BUILD, "check", "check", "Audit a build: is it a twelve-factor app?"),
    "release": (BUILD, "release", "release", "Make a release: a build and the target's config."),
    "ship": (BUILD, "ship", "ship", "Build, release and run in one go."),
    "run": (RUN, "run", "run", "Bring a release up: stage, switch, launch, check, confirm."),
    "rollback": (RUN, "rollback", "rollback", "Run an earlier release again: its code and its config."),
    "scale": (RUN, "scale", "scale", "Change how many processes of a type run."),
    "restart": (RUN, "restart", "restart", "Launch processes of the current release anew."),
    "stop": (RUN, "stop", "stop", "Stop processes; they stay down until they are started."),
    "start": (RUN, "start", "start", "Start what was stopped."),
    "converge": (RUN, "converge", "converge", "Bring hosts that missed something to the current release."),
    "exec": (RUN, "exec", "exec_", "Run a one-off command in the current release's environment."),
    "console": (RUN, "console", "console", "Open the app's console, or a shell, in the current release."),
    "maintenance on": (RUN, "maintenance", "on", "Have the router answer 503 in the app's place."),
    "maintenance off": (RUN, "maintenance", "off", "Let the app answer again."),
    "info": (LOOK, "info", "info", "Tell what the app is, and where: target, hosts, release, URL."),
    "open": (LOOK, "info", "open_", "Print the app's URL, and open it in your browser."),
    "ps": (LOOK, "ps", "ps", "List the processes."),
    "logs": (LOOK, "logs", "logs", "Print what the processes wrote."),
    "status": (LOOK, "status", "status", "Compare the ledger, `current` and what runs."),
    "releases": (LOOK, "releases", "releases", "List the releases: who, when, how it ended."),
    "builds": (LOOK, "builds", "builds", "List the builds on this machine."),
    "show": (LOOK, "show", "show", "Show one release in full."),
    "diff": (LOOK, "diff", "diff", "Tell what differs between two releases."),
    "events": (LOOK, "events", "events", "List what the hosts did by themselves."),
    "router show": (LOOK, "router", "show", "Show where the routers send requests to."),
    "config": (CONFIG, "config", "config", "List the names of the target's config."),
    "config get": (CONFIG, "config", "get", "Print one value."),
    "config set": (CONFIG, "config", "set_", "Set values; makes a new release."),
    "config unset": (CONFIG, "config", "unset", "Take values away; makes a new release."),
    "config edit": (CONFIG, "config", "edit", "Edit the values in your editor; makes a new release."),
    "config import": (CONFIG, "config", "import_", "Set the values of a dotenv or JSON file."),
    "host": (UPKEEP, "host", "host", "Show what is on the hosts of the target."),
    "host show": (UPKEEP, "host", "show", "Show what is there: address, Python, agent, releases."),
    "host trust": (UPKEEP, "host", "trust", "Trust a host's key, after you have compared it."),
    "ledger show": (UPKEEP, "ledger", "show", "List the records of the ledger."),
    "ledger verify": (UPKEEP, "ledger", "verify", "Check every host's copy of the ledger in full."),
    "ledger promote": (UPKEEP, "ledger", "promote", "Let the ledger of another host be the one that counts."),
    "export systemd": (UPKEEP, "export", "systemd", "Write the units of a host as files."),
    "verify": (UPKEEP, "verify", "verify", "Check every release against its digests."),
    "prune": (UPKEEP, "prune", "prune", "Remove old releases and builds that nothing needs."),
    "doctor": (UPKEEP, "doctor", "doctor", "Look whether this machine and the hosts can do the job."),
    "completion": (UPKEEP, "completion", "completion", "Print the completion script for your shell."),
}

# the commands that `--hosts` and `--limit` narrow to some of the hosts
NARROWED = frozenset(
    {"release", "ship", "run", "rollback", "scale", "restart", "stop", "start", "converge"}
    | {"ps", "logs", "status", "events", "verify", "prune", "doctor"}
)
# the commands that change the target, and with `--allow-missing` go on without the hosts that cannot be reached
FORGIVING = frozenset(
    {"release", "ship", "run", "rollback", "scale", "restart", "stop", "start", "converge", "prune"}
    | {"config set", "config unset", "config edit", "config import"}
    | {"maintenance on", "maintenance off"}
)

GLOBAL_VALUES = ("--target", "--wait", "--directory")  # and -t, -C: the global options that take a value

SYNOPSIS = """\
Usage: deploy [OPTIONS] COMMAND [ARGUMENTS]

Strict build, release and run deployments to plain Linux hosts.
"""

OPTIONS = """\
Options, before or after the command:
  -t, --target NAME     The target; else $DEPLOY_TARGET, else the only one.
  --json                One JSON document on standard output.
  -q, --quiet           Warnings and errors only.
  -v, --verbose         Show tracebacks.
  --wait DURATION       Wait so long for another writer (60s, 5m).
  -C, --directory DIR   Work as if started in DIR.
  --version             Print the version and exit.
  -h, --help            Print this, or a command's help: deploy build --help
"""


def overview() -> str:
    """What `deploy --help` prints."""
    groups: dict[str, list[str]] = {}
    for name, (group, _, _, line) in COMMANDS.items():
        groups.setdefault(group, []).append(f"  {name:<14} {line}\n")
    return "\n".join([SYNOPSIS, *(f"{group}:\n{''.join(lines)}" for group, lines in groups.items()), OPTIONS])


def group(name: str) -> str:
    """What `deploy maintenance --help` prints: the commands below a word that is no command by itself."""
    names = below(name)
    width = max(len(command) for command in names)
    lines = "".join(f"  deploy {command:<{width}}  {COMMANDS[command][3]}\n" for command in names)
    return f"Usage: deploy {name} COMMAND [ARGUMENTS]\n\nCommands:\n{lines}"


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The global options before the command, and the command with all that follows it."""
    index = 0
    while index < len(arguments) and arguments[index].startswith("-") and arguments[index] != "-":
        index += 2 if _takes_a_value(arguments[index]) else 1
    return arguments[:index], arguments[index:]


def _takes_a_value(option: str) -> bool:
    cluster = not option.startswith("--") and option[-1] in "tC" and not set(option[1:-1]) - set("qvh")
    return option in GLOBAL_VALUES or cluster  # `-qt staging`


def resolve(words: list[str]) -> tuple[str, list[str]] | None:
    """The command that `words` begin with (`config set`, `config:set`) and the words after it; None if none does."""
    first = words[0].replace(":", " ", 1)
    if len(words) > 1 and f"{first} {words[1]}" in COMMANDS:
        return f"{first} {words[1]}", words[2:]
    return (first, words[1:]) if first in COMMANDS else None


def below(name: str) -> list[str]:
    """The commands below `name`: `config get`, `config set` … for `config`."""
    return [command for command in COMMANDS if command.startswith(name + " ")]


def similar(word: str) -> list[str]:
    """The commands that somebody who typed `word` may have meant, the likeliest first."""
    from difflib import get_close_matches

    begun = [name for name in COMMANDS if len(word) > 1 and name.startswith(word)]
    return list(dict.fromkeys(begun + get_close_matches(word.replace(":", " "), COMMANDS, n=2, cutoff=0.6)))[:2]
