"""The words of other tools (Heroku, Kamal, Capistrano, Dokku, Fly): what works here too, and what is called otherwise.

docs/reference/words-of-other-tools.md has this table; a test keeps the two in step.  A phrase is one word or two;
`ps:scale` and `ps scale` are the same.
"""

from __future__ import annotations

import re

RELEASE = re.compile(r"v?[0-9]+|[0-9a-f]+", re.IGNORECASE)  # what may be one: its number, or how its build begins
# the phrase: the command of ours that it is
WORKS = {
    "deploy": "ship",
    "deploy rollback": "rollback",
    "deploy check": "doctor",
    "deploy restart": "restart",
    "deploy stop": "stop",
    "deploy start": "start",
    "deploy cleanup": "prune",
    "push": "ship",
    "launch": "init",
    "create": "init",
    "apps create": "init",
    "ps scale": "scale",
    "ps restart": "restart",
    "ps stop": "stop",
    "ps start": "start",
    "ps report": "ps",
    "scale count": "scale",
    "machine list": "ps",
    "containers": "ps",
    "app containers": "ps",
    "config add": "config set",
    "config remove": "config unset",
    "config list": "config",
    "config show": "config",
    "env": "config",
    "env set": "config set",
    "env unset": "config unset",
    "env get": "config get",
    "env list": "config",
    "secrets": "config",
    "secrets set": "config set",
    "secrets unset": "config unset",
    "secrets import": "config import",
    "secrets list": "config",
    "run detached": "exec --detach",
    "app exec": "exec --",
    "app logs": "logs",
    "app start": "start",
    "app stop": "stop",
    "app restart": "restart",
    "app version": "show",
    "app details": "info",
    "ssh console": "console",
    "ssh": "console",
    "shell": "console",
    "bash": "console",
    "tail": "logs --follow",
    "app": "info",
    "apps info": "info",
    "details": "info",
    "releases info": "show",
    "releases rollback": "rollback",
    "history": "releases",
    "proxy": "router show",
    "hosts": "host show",
    "servers": "host show",
    "domains": "router show",
}
# the phrase: what to type instead, in one line
OTHERWISE = {
    "setup": "there is nothing to set up: `deploy doctor` tries the hosts, `deploy ship` does the rest",
    "apps": "an app is a deploy.yaml: `deploy info` tells of this one",
    "apps destroy": "`deploy stop` ends the processes; what is left is the folder that `deploy info` names",
    "delete": "`deploy stop` ends the processes; what is left is the folder that `deploy info` names",
    "destroy": "`deploy stop` ends the processes; what is left is the folder that `deploy info` names",
    "remove": "`deploy stop` ends the processes; what is left is the folder that `deploy info` names",
    "lock": "a lock ends with the command that holds it: `deploy status` says who that is, `--wait 5m` waits for it",
    "unlock": "a lock ends with the command that holds it: `deploy status` says who that is, `--wait 5m` waits for it",
    "audit": "`deploy ledger show` has who did what and when, `deploy events` what the hosts did",
    "login": "there is no account: hosts are reached over ssh, with your keys; `deploy doctor` tries it",
    "auth": "there is no account: hosts are reached over ssh, with your keys; `deploy doctor` tries it",
    "logout": "there is no account: hosts are reached over ssh, with your keys",
    "whoami": "there is no account: `deploy releases` says by whom each was made",
    "redeploy": "`deploy ship --force` makes a new release of what runs, `deploy restart` starts it anew",
    "certs": "`router: {kind: caddy, domain: …}` has certificates made: `deploy help put-a-router-in-front`",
    "addons": "a database or a cache is a URL in the config: `deploy config set DATABASE_URL`",
    "accessory": "a database or a cache is a URL in the config: `deploy config set DATABASE_URL`",
    "pg": "a database is a URL in the config: `deploy config set DATABASE_URL`",
    "migrate": "the `release:` line of the Procfile runs before each release; once: `deploy exec COMMAND`",
    "rake": "a command of the app runs by `deploy exec -- rake …`",
    "rails": "a command of the app runs by `deploy exec -- rails …`",
    "up": "`deploy ship` builds, releases and runs; `deploy start` starts what was stopped",
    "down": "`deploy stop` ends the processes, `deploy maintenance on` has the router answer in their place",
    "update": "`pip install --upgrade deployer`; hosts get what they need with the next command",
    "git": "nothing is pushed to a host: `deploy ship` builds the commit here and sends it",
}
EXECUTED = "a one-off command runs by `deploy exec -- {}`; `deploy run` starts a release"


def translated(words: list[str]) -> tuple[str, str, list[str]]:
    """What a command line of another tool is: its phrase, the command of ours or '', and the words that remain."""
    first, _, second = words[0].partition(":")
    pairs = [(f"{first} {second}", words[1:])] if second else [(" ".join(words[:2]), words[2:]), (first, words[1:])]
    for phrase, rest in pairs:
        if phrase in WORKS:
            return phrase, WORKS[phrase], rest
        if phrase in OTHERWISE:
            return phrase, "", rest
    return "", "", words


def one_off(words: list[str]) -> str:
    """What to type for `run bash`; '' where the word after `run` may be a release."""
    if words[:1] != ["run"] or len(words) < 2 or words[1].startswith("-") or RELEASE.fullmatch(words[1]):
        return ""
    return EXECUTED.format(" ".join(words[1:]))
