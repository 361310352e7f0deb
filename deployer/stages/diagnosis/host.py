"""Diagnosis of a process that failed for what is around it: programs, rights, folders, ports, libraries, services."""

from __future__ import annotations

import re

from deployer.builds.symptoms import SHELL, Facts, Symptom

PYTHON_PROGRAMS = {  # programs that a Python package brings
    **{name: name for name in ("gunicorn", "uvicorn", "hypercorn", "daphne", "celery", "flask", "huey", "uwsgi", "honcho")},
    "waitress-serve": "waitress", "django-admin": "Django", "fastapi": "fastapi[standard]", "streamlit": "streamlit",
    "dramatiq": "dramatiq", "rq": "rq", "alembic": "alembic", "granian": "granian", "sanic": "sanic",
}  # fmt: skip
DEBIAN = {  # the shared libraries that apps miss most, and the package that has them on Debian 12
    "libpq.so": "libpq5", "libmariadb.so": "libmariadb3", "libmysqlclient.so": "libmariadb3", "libGL.so": "libgl1",
    "libglib-2.0.so": "libglib2.0-0", "libgobject-2.0.so": "libglib2.0-0", "libgthread-2.0.so": "libglib2.0-0",
    "libpango-1.0.so": "libpango-1.0-0", "libpangoft2-1.0.so": "libpangoft2-1.0-0", "libcairo.so": "libcairo2",
    "libmagic.so": "libmagic1", "libxml2.so": "libxml2", "libxslt.so": "libxslt1.1", "libvips.so": "libvips42",
    "libgomp.so": "libgomp1", "libffi.so": "libffi8", "libsqlite3.so": "libsqlite3-0", "libjpeg.so": "libjpeg62-turbo",
    "libnss3.so": "libnss3", "libaio.so": "libaio1", "libgdal.so": "libgdal32", "libgeos_c.so": "libgeos-c1v5",
    "libldap-2.5.so": "libldap-2.5-0", "libpcre2-8.so": "libpcre2-8-0", "libpcre.so": "libpcre3", "libtk8.6.so": "libtk8.6",
    "libsndfile.so": "libsndfile1", "libmemcached.so": "libmemcached11", "librdkafka.so": "librdkafka1",
    "libodbc.so": "libodbc2", "libstdc++.so": "libstdc++6", "libatomic.so": "libatomic1",
}  # fmt: skip
PACKS = {"python": "python", "python3": "python", "pip": "python", "node": "node"}
RUBY = {
    **dict.fromkeys(("bundle", "bundler"), "ruby-bundler"),
    **{name: name for name in ("puma", "rails", "rake", "ruby", "unicorn")},
    "rackup": "ruby-rack",
}
RELEASE = re.compile(r"^.*?/releases/v\d+/app/")
DATABASE = re.compile(r"[\w./-]+\.(?:sqlite3?|db)\b")


def _program(match: re.Match[str], facts: Facts) -> str:
    name = match["name"].removesuffix(":")
    if name.endswith("/activate") or "VIRTUAL_ENV" in name:
        return _activate(match, facts)
    if "/" in name:
        return _file(name, facts)
    if name in PYTHON_PROGRAMS:
        package = PYTHON_PROGRAMS[name]
        return (
            f"{name} is in no list of the app's requirements: add `{package}` there, or let the build add it"
            f" (`build: {{python: {{extra: [{package}]}}}}` in deploy.yaml)"
        )
    if name in PACKS:
        pack = PACKS[name]
        return f"the build brings no {name}: that is what `build: {{pack: {pack}}}` in deploy.yaml is for"
    if name in RUBY:
        return f"{name} is not on the host: install it there (Debian: apt install {RUBY[name]})"
    return f"{name} is neither in the build nor on the host's PATH: install it on the host, or have the build bring it"


def _file(name: str, facts: Facts) -> str:
    inside = _inside(name)
    near = [path for path in facts.paths if path.lower() == inside.lower()]
    if near:
        return f"{inside} cannot be run: its first line (`#!…`) names a program that is not there, or ends in a CR"
    return f"{inside} is not in the build: commit it, or have the build make it (`build: {{commands: […]}}` in deploy.yaml)"


def _activate(match: re.Match[str], facts: Facts) -> str:
    del match, facts
    return (
        "no virtual environment needs to be activated: the app's own programs come first in PATH; leave that part out"
    )


def _permission(match: re.Match[str], facts: Facts) -> str:
    """A script that nobody may execute, or a file that nobody may write."""
    name = _inside(match["name"])
    if name in facts.paths:
        return f"{name} may not be executed: `git update-index --chmod=+x {name}`, commit, and ship again"
    return ""


def _absent(match: re.Match[str], facts: Facts) -> str:
    """A file that is to be written, and whose folder is not there; or one that is to be read."""
    name = _inside(match["name"])
    if name.startswith("/") or name in facts.paths:
        if name.startswith("/tmp") or name in facts.paths:  # noqa: S108 - a path that is told, not used
            return ""
        folder = name.rpartition("/")[0] or name
        return (
            f"the host has no {name}: make {folder} there for the user that the processes run as, or say another path"
        )
    folder = name.rpartition("/")[0]
    if not folder:
        written = _shared(facts, f"file: {name}")
        return f"{name} is not in the build: is it ignored by git (`git check-ignore -v {name}`)? If the app writes it, {written}"
    return f"{folder} is not in the build, and a release is read-only: {_shared(facts, folder)}; or log to stdout"


def _readonly(match: re.Match[str], facts: Facts) -> str:
    name = _inside(match["name"])
    if name.startswith("/"):
        return f"processes may not write {name}: `writable: [{name}]` under the process type in deploy.yaml allows it"
    folder = name.rpartition("/")[0]
    what = folder or f"file: {name}"
    return f"a release is read-only, and {name} lies in it: {_shared(facts, what)}"


def _database(match: re.Match[str], facts: Facts) -> str:
    del match
    texts = (facts.read(path) for path in facts.paths if path.endswith(("settings.py", "config.py", "app.py", ".env")))
    named = next((found[0].lstrip("./") for text in texts if (found := DATABASE.search(text))), "db.sqlite3")
    name = named.rpartition("/")[2] if "://" in named else named
    return f"a database in a file lies in the release, which is read-only: {_shared(facts, f'file: {name}')}"


def _shared(facts: Facts, what: str) -> str:
    entry = f"{{{what}}}" if what.startswith("file: ") else what
    return f"`targets: {{{facts.target or 'local'}: {{shared: [{entry}]}}}}` in deploy.yaml has it outlive releases"


def _library(match: re.Match[str], facts: Facts) -> str:
    del facts
    name = match["name"]
    package = DEBIAN.get(re.sub(r"\.so.*", ".so", name))
    how = f"apt install {package}" if package else f"`apt-file search {name}` names the package"
    return f"the host lacks the library {name} (Debian: {how})"


def _port(match: re.Match[str], facts: Facts) -> str:
    del facts
    port = match.groupdict().get("port")
    which = f"port {port}" if port else "its port"
    return f"{which} is held already: the app has to bind the port in $PORT, which is its own, and no fixed one"


def _page(match: re.Match[str], facts: Facts) -> str:
    del facts
    status, path = match["status"], match["path"].rstrip(",;:")
    if status not in ("401", "403", "404", "405"):
        return ""
    return (
        f"{path} is no page that anybody may read: name one that is under `health:` in deploy.yaml, or take the line"
        " out (any answer below 500 to `GET /` will do then)"
    )


def _inside(name: str) -> str:
    """A path as it is in the release, where it lies in one."""
    return RELEASE.sub("", name).removeprefix("./")


PATH = r"['\"]?(?P<name>[^'\"\n:,]+?)['\"]?"
HOST = (
    Symptom(r"\$?VIRTUAL_ENV[^\n]*(?:not set|unbound)|(?:can't open|cannot open|not found)[^\n]*bin/activate|"
            r"bin/activate: (?:No such file|not found)", _activate),
    Symptom(r"(?P<name>lib[\w.+-]+\.so[\w.]*): cannot open shared object file", _library),
    Symptom(r"cannot load library '(?P<name>[\w.+-]+)'", _library),
    Symptom(r"version `(?P<name>GLIBC_[\d.]+)' not found",
            "it was built on a newer system than the host's ({name}): build on the host's, or an older one"),
    Symptom(r"EADDRINUSE[^\n]*?:(?P<port>\d+)\b", _port),
    Symptom(r"[Aa]ddress already in use[^\n]*?(?P<port>\d{2,5})?|EADDRINUSE|port is already (?:allocated|in use)", _port),
    Symptom(r"(?:unable to open database file|attempt to write a readonly database|SQLITE_CANTOPEN|SQLITE_READONLY)", _database),
    Symptom(rf"(?:Read-only file system|EROFS: read-only file system, \w+)[:,]? {PATH}$", _readonly),
    Symptom(rf"^PermissionError: \[Errno 13\] Permission denied: {PATH}$", _readonly),
    Symptom(rf"EACCES: permission denied, (?:open|mkdir|unlink|rename|copyfile|rmdir) {PATH}(?:\s|$)", _readonly),
    Symptom(rf"^FileNotFoundError: \[Errno 2\] No such file or directory: {PATH}$", _absent),
    Symptom(rf"ENOENT: no such file or directory, (?:open|mkdir|scandir|stat|access) {PATH}(?:\s|$)", _absent),
    Symptom(r"(?:env|exec)[^\n]*\\r|bad interpreter[^\n]*\^M|python3?\\r",
            "a script ends its lines as Windows does: `git add --renormalize .` with `* text=auto eol=lf` in .gitattributes"),
    Symptom(SHELL + r"(?P<name>[\w./-]+): [Pp]ermission denied", _permission),
    Symptom(SHELL + r"(?P<name>[\w./+-]+): (?:command )?not found", _program),
    Symptom(SHELL + r"(?:can't open|cannot open) '?(?P<name>[\w./-]+)'?", _program),
    Symptom(SHELL + r"(?P<name>[\w./-]+): No such file or directory", _program),
    Symptom(r"env: ['‘]?(?P<name>[\w./+-]+)['’]?: No such file", _program),
    Symptom(r"(?:ECONNREFUSED |Connection refused[^\n]*?)(?P<name>[\w.-]+:\d{2,5})", "nothing answers at {name}: is the backing "
            "service up, and does the config name the right one (`deploy config`)?"),
    Symptom(r"(?P<name>[^\n]{0,60}) failed: Connection refused|ECONNREFUSED|[Cc]onnection refused",
            "a backing service does not answer: is it up, and does the config name the right one (`deploy config`)?"),
    Symptom(r"\bweb\b[^\n]* answer(?:s|ed) (?P<status>4\d\d)\b[^\n]*? (?:at|to GET|to) (?P<path>/\S*)", _page),
    Symptom(r"JavaScript heap out of memory|MemoryError|Out of memory",
            "the process needs more memory than it may use: `memory:` under the process type in deploy.yaml, or the host's"),
)  # fmt: skip
