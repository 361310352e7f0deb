"""Diagnosis of a failed Node build: what npm, pnpm, yarn and bundlers say, and what to do about it."""

from __future__ import annotations

import re

from deployer.builds.symptoms import NOT_FOUND, Facts, Symptom


def _module(match: re.Match[str], facts: Facts) -> str:
    """A module that is not there: a file of the app's own, or a package."""
    name = match["name"]
    if name.startswith((".", "/", "@/", "~/", "src/")):
        return (
            f"{name} is not in the commit: is it ignored by git (`git check-ignore -v …`), or written with other"
            " capitals? Names are case-sensitive here"
        )
    if name.startswith("node:"):
        return f"this node has no {name}: name a newer one in .nvmrc, or under `engines` in package.json"
    name = package_of(name)
    if facts.needs(name):
        return ""
    return f"{name} is in no list of package.json: `npm install {name}`, and commit package.json and the lock file"


def _program(match: re.Match[str], facts: Facts) -> str:
    """A script of package.json called a program that no package brought."""
    name = match["name"]
    if not any(re.search(rf"\b{re.escape(name)}\b", script) for script in facts.scripts().values()):
        return ""
    return (
        f"a script of package.json calls {name}, which no dependency brings: `npm install --save-dev {name}`, and"
        " commit package.json and the lock file"
    )


def package_of(module: str) -> str:
    """The package of a module's name: `@scope/name` of `@scope/name/part`."""
    parts = module.split("/")
    return "/".join(parts[:2]) if module.startswith("@") else parts[0]


def _token(match: re.Match[str], facts: Facts) -> str:
    del match
    named = re.findall(r"\$\{?(\w+)\}?", facts.read(".npmrc") + facts.read(".yarnrc.yml"))
    name = named[0] if named else "NPM_TOKEN"
    where = "" if named else " and read by .npmrc (`//REGISTRY/:_authToken=${NPM_TOKEN}`)"
    return f"the registry wants a token: name it in deploy.yaml (`build: {{secrets: [{name}]}}`){where}"


MODULES = (
    r"(?:Cannot find module|Cannot find package|Can't resolve|failed to resolve import|Could not resolve)"
    r" [\"'](?P<name>[^\"'\n]+)[\"']"
)
NODE = (
    Symptom(r"`?npm ci`? can only install packages when|npm (?:ERR!|error) Missing: .* from lock file",
            "the lock file does not fit package.json: run `npm install`, and commit package-lock.json"),
    Symptom(r"ERR_PNPM_OUTDATED_LOCKFILE|pnpm-lock\.yaml is not up[- ]to[- ]date",
            "the lock file does not fit package.json: run `pnpm install`, and commit pnpm-lock.yaml"),
    Symptom(r"Your lockfile needs to be updated|lockfile would have been (?:modified|created) by this install",
            "the lock file does not fit package.json: run `yarn install`, and commit yarn.lock"),
    Symptom(r"(?:code EBADENGINE|ERR_PNPM_UNSUPPORTED_ENGINE|[Tt]he engine \"node\" is incompatible)",
            "a package wants another version of Node: name one that it takes in .nvmrc, or under `engines` in "
            "package.json, and install it here"),
    Symptom(r"code ERESOLVE|ERESOLVE (?:unable|could not)",
            "two packages want different versions of a third: correct package.json, or commit an .npmrc with the line "
            "`legacy-peer-deps=true` and the lock file that `npm install` makes then"),
    Symptom(r"Failed to replace env in config: \$\{(?P<name>\w+)\}",
            ".npmrc reads {name}, which the build does not have: `build: {{secrets: [{name}]}}` in deploy.yaml "
            "takes it from "
            "your environment"),
    Symptom(r"code E40[13]\b|ERR_PNPM_FETCH_40[13]|\b401 Unauthorized|YN0041", _token),
    Symptom(r"code EINTEGRITY", "what the registry has is not what the lock file says: delete the package's entry, run "
            "`npm install`, look at what changed, and commit the lock file"),
    Symptom(r"gyp ERR!.*(?:find Python|Could not find any Python)",
            "a package is compiled here and needs Python 3: install it (Debian: apt install python3)"),
    Symptom(r"gyp ERR!.*not found: (?:make|gcc|g\+\+|cc|c\+\+)|(?:make|g\+\+|gcc): (?:Command )?not found[\s\S]*gyp",
            "a package is compiled here and needs a compiler and make: install them (Debian: apt install "
            "build-essential)"),
    Symptom(r"JavaScript heap out of memory",
            "the build needs more memory than Node gives it: `build: {{env: {{NODE_OPTIONS: "
            "--max-old-space-size=4096}}}}` in "
            "deploy.yaml"),
    Symptom(r"error:0308010C|digital envelope routines::unsupported|ERR_OSSL_EVP_UNSUPPORTED",
            "this bundler is older than Node 17's OpenSSL: `build: {{env: {{NODE_OPTIONS: "
            "--openssl-legacy-provider}}}}` in "
            "deploy.yaml, or Node 16 in .nvmrc"),
    Symptom(r"Treating warnings as errors because process\.env\.CI",
            'its warnings count as errors: correct them, or `build: {{env: {{CI: "false"}}}}` in deploy.yaml'),
    Symptom(r"(?:ENOTFOUND|EAI_AGAIN)[ \n][^\n]*?(?P<name>[a-z0-9-]+(?:\.[a-z0-9-]+)+)",
            "{name} has no address here: is this machine on the net, does .npmrc or the lock file name a "
            "registry that is "
            "reached from elsewhere alone?"),
    Symptom(r"(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|ERR_SOCKET_TIMEOUT)\b",
            "a server was not reached: is this machine on the net?  Behind a proxy, HTTPS_PROXY in your "
            "environment says so"),
    Symptom(MODULES, _module),
    Symptom(NOT_FOUND, _program),
)  # fmt: skip
