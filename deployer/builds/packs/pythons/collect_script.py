"""Where would collectstatic put the files?  If into the tree, let it.  `collect_script.py ANSWER TREE`, by the app.

Runs manage.py as it is, so that the settings are those it chooses; only what it hands over to is ours: first the
settings are looked at, and Django's own command comes after.  `ANSWER` gets a line of JSON: why nothing was done.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys

ANSWER, TREE = sys.argv[1:3]


def reason() -> str:
    """Why there is nothing to collect, or ''."""
    settings = importlib.import_module("django.conf").settings  # now: manage.py has chosen them

    root = getattr(settings, "STATIC_ROOT", None)
    if "django.contrib.staticfiles" not in settings.INSTALLED_APPS:
        return "django.contrib.staticfiles is not in INSTALLED_APPS"
    if not root:
        return "the settings have no STATIC_ROOT"
    place = os.path.realpath(os.path.join(TREE, str(root)))
    if not place.startswith(os.path.realpath(TREE) + os.sep):
        return "STATIC_ROOT is outside of the build"
    return ""


def main() -> None:
    """Run manage.py with our own eyes in Django's door."""
    sys.path[0] = TREE  # first of all: the folder of this script has a django.py
    management = importlib.import_module("django.core.management")
    proceed = management.execute_from_command_line

    def look(argv: object = None) -> None:  # noqa: ARG001 - Django's signature
        why = reason()
        with open(ANSWER, "w", encoding="utf-8") as file:
            json.dump({"skipped": why}, file)
        if not why:
            proceed(["manage.py", "collectstatic", "--noinput"])

    management.execute_from_command_line = look  # type: ignore[attr-defined]
    sys.argv = ["manage.py", "collectstatic", "--noinput"]
    runpy.run_path(os.path.join(TREE, "manage.py"), run_name="__main__")


if __name__ == "__main__":
    main()
