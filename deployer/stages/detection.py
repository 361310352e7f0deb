"""Detection of an app for `deploy init`: how it is built and started, and what nobody can know but its owner."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployer.builds.packs import node_build, node_site, node_start
from deployer.builds.packs.node_managers import LOCKS
from deployer.builds.packs.pythons import applications
from deployer.core import names

GUNICORN, UVICORN = "gunicorn==23.0.0", "uvicorn==0.34.0"  # what the build adds where the app has no server
ROUTERS = ("react-router", "react-router-dom", "vue-router", "@angular/router", "@tanstack/react-router", "wouter")
LISTS = ("requirements.txt", "pyproject.toml", "Pipfile", "uv.lock", "poetry.lock", "pdm.lock", "pylock.toml")
SCRIPTS = ("worker.sh", "run.sh", "start.sh", "main.sh", "loop.sh", "worker.py", "bot.py")
HEALTH = ("/up", "/health", "/healthz", "/health/", "/ping", "/status", "/api/health", "/_health")
ROUTE = re.compile(
    r"""\b(?:route|get|all|use|GET|HandleFunc|Handle)\s*\(\s*['"`](?:GET )?(?P<plain>/[\w./${}()<>:*-]*)['"`]"""
    r"""|\b(?:re_)?path\s*\(\s*r?['"](?P<django>[\w./^${}()<>:*-]*)['"]"""
)
SOURCES = (".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".go", ".php")
MOST_READ = 200  # files


@dataclass(frozen=True)
class Detected:
    """What a deploy.yaml says of the app.

    `conventions` are process types that need no command there; `commands` those that do.  `build` are lines below
    `build:`, `shared` files that are written to, `required` variables.  `found` and `missing` are told to the owner.
    """

    pack: str
    conventions: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    health: str = "/"
    build: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Files:
    """The app's files: their paths, and what they say."""

    folder: Path
    paths: frozenset[str]

    def read(self, path: str) -> str:
        """A file's text; '' where it cannot be had."""
        if path not in self.paths:
            return ""
        try:
            return (self.folder / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def ending(self, *ends: str) -> list[str]:
        """The paths that end so, those near the top first."""
        return sorted((path for path in self.paths if path.endswith(ends)), key=lambda path: (path.count("/"), path))


def detected(files: Files, pack: str, *, declared: bool) -> Detected:
    """What these files, which `pack` builds, show; `declared` where a Procfile says how the app runs."""
    if declared:
        return Detected(pack, health=health(files), required=_required(files) if pack == "python" else ())
    if pack in KNOWN:
        return KNOWN[pack](files)
    return next((one for detect in OTHERS if (one := detect(files))), Detected(pack, missing=(UNKNOWN,)))


def health(files: Files) -> str:
    """The path that tells whether the app is well: a page that is there for this, else the start page; '' for neither.

    Where no route can be read it is the start page: most apps have one.
    """
    routes = set()
    for path in files.ending(*SOURCES)[:MOST_READ]:
        if not re.search(r"(?:^|/)(?:tests?|spec|node_modules|migrations)/|test_|\.test\.|\.min\.", path):
            found = (match["plain"] or match["django"] for match in ROUTE.finditer(files.read(path)))
            routes |= {f"/{route.strip('^$').lstrip('/')}" for route in found}
    known = next((path for path in HEALTH if path in routes), "")
    return known or ("/" if "/" in routes or not routes else "")


def _python(files: Files) -> Detected:
    listed = " ".join(files.read(path) for path in LISTS).lower()
    needs = _required(files)
    found = applications.applications(files.paths, files.read)
    if "manage.py" in files.paths:
        return _django(files, listed, needs)
    if not found:
        return _script(files, "python") or Detected("python", required=needs, missing=(UNKNOWN,))
    first = found[0]
    path = health(files)
    if not path and first.kind == "FastAPI" and "openapi_url" not in files.read(first.path):
        path = "/openapi.json"  # which it has by itself
    command, extra = _served(first.place, listed, asynchronous=first.asynchronous)
    told = [f"{first.kind}: {first.place} in {first.path}", _server(command, extra)]
    if len(found) > 1:
        told.append(f"there are others: {', '.join(one.place for one in found[1:4])}")
    return Detected(
        "python",
        commands={"web": command},
        health=path,
        build=_extra(extra),
        required=needs,
        found=tuple(told),
    )


def _django(files: Files, listed: str, needs: tuple[str, ...]) -> Detected:
    project = next((path.partition("/wsgi.py")[0] for path in files.ending("/wsgi.py")), "")
    settings = "".join(
        files.read(path) for path in files.ending("settings.py", "settings/base.py", "production.py")[:3]
    )
    release = {"release": "python manage.py migrate --noinput"}
    if not project:
        unknown = "manage.py is there, and no wsgi.py: write how it is served under `web`"
        return Detected("python", commands=release, required=needs, missing=(unknown,))
    served, extra = _served(f"{project.replace('/', '.')}.wsgi", listed, asynchronous=False)
    plain = served.startswith("gunicorn") and not extra  # what the pack does by itself
    shared = ("db.sqlite3",) if "db.sqlite3" in settings else ()
    missing = []
    if re.search(r"^ALLOWED_HOSTS\s*=\s*\[\s*\]", settings, re.MULTILINE):
        missing.append("ALLOWED_HOSTS is empty: on a server Django answers nobody then; name your domain in it")
    if re.search(r"^DEBUG\s*=\s*True", settings, re.MULTILINE):
        missing.append("DEBUG is True: read it from the environment, and leave it out on a server")
    told = [f"Django: {project}", _server(served, extra), "migrations run before each switch (`release`)"]
    told += [f"{name} is shared by all releases, since the app writes to it" for name in shared]
    return Detected(
        "python",
        conventions={"web": served} if plain else {},
        commands=release if plain else {"web": served, **release},
        health=health(files),
        build=_extra(extra),
        shared=shared,
        required=needs,
        found=tuple(told),
        missing=tuple(missing),
    )


def _served(place: str, listed: str, *, asynchronous: bool) -> tuple[str, str]:
    """The command that serves an application by a server that the app has, or by one that the build adds."""
    factory = place.endswith("()")
    uvicorn = f"uvicorn {'--factory ' if factory else ''}{place.removesuffix('()')} --host 0.0.0.0 --port $PORT"
    gunicorn = f"gunicorn '{place}'" if factory else f"gunicorn {place}"
    if asynchronous:
        if re.search(r"\bhypercorn\b", listed) and not re.search(r"\buvicorn\b", listed):
            return f"hypercorn {place} --bind 0.0.0.0:$PORT", ""
        return uvicorn, "" if re.search(r"\buvicorn\b|fastapi\[(?:standard|all)\]", listed) else UVICORN
    if re.search(r"\bwaitress\b", listed) and not re.search(r"\bgunicorn\b", listed):
        return f"waitress-serve --port=$PORT {'--call ' if factory else ''}{place.removesuffix('()')}", ""
    return gunicorn, "" if re.search(r"\bgunicorn\b", listed) else GUNICORN


def _server(command: str, extra: str) -> str:
    program = command.partition(" ")[0]
    return f"no server is in its requirements: the build adds {extra}" if extra else f"served by {program}"


def _extra(requirement: str) -> tuple[str, ...]:
    return (f"  python: {{extra: [{requirement}]}}  # the app's requirements have no server",) if requirement else ()


def _required(files: Files) -> tuple[str, ...]:
    """The variables that the code cannot do without: `os.environ["NAME"]`."""
    found, optional = set(), {*names.RESERVED, "PORT", "HOST", "BIND", "HOME", "PATH"}
    for path in files.ending(".py")[:MOST_READ]:
        if not re.search(r"(?:^|/)(?:tests?|venv)/|test_", path):
            text = files.read(path)
            found |= set(re.findall(r"os\.environ\[['\"]([A-Z][A-Z0-9_]+)['\"]\](?!\s*=[^=])", text))
            optional |= set(re.findall(r"['\"]([A-Z][A-Z0-9_]+)['\"] (?:not )?in os\.environ", text))
    return tuple(sorted(found - optional))


def _node(files: Files) -> Detected:
    package = node_build.read_package(files.folder)
    found = node_start.start(files.folder, package)
    if not found.command:
        return Detected("node", missing=(UNKNOWN,))
    told = found.told or f"package.json: `{found.command}`"
    if found.doubtful:
        return Detected("node", missing=(told.removeprefix("warning: "),))
    missing = _fixed_port(files, r"\.listen\(", "process.env.PORT")
    return Detected("node", conventions={"web": found.command}, health=health(files), found=(told,), missing=missing)


def _fixed_port(files: Files, sign: str, instead: str) -> tuple[str, ...]:
    """What is told where the sources bind a port, and none of them asks for PORT."""
    sources = [path for path in files.ending(*SOURCES)[:MOST_READ] if "test" not in path]
    binding = next((path for path in sources if re.search(sign, files.read(path))), "")
    if not binding or any("PORT" in files.read(path) for path in sources):
        return ()
    return (f"{binding} binds a port of its own: it has to be the one that it is given, {instead}",)


def _static(files: Files) -> Detected:
    package = node_build.read_package(files.folder) if "package.json" in files.paths else {}
    script = node_start.scripts_of(package).get(node_site.SCRIPT)
    if not script:
        return Detected("static", conventions={"web": ""}, found=("a static site: its files are served as they are",))
    told = f"a static site: `{script}` builds it, and the folder that it makes is served"
    missing = () if any(name in files.paths for name in LOCKS) else (LOCK,)
    routed = any(name in (package.get("dependencies") or {}) for name in ROUTERS)
    lines = (
        ("  static: {fallback: index.html}  # the app routes in the browser: it answers every path",) if routed else ()
    )
    return Detected("static", conventions={"web": ""}, build=lines, found=(told,), missing=missing)


def _go(files: Files) -> Detected | None:
    if "go.mod" not in files.paths:
        return None
    main = next(
        (path for path in files.ending(".go") if re.search(r"^package main\b", files.read(path), re.MULTILINE)), ""
    )
    if not main:
        return Detected("commands", missing=("a Go module without a `package main`: " + UNKNOWN,))
    folder = f"./{main.rpartition('/')[0]}".rstrip("/")
    build = f"CGO_ENABLED=0 go build -trimpath -buildvcs=false -o bin/app {folder}"
    lines = (f"  commands: ['{build}']",)
    told = f"Go: {main}; Go has to be on the machine that builds"
    missing = _fixed_port(files, r"ListenAndServe|net\.Listen\(|\.Run\(", '":" + os.Getenv("PORT")')
    return Detected(
        "commands", commands={"web": "bin/app"}, health=health(files), build=lines, found=(told,), missing=missing
    )


def _ruby(files: Files) -> Detected | None:
    if "Gemfile.lock" not in files.paths:
        return None
    gems = files.read("Gemfile.lock")
    rails = "config/application.rb" in files.paths and re.search(r"^    rails \(", gems, re.MULTILINE)
    command = "bundle exec puma -p $PORT" if re.search(r"^    puma \(", gems, re.MULTILINE) else ""
    command = command or ("bundle exec rails server -p $PORT" if rails else "bundle exec rackup -p $PORT -o 0.0.0.0")
    lines = ("  commands: [bundle config set --local path vendor/bundle, bundle install]",)
    path = "/up" if "rails/health#show" in files.read("config/routes.rb") else health(files)
    told = f"{'Rails' if rails else 'Ruby'}: Ruby and Bundler have to be on the machine that builds, and on the hosts"
    return Detected("commands", commands={"web": command}, health=path, build=lines, found=(told,))


def _script(files: Files, pack: str = "commands") -> Detected | None:
    """A program that answers nobody: a worker."""
    name = next((name for name in SCRIPTS if name in files.paths), "")
    if not name:
        return None
    command = f"bash {name}" if name.endswith(".sh") else f"python {name}"
    if name.endswith(".py") and pack != "python":
        command = f"python3 {name}"
    return Detected(pack, commands={"worker": command}, found=(f"{name}: runs as a worker, which answers no requests",))


UNKNOWN = "nothing shows how it starts: write it under `processes:`, before `deploy ship`"
LOCK = "there is no lock file beside package.json: `npm install --package-lock-only`, and commit package-lock.json"
KNOWN: Mapping[str, Callable[[Files], Detected]] = {"python": _python, "node": _node, "static": _static}
OTHERS: tuple[Callable[[Files], Detected | None], ...] = (_go, _ruby, _script)
