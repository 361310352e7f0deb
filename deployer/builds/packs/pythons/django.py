"""What does a Django project need at build time, and how is it run?

Its static files are collected with the variables of `build.env` alone: a target's config is not part of a build.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from deployer.builds.packs import Workshop
from deployer.builds.packs.pythons import venv
from deployer.core.errors import BuildFailed

SCRIPT = Path(__file__).with_name("collect_script.py")


def is_django(tree: Path) -> bool:
    """Whether the tree is a Django project whose Django is in `.venv`."""
    return (tree / "manage.py").is_file() and venv.has_package(tree / venv.FOLDER, "django")


def collect(workshop: Workshop) -> None:
    """`manage.py collectstatic`, if the settings have a place in the build for what it collects."""
    tree = workshop.tree
    with tempfile.TemporaryDirectory(dir=workshop.cache, prefix="scratch-") as scratch:
        answer = Path(scratch) / "answer"
        try:
            workshop.run(
                [str(tree / venv.PYTHON), str(SCRIPT), str(answer), str(tree)],
                env={"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "PYTHONPATH": ""},
            )
        except BuildFailed as error:
            raise BuildFailed(
                "`manage.py collectstatic` failed",
                hint="settings that need a variable get a harmless one from `build.env` in deploy.yaml "
                "(`SECRET_KEY: build-only`); or `build: {python: {collectstatic: false}}`",
                output=error.output,
            ) from error
        skipped = json.loads(answer.read_text())["skipped"] if answer.exists() else ""
    if skipped:
        workshop.say(f"static files are not collected: {skipped}")


def web_process(tree: Path) -> str:
    """The conventional command of `web`: gunicorn, if it is installed and the project says where its WSGI app is."""
    if not (tree / venv.FOLDER / "bin" / "gunicorn").exists():
        return ""
    text = (tree / "manage.py").read_text(errors="replace")
    settings = re.search(r"DJANGO_SETTINGS_MODULE[\"']\s*,\s*[\"']([\w.]+)[\"']", text)
    project = settings.group(1).split(".settings")[0] if settings else ""
    if project and (tree / project.replace(".", "/") / "wsgi.py").is_file():
        return f"gunicorn {project}.wsgi"  # gunicorn binds to $PORT by itself
    return ""
