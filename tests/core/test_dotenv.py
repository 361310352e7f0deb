"""dotenv is read without surprises, and what is written is read back byte for byte."""

import contextlib
import io
import subprocess
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deployer.core import dotenv
from deployer.core.errors import SettingsError
from deployer.core.names import VARIABLE

NAMES = st.from_regex(VARIABLE, fullmatch=True).filter(lambda name: len(name) < 60)
BYTES = st.binary(max_size=200).filter(lambda value: b"\0" not in value)
NASTY = st.text(alphabet="ab \t\n\r\\'\"`$#={}()é☃\ufeff\u2028\x85\x0b", max_size=40)
VALUES = NASTY | BYTES.map(lambda value: value.decode("utf-8", "surrogateescape"))


def parse(text):
    return dotenv.parse(text, where="f")


def mistakes(text, read=parse):
    with pytest.raises(SettingsError) as caught:
        read(text)
    return caught.value.message.split("\n")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("  export   A = b c  ", "b c"),
        ("A=", ""),
        ("A=   ", ""),
        ("A=b # c", "b"),
        ("A=b#c", "b#c"),
        ("A=#b", "#b"),
        ("A= # b", ""),
        ("A=b\t# c", "b"),
        ("A=a=b==", "a=b=="),
        ("A=$HOME ${X} $(id) `id`", "$HOME ${X} $(id) `id`"),
        ('A=it"s', 'it"s'),
        ('A={"a": 1}', '{"a": 1}'),
        (r"A='a\n$B \'", r"a\n$B" + " \\"),
        ("A='a # b' # c", "a # b"),
        (r'A="a\nb\tc\r\"\\\$\`\d"', 'a\nb\tc\r"\\$`\\d'),
        ('A="$HOME $(id)"', "$HOME $(id)"),
        ('A="a\nb\n"', "a\nb\n"),
        ("A='a\r\nb'\r", "a\nb"),
        ("A=''", ""),
    ],
)
def test_a_value_is_read_as_people_mean_it(line, value):
    assert parse(line) == parse(f"\ufeff# first\r\n\r\n{line}\r\n# last") == {"A": value}


def test_every_mistake_is_told_at_once_with_its_line():
    text = "A=1\nnonsense\nB='x\ny'\nA=2\n1B=2\nC=\"x\" y\nexport D\nE: f\nG=a\0b\nF='never\nends\n"
    assert mistakes(text) == [
        "f:2: expected NAME=value, a comment or an empty line",
        "f:5: A stands here again; it is on line 1 already",
        "f:6: expected NAME=value; a name has letters, digits and _ and does not begin with a digit",
        "f:7: there is text after the closing quote",
        "f:8: expected NAME=value, a comment or an empty line",
        "f:9: expected NAME=value, a comment or an empty line",
        "f:10: the value of G has a NUL character, which no environment can hold",
        "f:11: the value of F begins with ' and never ends",
    ]


@given(st.dictionaries(NAMES, VALUES, max_size=5))
@example({"A": "x" * 65536, "B": "\r\n'\"$#\\" * 4096, "C": "\ufeff", "D": " ", "E": "a\\", "F": "\n"})
def test_what_is_rendered_is_read_back_byte_for_byte(variables):
    assert parse(dotenv.render(variables)) == variables


@settings(max_examples=40, deadline=None)
@given(BYTES.filter(lambda value: b"\r" not in value))
def test_a_shell_reads_the_same_and_runs_nothing(tmp_path_factory, value):
    file = tmp_path_factory.mktemp("dotenv") / "file.env"
    text = dotenv.render({"A": value.decode("utf-8", "surrogateescape")})
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    said = subprocess.run(["sh", "-c", '. "$0"; printf %s. "$A"', file], capture_output=True, check=True)
    assert said.stdout == value + b"."


@given(st.text(alphabet="A1=_ \t\n\r\\'\"#$ex", max_size=60))
def test_no_text_makes_it_fail_in_another_way(text):
    try:
        found = parse(text)
    except SettingsError as error:
        message = error.message
    else:
        message = "f:"
        assert all(VARIABLE.match(name) for name in found)
    assert all(line.startswith("f:") for line in message.split("\n"))


@pytest.mark.parametrize(
    "text",
    [
        "s3cr3tcanary\n",
        "A='s3cr3tcanary\n",
        "A='x' s3cr3tcanary\n",
        "s3cr3t-canary=\n",
        'A="x\nA=s3cr3tcanary\n',
        "A=s3cr3tcanary\0\n",
        "A=s3cr3tcanary\nA=s3cr3tcanary",
        '{"A": {"s3cr3tcanary": 1}}',
        '{"A": "s3cr3tcanary" s3cr3tcanary}',
        '{"A": ["s3cr3tcanary"]}',
        '{"A": "s3cr3tcanary\\u0000"}',
        "{s3cr3tcanary",
    ],
)
def test_no_message_shows_what_may_be_a_secret(text):
    with pytest.raises(SettingsError) as caught:
        dotenv.parse_any(text, where="f")
    everything = f"{caught.value.message} {caught.value.hint} {caught.value.output} {caught.value.details}"
    assert "canary" not in everything
    assert caught.value.__cause__ is None  # a traceback would show the document


def test_a_megabyte_is_read_in_a_moment():
    for text in (
        "A" * 2**20,
        "A='" + "x\n" * 2**19,
        'A="' + "\\" * 2**20,
        "# x\n" * 2**18,
        " " * 2**20 + "x",
        "A= #" * 2**18,
    ):
        began = time.monotonic()
        with contextlib.suppress(SettingsError):
            parse(text)
        assert time.monotonic() - began < 2


def test_what_begins_with_a_brace_is_json():
    assert dotenv.parse_any(' \n{"A": "é\\n$B", "C": ""}', where="f") == {"A": "é\n$B", "C": ""}
    assert dotenv.parse_any("A={}", where="f") == {"A": "{}"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"A": "1", "A": "2"}', "f: 'A' stands twice"),
        ('{"A": 1}', "f: A: expected a string, not a number"),
        ('{"A": 1.5}', "f: A: expected a string, not a number"),
        ('{"A": NaN}', "f: A: expected a string, not a number"),
        ('{"A": true}', "f: A: expected a string, not true or false"),
        ('{"A": null}', "f: A: expected a string, not null"),
        ('{"A": {}}', "f: A: expected a string, not a list or an object"),
        ('{"A-B": ""}', "f: 'A-B' is no name for a variable"),
        ('{"A": "\\ud800"}', "f: the value of A is not valid Unicode"),
        ('{"A": "1"} x', "f: begins with { but is no JSON: Extra data (line 1)"),
    ],
)
def test_json_has_to_be_an_object_of_strings(text, message):
    assert mistakes(text, lambda text: dotenv.parse_any(text, where="f")) == [message]


@pytest.mark.parametrize("text", ['{"A":' * 100_000, '{"A":' + "[" * 100_000, '{"A": ' + "9" * 10_000 + "}"])
def test_hostile_json_is_one_line(text):
    assert len(mistakes(text, lambda text: dotenv.parse_any(text, where="f"))) == 1


def test_a_variable_that_linux_would_not_pass_on_is_refused():
    assert dotenv.unfit("A", "x" * (dotenv.LONGEST - 2)) == ""
    assert "128 KiB" in dotenv.unfit("A", "x" * (dotenv.LONGEST - 1))
    subprocess.run(["true"], env={"A": "x" * (dotenv.LONGEST - 2)}, check=True)
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["true"], env={"A": "x" * (dotenv.LONGEST - 1)}, check=True)


@given(st.text(alphabet="AB=_ \t\n\\'\"#$ex", max_size=60))
def test_a_file_that_python_dotenv_reads_too_is_read_alike(text):
    """But for what the reference page names: `\\$` and `` \\` ``, backslashes in single quotes, strictness."""
    library = pytest.importorskip("dotenv.parser")
    try:
        ours = parse(text)
    except SettingsError:
        return
    if "\\" not in text:
        theirs = list(library.parse_stream(io.StringIO(text)))
        assert {each.key: each.value for each in theirs if each.key} == ours
