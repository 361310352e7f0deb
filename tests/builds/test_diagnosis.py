"""A failed build says what is likely to be the cause, and the line to write; what was printed stays."""

import json

import pytest
from repositories import Repository, made

from deployer.builds import diagnosis
from deployer.builds.symptoms import Facts, advice
from deployer.core.errors import BuildFailed
from deployer.core.recipe import Recipe

PACKAGE = json.dumps(
    {"scripts": {"build": "vite build"}, "dependencies": {"react": "18"}, "devDependencies": {"a": "1"}}
)
SEEN = {  # what the programs print, and what the advice has to name
    "npm error `npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json"
    " are in sync. Please update your lock file with `npm install` before continuing.": "commit package-lock.json",
    ' ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with "frozen-lockfile" because pnpm-lock.yaml is not up to date':
        "`pnpm install`",
    "error Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`.": "`yarn install`",
    "YN0028: The lockfile would have been modified by this install, which is explicitly forbidden.": "`yarn install`",
    "npm error code EBADENGINE": ".nvmrc",
    "npm error code ERESOLVE\nnpm error ERESOLVE unable to resolve dependency tree": "legacy-peer-deps=true",
    "npm error Failed to replace env in config: ${MY_TOKEN}": "build: {secrets: [MY_TOKEN]}",
    "npm error code E401\nnpm error Incorrect or missing password.": "build: {secrets: [NPM_TOKEN]}",
    "npm error gyp ERR! find Python Python is not set from command line": "apt install python3",
    "npm error gyp ERR! stack Error: not found: make": "build-essential",
    "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory":
        "NODE_OPTIONS: --max-old-space-size",
    "Error: error:0308010C:digital envelope routines::unsupported": "--openssl-legacy-provider",
    "Treating warnings as errors because process.env.CI = true.": 'CI: "false"',
    "npm error code ENOTFOUND\nnpm error request to https://npm.internal.test/x failed, reason: getaddrinfo ENOTFOUND"
    " npm.internal.test": "npm.internal.test has no address here",
    "Error: Cannot find module 'tailwindcss/plugin'": "`npm install tailwindcss`",
    '[vite]: Rollup failed to resolve import "@scope/ui/button" from "src/main.js".': "`npm install @scope/ui`",
    "Module not found: Error: Can't resolve './Header' in '/x/src'": "other capitals",
    "sh: 1: vite: not found": "`npm install --save-dev vite`",
    "bash: line 1: hugo: command not found": "hugo is not on this machine's PATH",
    "Error: NEXT_PUBLIC_API_URL is not set": "build: {env: {NEXT_PUBLIC_API_URL: …}}",
    "error: Environment variable not found: DATABASE_URL.": "build: {env: {DATABASE_URL: …}}",
    "Error: Missing required environment variable: STRIPE_KEY": "build: {secrets: [STRIPE_KEY]}",
    "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.": "SECRET_KEY: …",
    "KeyError: 'SECRET_KEY'": "SECRET_KEY: …",
    "bash: line 1: ./build.sh: Permission denied": "git update-index --chmod=+x build.sh",
    "write error: No space left on device": "deploy prune",
}  # fmt: skip


@pytest.mark.parametrize("output", SEEN)
def test_what_a_program_prints_is_known_with_the_line_to_write(output):
    facts = Facts(frozenset({"package.json", "build.sh"}), lambda path: PACKAGE if path == "package.json" else "")
    noise = "> app@1.0.0 build\nadded 12 packages in 3s\n"
    assert SEEN[output] in advice(
        f"{noise}{output}\nnpm error A complete log of this run can be found in: x", diagnosis.TABLE, facts
    )


@pytest.mark.parametrize("output", ["", "it went wrong", "Error: expected 3, not 4", "Cannot find module 'react'"])
def test_what_is_not_known_is_not_guessed_at(output):
    facts = Facts(frozenset({"package.json"}), lambda _: PACKAGE)
    assert advice(output, diagnosis.TABLE, facts) == ""


def test_a_failed_build_says_it_before_any_other_hint_and_shows_what_was_printed(tmp_path):
    repository = Repository(tmp_path / "app")
    script = "test -n \"$NEXT_PUBLIC_API\" || { echo 'Error: NEXT_PUBLIC_API is not set' >&2; exit 1; }"
    repository.commit(**{"server.js": "", "package.json": json.dumps({"scripts": {"build": script}})})
    with pytest.raises(BuildFailed) as failure:
        made(repository, tmp_path, recipe=Recipe(pack="node"))
    assert "build: {env: {NEXT_PUBLIC_API: …}}" in failure.value.hint
    assert "Error: NEXT_PUBLIC_API is not set" in failure.value.output
    assert made(repository, tmp_path, recipe=Recipe(pack="node", env={"NEXT_PUBLIC_API": "x"})).pack == "node"


def test_a_lock_file_that_does_not_fit_is_told_as_that(tmp_path):
    repository = Repository(tmp_path / "app")
    lock = {"name": "x", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": {"name": "x", "version": "1.0.0"}}}
    package = {"name": "x", "version": "1.0.0", "dependencies": {"left-pad": "file:./left-pad"}}
    repository.commit(
        **{
            "left-pad/package.json": '{"name": "left-pad", "version": "1.0.0"}',
            "package.json": json.dumps(package),
            "package-lock.json": json.dumps(lock),
        }
    )
    with pytest.raises(BuildFailed) as failure:
        made(repository, tmp_path, recipe=Recipe(pack="node"))
    assert "run `npm install`, and commit package-lock.json" in failure.value.hint
