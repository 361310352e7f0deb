"""A process that does not come up: what it wrote last tells the likely cause and the line to write."""

import json
import subprocess
import sys

import pytest

from deployer.builds.symptoms import Facts, advice
from deployer.stages.diagnosis.likely import TABLE

PYTHON = getattr(sys, "_base_executable", sys.executable)
PACKAGE = {
    "scripts": {"start": "nodemon main.js", "start:prod": "node main.js"},
    "dependencies": {"express": "4"},
    "devDependencies": {"nodemon": "3", "morgan": "1"},
}
FILES = {
    "package.json": json.dumps(PACKAGE),
    "requirements.txt": "flask\n",
    "site_app.py": "from flask import Flask\nserver = Flask(__name__)\n",
    "start.sh": "#!/bin/sh\nexec true\n",
    "shop/settings.py": "DATABASES = {'default': {'NAME': BASE_DIR / 'db.sqlite3'}}\n",
}


def facts(**commands):
    return Facts(frozenset(FILES), lambda path: FILES.get(path, ""), commands, "production")


REAL = {  # a command, and what the advice on its real last words has to name
    "exec gunicorn site_app:app": "build: {python: {extra: [gunicorn]}}",
    "nodemon main.js": "web: node main.js",
    "./start.sh": "git update-index --chmod=+x start.sh",
    "./missing.sh": "missing.sh is not in the build: commit it",
    "no-such-program --now": "no-such-program is neither in the build nor on the host's PATH",
    ". $VIRTUAL_ENV/bin/activate && true": "no virtual environment needs to be activated",
    "{python} -c \"import os; os.environ['SECRET_KEY']\"": "deploy -t production config set SECRET_KEY=…",
    ": ${{DATABASE_URL:?must be set}}": "config set DATABASE_URL=…",
    '{python} -c "import yaml_that_is_not"': "requirements.txt does not bring it: add `yaml_that_is_not`",
    "{python} -m gunicorn site_app": "add `gunicorn` there",
    "{python} -c \"open('logs/app.log', 'a')\"": "targets: {production: {shared: [logs]}}",
    "{python} -c \"import sqlite3; sqlite3.connect('data/x.db')\"": "shared: [{file: db.sqlite3}]",
    "node -e \"require('morgan')\"": "npm install --save-prod morgan",
    "node -e \"require('lodash/fp')\"": "lodash is in no list of package.json: `npm install lodash`",
    "node dist/main.js": "dist/main.js is not in the build",
    "node -e \"require('fs').writeFileSync('logs/app.log', '')\"": "shared: [logs]",
}


@pytest.mark.parametrize("command", REAL)
def test_the_last_words_of_a_real_process_are_known_with_the_line_to_write(command, tmp_path):
    for path, content in FILES.items():
        file = tmp_path / "releases/v1/app" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    line = command.format(python=PYTHON)
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=tmp_path / "releases/v1/app",
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    last = "\n".join(done.stderr.splitlines()[-20:])
    told = advice(f"{last}\nweb.1 of v1 ended", TABLE, facts(web=line))
    assert REAL[command] in told, (told, last)


WRITTEN = {
    "ModuleNotFoundError: No module named 'PIL'\n[INFO] Worker exiting\n[ERROR] Reason: Worker failed to boot.":
        "add `Pillow` there",
    "ModuleNotFoundError: No module named 'mysite'": "such as `site_app:server`",
    "ModuleNotFoundError: No module named 'shop.wsgi'": "git ls-files shop",
    "Failed to find attribute 'app' in 'site_app'.": "write `site_app:server`",
    'Error loading ASGI app. Attribute "app" not found in module "site_app".': "write `site_app:server`",
    'ERROR:    Error loading ASGI app. Could not import module "main".': "write `site_app:server`",
    "django.core.exceptions.ImproperlyConfigured: Set the DATABASE_URL environment variable": "set DATABASE_URL=…",
    "decouple.UndefinedValueError: API_KEY not found. Declare it as envvar or define a default value.": "set API_KEY=…",
    "Error: Missing required environment variable: STRIPE_KEY": "config: {required: [STRIPE_KEY]}",
    "Error: JWT_SECRET is not defined": "config set JWT_SECRET=…",
    "Invalid HTTP_HOST header: 'localhost:8000'. You may need to add 'localhost' to ALLOWED_HOSTS.": "ALLOWED_HOSTS",
    "Error: listen EADDRINUSE: address already in use :::3000": "port 3000 is held already",
    "OSError: [Errno 98] Address already in use": "bind the port in $PORT",
    "ImportError: libpq.so.5: cannot open shared object file: No such file or directory": "apt install libpq5",
    "ImportError: libfoo.so.9: cannot open shared object file: No such file or directory": "apt-file search",
    "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by x)": "built on a newer system",
    "OSError: [Errno 30] Read-only file system: '/srv/shop/releases/v7/app/media/a.png'": "shared: [media]",
    "Error: EROFS: read-only file system, open '/srv/shop/releases/v7/app/cache.json'": "{file: cache.json}",
    "PermissionError: [Errno 13] Permission denied: '/var/spool/shop'": "writable: [/var/spool/shop]",
    "sqlite3.OperationalError: attempt to write a readonly database": "shared: [{file: db.sqlite3}]",
    "Error: Could not find a production build in the '.next' directory.": "next build",
    "/usr/bin/env: 'bash\\r': No such file or directory": "as Windows does",
    'psycopg.OperationalError: connection to server at "127.0.0.1", port 5432 failed: Connection refused':
        "backing service",
    "web.1 of v1 answered 404 at /up after 60 s": "name one that is under `health:`",
    "sh: 1: npm: not found": "write what the script does, `node main.js`",
}  # fmt: skip


@pytest.mark.parametrize("output", WRITTEN)
def test_so_are_those_of_common_programs(output):
    commands = {"web": "gunicorn mysite.wsgi", "other": "npm run start:prod"}
    assert WRITTEN[output] in advice(f"starting\n{output}\nweb.1 of v1 ended", TABLE, facts(**commands))


@pytest.mark.parametrize("output", ["", "ready", "KeyError: 'name'", "Error: expected 3, not 4", "404 not found"])
def test_what_is_not_known_is_not_guessed_at(output):
    assert advice(output, TABLE, facts(web="node main.js")) == ""
