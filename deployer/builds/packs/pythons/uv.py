"""How is uv run?  Always the one we depend on, with an interpreter by its path, and nothing downloaded but packages."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from deployer.builds.packs import Workshop
from deployer.builds.packs.pythons import venv
from deployer.core.errors import BuildFailed
from deployer.core.interpreter import Interpreter

NOTHING: Mapping[str, str] = {}


class Uv:
    """uv, at work for one build with one interpreter."""

    def __init__(self, workshop: Workshop, interpreter: Interpreter) -> None:
        self.workshop = workshop
        self.interpreter = interpreter

    def make(self, place: Path) -> Path:
        """A new, relocatable environment at `place/.venv`: uv keeps that property in whatever it installs later."""
        target = place / venv.FOLDER
        self._run("venv", "--relocatable", "--no-project", "--python", self.interpreter.path, str(target))
        return target

    def install(self, environment: Path, *arguments: str, env: Mapping[str, str] = NOTHING) -> None:
        """`uv pip install` into `environment`, with `env` besides."""
        self._run("pip", "install", *arguments, environment=environment, env=env)

    def compile(self, source: str, output: Path, *arguments: str, env: Mapping[str, str] = NOTHING) -> None:
        """Resolve what `source` asks for and write it to `output`, pinned and hashed."""
        options = (
            *("--generate-hashes", "--no-header", "--no-annotate"),
            *("--emit-index-url", "--emit-find-links", "--emit-build-options"),  # what the installing goes by, too
        )
        python = ("--python", self.interpreter.path, "--quiet", "-o", str(output))
        self._run("pip", "compile", *options, *python, *arguments, source, env=env)

    def sync(self, environment: Path, *arguments: str) -> None:
        """`uv sync` of the tree's uv.lock into `environment`."""
        self._run("sync", "--locked", "--no-default-groups", "--no-editable", *arguments, environment=environment)

    def lock_is_stale(self) -> bool:
        """Whether uv.lock does not fit pyproject.toml, which uv tells by the exit code 1 (2: it could not find out)."""
        done = subprocess.run(
            [binary(), "lock", "--check", "--python", self.interpreter.path],
            cwd=self.workshop.tree,
            env={**self.workshop.env, **self._environ(None)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        return done.returncode == 1

    def _run(self, *arguments: str, environment: Path | None = None, env: Mapping[str, str] = NOTHING) -> None:
        self.workshop.run([binary(), *arguments], env={**self._environ(environment), **env})

    def _environ(self, environment: Path | None) -> dict[str, str]:
        given = self.workshop.env
        variables = {
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_LINK_MODE": "copy",  # what is linked into uv's cache would be changed there by a later step
            "UV_COMPILE_BYTECODE": "0",
            "UV_NO_PROGRESS": "1",
            "UV_SYSTEM_CERTS": "1",
            "UV_NATIVE_TLS": "1",  # the same, before uv 0.9
            "UV_CACHE_DIR": str(self.workshop.cache / "uv"),  # the user's own may hold wheels built with other flags
            "PYTHONDONTWRITEBYTECODE": "1",
            "SOURCE_DATE_EPOCH": "315532800",  # 1980: what is built from source is the same for every commit
        }
        variables = {name: value for name, value in variables.items() if name not in given or name in _OURS}
        if environment is not None:
            variables |= {"VIRTUAL_ENV": str(environment), "UV_PROJECT_ENVIRONMENT": str(environment)}
        return variables


_OURS = (
    *("UV_PYTHON_DOWNLOADS", "UV_LINK_MODE", "UV_COMPILE_BYTECODE", "UV_CACHE_DIR"),
    *("PYTHONDONTWRITEBYTECODE", "SOURCE_DATE_EPOCH"),
)


def binary() -> str:
    """The path of the uv that we depend on; `BuildFailed` if it is not there."""
    import uv  # noqa: PLC0415 - not needed to show `--help`

    try:
        return uv.find_uv_bin()
    except FileNotFoundError as error:
        raise BuildFailed("uv is not installed with deployer", hint="`pip install uv`, then build again") from error


def uv_version() -> str:
    """The version of uv, without asking it."""
    return version("uv")


def safe_arguments(words: Sequence[str], source: str) -> list[str]:
    """`words` as arguments; `BuildFailed` for one that uv would take for an option."""
    for word in words:
        if word.startswith("-"):
            raise BuildFailed(f"{source}: {word!r} is no requirement", hint="say `gunicorn==23.0.0`")
    return list(words)
