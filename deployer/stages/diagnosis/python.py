"""Diagnosis of a Python process that failed: modules, WSGI and ASGI paths, settings, databases in a file."""

from __future__ import annotations

import re

from deployer.builds.packs.pythons import applications
from deployer.builds.symptoms import Facts, Symptom, lacking

PACKAGES = {  # modules whose package has another name
    "bs4": "beautifulsoup4", "corsheaders": "django-cors-headers", "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil", "decouple": "python-decouple", "dotenv": "python-dotenv", "environ": "django-environ",
    "fitz": "PyMuPDF", "git": "GitPython", "jose": "python-jose", "jwt": "PyJWT", "magic": "python-magic",
    "MySQLdb": "mysqlclient", "OpenSSL": "pyOpenSSL", "PIL": "Pillow", "pkg_resources": "setuptools",
    "psycopg2": "psycopg2-binary", "rest_framework": "djangorestframework", "sklearn": "scikit-learn",
    "slugify": "python-slugify", "yaml": "PyYAML",
}  # fmt: skip
SERVERS = ("gunicorn", "uvicorn", "hypercorn", "daphne", "waitress-serve", "uwsgi")


def _module(match: re.Match[str], facts: Facts) -> str:
    module = match["name"]
    top = module.partition(".")[0]
    named = _named(facts, top)
    if _own(facts, top):
        return (
            f"{module} is not where {top} is in this build: is it committed (`git ls-files {top}`), has its folder the"
            " name that is imported, is the process started from the top of the repository?"
        )
    if named and top not in SERVERS:
        meant = _applications(facts)
        such = f", such as `{meant[0]}`" if meant else ""
        return f"the command of {named} names the module {module}, which is not in the build: write the app's own{such}"
    package = PACKAGES.get(top, top)
    where = _listed_in(facts)
    return f"{top} is imported, and {where} does not bring it: add `{package}` there, and commit"


def _attribute(match: re.Match[str], facts: Facts) -> str:
    """The module is there, and has no such name in it."""
    module, name = match["module"], match["name"]
    found = _in(facts, module)
    line = f"write `{module}:{found[0]}`" if found else f"name what it has in place of {name}"
    return f"the module {module} has no `{name}`: {line} in the command"


def _unloaded(match: re.Match[str], facts: Facts) -> str:
    meant = _applications(facts)
    such = f": write `{meant[0]}`" if meant else ""
    return f"there is no module {match['name']} that can be imported at the top of the build{such}"


def _settings_variable(match: re.Match[str], facts: Facts) -> str:
    name = match["name"]
    where = "" if facts.target in ("", "local") else f"-t {facts.target} "
    return (
        f"the app wants the variable {name}, which this release's config has not: `deploy {where}config set {name}=…`,"
        f" then ship again; `config: {{required: [{name}]}}` in deploy.yaml has a release refused without it"
    )


def _host(match: re.Match[str], facts: Facts) -> str:
    del facts
    return (
        f"the app answers only to the names in ALLOWED_HOSTS, and was asked for {match['name']}: add that name, or have"
        " it asked for one of its own (`health: {host: shop.example.com}` under the process type in deploy.yaml)"
    )


def _named(facts: Facts, module: str) -> str:
    """The process type whose command names this module as its application."""
    sign = re.compile(rf"(?<![\w./-]){re.escape(module)}(?:[.:]|\s|$)")
    for name, command in facts.commands.items():
        if any(server in command for server in SERVERS) and sign.search(command.partition(" ")[2]):
            return name
    return ""


def _own(facts: Facts, top: str) -> bool:
    return f"{top}.py" in facts.paths or any(path.startswith(f"{top}/") for path in facts.paths)


def _applications(facts: Facts) -> list[str]:
    """What a server could be told to serve: `mysite.wsgi:application`, `app:app`."""
    return [one.place for one in applications.applications(facts.paths, facts.read)]


def _in(facts: Facts, module: str) -> list[str]:
    path = module.replace(".", "/")
    here = [name for name in (f"{path}.py", f"{path}/__init__.py") if name in facts.paths]
    return [one.place.partition(":")[2] for one in applications.applications(here, facts.read)]


def _listed_in(facts: Facts) -> str:
    known = ("uv.lock", "pylock.toml", "poetry.lock", "pdm.lock", "Pipfile.lock", "requirements.txt", "pyproject.toml")
    found = next((name for name in known if name in facts.paths), "")
    return {"uv.lock": "pyproject.toml", "poetry.lock": "pyproject.toml", "pdm.lock": "pyproject.toml"}.get(
        found, {"Pipfile.lock": "Pipfile"}.get(found, found or "no list of requirements")
    )


VARIABLE = r"(?P<name>[A-Z][A-Z0-9_]{2,})"
SAYS_VARIABLE = (
    *lacking(VARIABLE, _settings_variable),
    Symptom(rf"^.*?\bsh: (?:line )?(?:[0-9]+: )?{VARIABLE}: (?!not found|command not found|No such)", _settings_variable),
    Symptom(rf"(?:environment variable|env var) [\"'`$]?{VARIABLE}\b", _settings_variable),
)  # fmt: skip
PYTHON = (
    Symptom(r"Failed to find attribute '(?P<name>\w+)' in '(?P<module>[\w.]+)'", _attribute),
    Symptom(r"Attribute \"(?P<name>\w+)\" not found in module \"(?P<module>[\w.]+)\"", _attribute),
    Symptom(r"Could not import module \"(?P<name>[\w.]+)\"", _unloaded),
    Symptom(r"Could not locate a Flask application", "flask does not know the app: `FLASK_APP=MODULE` before the "
            "command, or `flask --app MODULE run --port $PORT`"),
    Symptom(r"^(?:ModuleNotFoundError|ImportError): No module named '?(?P<name>[\w.]+)'?", _module),
    Symptom(r"^\S*[Pp]ython[\d.]*: No module named '?(?P<name>[\w.]+?)'?(?:\.__main__.*)?$", _module),
    Symptom(r"ImportError: cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)'",
            "{module} is there, in a version without {name}: name the version that you use in the requirements"),
    Symptom(r"Invalid HTTP_HOST header: '(?P<name>[^']+)'", _host),
    *SAYS_VARIABLE,
)  # fmt: skip
