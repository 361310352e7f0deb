"""YAML is read as it was typed, and hostile YAML is one line with its place, at once."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deployer import settings
from deployer.core.errors import SettingsError
from deployer.settings.mistakes import Mistakes
from deployer.settings.reader import Node, read


def plain(node: Node):
    if isinstance(node.value, dict):
        return {name: plain(inner) for name, inner in node.value.items()}
    return [plain(inner) for inner in node.value] if isinstance(node.value, list) else node.value


def value(text):
    mistakes = Mistakes("f")
    found = plain(read(text, mistakes))
    mistakes.check()
    return found


def refusal(text):
    with pytest.raises(SettingsError) as caught:
        value(text)
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[(word, word) for word in ("no", "yes", "on", "off", "True", "FALSE", "y", "n", "Null", "NULL")],
        *[
            (word, word)
            for word in ("22:22", "0777", "0o17", "0x1f", "0b1", "1_000", "1e3", "1.5", ".inf", ".nan", "-1", "+1")
        ],
        *[(word, word) for word in ("2024-01-01", "2024-01-01T00:00:00Z", "=", "1" * 19, "٣", "a b")],
        ("true", True),
        ("false", False),
        ("0", 0),
        ("8080", 8080),
        ("", None),
        ("~", None),
        ("null", None),
        ("'8080'", "8080"),
        ('"true"', "true"),
        ("''", ""),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_a_value_is_what_was_typed(text, expected):
    assert value(f"a: {text}") == {"a": expected}


def test_keys_are_what_was_typed():
    assert value("no: 1\n22:22: 1\n0777: 1\ntrue: 1\n2024-01-01: 1") == dict.fromkeys(
        ("no", "22:22", "0777", "true", "2024-01-01"), 1
    )


def test_every_node_knows_its_line():
    root = read("# c\na:\n  - x\n  - b: 1\n    c:\n      d\n", Mistakes("f"))
    items = root.value["a"].value
    assert (root.value["a"].key_line, items[0].line, items[1].line) == (2, 3, 4)
    assert (items[1].value["c"].key_line, items[1].value["c"].line) == (5, 6)


def test_a_byte_order_mark_crlf_and_the_end_of_a_document_do_no_harm():
    assert value("\ufeff---\r\na: 1\r\nb:\r\n  - x\r\n...\r\n") == {"a": 1, "b": ["x"]}


def test_an_empty_document_is_nothing():
    assert value("") is value("# only a comment\n") is value("---\n") is None


HOSTILE = {
    "a: 1\nb: 2\na: 3\n": "f:3: a: stands here again; it is on line 1 already",
    "a: {b: 1, c: 2,\n b: 3}": "f:2: a.b: stands here again; it is on line 1 already",
    "a: &x 1\nb: 2": "f:1: anchors and aliases",
    "a: 1\nb: *x": "f:2: anchors and aliases",
    "a: !!python/object/apply:os.system [id]": 'f:1: tags ("tag:yaml.org,2002:python/object/apply:os.system")',
    "a: !!int 3": "f:1: tags",
    "a: ! b": "f:1: tags",
    "a: !secret b": "f:1: tags",
    "a: 1\n---\nb: 2": "f:2: a second document",
    "a: 1\n--- \n": "f:2: a second document",
    "? [a]\n: 1": "f:1: a key is a word",
    "? {a: 1}\n: 1": "f:1: a key is a word",
    "a:\n\tb: 1": "f:2: no YAML: found character",
    "a: b: c": "f:1: no YAML: mapping values are not allowed",
    "a: [1, 2": "f:1: no YAML",
    "a: 'b": "f:1: no YAML",
    "a: %x": "f:1: no YAML",
    "a: @x": "f:1: no YAML",
    "a:\n  b: 1\n c: 2": "f:3: no YAML",
    "a: 1\nb: x\0y": "f:2: the character U+0000",
    "a: 1\nb: \x1b[31m": "f:2: the character U+001B",
    "a: \ud800": "f:1: the character U+D800",
    "a: x\ufeffy": "f:1: the character U+FEFF",
    'a: "x\\0y"': "f:1: the escapes of NUL",
    'a: "\\uD800"': "f:1:",
    'a: "\\U99999999"': "f:1:",
    "[" * 100: "f:1: nested more than 32 deep",
    "{a: " * 100: "f:1: nested more than 32 deep",
    "- " * 100: "f:1: nested more than 32 deep",
    "a: " + "x" * 2**20: "f: larger than 1 MiB",
    "%YAML 9.9\n---\na: 1": "f:1: no YAML",
    "- a\nb: 1": "f:2: no YAML",
}


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_yaml_is_one_line_with_its_place(text):
    message = refusal(text)
    assert message.startswith(HOSTILE[text])
    assert "\n" not in message


def test_a_tab_says_what_to_do():
    with pytest.raises(SettingsError) as caught:
        value("a:\n\tb: 1")
    assert "spaces" in caught.value.hint


def test_a_merge_key_is_a_key_like_any_other():
    assert value("a: {<<: 1}") == {"a": {"<<": 1}}


BOMBS = {
    "aliases": "a: &a [x]\n"
    + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)},*{chr(97 + n)}]\n" for n in range(9)),
    "open brackets": "[" * 2**20,
    "open braces": "{" * 2**20,
    "dashes": "- " * 2**19,
    "indents": "".join(" " * n + "a:\n" for n in range(1400)),
    "keys": "".join(f"k{n}: 1\n" for n in range(90_000)),
    "the same key": "a: 1\n" * 2**17,
    "items": "app: a\nconfig: {required: [" + "A," * 2**19,
    "a list": "app: a\nconfig: {required: [" + ",".join(f"A{n}" for n in range(120_000)) + "]}",
    "a long key": "x" * (2**20 - 3) + ": 1",
    "a long line": "a: " + "x " * 2**19,
    "quotes": "a: '" + "''" * 2**19,
    "comments": "#\n" * 2**19,
    "targets": "app: a\ntargets:\n" + "".join(f"  t{n}: {{hosts: [h]}}\n" for n in range(40_000)),
    "shared": "app: a\ntargets: {local: {shared: [" + ",".join("a/" * 30 + str(n) for n in range(14_000)) + "]}}",
    "mistakes": "app: a\nprocesses:\n" + "".join(f"  t{n}: {{helth: x, prot: y}}\n" for n in range(30_000)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_or_refused_within_seconds_and_a_hundred_megabytes(name, tmp_path):
    """In a process of its own, so that its memory can be told from ours."""
    assert hasattr(yaml, "CSafeLoader"), "measured with libyaml, which PyYAML's wheels have"
    (tmp_path / "deploy.yaml").write_text(BOMBS[name])
    script = (
        "import pathlib, resource\n"
        "from deployer import settings\n"
        "from deployer.core.errors import SettingsError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: settings.load(pathlib.Path('deploy.yaml')); print('read')\n"
        "except SettingsError as error: print(error.message.count(chr(10)) + 1)\n"
        "usage = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss - before)\n"
    )
    root = Path(settings.__file__).parents[2]
    env = {"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=True
    )
    what, figures = done.stdout.splitlines()
    seconds, kilobytes = figures.split()
    assert what == "read" or int(what) <= 51
    assert float(seconds) < 20  # of a processor that others use too; what grows with the square takes minutes
    assert int(kilobytes) < 100 * 1024


@given(st.text(alphabet="ab:-?[]{},&*!|>'\"%@`#~ \n\t\r\\01\ufeff\x85\u2028é", max_size=60))
def test_no_text_makes_it_fail_in_another_way(text):
    try:
        value(text)
    except SettingsError as error:
        message = error.message
    else:
        message = "f:"
    assert all(line.startswith("f") for line in message.split("\n"))


WORDS = st.text(alphabet="abc019:. -_é☃'\"#[]{}&*!|>%@`\n\t\\", max_size=12)
TREES = st.recursive(
    WORDS | st.integers(0, 10**6) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(TREES, st.sampled_from([True, False, None]))
def test_what_another_program_wrote_quoted_is_read_back(tree, flow):
    """Strings in quotes mean the same to every YAML reader."""

    class Quoted(yaml.SafeDumper):
        def ignore_aliases(self, data):
            return True

    Quoted.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
    assert value(yaml.dump(tree, Dumper=Quoted, default_flow_style=flow, allow_unicode=True)) == tree


def test_yaml_is_imported_only_to_read():
    script = "import sys, deployer.settings; sys.exit('yaml' in sys.modules or 'difflib' in sys.modules)"
    root = Path(settings.__file__).parents[2]
    subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": str(root)}, check=True)


def test_reading_a_usual_file_takes_no_time():
    text = (Path(settings.__file__).parents[2] / "deploy.yaml.example").read_text()
    settings.parse(text)
    began = time.process_time()
    settings.parse(text)
    assert time.process_time() - began < 0.2
