"""Names are safe wherever they are used: in paths, units, environments and messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.core import names


@pytest.mark.parametrize("pattern", [names.APP, names.TARGET, names.PROCESS_TYPE, names.VARIABLE, names.BUILD])
@given(text=st.text(alphabet="aA0-_./ \n\0é\\'\"$;*~", max_size=8))
def test_no_name_can_mean_another_thing_to_a_path_or_a_shell(pattern, text):
    if pattern.match(text):
        assert not set(text) & set("./ \n\0\\'\"$;*~é")
        assert not text.startswith("-")


@pytest.mark.parametrize("pattern", [names.APP, names.TARGET, names.PROCESS_TYPE, names.VARIABLE])
def test_a_name_has_an_end(pattern):
    assert pattern.match("a")
    assert not pattern.match("a" * 256)
    assert not pattern.match("")
    assert not pattern.match("a\n")


@pytest.mark.parametrize(("text", "number"), [("v99", 99), ("99", 99), ("v1", 1)])
def test_a_release_has_two_names(text, number):
    assert names.release_number(text) == number
    assert names.release_name(number) == f"v{number}"


@pytest.mark.parametrize("text", ["", "v", "v0", "0", "v01", "-1", "1.0", "v1\n", "V1", "٣", "12ab", "9" * 16])
def test_what_is_no_release_is_none(text):
    assert names.release_number(text) is None


def test_a_process_is_a_type_and_perhaps_a_number():
    assert names.process_name("web") == ("web", None)
    assert names.process_name("web.1") == ("web", 1)
    assert names.process_name("web.0") == ("web", 0), "the rehearsal of a release"
    for text in ("", ".1", "web.", "web.x", "web.1.2", "-web", "web.999999", "a b"):
        assert names.process_name(text) is None


def test_a_build_is_shown_short():
    assert names.short("0123456789abcdef" * 4) == "0123456789ab"
