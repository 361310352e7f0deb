"""The schema, the documented example and the reference page name the same keys."""

from pathlib import Path

import pytest

from deployer import settings
from deployer.settings import schema
from deployer.settings.mistakes import Mistakes
from deployer.settings.reader import Node, read

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = (REPOSITORY / "deploy.yaml.example").read_text()
PAGE = (REPOSITORY / "docs/reference/deploy-yaml.md").read_text()
KEYS = dict(schema.keys())


def row(path, key):
    default = "**required**" if key.required else key.default or "—"
    return f"| `{path}` | {key.kind.expected} | {default} | {key.meaning} |"


def used(node: Node, kind_paths: dict, path: str = ""):
    """The schema's paths that a document uses."""
    if isinstance(node.value, list):
        for item in node.value:
            yield from used(item, kind_paths, f"{path}[]")
    elif isinstance(node.value, dict):
        for name, inner in node.value.items():
            own = f"{path}.{name}".lstrip(".")
            own = own if own in kind_paths else f"{path}.*"
            yield own
            yield from used(inner, kind_paths, own)


def example_paths():
    return {path for path in used(read(EXAMPLE, Mistakes("example")), KEYS) if not path.endswith(".*")}


def test_the_example_is_a_deploy_yaml_without_mistakes():
    assert settings.parse(EXAMPLE, where="deploy.yaml.example").app == "shop"


@pytest.mark.parametrize("path", sorted(KEYS))
def test_every_key_of_the_schema_stands_in_the_example(path):
    short = {"targets.*.hosts[].host", "targets.*.shared[].folder"}
    assert path in example_paths() or path in short


def test_the_example_has_no_key_that_the_schema_has_not():
    assert example_paths() - set(KEYS) <= {"build.env.*"}


@pytest.mark.parametrize("path", sorted(KEYS))
def test_every_key_has_its_row_on_the_reference_page(path):
    assert row(path, KEYS[path]) in PAGE.splitlines(), "write this row into docs/reference/deploy-yaml.md"


def test_the_reference_page_has_no_row_for_a_key_that_is_not_there():
    rows = {line for line in PAGE.splitlines() if line.startswith("| `")}
    assert rows == {row(path, key) for path, key in KEYS.items()}


def test_every_default_on_the_page_is_the_program_s_own():
    """Written defaults of plain values, read as deploy.yaml reads them, change nothing."""

    def default(name):
        return KEYS[f"targets.*.{name}"].default

    plain = settings.parse("app: shop\ntargets: {production: {hosts: [a]}}\nprocesses: {web: {}}")
    written = settings.parse(
        "app: shop\nbuild:\n"
        + "".join(
            f"  {name}: {KEYS[f'build.{name}'].default}\n" for name in ("pack", "match", "root", "lfs", "submodules")
        )
        + f"  python: {{collectstatic: {KEYS['build.python.collectstatic'].default}}}\n"
        + f"  node: {{script: {KEYS['build.node.script'].default}}}\n"
        + "targets:\n  production:\n    hosts: [a]\n"
        + "".join(f"    {name}: {default(name)}\n" for name in ("keep", "sudo", "manager", "confirm_timeout"))
        + f"    rollout: {{batch: {default('rollout.batch')}, pause: {default('rollout.pause')}}}\n"
        + f"    ssh: {{concurrency: {default('ssh.concurrency')}, client: {default('ssh.client')}}}\n"
        + "processes:\n  web:\n"
        + "".join(
            f"    {name}: {KEYS[f'processes.*.{name}'].default}\n"
            for name in ("boot_timeout", "stop_timeout", "healthy_time", "update")
        )
    )
    assert written == plain
