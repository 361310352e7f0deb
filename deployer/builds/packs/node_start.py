"""Start commands of a Node app: which script of package.json is `web`, and which only serve development."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START = "start"
PRODUCTION = (
    "start:prod",
    "start:production",
    "start-prod",
    "start:server",
    "prod",
    "production",
    "serve:prod",
    "serve",
)
DEVELOPMENT = {  # programs that watch files, or serve what is not built
    *(
        "nodemon",
        "ts-node-dev",
        "tsnd",
        "vite",
        "webpack-dev-server",
        "vue-cli-service",
        "react-scripts",
        "ng",
        "parcel",
    ),
    *(
        "parcel",
        "live-server",
        "browser-sync",
        "snowpack",
        "rsbuild",
        "react-app-rewired",
        "craco",
        "node-dev",
        "supervisor",
    ),
}
SUBCOMMANDS = {"dev", "develop", "watch", "--watch"}  # after any program: `next dev`, `tsx watch`, `node --watch`
PACKAGES = {"nest": "@nestjs/cli", "babel-node": "@babel/node", "ng": "@angular/cli", "remix-serve": "@remix-run/serve"}
BEFORE = ("npx", "cross-env", "env", "dotenv", "--", "exec", "bunx")
SERVERS = {"next": "next start", "nuxt": "node .output/server/index.mjs"}  # frameworks whose starters have no `start`
SERVES = {"webpack": "serve"}


@dataclass(frozen=True)
class Start:
    """The command of `web` ('' where there is none to be known), and what the app's owner should be told of it.

    It is `doubtful` where it serves development, as far as that can be known, and nothing else is there.
    """

    command: str = ""
    told: str = ""
    doubtful: bool = False


def start(tree: Path, package: Mapping[str, Any]) -> Start:
    """The start script, or where that only serves development, the one for production; else server.js, or `main`.

    The script's own text, without npm in between, where that comes to the same: npm costs time and memory, needs
    to be on the host, and stands between the process and its signals.
    """
    scripts = scripts_of(package)
    named = [name for name in (START, *PRODUCTION) if scripts.get(name)]
    fit = next((name for name in named if not development(scripts[name], package)), "")
    if fit:
        told = "" if fit == START else _instead(scripts, package, f"the script {fit}: {scripts[fit]}")
        return Start(_command(fit, scripts), told)
    watched = _unwatched(scripts.get(START, ""))
    if watched and (tree / watched).is_file():
        command = f"node {shlex.quote(watched)}"
        return Start(command, _instead(scripts, package, command))
    command = _file(tree, package) or _framework(package)
    if command:
        return Start(command, _instead(scripts, package, command) if scripts.get(START) else "")
    if scripts.get(START):
        return Start(_command(START, scripts), _doubt(scripts[START], package), doubtful=True)
    return Start()


def scripts_of(package: Mapping[str, Any]) -> dict[str, str]:
    """The scripts of a package.json."""
    scripts = package.get("scripts")
    return {k: v for k, v in scripts.items() if isinstance(v, str)} if isinstance(scripts, dict) else {}


def development(command: str, package: Mapping[str, Any]) -> str:
    """The program of a command that is for development alone, '' where it may serve.

    It watches files or serves what is not built; or only a development dependency brings it, so that the release has
    it no more.  Of several commands the last one counts: it is what goes on.
    """
    words = _words(command)
    if not words:
        return ""
    program, rest = words[0].rpartition("/")[2], words[1:]
    called = _called(program, rest)
    if called:
        inner = scripts_of(package).get(called, "")
        return development(inner, {**package, "scripts": {}}) if inner else ""
    if program in DEVELOPMENT or SUBCOMMANDS.intersection(rest[:1] if program != "node" else _flags(rest)):
        return program
    if rest[:1] == [SERVES.get(program, "-")]:
        return program
    return program if only_development(PACKAGES.get(program, program), package) else ""


def only_development(name: str, package: Mapping[str, Any]) -> bool:
    """Whether a package is a development dependency alone."""
    return name in (package.get("devDependencies") or {}) and not any(
        name in (package.get(kind) or {}) for kind in ("dependencies", "optionalDependencies")
    )


def _words(command: str) -> list[str]:
    """The last command's words, without variables and what only starts another program."""
    try:
        words = shlex.split(re.split(r"&&|\|\||;|\|", command)[-1])
    except ValueError:
        return []
    while words and (words[0] in BEFORE or re.match(r"[A-Za-z_]\w*=", words[0])):
        words = words[1:]
    return words


def _called(program: str, rest: Sequence[str]) -> str:
    """The script that a package manager is told to run."""
    if program not in ("npm", "yarn", "pnpm", "bun"):
        return ""
    named = [word for word in rest if not word.startswith("-") and word not in ("run", "run-script")]
    return named[0] if named else ""


def _flags(words: Sequence[str]) -> list[str]:
    """The options before the first file; `--watch-path=x` watches, too."""
    found = []
    for word in words:
        if not word.startswith("-"):
            break
        found.append("--watch" if word.startswith("--watch") else word)
    return found


def _command(name: str, scripts: Mapping[str, str]) -> str:
    script = scripts[name]
    hooks = {f"pre{name}", f"post{name}"} & scripts.keys()
    if hooks or "npm_" in script:
        return "npm start" if name == START else f"npm run {name}"
    return script


def _unwatched(script: str) -> str:
    """The file that a watcher would run: `server.js` of `nodemon server.js`; '' where it does more than that."""
    words = _words(script)
    if len(words) == 2 and words[0] in ("nodemon", "node-dev", "supervisor"):
        return words[1] if words[1].endswith((".js", ".mjs", ".cjs")) else ""
    if len(words) == 3 and words[0] == "node" and words[1] == "--watch":
        return words[2]
    return ""


def _file(tree: Path, package: Mapping[str, Any]) -> str:
    if (tree / "server.js").is_file():  # what npm starts by default
        return "node server.js"
    main = package.get("main")
    return f"node {shlex.quote(main)}" if isinstance(main, str) and (tree / main).is_file() else ""


def _framework(package: Mapping[str, Any]) -> str:
    needed = package.get("dependencies")
    return next((command for name, command in SERVERS.items() if isinstance(needed, dict) and name in needed), "")


def _instead(scripts: Mapping[str, str], package: Mapping[str, Any], what: str) -> str:
    script = scripts.get(START, "")
    why = f"`start` is for development ({development(script, package)})" if script else "there is no `start`"
    return f"{why}: web is {what}"


def _doubt(script: str, package: Mapping[str, Any]) -> str:
    program = development(script, package)
    why = "is for development"
    if only_development(PACKAGES.get(program, program), package):
        why = f"needs {program}, a development dependency that the release has no more"
    return (
        f"warning: `start` in package.json ({script}) {why}, and no other script says how the app runs in production:"
        " write one (`start:prod`), or a Procfile with the line `web: COMMAND`"
    )
