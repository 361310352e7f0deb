"""Config sources are read in order, a later one wins, and nothing of a value is ever shown."""

import time

import pytest

from deployer import settings
from deployer.core.errors import SettingsError
from deployer.core.secret import reveal

PATH = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


@pytest.fixture
def read(tmp_path):
    def read(sources, *, environ=None, patience=30):
        text = f"app: shop\ntargets: {{local: {{config: {sources}}}}}"
        found = settings.parse(text).targets["local"].config
        folder = tmp_path / "the app's folder"
        folder.mkdir(exist_ok=True)
        return reveal(
            settings.read_sources(found, folder=folder, environ={**PATH, **(environ or {})}, patience=patience)
        )

    return read


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "the app's folder").mkdir()
    return tmp_path / "the app's folder"


def refusal(read, sources, **given):
    with pytest.raises(SettingsError) as caught:
        read(sources, **given)
    return caught.value


def test_a_later_source_wins(read, folder):
    (folder / "a.env").write_text("A=file\nB=file\nC=file\n")
    sources = "[{file: a.env}, {command: 'printf \"B=command\\nC=command\"'}, {env: [C, D]}]"
    found = read(sources, environ={"C": "env", "D": "env", "E": "not asked for"})
    assert found == {"A": "file", "B": "command", "C": "env", "D": "env"}


def test_values_arrive_byte_for_byte(read, folder):
    value = b"caf\xe9 $HOME `id` \"x\" 'y' #\n" + bytes(range(1, 13)) + bytes(range(14, 256))
    escaped = value.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\r", b"\\r")
    (folder / "a.env").write_bytes(b'A="' + escaped + b'"\n')
    found = read("[{file: a.env}, {command: cat a.env}]")
    assert found["A"].encode("utf-8", "surrogateescape") == value


def test_a_command_runs_beside_deploy_yaml_with_the_caller_s_environment(read, folder):
    (folder / "print.sh").write_text('printf "A=\\"%s\\"\\nB=%s" "$PWD" "$X"')
    assert read("[{command: . ./print.sh}]", environ={"X": "y"}) == {"A": str(folder), "B": "y"}


def test_a_command_may_print_json(read):
    assert read("""[{command: "echo '{\\"A\\": \\"x y\\"}'"}]""") == {"A": "x y"}


def test_a_file_that_is_missing_is_named_with_the_line_that_asks_for_it(read, folder):
    error = refusal(read, "[{file: config/none.env}]")
    assert error.message == (f"deploy.yaml:2: targets.local.config[0]: there is no file {folder / 'config/none.env'}")
    assert error.hint


def test_a_mistake_in_a_file_has_its_own_place(read, folder):
    (folder / "a.env").write_text("A=1\noops\n")
    assert refusal(read, "[{file: a.env}]").message.startswith("a.env:2: expected NAME=value")


def test_a_command_that_fails_shows_its_exit_code_and_stderr_but_never_stdout(read):
    error = refusal(read, "[{command: 'echo A=s3cr3tcanary; echo no key >&2; exit 7'}]")
    assert "the command failed (exit code 7)" in error.message
    assert error.output == "no key"
    assert "s3cr3tcanary" not in f"{error.message}{error.output}{error.details}"


def test_a_command_that_was_killed_says_so(read):
    assert "signal 9" in refusal(read, "[{command: 'kill -9 $$'}]").message


def test_a_command_that_never_ends_is_ended(read):
    began = time.monotonic()
    assert "did not end within 0.5 s" in refusal(read, "[{command: 'sleep 60 & sleep 60'}]", patience=0.5).message
    assert time.monotonic() - began < 20


def test_a_command_that_prints_rubbish_does_not_have_it_shown(read):
    error = refusal(read, "[{command: echo s3cr3tcanary}]")
    assert "the output of the command:1: expected NAME=value" in error.message
    assert "canary" not in error.message.replace("echo s3cr3tcanary", "")


def test_all_names_that_the_environment_lacks_are_named(read):
    error = refusal(read, "[{env: [A, B, C]}]", environ={"B": ""})
    assert error.message.endswith("not set in the environment: A, C")


def test_what_deployer_itself_sets_cannot_be_configured(read, folder):
    (folder / "a.env").write_text("PORT=3000\nDEPLOY_APP=x\n")
    assert "sets PORT, DEPLOY_APP" in refusal(read, "[{file: a.env}]").message


def test_too_much_is_refused(read, folder):
    with (folder / "a.env").open("wb") as file:
        file.truncate(2**21)
    assert "1 MiB" in refusal(read, "[{file: a.env}]").message
    assert "1 MiB" in refusal(read, "[{command: cat a.env}]").message


def test_a_folder_is_no_file(read, folder):
    (folder / "a.env").mkdir()
    assert "is not a file" in refusal(read, "[{file: a.env}]").message
