"""What does the `build:` section of a commit's deploy.yaml ask for?"""

from __future__ import annotations

from deployer.core.message import field, message

AUTO = ("auto",)


@message
class PythonRecipe:
    """Wishes for the python pack.

    `version`: `3.11` or `3.11.7` instead of what `.python-version` says; `lock`: the lock file's path where it has
    another name; `extra`: more requirements (`gunicorn==23.0.0`); `groups`: dependency groups to include;
    `extras`: extras of the project itself;
    `collectstatic`: false to leave Django's static files alone.
    """

    version: str = ""
    lock: str = ""
    extra: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    collectstatic: bool = True


@message
class NodeRecipe:
    """Wishes for the node pack: the `script` of package.json that builds ('' for none)."""

    script: str = "build"


@message
class StaticRecipe:
    """Wishes for the pack static: the `fallback` answers paths that no file has ('' for none)."""

    fallback: str = ""


@message
class Recipe:
    """How a build is made.

    `before` and `commands` run before and after the pack, both in `root`; `env` is committed and harmless
    (`SECRET_KEY: build-only`); `secrets` are names taken from the caller's environment for the build alone, never
    stored; `exclude` are glob patterns of paths left out of the build; `match` says how exactly a host's interpreter
    must be the one of the build: `exact`, `minor`, or `auto`, which is `minor` unless the patch level makes a
    difference to the packages; `assets` are the folders of the front ends that are built beside the app, `AUTO` for
    those that are found.  `runtime` says whose interpreter runs the app: `vendored`, one that the build brings along;
    `host`, the host's own; `auto`, the host's where it is the very version, else a vendored one where it can be had.
    """

    pack: str = "auto"
    before: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    submodules: bool = False
    lfs: bool = False
    match: str = "auto"
    runtime: str = "auto"
    assets: tuple[str, ...] = AUTO
    root: str = "."  # where the app is; static: the folder that is served
    python: PythonRecipe = field(default_factory=PythonRecipe)
    node: NodeRecipe = field(default_factory=NodeRecipe)
    static: StaticRecipe = field(default_factory=StaticRecipe)
