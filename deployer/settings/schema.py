"""Which keys does deploy.yaml have, and what may each be?

One line here and one field of a dataclass make a key; the tests then ask for it in deploy.yaml.example and in
docs/reference/deploy-yaml.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from deployer.core import limits, names, rollout, strategy
from deployer.core.formation import LAST_FIRST_PORT, LAST_PORT, MOST
from deployer.core.manifest import unsafe_path
from deployer.core.recipe import NodeRecipe, PythonRecipe, Recipe, StaticRecipe
from deployer.core.release import SharedPath
from deployer.settings import hosts, router
from deployer.settings.assets import Assets
from deployer.settings.hosts import Hosts
from deployer.settings.kinds import Boolean, Choice, Duration, Found, Key, ListOf, MapOf, Number, Record, Signal, Text
from deployer.settings.model import (
    CommandSource,
    ConfigSettings,
    EnvSource,
    FileSource,
    HealthSettings,
    HostSettings,
    ProcessSettings,
    RolloutSettings,
    SshSettings,
    TargetSettings,
)
from deployer.settings.schedule import Schedule, mistakes_beside

_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\Z")
_PLACE = re.compile(r"(?:/|~/)[^\0-\x1f\x7f]*\Z")
_HEALTH = re.compile(r"(?:/[!-~]*|tcp|notify)\Z")
_HOST = re.compile(r"(?=.{1,253}(?::|\Z))[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?::[0-9]{1,5})?\Z")
_OURS = "host|connection|content-length|transfer-encoding"  # headers that are set elsewhere, or not at all
_HEADER = re.compile(rf"(?!(?:{_OURS})\Z)[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z", re.IGNORECASE)
_LINE = re.compile(r"[\t\x20-\x7e\x80-\uffff]*\Z")
_PACK = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+){0,2}\Z")


def _inside(path: str) -> bool:
    return not unsafe_path(path)


def _place(path: str) -> bool:
    return bool(_PLACE.match(path)) and ".." not in path.split("/")


def _whole_path(path: str) -> bool:
    return path.startswith("/") and _place(path)


def _variable(name: str) -> bool:
    return bool(names.VARIABLE.match(name)) and name not in names.RESERVED


_COMMAND = Text("a command", str.strip)
_GLOB = Text("a glob pattern")
_NAME = Text("a name")
_FILE = Text("a path", re.compile(r"[^\0-\x1f\x7f]+\Z").match)
_INSIDE = Text("a path below the repository, without ..", _inside)
_ROOT = Text("a folder of the repository, or .", lambda path: path == "." or _inside(path))
_TYPE = Text("the name of a process type (letters, digits, - and _; not run)", names.process_type)
_USERNAME = Text("the name of a user", _USER.match)
_ABSOLUTE = Text("an absolute path, or one that begins with ~/", _place)
_VARIABLE = Text("the name of a variable", names.VARIABLE.match)
_CONFIG_NAME = Text(f"the name of a variable (and none of {', '.join(names.RESERVED)}, which deployer sets)", _variable)
_APP = Text("a name of small letters, digits and -, beginning with a letter", names.APP.match)
_TARGET = Text("the name of a target (small letters, digits and -)", names.TARGET.match)
_PORT = Number(1, LAST_PORT)

PYTHON = (
    Key("version", Text("a version such as 3.12 or 3.12.4", _VERSION.match), ".python-version, else requires-python",
        "the interpreter's version"),
    Key("lock", _INSIDE, "found by its usual name", "the lock file's path"),
    Key("extra", ListOf(Text("a requirement"), "requirements"), "none",
        "more requirements, such as `gunicorn==23.0.0`"),
    Key("groups", ListOf(_NAME, "names"), "none", "dependency groups to include"),
    Key("extras", ListOf(_NAME, "names"), "none", "extras of the project itself to include"),
    Key("collectstatic", Boolean(), "true", "false leaves Django's static files alone"),
)  # fmt: skip

NODE = (
    Key("script", Text("the name of a script, or ''", lambda _: True), "build",
        "the script of package.json that builds; '' for none"),
)  # fmt: skip

STATIC = (
    Key("fallback", _INSIDE, "none",
        "the file of the folder that answers, with 200, a path that no file has: `index.html` for an app that routes "
        "in the browser"),
)  # fmt: skip


def _build_mistakes(build: Mapping[str, Any]) -> Found:
    for name in sorted(set(build.get("env", ())) & set(build.get("secrets", ()))):
        yield "secrets", f"{name} stands in build.env too: one of them has to go"


BUILD = (
    Key("pack", Text("the name of a pack (auto, python, node, static, commands)", _PACK.match), "auto",
        "who builds: `auto` looks at the files; `commands` runs `build.commands` and nothing else"),
    Key("before", ListOf(_COMMAND, "commands", repeat=True), "none",
        "run before the pack, in this order: what generates code, a lock file or a settings file"),
    Key("commands", ListOf(_COMMAND, "commands", repeat=True), "none",
        "run in the build's tree after the pack, in this order"),
    Key("env", MapOf(_VARIABLE, Text("a value", lambda _: True), "variables to values"), "none",
        "variables for the build alone; committed, so nothing secret"),
    Key("secrets", ListOf(_VARIABLE, "names of variables"), "none",
        "taken from the caller's environment for the build alone, never stored"),
    Key("exclude", ListOf(_GLOB, "glob patterns"), "none", "paths that are left out of the build"),
    Key("submodules", Boolean(), "false", "true checks submodules out; without it a commit that has some is refused"),
    Key("lfs", Boolean(), "false", "true fetches Git LFS files; without it a commit that has some is refused"),
    Key("match", Choice(("auto", "exact", "minor")), "auto",
        "how exactly a host's interpreter has to be the build's: `exact` is 3.11.7, `minor` is 3.11, `auto` is `minor` "
        "unless the patch level makes a difference to one of the packages"),
    Key("runtime", Choice(("auto", "vendored", "host")), "auto",
        "whose interpreter runs the app on hosts: `vendored` is one that the build brings along, `host` is the host's "
        "own, `auto` is the host's where it is the very version that builds, else a vendored one where it can be had"),
    Key("assets", Assets(ListOf(_ROOT, "folders")), "true",
        "front ends beside the app (a package.json with a `build` script) that are built with it: `true` finds them, "
        "`false` builds none, a list names their folders"),
    Key("root", _ROOT, ".",
        "the app's folder in a repository of several: its lock file and Procfile are there, commands and processes "
        "start there, and all else is in the build too; with the pack `static` the folder that is served"),
    Key("python", Record(PythonRecipe, PYTHON), "", "wishes for the pack `python`"),
    Key("node", Record(NodeRecipe, NODE), "", "wishes for the pack `node`"),
    Key("static", Record(StaticRecipe, STATIC), "", "wishes for the pack `static`"),
)  # fmt: skip

HEALTH = (
    Key("path", Text("a path such as /up, tcp or notify", _HEALTH.match), "`GET /`, any answer below 500",
        "the path that has to answer 2xx or 3xx; alone, it may stand without `path:`"),
    Key("host", Text("a domain such as shop.example.com", _HOST.match), "the router's first domain, else localhost",
        "the Host that it is asked for, for an app that answers to its own domain only"),
    Key("headers", MapOf(Text("the name of a header, and not Host", _HEADER.match),
                         Text("a value", _LINE.match), "names to values"), "none",
        "more headers of that request; committed, so nothing secret"),
)  # fmt: skip


def _health_mistakes(health: Mapping[str, Any]) -> Found:
    if health.get("path") in ("tcp", "notify"):
        for name in ("host", "headers"):
            if name in health:
                yield name, f"has no meaning with `path: {health['path']}`, which asks nothing by HTTP"


PROCESS = (
    Key("command", _COMMAND, "the Procfile's line", "replaces the Procfile's command, or adds the type"),
    Key("health", Record(HealthSettings, HEALTH, short="path", check=_health_mistakes),
        "over HTTP, any answer below 500 to `GET /`",
        "before a process counts as up, a path has to answer 2xx or 3xx, `tcp` means that it takes connections, and "
        "`notify` that it says READY=1 (sd_notify)"),
    Key("health_command", _COMMAND, "none",
        "has to end with 0 in the process's environment before a process counts as up"),
    Key("watchdog", Duration("1s", "1h"), "none",
        "a process that does not say WATCHDOG=1 for so long is started anew (systemd only, with `health: notify`)"),
    Key("expose", Choice(("http", "tcp")), "http for web, else nothing",
        "the processes of this type bind `PORT`, and speak HTTP (each has to answer a request before it counts as up) "
        "or anything else over TCP there"),
    Key("listen", Choice(("auto", "port", "socket")), "auto",
        "`socket`: the process is given its listening socket (LISTEN_FDS), which outlives releases; `port`: it binds "
        "`PORT` itself; `auto` is `socket` for a command that is known to take one (gunicorn, uvicorn, puma)"),
    Key("port", Number(1, LAST_FIRST_PORT), "given, and kept for good",
        "the first of the type's hundred ports: that of its first process; each further one has the next"),
    Key("boot_timeout", Duration("1s", "1h"), "60s", "how long a process may take to come up"),
    Key("stop_timeout", Duration("0s", "24h"), "30s", "the time from `stop_signal` to SIGKILL"),
    Key("stop_signal", Signal(), "TERM, but for a few programs (see below)",
        "the signal that tells a process to finish what it is at and to end: TERM, INT, QUIT, HUP, USR1, USR2 or "
        "WINCH"),
    Key("healthy_time", Duration("0s", "10m"), "3s",
        "how long a process has to stay up and healthy, from its first answer on, before the run is confirmed"),
    Key("update", Choice(strategy.CHOICES), strategy.AUTO,
        "new processes come up beside the old ones, which stop when the traffic has moved (`overlap`); replace them "
        "one by one (`rolling`); come up while the old ones finish their work for up to `stop_timeout` (`drain`); or "
        "start after all have stopped (`stop-first`).  `auto` is `overlap` behind a router or an owned socket, else "
        "`rolling`"),
    Key("schedule", Schedule(), "none",
        "runs it at these times of the host's clock, and not all the time; one run in the whole target, never two at a "
        "time"),
    Key("once", Boolean(), "false",
        "true: at most one process of this type in the whole target, whatever happens; it updates `stop-first`"),
    Key("memory", Text("an amount such as 512M or 2G", limits.size), "no limit",
        "the most memory that a process and its children may use (systemd only)"),
    Key("cpu", Text("an amount such as 50% or 1.5", limits.processors), "no limit",
        "how many processors a process and its children may use at once (systemd only)"),
    Key("files", Number(16, 1_000_000), "the host's", "how many files a process may have open at once"),
    Key("hardening", Boolean(), "true",
        "false lets processes write wherever their user may, and gain rights by sudo and the like (systemd only)"),
    Key("writable", ListOf(Text("an absolute path", _whole_path), "absolute paths"), "none",
        "folders and files outside of the target that processes may write to (systemd only)"),
)  # fmt: skip

CONFIG = (
    Key("required", ListOf(_CONFIG_NAME, "names of variables"), "none",
        "variables without which a release is refused; carried in the build"),
)  # fmt: skip

HOST = (
    Key("host", Text("a host's name or address", hosts.PATTERN.match), "",
        "the host, or several by ranges such as `web[01:20]`; alone, it may stand without `host:`", required=True),
    Key("runs", ListOf(_TYPE, "process types"), "every type", "the process types that this host runs; `[]` for none"),
    Key("user", _USERNAME, "the target's", "the user to log in as"),
    Key("port", _PORT, "ssh's own configuration, else 22", "the port of sshd"),
    Key("path", _ABSOLUTE, "the target's", "the folder on this host"),
    Key("address", Text("a host's name or address", hosts.NAME.match), "its name",
        "where the router of another host (`router.host`) reaches it"),
    Key("sudo", Boolean(), "the target's", "whether the agent runs as root on this host, by `sudo -n`"),
)  # fmt: skip


def _source(*, env: tuple[str, ...] = (), file: str = "", command: str = "", at: str = "") -> Any:
    if file:
        return FileSource(file, at)
    return CommandSource(command, at) if command else EnvSource(env, at)


SOURCE = (
    Key("file", _FILE, "", "a dotenv file; its path is relative to deploy.yaml"),
    Key("command", _COMMAND, "", "a command that prints dotenv or a JSON object of strings, run beside deploy.yaml"),
    Key("env", ListOf(_CONFIG_NAME, "names of variables"), "", "names taken from the caller's environment"),
)  # fmt: skip


def _shared_path(*, folder: str = "", file: str = "") -> SharedPath:
    return SharedPath(file or folder, is_file=bool(file))


SHARED = (
    Key("folder", _INSIDE, "", "a folder; alone, it may stand without `folder:`"),
    Key("file", _INSIDE, "", "a single file, such as db.sqlite3"),
)  # fmt: skip


def _target_mistakes(target: Mapping[str, Any]) -> Found:
    paths = {shared.path: None for shared in target.get("shared", ())}
    for path in paths:
        for outer in map(str, PurePosixPath(path).parents):
            if outer in paths:
                yield "shared", f"{path} is inside {outer}, which is shared already"
    if "hosts" in target and "router" in target:
        yield from router.misplaced(target["router"], [host.host for host in target["hosts"]])


ROLLOUT = (
    Key("batch", Text("all, a number such as 2 or a share such as 25%", rollout.PATTERN.match), rollout.ALL,
        "how many hosts are switched at a time; the first batch is the canary: if it fails, no other is touched"),
    Key("pause", Duration("0s", "1h"), "0s", "the time between two batches"),
)  # fmt: skip

SSH = (
    Key("concurrency", Number(1, 256), "32", "how many hosts are logged in to at the same time"),
    Key("connect_timeout", Duration("1s", "5m"), "`ConnectTimeout` of ssh's own configuration, else 10s",
        "how long a host may take to answer, and again to log in"),
    Key("client", Choice(("auto", "openssh")), "auto",
        "what logs in: `openssh` is the `ssh` program; `auto` is paramiko, and `ssh` for what paramiko cannot do"),
)  # fmt: skip

TARGET = (
    Key("hosts", Hosts(Record(HostSettings, HOST, short="host"), "hosts", repeat=True), "none (`local`: this machine)",
        "the machines; required for every target but `local`, which has none"),
    Key("user", _USERNAME, "ssh's own configuration", "the user to log in as"),
    Key("path", _ABSOLUTE, "see below", "the folder on each host"),
    Key("formation", MapOf(_TYPE, Number(0, MOST), "process types to numbers"), "one of each type",
        "how many processes of each type, on each host that runs the type; where it names some, others have none"),
    Key("config", ListOf(Record(_source, SOURCE, one=True, placed=True), "sources (file, command or env)"), "none",
        "where the variables come from; a later source wins, stored values (`deploy config set`) win over all"),
    Key("keep", Number(1, 1000), "5", "how many releases that served stay, whatever failed or never ran in between"),
    Key("protect", Boolean(), "false",
        "true: a command that changes the target asks for its name on a terminal, and elsewhere wants `--yes`"),
    Key("shared", ListOf(Record(_shared_path, SHARED, short="folder", one=True), "paths"), "none",
        "paths that outlive a release, for apps that are not stateless yet"),
    Key("run_as", _USERNAME, "the user who deploys", "the user that the processes run as, where the agent is root"),
    Key("sudo", Boolean(), "false", "true runs the agent as root, by `sudo -n`, which must not ask for a password"),
    Key("manager", Choice(("auto", "systemd", "supervisor")), "auto",
        "what keeps processes alive: `auto` is systemd on hosts and supervisor for `local`"),
    Key("release_timeout", Duration("1s", "24h"), "1h",
        "how long the release command may take; then it is ended, and nothing is switched"),
    Key("confirm_timeout", Duration("5s", "10m"), "30s",
        "how long a host waits for a line that went silent before it puts back what served, if it was switched and "
        "that was not confirmed"),
    Key("rollout", Record(RolloutSettings, ROLLOUT), "", "how a run goes over the hosts"),
    Key("router", router.KIND, "none: the processes' own ports",
        "what sends a domain or a port to the processes, and moves it without a gap"),
    Key("ssh", Record(SshSettings, SSH), "", "how the hosts are reached; all else is in ssh's own configuration"),
)  # fmt: skip


def _process_mistakes(process: Mapping[str, Any]) -> Found:
    yield from mistakes_beside(process)
    health = process.get("health", HealthSettings())
    if "watchdog" in process and health.path != "notify" and "schedule" not in process:
        yield "watchdog", "needs `health: notify`: it is for processes that speak with systemd"


_PROCESS = Record(ProcessSettings, PROCESS, placed=True, check=_process_mistakes)
APP = Key("app", _APP, "", "the app's name", required=True)
COMMIT = (  # what a build reads of the commit's own deploy.yaml
    APP,
    Key("build", Record(Recipe, BUILD, check=_build_mistakes), "", "how the build stage makes a build of a commit"),
    Key("processes", MapOf(_TYPE, _PROCESS, "process types to settings"), "",
        "refines the Procfile's process types, or replaces the Procfile (`command` for each)"),
    Key("config", Record(ConfigSettings, CONFIG), "", "the config contract"),
)  # fmt: skip
TARGETS = Key(
    "targets",
    MapOf(_TARGET, Record(lambda **given: TargetSettings(name="", **given), TARGET, check=_target_mistakes),
          "targets to settings"),
    "only `local`, this machine, which is always there", "the places where the app runs",
)  # fmt: skip
ROOT = Record(dict, (*COMMIT, TARGETS))
ROOT_OF_COMMIT = Record(dict, COMMIT)


def keys() -> Iterator[tuple[str, Key]]:
    """Every key with its path: `targets.*.hosts[].port`."""
    return ((path.removeprefix("."), key) for path, key in ROOT.below())
