"""The documentation leads nowhere wrong: its links, its commands, its list of dependencies."""

import re
from pathlib import Path

import pytest

from deployer.cli import table

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "examples/README.md"])
CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def name(page):
    return page.relative_to(ROOT).as_posix()


def headings(page):
    """The anchors of a page, as GitHub makes them."""
    found = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", CODE.sub("", page.read_text())):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in headings(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_found_from_the_index():
    index = ROOT / "docs/index.md"
    linked = {(index.parent / link).resolve() for link in re.findall(r"\]\(([^)#\s]+)\)", index.read_text())}
    assert {name(page) for page in PAGES if page.is_relative_to(ROOT / "docs") and page != index} <= {
        name(page) for page in linked
    }


def test_every_command_is_in_the_reference():
    page = (ROOT / "docs/reference/commands.md").read_text()
    assert re.findall(r"^## deploy (.+)$", page, re.MULTILINE) == list(table.COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_that_a_page_names_exists(page):
    """After a `$ ` or at the start of a line of a block, or alone in backquotes."""
    text = page.read_text()
    typed = re.findall(r"^(?:\$ )?deploy ([a-z:]+)", text, re.MULTILINE) + re.findall(r"`deploy ([a-z:]+)", text)
    known = {command.split()[0] for command in table.COMMANDS} | {"help", "version"}
    assert {word.partition(":")[0] for word in typed} <= known


def test_every_dependency_has_its_reason():
    toml = (ROOT / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[(.*?)^\]", toml, re.MULTILINE | re.DOTALL).group(1)
    listed += re.search(r"^dev = \[(.*?)\]$", toml, re.MULTILINE | re.DOTALL).group(1)
    declared = {re.match(r"[\w-]+", line).group() for line in re.findall(r'"([^"]+)"', listed)}
    page = (ROOT / "docs/dependencies.md").read_text()
    assert set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)) == declared


def test_every_make_target_that_a_page_names_exists():
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(
            re.findall(r"^make ([a-z-]+)", page.read_text(), re.MULTILINE)
            + re.findall(r"`make ([a-z-]+)`", page.read_text())
        )
        assert named <= known, name(page)
