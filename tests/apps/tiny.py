"""What is the smallest app that can do everything wrong?  It needs no registry and builds in no time."""

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from .repository import commit

# The interpreter itself, not a venv's or a version manager's: these cost more to start than the app.
PYTHON = getattr(sys, "_base_executable", sys.executable)

AMPLE, BRIEF = "boot_timeout: 60s", "boot_timeout: 5s"
IN_VAIN = ("fail-health", "never-bind")

DEPLOY_YAML = """\
app: {app}
build:
  pack: commands
  commands: [cp text.txt built.txt]
processes:
  web: {{health: /up, boot_timeout: 60s, stop_timeout: 2s, healthy_time: 300ms}}
  worker: {{stop_timeout: 2s, healthy_time: 500ms}}
{more}"""


@dataclass(frozen=True)
class TinyApp:
    """The repository at `folder`; each method commits, and returns the commit's id."""

    folder: Path

    def say(self, text: str) -> str:
        """Let `/` answer with `text`: a visible one-line change."""
        (self.folder / "text.txt").write_text(text + "\n")
        return commit(self.folder, f"Say {text}")

    def behave(self, **behaviours: str) -> str:
        """Let a type behave otherwise: `behave(web="fail-health", worker="crash-after 2", release="fail")`.

        What is never going to be up is waited for in vain, so it gets little time; all else may start slowly.
        """
        for kind, behaviour in behaviours.items():
            (self.folder / "behaviour" / kind).write_text(behaviour + "\n")
        if "web" in behaviours:
            path, vain = self.folder / "deploy.yaml", behaviours["web"] in IN_VAIN
            path.write_text(path.read_text().replace(*(AMPLE, BRIEF) if vain else (BRIEF, AMPLE)))
        return commit(self.folder, f"Behave: {behaviours}")

    def settings(self, text: str) -> str:
        """Another deploy.yaml."""
        (self.folder / "deploy.yaml").write_text(text)
        return commit(self.folder, "Other settings")

    def procfile(self, text: str) -> str:
        """Another Procfile."""
        (self.folder / "Procfile").write_text(text)
        return commit(self.folder, "Another Procfile")

    def fill(self, files: int, size: int = 100) -> str:
        """Many more files, each different, in folders of a hundred."""
        for number in range(files):
            path = self.folder / "fill" / str(number // 100) / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{number} ".ljust(size, "."))
        return commit(self.folder, f"{files} more files")


def tiny_app(folder: Path, *, app: str = "tiny", python: str = PYTHON, more: str = "") -> TinyApp:
    """The tiny app as a repository with one commit in `folder`.

    Its types: `web` answers `/up`, `/`, `/env/NAME`, `/pid`, `/cwd`, `/slow` and `/crash`; `worker` prints a tick a
    second; `release` adds a line with DEPLOY_RELEASE to `$DATA_DIR/migrations` where the config has a DATA_DIR.
    `more` is put after deploy.yaml's processes, at the left margin.
    """
    (folder / "behaviour").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("tiny_server.py"), folder / "server.py")
    server = f"{shlex.quote(python)} -I -S server.py"
    (folder / "Procfile").write_text(f"web: {server} web\nworker: {server} worker\nrelease: {server} release\n")
    (folder / "deploy.yaml").write_text(DEPLOY_YAML.format(app=app, more=more))
    (folder / "text.txt").write_text("hello\n")
    for kind in ("web", "worker", "release"):
        (folder / "behaviour" / kind).write_text("ok\n")
    commit(folder, "The tiny app")
    return TinyApp(folder)
