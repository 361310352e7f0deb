"""Diagnosis of a failed Python build: what uv, build backends and compilers say, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from deployer.builds.symptoms import Facts, Symptom

HEADERS = {  # the beginning of a header's path: Debian's package
    "Python.h": "python3-dev",
    "ffi.h": "libffi-dev",
    "openssl/": "libssl-dev",
    "libpq-fe.h": "libpq-dev",
    "mysql": "default-libmysqlclient-dev",
    "zlib.h": "zlib1g-dev",
    "jpeglib.h": "libjpeg-dev",
    "ft2build.h": "libfreetype-dev",
    "libxml/": "libxml2-dev libxslt1-dev",
    "libxslt/": "libxslt1-dev",
    "lber.h": "libldap2-dev libsasl2-dev",
    "sasl/": "libsasl2-dev",
    "gmp.h": "libgmp-dev",
    "yaml.h": "libyaml-dev",
    "sqlite3.h": "libsqlite3-dev",
}
NEWER = "name a newer version of it, which has a wheel, or an older Python"
FAILED = r"Failed to build `?(?P<name>[A-Za-z0-9][\w.-]*?)(?:==(?P<version>[^`\s]+))?(?:`| @|$)"
NO_WHEEL = r"(?P<name>[\w.-]+)==(?P<version>[\w.+-]+) has no wheels? with a matching Python"
WRONG_PYTHON = r"current Python version \([\d.]+\) does not satisfy Python"


def _header(match: re.Match[str], facts: Facts) -> str:
    del facts
    name = match["header"]
    package = next((debian for begin, debian in HEADERS.items() if name.startswith(begin)), "")
    where = f"Debian: `apt install {package}`" if package else "it is in a -dev package of the system"
    return f"the compiler lacks {name} ({where}), or {NEWER}"


def _module(match: re.Match[str], facts: Facts) -> str:
    """A module that a command of the app imports, and that no package brought."""
    name = match["name"].split(".")[0]
    if {f"{name}.py", f"{name}/__init__.py"} & facts.paths:
        return ""
    return f"no package brings {name}: add it to the requirements (`build.python.extra` in deploy.yaml adds one too)"


INDEXES = (  # as uv says it, and nobody else
    Symptom(r"HTTP status client error \(40[13][^)]*\)[^\n]*?//(?:[^/@\s]*@)?(?P<host>[\w.:-]+)",
            "{host} asks for a password, or refuses it: name its variables (`build: {{secrets: […]}}` in deploy.yaml)"),
    Symptom(r"(?:Failed to fetch|error sending request)[^\n]*?//(?:[^/@\s]*@)?(?P<host>[\w.:-]+)",
            "{host} cannot be reached from here: is the network there, or does it take a proxy or a mirror "
            "(UV_DEFAULT_INDEX)?"),
)  # fmt: skip
PYTHON = (
    Symptom(r"VIRTUAL_ENV: (?:unbound variable|parameter not set)",
            "VIRTUAL_ENV is there once the packages are: in `build.commands`, not in `build.before`, and only with the "
            "pack python"),
    Symptom(r"pg_config executable not found", "psycopg2 is compiled here and lacks PostgreSQL's headers: "
            "`psycopg2-binary` has a wheel, or Debian: `apt install libpq-dev build-essential`"),
    Symptom(r"Can ?not find valid pkg-config name|mysql_config: not found", "mysqlclient is compiled here and lacks "
            "headers (Debian: `apt install default-libmysqlclient-dev pkg-config build-essential`)"),
    Symptom(r"fatal error: ['\"]?(?P<header>[\w./+-]+\.h)['\"]?(?:: No such file| file not found)", _header),
    Symptom(r"(?:unable to execute|command) '?[\w./-]*(?:gcc|cc|g\+\+|clang)'?(?: failed)?: No such file",
            f"there is no C compiler (Debian: `apt install build-essential`), or {NEWER}"),
    Symptom(r"(?i)can't find rust compiler|(?:rustc|cargo)[^\n]{0,60}not (?:found|installed|on PATH)",
            f"the package is written in Rust, and there is no Rust compiler (rustup.rs): install it, or {NEWER}"),
    Symptom(rf"{FAILED}[\s\S]*?(?:No module named 'distutils'|No module named 'imp'|use_2to3|cython_sources|"
            r"module 'pkgutil' has no attribute 'ImpImporter'|has no attribute 'SafeConfigParser')",
            f"{{name}} {{version}} is too old for this Python: {NEWER}"),
    Symptom(NO_WHEEL, "{name} {version} has no file for this Python: name another version of it, or another Python"),
    Symptom(r"Hash mismatch for `?(?P<name>[\w.-]+)", "the file of {name} is another one than was locked: find out why "
            "before you lock again"),
    Symptom(r"(?P<name>[\w.-]+) was not found in the (?:package registry|provided package locations)",
            "no index that is asked has {name}: is it misspelt, or private (`--index-url` in requirements.txt, "
            "UV_DEFAULT_INDEX)?"),
    Symptom(r"there is no version of (?P<what>[\w.-]+[=<>!~]+\S+)",
            "no index that is asked has {what}: does it exist?"),
    Symptom(rf"{WRONG_PYTHON}[^\n]*? and (?P<name>[\w.-]+==[\w.+-]+)", "{name} needs another Python"),
    Symptom(r"Because (?P<one>\S+) depends on (?P<other>\S+) and you require (?P<mine>\S+?),",
            "{one} needs {other}, and you require {mine}: loosen one of them, and lock again"),
    Symptom(r"requirements are unsatisfiable", "the requirements contradict each other, as the lines above say: loosen "
            "one of them, and lock again"),
    Symptom(FAILED, f"{{name}} had to be compiled, for it has no wheel for this Python, and that failed: {NEWER}"),
    Symptom(r"^(?:ModuleNotFoundError|ImportError): No module named '(?P<name>[\w.]+)'", _module),
)  # fmt: skip


def chosen(said: str, version: str, asked_by: str, here: Sequence[str]) -> str:
    """What to write where the Python that was taken is likely to be the wrong one, and nobody asked for it.

    `version` is the one that was taken, `asked_by` who named it ('' for nobody), `here` are those of this machine.
    """
    if asked_by or not any(re.search(sign, said, re.MULTILINE) for sign in (FAILED, NO_WHEEL, WRONG_PYTHON)):
        return ""
    minor = _minor(version)
    tags = sorted({int(tag) for tag in re.findall(r"`cp3(\d+)`", said)} - {minor})
    older = sorted({_minor(each) for each in here if _minor(each) < minor})
    better = f"3.{([tag for tag in tags if tag < minor] or older or [minor - 1])[-1]}"
    return (
        f"Python 3.{minor} was chosen, since nothing names one: if the app was written for another, write it to "
        f".python-version, `{better}` for example"
    )


def of_python(said: str, details: Mapping[str, object]) -> str:
    """The same, by what the python pack has left in a failure's details."""
    told = details.get("python")
    if not isinstance(told, Mapping):
        return ""
    return chosen(said, str(told["version"]), str(told["asked_by"]), list(told["here"]))


def _minor(version: str) -> int:
    return int(version.split(".")[1])
