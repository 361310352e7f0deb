"""Config: where values come from, that they arrive as they are, and that nobody else sees them."""

import os
import subprocess

import pytest

AWKWARD = {
    "LINES": "one\ntwo\n\nfour\n",
    "QUOTES": """it's "quoted" `here`""",
    "DOLLAR": "$HOME ${PATH} $$ $(id)",
    "HASH": "a # b #c",
    "BLANKS": "  both ends  ",
    "UNICODE": "größer, 日本語 🙂",
    "PERCENT": "100% %(x)s %%",
    "BACKSLASH": "\\n \\ \\\\",
    "EMPTY": "",
    "LONG": "x" * 65536,
}


def test_awkward_values_arrive_byte_for_byte(deployed):
    for name, value in AWKWARD.items():
        (deployed.home / name).write_bytes(value.encode())
    deployed.deploy("config", "set", *[f"{name}=@{deployed.home / name}" for name in AWKWARD])
    deployed.deploy("ship")
    pid = int(deployed.get("/pid"))
    with open(f"/proc/{pid}/environ", "rb") as file:
        environ = dict(item.split(b"=", 1) for item in file.read().split(b"\0") if item)
    for name, value in AWKWARD.items():
        assert environ[name.encode()] == value.encode(), name


def test_stored_values_win_over_sources_in_their_order(deployed, tiny, fast):
    (tiny.folder / "local.env").write_text("A=file\nB=file\nC=file\n")
    sources = (
        "targets:\n  local:\n    config: [{file: local.env}, {command: 'echo B=command; echo C=command'}, {env: [D]}]\n"
    )
    tiny.settings(fast.format(app="tiny", port=deployed.port, more=sources))
    deployed.env["D"] = "environment"
    deployed.deploy("config", "set", "C=stored")
    deployed.deploy("ship")
    assert [deployed.get(f"/env/{name}").strip() for name in "ABCD"] == ["file", "command", "stored", "environment"]
    deployed.deploy("config", "unset", "C", "--run")
    assert deployed.get("/env/C").strip() == "command"


def test_the_contract_is_checked_at_the_release(deployed, tiny, fast):
    tiny.settings(fast.format(app="tiny", port=deployed.port, more="config: {required: [SECRET_KEY, DATABASE_URL]}\n"))
    result = deployed.run("ship")
    assert result.code == 20
    assert "SECRET_KEY" in result.err
    assert "DATABASE_URL" in result.err
    assert deployed.json("releases")["releases"] == []
    deployed.deploy("config", "set", "SECRET_KEY=a", "DATABASE_URL=b")
    assert deployed.deploy("ship") == "v1"


def test_every_change_is_a_release_and_only_run_with_run(deployed):
    deployed.deploy("ship")
    deployed.deploy("config", "set", "COLOUR=red")
    assert deployed.current() == "v1"
    deployed.deploy("config", "set", "COLOUR=blue", "--run")
    assert deployed.current() == "v3"
    assert deployed.get("/env/COLOUR").strip() == "blue"
    assert deployed.deploy("config", "get", "COLOUR") == "blue"


def test_what_was_rolled_back_does_not_come_back_with_the_next_change(deployed):
    deployed.deploy("config", "set", "COLOUR=good")
    deployed.deploy("ship")
    deployed.deploy("config", "set", "COLOUR=bad", "--run")
    deployed.deploy("rollback")
    deployed.deploy("config", "set", "OTHER=1", "--run")
    assert deployed.get("/env/COLOUR").strip() == "good"


def test_config_lists_names_only(deployed):
    deployed.deploy("config", "set", "TOKEN=hush-hush")
    deployed.deploy("ship")
    result = deployed.run("config")
    assert "TOKEN" in result.out
    assert "hush-hush" not in result.out + result.err


def test_config_edit_and_import(deployed, tmp_path):
    deployed.deploy("ship")
    (tmp_path / "more.env").write_text("A='one two'\nB=2\n")
    deployed.deploy("config", "import", str(tmp_path / "more.env"))
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/one two/three/" "$1"\n')
    editor.chmod(0o755)
    deployed.deploy("config", "edit", "--run", env={"EDITOR": str(editor), "VISUAL": ""})
    assert deployed.get("/env/A").strip() == "three"
    assert deployed.get("/env/B").strip() == "2"


@pytest.mark.slow
def test_no_secret_is_in_any_output_log_file_or_argument(deployed, tiny):
    secret = "canary-0d9f3b7e"
    (deployed.home / "secret").write_text(secret)
    said = []
    commands = [
        ["config", "set", f"TOKEN=@{deployed.home / 'secret'}"], ["build"], ["ship"], ["ps"], ["status"], ["releases"],
        ["show", "v1"], ["config"], ["verify"], ["config", "set", "A=1"], ["diff", "v1", "v2"], ["rollback", "v2"],
        ["events"], ["doctor"], ["logs"],
    ]  # fmt: skip
    for words in commands:
        result = deployed.run(*words, "-v")
        said.append(result.out + result.err)
        assert secret not in _arguments()
    tiny.behave(web="fail-health")
    said.append(deployed.run("ship", "-v").err)
    assert not any(secret in text for text in said)
    for folder, _, names in os.walk(deployed.home):
        for name in names:
            path = f"{folder}/{name}"
            if name != "secret" and not os.path.islink(path) and os.path.isfile(path):
                with open(path, "rb") as file:
                    holds = secret.encode() in file.read()
                assert not holds or (name in ("env", "config.draft") and os.stat(path).st_mode & 0o077 == 0), path


def _arguments() -> str:
    return subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=False).stdout
