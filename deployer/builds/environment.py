"""Which variables do the commands of a build see?

An allow-list, so that the app's secrets, the caller's locale and whatever else lies in a shell stay out of builds;
what the package tools need to reach their registries comes through.  `HOME` is an empty folder but for links to
those tools' own config files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from deployer.core.errors import SettingsError
from deployer.core.recipe import Recipe

PREFIXES = ("uv_", "pip_", "npm_config_", "pnpm_", "yarn_", "corepack_", "cargo_", "rustup_", "pyenv_", "nvm_", "asdf_")
NAMES = (
    *("path", "ssl_cert_file", "ssl_cert_dir", "requests_ca_bundle", "curl_ca_bundle", "node_extra_ca_certs"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy", "netrc", "volta_home", "fnm_dir"),
)
CONFIG_FILES = (".npmrc", ".netrc", ".yarnrc", ".yarnrc.yml", ".pip", ".config/pip", ".config/uv", ".config/pnpm")
HOMES = {  # version managers find their tools below the real home
    "PYENV_ROOT": ".pyenv",
    "NVM_DIR": ".nvm",
    "VOLTA_HOME": ".volta",
    "ASDF_DATA_DIR": ".asdf",
    "RUSTUP_HOME": ".rustup",
    "CARGO_HOME": ".cargo",
    "UV_PYTHON_INSTALL_DIR": ".local/share/uv/python",
}
SECRET_NAME = re.compile(r"token|password|passwd|secret|_auth|credential", re.IGNORECASE)
URL_PASSWORD = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
SHORTEST = 4  # characters: hiding every `1` of the output would hide nothing
SHORTEST_TOKEN = 6  # and `npm_config_always_auth=true` is no secret


def environment(
    environ: Mapping[str, str], recipe: Recipe, *, home: str, temporary: str, cache: str, time: int
) -> dict[str, str]:
    """The whole environment of a build's commands; `SettingsError` names a secret of the recipe that is not set."""
    kept = {
        name: value for name, value in environ.items() if name.lower() in NAMES or name.lower().startswith(PREFIXES)
    }
    real = environ.get("HOME", "")
    for name, folder in HOMES.items():
        if real and name not in kept and os.path.isdir(f"{real}/{folder}"):
            kept[name] = f"{real}/{folder}"
    missing = [name for name in recipe.secrets if name not in environ]
    if missing:
        raise SettingsError(
            f"build.secrets names {', '.join(missing)}, which your environment has not",
            hint=f"`export {missing[0]}=…` before the build, or take it out of deploy.yaml",
        )
    return {
        "PATH": os.defpath,
        **kept,
        "HOME": home,
        "TMPDIR": temporary,
        "XDG_CACHE_HOME": cache,
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(time),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "CI": "true",  # package tools ask no question
        **recipe.env,
        **{name: environ[name] for name in recipe.secrets},
    }


def furnish(home: str, environ: Mapping[str, str]) -> None:
    """Make `home`: empty but for links to the config files of package tools."""
    os.makedirs(f"{home}/.config")
    real = environ.get("HOME")
    config = environ.get("XDG_CONFIG_HOME") or f"{real}/.config"
    for name in CONFIG_FILES if real else ():
        there = f"{config}/{name[len('.config/') :]}" if name.startswith(".config/") else f"{real}/{name}"
        if os.path.exists(there):
            os.symlink(os.path.abspath(there), f"{home}/{name}")


def masked(environment: Mapping[str, str], recipe: Recipe) -> list[str]:
    """The values that no output or log may show, the longest first."""
    values = {line for name in recipe.secrets for line in environment[name].splitlines() if len(line) >= SHORTEST}
    for name, value in environment.items():
        if name not in recipe.env:
            found = [value] if SECRET_NAME.search(name) else URL_PASSWORD.findall(value)
            values.update(each for each in found if len(each) >= SHORTEST_TOKEN)
    return sorted(values, key=len, reverse=True)
