"""Diagnosis of a Node process that failed: modules that were pruned or never listed, files that were not built."""

from __future__ import annotations

import re

from deployer.builds.diagnosis_node import package_of
from deployer.builds.packs.node_start import PRODUCTION
from deployer.builds.symptoms import NOT_FOUND, Facts, Symptom


def _module(match: re.Match[str], facts: Facts) -> str:
    name = match["name"]
    if name.startswith(("/", ".", "file:")):
        inside = re.sub(r"^.*/releases/v\d+/app/", "", name)
        what = "is it made by the build script of package.json, committed, written with the same capitals?"
        return f"{inside} is not in the build: {what}"
    if name.startswith("node:"):
        return f"this node has no {name}: name a newer one in .nvmrc, or under `engines` in package.json"
    return _package(package_of(name), facts)


def _package(name: str, facts: Facts) -> str:
    kind = facts.needs(name)
    if kind == "devDependencies":
        return (
            f"{name} is a development dependency, which a release has no more: `npm install --save-prod {name}`, and"
            f" commit package.json and the lock file{_other(facts)}"
        )
    if kind:
        return ""
    return f"{name} is in no list of package.json: `npm install {name}`, and commit package.json and the lock file"


def _program(match: re.Match[str], facts: Facts) -> str:
    """A program of node_modules/.bin that was pruned with the development dependencies."""
    name = match["name"]
    scripts = facts.scripts()
    called = any(re.search(rf"\b{re.escape(name)}\b", text) for text in scripts.values())
    if not (called or facts.needs(name)) or name in ("npm", "npx", "yarn", "pnpm"):
        return ""
    if facts.needs(name) == "devDependencies":
        return _package(name, facts)
    other = _other(facts)
    if other:
        return f"{name} is not in the release{other}"
    return ""


def _other(facts: Facts) -> str:
    """The script that is meant for production, if there is one."""
    name = next((name for name in PRODUCTION if name in facts.scripts()), "")
    return f"; or run the script {name} of package.json: a Procfile with `web: {facts.scripts()[name]}`" if name else ""


def _manager(match: re.Match[str], facts: Facts) -> str:
    name = match["name"]
    command = next((text for text in facts.commands.values() if re.search(rf"\b{name}\b", text)), "")
    called = re.search(rf"{name}(?: run)? ([\w:-]+)", command)
    script = facts.scripts().get(called[1]) if called else None
    instead = f": write what the script does, `{script}`" if script else ""
    return f"the host has no {name}, and the release brings none{instead}"


NODE = (
    Symptom(r"(?:Cannot find module|Cannot find package) ['\"](?P<name>[^'\"\n]+)['\"]", _module),
    Symptom(r"Could not find a production build in the '(?P<name>[^']+)' directory",
            "the app was not built: package.json needs a `build` script (`next build`), and {name} has to stay in the build"),
    Symptom(r"Cannot use import statement outside a module|require is not defined in ES module scope",
            'package.json says another kind of module than the files are: `"type": "module"` for `import`, "commonjs" for '
            "`require`"),
    Symptom(r"@prisma/client did not initialize yet", "`prisma generate` has not run: put it before the build script in "
            "package.json, or into `build: {{commands: [npx prisma generate]}}` in deploy.yaml"),
    Symptom(r"\b(?P<name>npm|npx|yarn|pnpm): (?:command )?not found", _manager),
    Symptom(NOT_FOUND, _program),
)  # fmt: skip
