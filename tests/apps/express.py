"""A Node app: an Express server, and a front end that Vite builds.

Vite 8 builds under node 20.20 where npm is 11; where npm is 10, Vite 7 does.
"""

import json
import subprocess
from pathlib import Path

from .real import RealApp, made_once, put
from .repository import commit

PACKAGE = {
    "name": "greengrocer",
    "version": "1.0.0",
    "private": True,
    "type": "module",
    "engines": {"node": ">=20"},
    "scripts": {"dev": "vite", "build": "vite build", "start": "node server.js"},
    "dependencies": {"express": "^5.1.0"},
    "devDependencies": {"vite": "8.3.4"},
}
FILES = {
    "server.js": """\
import express from 'express';

const release = process.env.DEPLOY_RELEASE ?? 'development';
const app = express();
app.get('/up', (request, answer) => answer.type('text').send(`ok ${release}\\n`));
app.get('/api/basket', (request, answer) => answer.json({release, items: ['pears', 'leeks']}));
app.use(express.static('dist'));

const server = app.listen(process.env.PORT ?? 3000, '127.0.0.1', error => {
  if (error) throw error;
  console.log(`${release} listens on ${server.address().port}`);
});
process.on('SIGTERM', () => {
  console.log(`${release} stops`);
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
""",
    "index.html": """\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Greengrocer</title>
    <script type="module" src="/src/main.js"></script>
  </head>
  <body>
    <h1>Fruit and vegetables</h1>
    <ul id="basket"></ul>
  </body>
</html>
""",
    "src/main.js": """\
import './style.css';

const {items} = await (await fetch('/api/basket')).json();
for (const item of items) {
  document.querySelector('#basket').append(Object.assign(document.createElement('li'), {textContent: item}));
}
""",
    "src/style.css": "body { font-family: system-ui, sans-serif; max-width: 40rem; margin: 2rem auto }\n",
    ".gitignore": "node_modules/\ndist/\n",
    "deploy.yaml": "app: greengrocer\nprocesses:\n"
    "  web: {health: /up, healthy_time: 300ms, boot_timeout: 30s, stop_timeout: 5s}\n",
    "Procfile": "web: node server.js\n",
}


def node_app(folder: Path, *, cache: Path, procfile: bool = True) -> RealApp:
    """The app as a repository with one commit in `folder`; without `procfile` the start script is the web process.

    Its `/up` says DEPLOY_RELEASE, `/` is what Vite made of index.html; it wants no config.  `cache` keeps what was
    made with the registry's help, for the next test.
    """
    recipe = json.dumps([PACKAGE, FILES], sort_keys=True)
    put(made_once(cache, "express", recipe, _make), folder)
    if not procfile:
        (folder / "Procfile").unlink()
        (folder / "deploy.yaml").write_text("app: greengrocer\n")
    commit(folder, "The greengrocer")
    return RealApp(folder, "index.html", "Fruit and vegetables")


def _make(folder: Path) -> None:
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "package.json").write_text(json.dumps(PACKAGE, indent=2) + "\n")
    command = ["npm", "install", "--package-lock-only", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
