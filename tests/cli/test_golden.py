"""What a person sees is what somebody has looked at: golden files for 1, 3 and 50 hosts, at 40, 80 and 120 columns.

`python -m tests.cli.golden` writes them anew; the difference is to be read as a person would.
"""

import re

import pytest

from deployer.cli.display.columns import cells_of

from . import golden

FILES = dict(golden.files())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_person_sees_what_was_looked_at(path):
    name, width, colour = FILES[path]
    told = "write it anew, and look at it: python -m tests.cli.golden"
    assert golden.rendered(name, width, colour=colour) == path.read_text(), told


def test_no_other_file_is_kept():
    assert {path.name for path in golden.FOLDER.iterdir()} == {path.name for path in FILES}


@pytest.mark.parametrize("name", golden.TARGETS)
def test_colours_are_all_that_differs_from_plain_text(name):
    coloured = re.sub(r"␛\[[0-9;]*m", "", golden.rendered(name, 80, colour=True))
    assert re.sub(r"^[✓✗] ", "", coloured, flags=re.MULTILINE) == golden.rendered(name, 80, colour=False)


@pytest.mark.parametrize("width", golden.WIDTHS)
@pytest.mark.parametrize("name", golden.TARGETS)
def test_tables_and_headlines_fit_and_hide_nothing_that_matters(name, width):
    text = golden.rendered(name, width, colour=False)
    for line in text.splitlines():
        ours = re.match(r"shop|v\d|web|  |host|process|release|⠏", line) and " ... " not in line and "| " not in line
        assert cells_of(line) <= width or not ours, line
    plain = " ".join(text.split())
    for told in ("exited with code 3 after 0.9 s", "failed: rolled back", "answered 500 at /up", "v41 → v42"):
        assert told in plain or told.replace(" ", "") in plain.replace(" ", ""), told
    assert len(re.findall(r"failed after", text)) == 1


def test_fifty_hosts_are_a_table_and_not_a_line_for_each_step():
    told = golden.rendered("50-hosts", 80, colour=False).split("\n$ ")[1].splitlines()
    rows = [line for line in told if re.match(r"web\d\d\.example\.com  v42 ", line)]
    assert len(rows) == 50
    assert len(told) < 70
