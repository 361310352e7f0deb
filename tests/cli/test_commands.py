"""The commands on a real app on this machine: what each prints, where, and with which exit code."""

import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from deployer.agent.layout import Layout
from deployer.agent.supervisor import Supervisor
from tests.apps.tiny import tiny_app

from .terminal import MAIN, ROOT, Terminal, deploy, environment

SETTINGS = """\
app: tiny
build:
  pack: commands
  commands: [cp text.txt built.txt]
processes:
  web: {{health: /up, boot_timeout: 60s, stop_timeout: 2s, healthy_time: 300ms, port: {port}}}
  worker: {{stop_timeout: 2s, healthy_time: 300ms}}
"""


class Shop:
    """The tiny app, with everything that deployer keeps in a folder of the test's own."""

    def __init__(self, folder):
        self.folder = folder / "app"
        self.app = tiny_app(self.folder)
        self.app.settings(SETTINGS.format(port=19000 + 100 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])))
        self.state = folder / "state"
        self.environ = {"XDG_STATE_HOME": str(folder / "state"), "XDG_CACHE_HOME": str(folder / "cache")}

    def __call__(self, *words, **more):
        return deploy(*words, cwd=self.folder, **{**self.environ, **more})

    def json(self, *words, code=0, **more):
        done = self(*words, "--json", **more)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def terminal(self, *words, **more):
        return Terminal([*MAIN, *words], cwd=self.folder, **self.environ, **more)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop("config", "set", "GREETING=-", stdin="hello there\n")
    shipped = shop("ship")
    assert shipped.returncode == 0, shipped.stderr
    yield shop
    Supervisor(Layout(shop.state / "deployer/tiny", "tiny", "local")).shutdown()


DOCUMENTS = (ROOT / "docs/reference/json.md").read_text()


def documented(command):
    """The keys that the reference gives the command's document, without those of the objects in it."""
    row = next(row for row in DOCUMENTS.splitlines() if re.match(rf"\| [^|]*`{command}`", row))
    keys = row.split("|")[2].partition("`{")[2].partition("}`")[0]
    while nested := re.search(r": (\[\{[^{}\[\]]*\}\]|\[\]|\{[^{}\[\]]*\})|\[[^{}\[\]]*\]", keys):
        keys = keys.replace(nested.group(), "")
    return set(re.findall(r"[a-z_]+", keys))


@pytest.mark.parametrize(
    "words",
    ["build", "releases", "builds", "show", "ps", "config", "config get GREETING", "status", "verify", "events"],
)
def test_the_documents_have_the_keys_that_the_reference_names(shop, words):
    assert set(shop.json(*words.split())) == documented(words.removesuffix(" GREETING"))


def test_a_build_prints_its_id_and_nothing_else(shop):
    done = shop("build")
    made = shop.json("build")
    assert done.stdout == made["build"][:12] + "\n"
    assert made["cached"]
    assert len(made["build"]) == 64


def test_an_exported_build_is_taken_by_release(shop, tmp_path):
    file = tmp_path / "shop.build"
    assert shop.json("build", "--output", str(file))["artifact"] == str(file)
    assert shop("release", str(file)).stdout.startswith("v")


def test_releases_are_accepted_in_every_spelling(shop):
    build = shop.json("show", "v1")["build"]
    assert shop.json("show", "1") == shop.json("show", "v1")
    assert shop.json("show", build[:10])["build"] == build
    assert shop("show", "v99").returncode == 3


def test_an_expectation_that_fails_makes_no_release(shop):
    newest = shop.json("releases")["releases"][0]["release"]
    done = shop("release", "--expect", "v999")
    assert (done.returncode, done.stdout) == (20, "")
    assert shop.json("releases")["releases"][0]["release"] == newest
    assert shop("release", "--expect", "soon").returncode == 2


def test_a_config_change_is_a_new_release_and_shows_no_value(shop, tmp_path):
    (tmp_path / "more.env").write_text("ONE='planted-1'\nTWO=planted-2\n")
    imported = shop("config", "import", str(tmp_path / "more.env"))
    done = shop.json("config", "set", "THREE=planted-3")
    assert done["names"] == ["THREE"]
    assert done["release"].startswith("v")
    listed = [shop(*words.split()) for words in ("config", "show --json", "releases", "status", "events", "diff v1")]
    assert not [one for one in [imported, *listed] if "planted" in one.stdout + one.stderr]
    assert {"ONE", "TWO", "THREE", "GREETING"} <= set(shop.json("config")["names"])
    assert shop("config", "get", "TWO").stdout == "planted-2\n"
    assert shop("config:get", "GREETING").stdout == "hello there\n"
    assert shop("config", "unset", "ONE", "TWO", "THREE").returncode == 0


def test_the_config_is_edited_in_ones_own_editor(shop, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\necho EDITED=yes >> $1\n")
    editor.chmod(0o755)
    assert shop.json("config", "edit", EDITOR=str(editor))["names"] == ["EDITED"]
    unchanged = shop("config", "edit", EDITOR="true")
    assert (unchanged.returncode, unchanged.stdout) == (0, "")
    assert "nothing was changed" in unchanged.stderr
    editor.write_text("#!/bin/sh\necho 'no variable' >> $1\n")
    refused = shop("config", "edit", EDITOR=str(editor))
    assert refused.returncode == 2
    assert "config:3: expected NAME=value" in refused.stderr


def test_the_formation_is_scaled_and_shown(shop):
    done = shop("scale", "web=2")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^(\S+) +local +v\d+ +up ", done.stdout, re.MULTILINE) == ["web.1", "web.2", "worker.1"]
    assert [one["process"] for one in shop.json("scale", "web-1")["processes"]] == ["web.1", "worker.1"]
    assert shop("scale", "web=lots").returncode == 2
    assert shop("scale", "nothing=1").returncode == 3


def test_the_processes_fit_on_a_terminal(shop):
    terminal = shop.terminal("ps")
    assert terminal.end() == 0
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.shown).splitlines()
    assert max(map(len, lines)) <= 80
    assert any("web.1" in line and ("just now" in line or "ago" in line) for line in lines)


def test_logs_are_named_lines_and_end_with_their_reader(shop):
    assert re.search(r"^web.1 \| .*listens on", shop("logs", "web").stdout, re.MULTILINE)
    assert shop("logs", "-n", "many").returncode == 2
    assert shop("logs", "-f", "--json").returncode == 2
    line = f"{' '.join(MAIN)} logs -f -n 5 worker | head -2; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=shop.folder,
        env=environment(**shop.environ),
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 2


def test_logs_are_coloured_by_process_where_there_are_colours(shop):
    both = shop("logs", FORCE_COLOR="1").stdout
    own = {name: set(re.findall(rf"\x1b\[(\d+)m{name} \| \x1b\[0m", both)) for name in ("web.1", "worker.1")}
    assert [len(colours) for colours in own.values()] == [1, 1]
    assert own["web.1"] != own["worker.1"]
    assert f"\x1b[{min(own['web.1'])}mweb.1 | " in shop("logs", "web", FORCE_COLOR="1").stdout, "the same every time"
    for plain in (shop("logs"), shop("logs", "--json", FORCE_COLOR="1"), shop("logs", FORCE_COLOR="1", NO_COLOR="1")):
        assert "\x1b" not in plain.stdout


def test_a_one_off_command_has_the_streams_the_environment_and_the_exit_code(shop):
    done = shop("exec", "--", "sh", "-c", 'cat; echo "$GREETING $DEPLOY_RELEASE"; echo wrong >&2; exit 7', stdin="in\n")
    assert done.returncode == 7
    assert re.fullmatch(r"in\nhello there v\d+\n", done.stdout)
    assert done.stderr == "wrong\n"
    odd = shop("--json", "exec", "--", "sh", "-c", "printf '\\377\\303\\251'").stdout
    assert json.loads(odd)["stdout"].encode("utf-8", "surrogateescape") == b"\xff\xc3\xa9"  # not one byte is lost
    kept = shop("--json", "exec", "--", "sh", "-c", "echo out; exit 3")
    assert (kept.returncode, json.loads(kept.stdout)["stdout"]) == (3, "out\n")
    assert shop("exec", "no-such-command").returncode == 3


def test_a_signal_reaches_the_one_off_command(shop):
    script = 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done'
    child = subprocess.Popen(
        [*MAIN, "exec", "--", "sh", "-c", script],
        cwd=shop.folder,
        env=environment(**shop.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=30)[0] == "caught\n"
    assert child.returncode == 9


SEES = """
import os, signal, sys
def tell(*_):
    print("size", *os.get_terminal_size(), flush=True)
signal.signal(signal.SIGWINCH, tell)
print("terminal", sys.stdin.isatty(), os.environ["TERM"], flush=True)
tell()
try:
    while True:
        print("got", input(), flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(5)
"""


def test_on_a_terminal_a_one_off_command_has_one_of_its_own(shop):
    terminal = shop.terminal("exec", "--", sys.executable, "-c", SEES)
    before = termios.tcgetattr(terminal.fd)
    terminal.until("size 80 24")
    assert "terminal True xterm" in terminal.shown
    assert not termios.tcgetattr(terminal.fd)[3] & termios.ICANON
    terminal.send("hello\r")
    terminal.until("got hello")
    fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    terminal.until("size 100 40")
    terminal.send("\x03")
    terminal.until("interrupted")
    after = None
    deadline = time.monotonic() + 20
    while after != before and time.monotonic() < deadline:
        after = termios.tcgetattr(terminal.fd)
        time.sleep(0.02)
    assert after == before
    assert terminal.end() == 5


def test_a_rollback_says_first_what_it_will_change(shop):
    current = shop.json("status")["current"]
    shop.app.say("another")
    shipped = shop("ship")
    assert shipped.returncode == 0, shipped.stderr
    done = shop("rollback")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{current}\n"
    told = f"tiny → local · rollback {shipped.stdout.strip()} → {current} · commit "
    assert done.stderr.startswith(told), done.stderr
    assert shop.json("run", shipped.stdout.strip())["outcome"] == "succeeded"
    told = shop("diff", current)
    assert "Say another" in told.stdout
    assert "~ text.txt" in told.stdout


def test_a_run_that_fails_is_told_in_full(shop):
    current = shop.json("status")["current"]
    shop.app.behave(web="fail-health")
    done = shop("ship", "--json")
    assert done.returncode == 30
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["kind"]) == (30, "run-failed")
    assert [(one["host"], one["release"], one["ok"]) for one in error["hosts"]] == [("local", current, False)]
    assert "error: " in done.stderr
    shop.app.behave(web="ok")
    assert shop.json("status")["current"] == current
    assert shop.json("releases")["releases"][0]["outcome"] == "restored"


def test_while_one_command_writes_another_waits_or_says_who(shop):
    current = shop.json("status")["current"]
    settings = (shop.app.folder / "deploy.yaml").read_text()
    shop.app.settings(settings.replace("boot_timeout: 60s", "boot_timeout: 2m"))
    shop.app.behave(web="fail-health")
    writer = subprocess.Popen(
        [*MAIN, "ship"],
        cwd=shop.folder,
        env=environment(**shop.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in writer.stderr:
        if line.startswith("running v"):
            break
    refused = shop("restart")
    assert refused.returncode == 41
    assert "running `deploy ship`" in refused.stderr
    writer.send_signal(signal.SIGTERM)
    waited = shop("restart", "worker", "--wait", "60s")
    out, err = writer.communicate(timeout=60)
    assert (writer.returncode, out) == (130, "")
    assert "error: interrupted" in err
    assert waited.returncode == 0, waited.stderr
    shop.app.settings(settings)
    shop.app.behave(web="ok")
    assert (shop.json("status")["ok"], shop.json("status")["current"]) == (True, current)


def test_drift_is_one_document_with_what_was_found_and_the_error(shop):
    link = shop.state / "deployer/tiny/current"
    led = os.readlink(link)
    link.unlink()
    try:
        told = shop.json("status", code=50)
        plain = shop("status")
    finally:
        link.symlink_to(led)
    assert set(told) == {*documented("status"), "error"}
    assert (told["ok"], told["error"]["kind"]) == (False, "drift")
    assert plain.stdout.splitlines()[1].split() == ["host", "current", "processes", "drift"]
    assert "error: local is not as the ledger says: local: `current` names nothing" in plain.stderr


def test_a_release_that_was_altered_is_named(shop):
    current = shop.json("status")["current"]
    file = shop.state / "deployer/tiny/releases" / current / "app/text.txt"
    kept = file.rename(file.parent / "kept")  # not written to: it is a link to the content that others have
    file.write_text("altered\n")
    try:
        told = shop.json("verify", current, code=50)
    finally:
        kept.replace(file)
    assert [(one["release"], one["ok"]) for one in told["releases"]] == [(current, False)]
    assert any("text.txt" in problem for problem in told["releases"][0]["problems"])
    assert shop.json("verify", current)["ok"]


def test_a_tool_that_is_missing_is_told_with_what_to_do(tmp_path):
    done = deploy("doctor", cwd=tmp_path, PATH="/nowhere")
    assert done.returncode == 20
    assert re.search(r"^here +git +NO +not found", done.stdout, re.MULTILINE)
    assert "apt install git" in done.stderr


def test_quiet_leaves_the_answer_alone(shop):
    done = shop("-q", "restart", "web", "--json")
    assert done.returncode == 0
    assert all(line.startswith("warning: web refuses requests") for line in done.stderr.splitlines()), done.stderr
    assert json.loads(done.stdout)["outcome"] == "succeeded"


def test_a_command_is_found_from_elsewhere_and_from_below(shop):
    (shop.folder / "below").mkdir(exist_ok=True)
    assert deploy("-C", str(shop.folder / "below"), "status", **shop.environ).returncode == 0


def test_the_options_of_a_one_off_command_are_its_own(shop):
    assert shop("exec", "echo", "-n", "--json", "-v").stdout == "--json -v"


def test_stop_and_start(shop):
    assert shop.json("stop")["processes"] == []
    assert "nothing runs here" in shop("ps").stderr
    assert len(shop.json("start")["processes"]) == 2


def test_what_is_missing_is_said(tmp_path):
    done = deploy("status", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no deploy.yaml" in done.stderr
    assert "deploy init" in done.stderr
    assert deploy("doctor", cwd=tmp_path).stdout.startswith("where")


def test_an_unknown_target_is_a_usage_error(shop):
    for done in (shop("status", "-t", "nowhere"), shop("status", DEPLOY_TARGET="nowhere")):
        assert done.returncode == 2
        assert "nowhere" in done.stderr


def test_init_writes_a_deploy_yaml_and_never_a_second(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    (folder / "index.html").write_text("hello")
    (folder / "Procfile").write_text("web: serve\n")
    done = deploy("init", cwd=folder)
    assert (done.returncode, done.stdout) == (0, f"{folder}/deploy.yaml\n")
    assert "pack: static" in (folder / "deploy.yaml").read_text()
    assert ".env" in (folder / ".gitignore").read_text()
    assert deploy("init", cwd=folder).returncode == 2


def test_bash_completes_the_names_of_targets(shop):
    (shop.folder / "deploy.yaml").rename(shop.folder / "kept")
    (shop.folder / "deploy.yaml").write_text("app: tiny\ntargets: {staging: {hosts: [a]}}\n")
    try:
        told = deploy("--complete", "ps", "-t", "", cwd=shop.folder).stdout
    finally:
        (shop.folder / "kept").replace(shop.folder / "deploy.yaml")
    assert sorted(line.split("\t")[0] for line in told.splitlines()) == ["local", "staging"]
