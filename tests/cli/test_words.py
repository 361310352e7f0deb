"""What users of Heroku, Kamal, Capistrano and others type first: it works, or one line says what it is called here."""

import re

import pytest

from deployer.cli import pages, table, words

from .terminal import ROOT, deploy, on_a_terminal

PAGE = ROOT / "docs/reference/words-of-other-tools.md"


@pytest.fixture
def app(tmp_path):
    (tmp_path / "deploy.yaml").write_text("app: shop\ntargets:\n  production: {hosts: [web1.invalid]}\n")
    return {"cwd": tmp_path, "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_every_word_of_another_tool_is_one_of_our_commands_or_names_one():
    for phrase, ours in words.WORKS.items():
        assert table.resolve(phrase.split()) != (phrase, []), f"{phrase} is a command of ours"
        assert table.resolve(ours.split()), ours
    for phrase, told in words.OTHERWISE.items():
        assert table.resolve(phrase.split()) is None, phrase
        assert all(table.resolve(typed.split()[:2]) for typed in re.findall(r"`deploy (?!help)([^`]+)`", told)), told
        assert len(told) < 120
        assert "\n" not in told


def test_the_page_of_words_is_the_table_of_the_program():
    rows = re.findall(r"^\| ([a-z ]+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    known = {phrase: f"`deploy {ours}`" for phrase, ours in words.WORKS.items()} | words.OTHERWISE
    assert {phrase: told for phrase, told in rows if phrase != "typed"} == known


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("setup", "`deploy doctor`"),
        ("login", "with your keys"),
        ("lock", "`deploy status`"),
        ("audit", "`deploy ledger show`"),
        ("apps:destroy", "`deploy stop`"),
        ("destroy", "`deploy stop`"),
        ("production", "`deploy ship -t production`"),
        ("logs -t", "`deploy logs --tail`"),
    ],
)
def test_what_has_another_name_here_is_told_in_one_line(app, typed, told):
    done = deploy(*typed.split(), **app)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 2, done.stderr


def test_a_command_after_run_is_sent_to_exec(app):
    done = deploy("run", "bash", "-l", **app)
    assert (done.returncode, "`deploy exec -- bash -l`" in done.stderr) == (3, True), done.stderr


def test_a_phrase_of_another_tool_does_what_it_is_called_here(app):
    for typed, ours in (("ps:scale --help", "deploy scale"), ("env set --help", "deploy config set")):
        done = deploy(*typed.split(), **app)
        assert (done.returncode, f"Usage: {ours}" in done.stdout) == (0, True), done.stderr
        assert f"is called `{ours}` here" in done.stderr


def test_a_target_before_the_command_is_the_target(app):
    done = deploy("production", "deploy:rollback", "--help", **app)
    assert (done.returncode, "Usage: deploy rollback" in done.stdout) == (0, True), done.stderr
    assert "web1.invalid" in deploy("production", "status", **app).stderr


def test_the_list_of_commands_has_the_names_that_other_tools_give_it():
    overview = deploy("--help").stdout
    assert deploy("-T").stdout == overview == deploy("commands").stdout
    assert deploy("version").stdout == deploy("--version").stdout


def test_a_page_is_shown_by_its_name_and_all_pages_are_listed():
    listed = deploy("help").stdout
    assert all(f"  {name}\n" in listed for name in pages.topics() if name != "index")
    plain = deploy("help", "deploy-yaml")
    assert (plain.returncode, plain.stdout) == (0, (ROOT / "docs/reference/deploy-yaml.md").read_text())
    assert "Usage: deploy rollback" in deploy("help", "rollback").stdout
    assert deploy("help", "howto/rollback").stdout.startswith("# ")
    assert deploy("help", "no-such-page").returncode == 2


def test_a_page_on_a_terminal_is_rendered():
    code, shown = on_a_terminal(
        "import sys; sys.argv = ['deploy', 'help', 'exit-codes']; from deployer.cli.main import main; sys.exit(main())",
        PAGER="cat",
    )
    assert code == 0
    assert "| --- |" not in shown
    assert "Exit codes" in shown


def test_the_pages_travel_with_the_program_and_no_message_names_a_file_that_does_not():
    import tomllib

    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"docs": "deployer/docs"}
    for module in (ROOT / "deployer").rglob("*.py"):
        told = re.findall(r"(?:hint|message)=.*?docs/|deploy\.yaml\.example` of", module.read_text())
        assert told == [], module
