"""A Procfile is read as Foreman reads it, but nothing in it is lost in silence."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core import procfile
from deployer.core.errors import SettingsError


def mistakes(text):
    with pytest.raises(SettingsError) as caught:
        procfile.parse(text)
    return caught.value.message.split("\n")


def test_commands_are_kept_in_their_order_and_as_they_stand():
    text = "web: gunicorn --bind :$PORT 'a: b' && x # y\nworker:python -m w\nrelease:   ./migrate\n"
    assert list(procfile.parse(text).items()) == [
        ("web", "gunicorn --bind :$PORT 'a: b' && x # y"),
        ("worker", "python -m w"),
        ("release", "./migrate"),
    ]


def test_comments_empty_lines_a_byte_order_mark_and_crlf_do_no_harm():
    text = "\ufeffweb: a\r\n\r\n# b: c\r\n   # d\r\n\t\r\nworker: e\r\n"
    assert procfile.parse(text) == {"web": "a", "worker": "e"}


def test_an_empty_procfile_has_no_processes():
    assert procfile.parse("") == procfile.parse("\ufeff\n# nothing yet\n") == {}


def test_a_type_that_stands_twice_is_an_error_that_names_both_lines():
    assert mistakes("web: a\n\nweb: b\n") == ["Procfile:3: web stands here again; it is on line 1 already"]


def test_no_type_is_called_as_one_off_processes_are():
    assert mistakes("web: a\nrun: b\n") == [
        "Procfile:2: run is no name for a process type: one-off processes are run.1, run.2 …; give it another name"
    ]
    assert list(procfile.parse("run1: a\nRun: b\n")) == ["run1", "Run"]


def test_every_mistake_is_told_at_once_with_its_line():
    text = "web bundle exec\nworker:  \n_x: y\nclock: a \\\n  --continued\nok: fine\nnul: a\0b\n"
    assert [line.split(": ")[0] for line in mistakes(text)] == [
        "Procfile:1",
        "Procfile:2",
        "Procfile:3",
        "Procfile:5",
        "Procfile:7",
    ]


def foreman(text):
    lines = text.replace("\r\n", "\n").split("\n")
    found = [re.match(r"^([A-Za-z0-9_-]+):\s*(.+)$", line) for line in lines]
    return {match.group(1): match.group(2) for match in found if match}


@given(st.lists(st.sampled_from(["web: a", "worker:b c", "# x: y", "", "clock:   d: e", "x.y: z", "web", " web: b"])))
def test_what_is_accepted_is_what_foreman_reads(lines):
    text = "\n".join(lines)
    try:
        found = procfile.parse(text)
    except SettingsError:
        return
    assert found == foreman(text)


@given(st.text())
def test_no_text_makes_it_fail_in_another_way(text):
    try:
        procfile.parse(text)
    except SettingsError as error:
        message = error.message
    else:
        message = "Procfile:"
    assert all(line.startswith("Procfile:") for line in message.split("\n"))
