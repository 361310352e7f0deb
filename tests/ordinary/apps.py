"""The apps: a few files each, the way their frameworks' first pages say it; no `health:`, no settings of ours.

Each can be written in five ways beside the good one: its front page says another text, it cannot be imported, it
listens on a port of its own, it ends 2 s after its start, every request is answered 500.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

GOOD = "good"
UNIMPORTABLE, WRONG_PORT, CRASHING, ANSWERING_500 = "cannot import", "wrong port", "crashes", "answers 500"
ELSEWHERE = 34567  # the port that an app of the kind WRONG_PORT listens on

FLASK, DJANGO, GUNICORN, UVICORN = "flask==3.1.2", "django==5.2.8", "gunicorn==23.0.0", "uvicorn==0.38.0"
FASTAPI, HYPERCORN, WAITRESS, TORNADO = "fastapi==0.121.3", "hypercorn==0.18.0", "waitress==3.0.2", "tornado==6.5.2"


@dataclass(frozen=True)
class App:
    """An app: its `files` may hold `{text}` (what its page says) and the slots of `broken`.

    `broken` says for each way to be broken what stands in which slot; `otherwise` what stands there in a good one.  A
    way that is not named cannot be had with this app.
    """

    name: str
    files: Mapping[str, str]
    broken: Mapping[str, Mapping[str, str]]
    otherwise: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    procfile: bool = True
    serves: bool = True  # whether it has a page at all

    def write(self, folder: Path, text: str, way: str = GOOD) -> None:
        """Write the app's files, in one of its ways."""
        slots = {**self.otherwise, **self.broken.get(way, {}), "text": text}
        for path, template in self.files.items():
            content = template
            for name, value in slots.items():
                content = content.replace(f"<{name}>", value)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)


EXIT = "import os, threading; threading.Timer(2, os._exit, [3]).start()"
PYTHON = {
    UNIMPORTABLE: {"top": "import no_such_module"},
    CRASHING: {"top": EXIT},
    ANSWERING_500: {"answer": "raise RuntimeError('broken')"},
}
NODE = {
    UNIMPORTABLE: {"top": "require('no-such-module')"},
    CRASHING: {"top": "setTimeout(() => process.exit(3), 2000)"},
    ANSWERING_500: {"status": "500"},
    WRONG_PORT: {"port": str(ELSEWHERE)},
}


def _flask(
    name: str, web: str, *, wrong: str = "", requirements: tuple[str, ...] = (GUNICORN,), factory: bool = False
) -> App:
    page = "@app.get('/')\ndef home():\n    <answer>\n    return '<text>'\n"
    made = "app = Flask(__name__)\n\n"
    source = f"<top>\nfrom flask import Flask\n\n{made}{page}"
    if factory:
        body = "".join(f"    {line}\n" if line else "\n" for line in (made + page + "return app").splitlines())
        source = f"<top>\nfrom flask import Flask\n\ndef create_app():\n{body}"
    files = {"app.py": source, "requirements.txt": "\n".join((FLASK, *requirements)) + "\n", "Procfile": "web: <web>\n"}
    broken = {**PYTHON, **({WRONG_PORT: {"web": wrong}} if wrong else {})}
    return App(name, files, broken, {"top": "", "answer": "pass", "web": web})


def _django(name: str, web: str, *, wrong: str = "") -> App:
    settings = """<top>
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = 'django-insecure-0123456789abcdef0123456789abcdef0123456789abcdef'
DEBUG = True
ALLOWED_HOSTS = []
INSTALLED_APPS = [
    'django.contrib.admin', 'django.contrib.auth', 'django.contrib.contenttypes', 'django.contrib.sessions',
    'django.contrib.messages', 'django.contrib.staticfiles',
]
MIDDLEWARE = [
    'django.middleware.security.SecurityMiddleware', 'django.contrib.sessions.middleware.SessionMiddleware',
    'django.middleware.common.CommonMiddleware', 'django.middleware.csrf.CsrfViewMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
    'django.contrib.messages.middleware.MessageMiddleware',
    'django.middleware.clickjacking.XFrameOptionsMiddleware',
]
ROOT_URLCONF = 'mysite.urls'
TEMPLATES = [{'BACKEND': 'django.template.backends.django.DjangoTemplates', 'APP_DIRS': True, 'OPTIONS': {
    'context_processors': ['django.template.context_processors.request', 'django.contrib.auth.context_processors.auth',
                           'django.contrib.messages.context_processors.messages']}}]
WSGI_APPLICATION = 'mysite.wsgi.application'
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'db.sqlite3'}}
STATIC_URL = 'static/'
DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'
"""
    urls = """from django.http import HttpResponse
from django.urls import path

def home(request):
    <answer>
    return HttpResponse('<text>')

urlpatterns = [path('', home)]
"""
    entry = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')\n"
    files = {
        "manage.py": f"#!/usr/bin/env python\n{entry}import sys\nfrom django.core.management import "
        "execute_from_command_line\nexecute_from_command_line(sys.argv)\n",
        "mysite/__init__.py": "",
        "mysite/settings.py": settings,
        "mysite/urls.py": urls,
        "mysite/wsgi.py": f"{entry}from django.core.wsgi import get_wsgi_application\n"
        "application = get_wsgi_application()\n",
        "requirements.txt": f"{DJANGO}\n{GUNICORN}\n",
        "Procfile": "web: <web>\n",
    }
    # settings that cannot be imported would fail the build, which collects the static files with them
    broken = {**PYTHON, UNIMPORTABLE: {"web": web.replace("mysite", "my_site")}} if "mysite" in web else dict(PYTHON)
    broken = {**broken, **({WRONG_PORT: {"web": wrong}} if wrong else {})}
    if "mysite" not in web:
        broken.pop(UNIMPORTABLE)
    return App(name, files, broken | {CRASHING: {"top": _late(EXIT)}}, {"top": "", "answer": "pass", "web": web})


def _late(line: str) -> str:
    return f"import sys\nif 'collectstatic' not in sys.argv:\n    {line}"


def _asgi(name: str, web: str, server: str, *, wrong: str = "") -> App:
    source = (
        "<top>\nfrom fastapi import FastAPI\nfrom fastapi.responses import PlainTextResponse\n\napp = FastAPI()\n\n\n"
        "@app.get('/', response_class=PlainTextResponse)\ndef home():\n    <answer>\n    return '<text>'\n"
    )
    files = {"main.py": source, "requirements.txt": f"{FASTAPI}\n{server}\n", "Procfile": "web: <web>\n"}
    broken = {**PYTHON, **({WRONG_PORT: {"web": wrong}} if wrong else {})}
    return App(name, files, broken, {"top": "", "answer": "pass", "web": web})


def _script() -> App:
    source = """<top>
import http.server, os

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'<text>'
        self.send_response(<status>)
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(('', <port>), Page).serve_forever()
"""
    broken = {**PYTHON, ANSWERING_500: {"status": "500"}, WRONG_PORT: {"port": str(ELSEWHERE)}}
    files = {"server.py": source, "Procfile": "web: python3 server.py\n", "deploy.yaml": COMMANDS}
    return App("python script", files, broken, {"top": "", "status": "200", "port": "int(os.environ['PORT'])"})


COMMANDS = 'app: ordinary\nbuild: {pack: commands, commands: ["<build>"]}\n'.replace("<build>", "true")


def _tornado() -> App:
    source = """<top>
import asyncio, os
import tornado.web

class Home(tornado.web.RequestHandler):
    def get(self):
        <answer>
        self.write('<text>')

async def main():
    tornado.web.Application([('/', Home)]).listen(<port>)
    await asyncio.Event().wait()

asyncio.run(main())
"""
    files = {"server.py": source, "requirements.txt": f"{TORNADO}\n", "Procfile": "web: python server.py\n"}
    broken = {**PYTHON, WRONG_PORT: {"port": str(ELSEWHERE)}}
    return App("Tornado", files, broken, {"top": "", "answer": "pass", "port": "int(os.environ['PORT'])"})


def _node(
    name: str, source: str, start: str, *, procfile: str = "", dependencies: Mapping[str, str] | None = None
) -> App:
    package = {"name": "site", "version": "1.0.0", "private": True, "dependencies": dict(dependencies or {})}
    if start:
        package["scripts"] = {"start": start}
    files = {"server.js": source, "package.json": json.dumps(package, indent=2) + "\n"}
    if procfile:
        files["Procfile"] = procfile
    return App(name, files, NODE, {"top": "", "status": "200", "port": "process.env.PORT || 3000"}, ("node", "npm"))


EXPRESS = """<top>
const express = require('express')
const app = express()
app.get('/', (request, answer) => answer.status(<status>).send('<text>'))
app.listen(<port>)
"""
PLAIN_NODE = """<top>
const http = require('http')
http.createServer((request, answer) => { answer.writeHead(<status>); answer.end('<text>') }).listen(<port>)
"""
KOA = """<top>
const Koa = require('koa')
const app = new Koa()
app.use(context => { context.status = <status>; context.body = '<text>' })
app.listen(<port>)
"""


def _rack() -> App:
    source = "<top>\nrun ->(env) { [<status>, {'content-type' => 'text/plain'}, ['<text>']] }\n"
    broken = {
        UNIMPORTABLE: {"top": "require 'no_such_library'"},
        CRASHING: {"top": "Thread.new { sleep 2; exit!(3) }"},
        ANSWERING_500: {"status": "500"},
        WRONG_PORT: {"web": f"puma -p {ELSEWHERE}"},
    }
    files = {"config.ru": source, "Procfile": "web: <web>\n", "deploy.yaml": COMMANDS}
    return App("Rack, puma", files, broken, {"top": "", "status": "200", "web": "puma -p $PORT"}, ("puma",))


def _go() -> App:
    source = """package main

import (
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	_ = time.Second
	_ = os.Getenv("PORT")
	<top>
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(<status>)
		fmt.Fprint(w, "<text>")
	})
	if err := http.ListenAndServe(":"+<port>, nil); err != nil {
		panic(err)
	}
}
"""
    broken = {
        UNIMPORTABLE: {"web": "./sight"},
        CRASHING: {"top": "go func() { time.Sleep(2 * time.Second); os.Exit(3) }()"},
        ANSWERING_500: {"status": "500"},
        WRONG_PORT: {"port": f'"{ELSEWHERE}"'},
    }
    build = """app: ordinary
build:
  pack: commands
  commands: [go build -o site .]
"""
    files = {"main.go": source, "go.mod": "module site\n\ngo 1.19\n", "Procfile": "web: <web>\n", "deploy.yaml": build}
    return App("Go", files, broken, {"top": "", "status": "200", "port": 'os.Getenv("PORT")', "web": "./site"}, ("go",))


def _php() -> App:
    source = "<?php <top>\nhttp_response_code(<status>); echo '<text>';\n"
    broken = {
        ANSWERING_500: {"status": "500"},
        UNIMPORTABLE: {"top": "require 'no_such_file.php';"},
        WRONG_PORT: {"web": f"php -S 0.0.0.0:{ELSEWHERE}"},
        CRASHING: {"web": "timeout -s KILL 2 php -S 0.0.0.0:$PORT"},
    }
    files = {"index.php": source, "Procfile": "web: <web>\n", "deploy.yaml": COMMANDS}
    return App("PHP", files, broken, {"top": "", "status": "200", "web": "php -S 0.0.0.0:$PORT"}, ("php",))


def _bash() -> App:
    source = "<top>\nwhile true; do echo '<text>'; sleep 1; done\n"
    broken = {UNIMPORTABLE: {"top": ". ./no_such_file || exit 1"}, CRASHING: {"top": "(sleep 2; kill -9 $$) &"}}
    files = {"loop.sh": source, "Procfile": "worker: bash loop.sh\n", "deploy.yaml": COMMANDS}
    return App("bash loop", files, broken, {"top": ""}, serves=False)


def _static() -> App:
    return App("static folder", {"index.html": "<h1><text></h1>\n", "style.css": "body { margin: 1em }\n"}, {})


ALL = (
    _flask("Flask, bare gunicorn", "gunicorn app:app", wrong=f"gunicorn --bind 127.0.0.1:{ELSEWHERE} app:app"),
    _flask("Flask, gunicorn -w 2, factory", "gunicorn -w 2 'app:create_app()'", factory=True),
    _flask("Flask, gunicorn :$PORT", "gunicorn --bind 0.0.0.0:$PORT app:app"),
    _flask("Flask, waitress", "waitress-serve --port=$PORT app:app", requirements=(WAITRESS,),
           wrong=f"waitress-serve --port={ELSEWHERE} app:app"),
    _flask("Flask, flask run", "flask run", requirements=(), wrong=f"flask run --port {ELSEWHERE}"),
    _django("Django, gunicorn", "gunicorn mysite.wsgi", wrong=f"gunicorn -b :{ELSEWHERE} mysite.wsgi"),
    _django("Django, runserver", "python manage.py runserver --noreload $PORT",
            wrong=f"python manage.py runserver --noreload {ELSEWHERE}"),
    _asgi("FastAPI, uvicorn $PORT", "uvicorn main:app --host 0.0.0.0 --port $PORT", UVICORN,
          wrong=f"uvicorn main:app --port {ELSEWHERE}"),
    _asgi("FastAPI, bare uvicorn", "uvicorn main:app", UVICORN),
    _asgi("FastAPI, hypercorn", "hypercorn main:app --bind 0.0.0.0:$PORT", HYPERCORN,
          wrong=f"hypercorn main:app --bind 0.0.0.0:{ELSEWHERE}"),
    _tornado(),
    _script(),
    _node("Express, npm start", EXPRESS, "node server.js", dependencies={"express": "5.1.0"}),
    _node("Koa, node server.js", KOA, "", procfile="web: node server.js\n", dependencies={"koa": "3.0.3"}),
    _node("plain node", PLAIN_NODE, "", procfile="web: node server.js\n"),
    _rack(),
    _go(),
    _php(),
    _bash(),
    _static(),
)  # fmt: skip


def lock(folder: Path) -> None:
    """What npm would have written beside a package.json."""
    if (folder / "package.json").exists() and shutil.which("npm"):
        command = ["npm", "install", "--package-lock-only", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
