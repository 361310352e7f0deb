"""A Wagtail site, as `wagtail start` of the newest Wagtail makes it, with the few lines that production wants."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .real import RealApp, made_once, put
from .repository import commit

NAME = "bakery"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
PRODUCTION = """
import os

SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "").split(",")
DATABASES["default"]["NAME"] = os.environ.get("DATABASE_PATH", ":memory:")  # a build has no database
DATABASES["default"]["OPTIONS"] = {"timeout": 20, "transaction_mode": "IMMEDIATE"}
MEDIA_ROOT = os.environ.get("MEDIA_ROOT", "")
MIDDLEWARE.insert(1, "whitenoise.middleware.WhiteNoiseMiddleware")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
"""
UP = """\
import os

from django.db import connection
from django.http import HttpResponse


def up(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM wagtailcore_page")
    return HttpResponse(f"ok {os.environ.get('DEPLOY_RELEASE', 'development')}\\n", content_type="text/plain")
"""
FILES = {
    f"{NAME}/up.py": UP,
    "requirements.in": "wagtail\ngunicorn\nwhitenoise\n",
    ".python-version": PYTHON + "\n",
    ".gitignore": "__pycache__/\n/static/\n/media/\n*.sqlite3\n",
    "Procfile": f"web: gunicorn --bind 127.0.0.1:$PORT --workers 2 --no-control-socket {NAME}.wsgi\n"
    "release: python manage.py migrate --noinput\n",
    "deploy.yaml": f"""\
app: {NAME}
build:
  env: {{SECRET_KEY: for-collectstatic-only}}
processes:
  web: {{health: /up, healthy_time: 300ms, boot_timeout: 60s, stop_timeout: 10s}}
config:
  required: [SECRET_KEY, ALLOWED_HOSTS, DATABASE_PATH]
""",
}
CONFIG = {
    "SECRET_KEY": "a-secret-of-the-tests-and-long-enough-for-django-0123456789",
    "ALLOWED_HOSTS": "127.0.0.1,localhost",
    "DATABASE_PATH": "{data}/bakery.sqlite3",
    "MEDIA_ROOT": "{data}/media",
}


def wagtail_site(folder: Path, *, cache: Path) -> RealApp:
    """The site as a repository with one commit in `folder`; `{data}` of its config must exist before it is run.

    Its `/up` says DEPLOY_RELEASE, `/` is Wagtail's welcome page.  `cache` keeps what was made with the registry's
    help, for the next test.
    """
    recipe = repr([PYTHON, PRODUCTION, sorted(FILES.items())])
    put(made_once(cache, "wagtail", recipe, _make), folder)
    commit(folder, "The bakery")
    return RealApp(folder, "home/templates/home/welcome_page.html", "Welcome to your new Wagtail site!", CONFIG)


def _make(folder: Path) -> None:
    venv = folder / ".making"
    _uv("venv", "--python", sys.executable, str(venv))
    _uv("pip", "install", "--python", str(venv / "bin/python"), "wagtail")
    _call(venv / "bin/wagtail", "start", NAME, str(folder))
    shutil.rmtree(venv)
    for path, text in FILES.items():
        (folder / path).write_text(text)
    settings = folder / NAME / "settings/production.py"
    settings.write_text(settings.read_text() + PRODUCTION)
    for path in ("manage.py", f"{NAME}/wsgi.py"):
        text = (folder / path).read_text()
        (folder / path).write_text(text.replace(f"{NAME}.settings.dev", f"{NAME}.settings.production"))
    urls = folder / NAME / "urls.py"
    text = urls.read_text().replace("urlpatterns = [\n", 'urlpatterns = [\n    path("up", up),\n', 1)
    urls.write_text(f"from {NAME}.up import up\n{text}")
    compiling = ["pip", "compile", "--generate-hashes", "--no-header", "--no-annotate", "--python-version", PYTHON]
    _uv(*compiling, "requirements.in", "--output-file", "requirements.txt", folder=folder)


def _uv(*arguments: str, folder: Path | None = None) -> None:
    _call(Path(sys.executable).with_name("uv"), *arguments, folder=folder)


def _call(*command: str | Path, folder: Path | None = None) -> None:
    env = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1"}
    subprocess.run([*map(str, command)], cwd=folder, env=env, check=True, capture_output=True, timeout=400)
