"""Which node builds this app?  The first one found that the commit's own wishes allow."""

from __future__ import annotations

import glob
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer.builds.packs import Offer, matching, node_package
from deployer.builds.supply import Carried, Supply
from deployer.core.errors import BuildFailed, ReleaseRefused
from deployer.core.interpreter import Interpreter
from deployer.core.recipe import Recipe

# npm brings the semver that npm itself decides `engines` by: a parser of ours would be another opinion.
PROBE = r"""
const [wishes, npm] = process.argv.slice(1);
let semver = null;
try { semver = require('module').createRequire(require('fs').realpathSync(npm))('semver'); } catch {}
const lts = (process.release.lts || '').toLowerCase();
const fits = wish => {
  const name = wish.toLowerCase();
  if (['', 'node', 'stable', 'latest', 'current'].includes(name)) return 'yes';
  if (['lts', 'lts/*'].includes(name)) return lts ? 'yes' : 'no';
  if (name.startsWith('lts/')) return name.slice(4) === lts ? 'yes' : 'no';
  if (!semver) return 'unknown';
  if (semver.validRange(wish, {loose: true}) === null) return 'nonsense';
  return semver.satisfies(process.versions.node, wish, {loose: true}) ? 'yes' : 'no';
};
const answers = Object.fromEntries(Object.entries(JSON.parse(wishes)).map(([place, wish]) => [place, fits(wish)]));
console.log(JSON.stringify({version: process.versions.node, abi: process.versions.modules, answers}));
"""
# Which of these versions do all ranges allow?
PROBE_VERSIONS = r"""
const [ranges, npm, ...versions] = process.argv.slice(1);
const semver = require('module').createRequire(require('fs').realpathSync(npm))('semver');
const wanted = Object.values(JSON.parse(ranges));
const fits = version => wanted.every(range => semver.satisfies(version, range, {loose: true}));
console.log(JSON.stringify(versions.filter(fits)));
"""


VERSION_FILES = (".nvmrc", ".node-version")


@dataclass(frozen=True)
class Node:
    """A node: its executable, full version (`20.20.2`) and ABI (`115`), and what it answers to the app's wishes.

    `answers` holds for each place of a wish `yes`, `no`, `nonsense` (not a version) or `unknown` (no npm to ask).
    """

    executable: Path
    version: str
    abi: str
    answers: Mapping[str, str]

    @property
    def fits(self) -> bool:
        """Whether no wish of the app speaks against it."""
        return all(answer in ("yes", "unknown") for answer in self.answers.values())


def find(wishes: Mapping[str, str], env: Mapping[str, str]) -> Node:
    """The first node, on PATH or from a version manager, that fits the wishes; `BuildFailed` names what does not."""
    first: Node | None = None
    for node in _all(wishes, env):
        if node.fits:
            return node
        first = first or node
    if first is None:
        raise BuildFailed(
            "the node pack needs node, and there is none on PATH",
            hint="install Node.js with npm (nodejs.org, your system's packages or nvm)",
        )
    raise _unfit(first, wishes)


def choose(
    wishes: Mapping[str, str], env: Mapping[str, str], offers: Sequence[Offer], recipe: Recipe, supply: Supply | None
) -> tuple[Node, Carried | None]:
    """The node that builds for hosts with these `offers`; and the runtime, where the build brings it along."""
    preferred = find(wishes, env)
    if not offers or supply is None:
        return preferred, None
    fitting = [preferred, *(node for node in _all(wishes, env) if node.fits and node != preferred)]
    known = {str(node.executable): node for node in fitting}
    here = [as_interpreter(node) for node in fitting]
    theirs = sorted({one.version for offer in offers for one in offer.interpreters if one.kind == "node"})
    allowed = _allowed(preferred, wishes, theirs, env)
    place, wanted = next(iter(wishes.items()), ("", ""))

    def refuse(told: str) -> ReleaseRefused:
        return matching.refusal("node", here, offers, wanted=wanted, wanted_by=place, how=recipe.match, told=told)

    choice = matching.choose(
        here,
        offers,
        recipe,
        allows=allowed.__contains__,
        carry=lambda: node_package.carried(supply, here[0]),
        refuse=refuse,
    )
    if choice.told:
        supply.report("done", f"Node.js {choice.interpreter.version} is used, which the hosts have: {choice.told}")
    return known[choice.interpreter.path], choice.carried


def as_interpreter(node: Node) -> Interpreter:
    """The node as hosts tell of theirs."""
    return Interpreter("node", str(node.executable), node.version, node.abi, machine())


def _allowed(node: Node, wishes: Mapping[str, str], versions: Sequence[str], env: Mapping[str, str]) -> frozenset[str]:
    """Which of these versions the app's ranges allow; a version that a file pins is for the build alone."""
    ranges = {place: wish for place, wish in wishes.items() if place.startswith("engines")}
    command = [str(node.executable), "-e", PROBE_VERSIONS, json.dumps(ranges), _npm_beside(node.executable, env)]
    try:
        done = subprocess.run([*command, *versions], env=dict(env), capture_output=True, check=True, timeout=30)
        return frozenset(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError):
        return frozenset(versions)


def wishes(tree: Path, package: Mapping[str, Any]) -> dict[str, str]:
    """Which versions of node the commit asks for: place (`.nvmrc`) to wish (`20`, `>=18`, `lts/*`)."""
    found: dict[str, str] = {}
    engines = package.get("engines")
    if isinstance(engines, dict) and isinstance(engines.get("node"), str):
        found["engines.node in package.json"] = engines["node"].strip()
    for name in VERSION_FILES:
        if (tree / name).is_file():
            lines = (line.partition("#")[0].strip() for line in (tree / name).read_text(errors="replace").splitlines())
            found[name] = next((line for line in lines if line), "")
    return found


def machine() -> str:
    """The kind of this machine, as `uname -m` says it: binaries made here run on no other."""
    return platform.machine()


def _candidates(env: Mapping[str, str]) -> Iterator[Path]:
    on_path = shutil.which("node", path=env.get("PATH"))
    if on_path:
        yield Path(on_path)
    # Where the agent looks on a host, too: what it would not find there is no use here.
    nvm = env.get("NVM_DIR") or os.path.join(env.get("HOME", ""), ".nvm")
    if os.path.isabs(nvm):
        yield from sorted(Path(nvm).glob("versions/node/*/bin/node"), key=_by_version, reverse=True)
    yield from (Path(path) for path in sorted(glob.glob("/opt/*/bin/node")))


def _all(wishes: Mapping[str, str], env: Mapping[str, str]) -> Iterator[Node]:
    probed = (_probe(executable, wishes, env) for executable in _candidates(env))
    return (node for node in probed if node is not None)


def _by_version(executable: Path) -> tuple[int, ...]:
    found = re.search(r"/v?(\d+)\.(\d+)\.(\d+)/", str(executable))
    return tuple(int(part) for part in found.groups()) if found else ()


def _probe(executable: Path, wishes: Mapping[str, str], env: Mapping[str, str]) -> Node | None:
    """What this node says of itself; None where it does not even start."""
    command = [str(executable), "-e", PROBE, json.dumps(dict(wishes)), _npm_beside(executable, env)]
    try:
        done = subprocess.run(command, env=dict(env), capture_output=True, check=True, timeout=30)
        answer = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Node(executable, answer["version"], answer["abi"], answer["answers"])


def _npm_beside(executable: Path, env: Mapping[str, str]) -> str:
    # `lib` beside it first: another node's npm would do, but one that belongs to it always runs on it.
    npm = executable.with_name("npm")
    return str(npm) if npm.exists() else shutil.which("npm", path=env.get("PATH")) or ""


def _unfit(node: Node, wishes: Mapping[str, str]) -> BuildFailed:
    wrong = [(place, answer) for place, answer in node.answers.items() if answer in ("no", "nonsense")]
    place, answer = wrong[0]
    if answer == "nonsense":
        return BuildFailed(
            f"{place}: {wishes[place]!r} is no version of node, nor a range of them",
            hint="write for instance `20`, `>=20.11 <23` or `lts/*`",
        )
    asked = " and ".join(f"{wishes[place]} ({place})" for place, _ in wrong)
    return BuildFailed(
        f"the app asks for node {asked}, but this machine has {node.version} ({node.executable})",
        hint=f"install that version and put it first on PATH (`nvm install {os.path.normpath(wishes[place])}`),"
        f" or change {place}",
    )
