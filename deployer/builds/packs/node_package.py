"""Node.js for a build to bring along: the platform package of npm's registry, and npm beside it for `npm start`."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from deployer.builds.supply import Carried, Supply, Unavailable, put
from deployer.core.interpreter import Interpreter

PATIENCE = 600  # seconds for a download
ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64", "armv7l": "armv7l", "ppc64le": "ppc64le", "s390x": "s390x"}
PROGRAM, NPM = "bin/node", "bin/npm"
NEEDLESS = ("docs", "man")


def carried(supply: Supply, node: Interpreter) -> Carried:
    """The same version of Node.js as `node`, which is here, with the npm that is beside it."""
    architecture = ARCHITECTURES.get(node.machine)
    if architecture is None:
        raise Unavailable(f"npm's registry has no Node.js for {node.machine}")
    client = _npm(node, supply.environ)
    npm = _say(client, ["--version"], supply.environ).strip()
    home = supply.cache / "node" / f"node-{node.version}-npm-{npm}"
    if not home.is_dir():
        supply.report("step", f"getting Node.js {node.version}")
        with supply.scratch() as scratch:
            made = scratch / "made"
            for package, place, only in (
                (f"node-linux-{architecture}@{node.version}", made, (PROGRAM, "LICENSE")),
                (f"npm@{npm}", made / "lib" / "node_modules" / "npm", ()),
            ):
                _unpack(_got(client, package, scratch, supply.environ), place, only)
            for name in NEEDLESS:
                shutil.rmtree(made / "lib" / "node_modules" / "npm" / name, ignore_errors=True)
            for name in ("npm", "npx"):
                (made / "bin" / name).symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")
            put(made, home)
        supply.report("done", f"getting Node.js {node.version}")
    if known := supply.known(home, node, PROGRAM):
        return known
    with supply.workshop() as folder:
        shutil.copytree(home, folder, symlinks=True)
        return supply.keep(folder, node, PROGRAM, home=home)


def _npm(node: Interpreter, environ: Mapping[str, str]) -> list[str]:
    beside = Path(node.path).with_name("npm")
    found = str(beside) if beside.exists() else shutil.which("npm", path=environ.get("PATH"))
    if not found:
        raise Unavailable("there is no npm here to get it with")
    return [node.path, os.path.realpath(found)]


def _got(client: list[str], package: str, scratch: Path, environ: Mapping[str, str]) -> Path:
    """The package's archive, checked against the digest that the registry gives for it."""
    told = json.loads(_say(client, ["pack", package, "--json", "--pack-destination", str(scratch)], environ))
    filed = told[0] if isinstance(told, list) else next(iter(told.values()))
    archive = scratch / Path(filed["filename"]).name
    integrity = json.loads(_say(client, ["view", package, "dist.integrity", "--json"], environ))
    kind, _, wanted = integrity.partition("-")
    digest = hashlib.new(kind, archive.read_bytes()).digest()
    if base64.b64encode(digest).decode() != wanted:
        raise Unavailable(f"{package}: what arrived does not have the digest that the registry gives")
    return archive


def _unpack(archive: Path, into: Path, only: tuple[str, ...]) -> None:
    into.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as packed:
        for member in packed:
            member.name = member.name.partition("/")[2]
            if member.isfile() and member.name and (not only or member.name in only):
                packed.extract(member, into, filter="data")


def _say(client: list[str], words: list[str], environ: Mapping[str, str]) -> str:
    quiet = {
        "npm_config_update_notifier": "false",
        "npm_config_fetch_retries": "1",  # who is offline need not wait long
        "npm_config_fetch_retry_mintimeout": "1000",
        "npm_config_loglevel": "error",
    }
    try:
        done = subprocess.run(
            [*client, *words], env={**quiet, **environ}, cwd="/", stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"npm was not done after {PATIENCE} s") from error
    if done.returncode:
        lines = [line.removeprefix("npm error").strip() for line in done.stderr.splitlines() if line.strip()]
        told = next(
            (line for line in lines if line and not line.startswith("code ")), f"npm ended with {done.returncode}"
        )
        raise Unavailable(told)
    return done.stdout
