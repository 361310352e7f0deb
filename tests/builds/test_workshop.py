"""What a build's commands see, what becomes of what they print, and that nothing of them stays."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from deployer.builds import environment
from deployer.builds.workshop import Bench
from deployer.core.errors import BuildFailed, SettingsError
from deployer.core.recipe import Recipe


class Room:
    """A bench in a folder, with all that it showed and kept."""

    def __init__(self, folder, recipe=None, **environ):
        recipe = recipe or Recipe()
        self.folder = folder
        self.shown = []
        self.log = io.StringIO()
        home = folder.parent / "home"
        environ = {"PATH": os.environ["PATH"], **environ}
        environment.furnish(str(home), environ)
        variables = environment.environment(
            environ, recipe, home=str(home), temporary=str(folder), cache=str(folder), time=1_700_000_000
        )
        mask = environment.masked(variables, recipe)
        self.bench = Bench(folder, variables, mask=mask, log=self.log, show=self.shown.append)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tree").mkdir()
    return tmp_path / "tree"


def gone(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return "State:\tZ" in status


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_lines_are_shown_as_they_come_and_kept_in_the_log(folder):
    room = Room(folder)
    room.bench(["sh", "-c", "echo one; echo two >&2; printf three"])
    assert room.shown == ["one", "two", "three"]
    assert room.log.getvalue().splitlines()[1:] == ["one", "two", "three"]


def test_the_environment_is_the_allow_list_and_nothing_else(folder):
    recipe = Recipe(env={"SECRET_KEY": "build-only"}, secrets=("NPM_TOKEN",))
    room = Room(
        folder,
        recipe,
        DATABASE_URL="postgres://app:pw@db/app",
        LANG="de_DE.UTF-8",
        TZ="Asia/Tokyo",
        PYTHONPATH="/evil",
        NPM_TOKEN="t0k3n",
        UV_INDEX_URL="https://registry.example/simple",
        npm_config_registry="https://registry.example/",
        https_proxy="http://proxy.example:3128",
    )
    room.bench(["env"])
    seen = dict(line.split("=", 1) for line in room.shown)
    for name in ("_", "SHLVL", "PWD", "PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME"):
        seen.pop(name, None)
    assert seen == {
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": "1700000000",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "CI": "true",
        "SECRET_KEY": "build-only",
        "NPM_TOKEN": "[hidden]",
        "UV_INDEX_URL": "https://registry.example/simple",
        "npm_config_registry": "https://registry.example/",
        "https_proxy": "http://proxy.example:3128",
    }


def test_files_are_made_under_umask_022(folder):
    before = os.umask(0o077)
    try:
        Room(folder).bench(["touch", "made"])
    finally:
        os.umask(before)
    assert (folder / "made").stat().st_mode & 0o777 == 0o644


def test_home_has_the_config_of_package_tools_and_nothing_else(folder, tmp_path):
    real = tmp_path / "real"
    (real / ".config" / "uv").mkdir(parents=True)
    (real / ".npmrc").write_text("registry=x\n")
    (real / ".ssh").mkdir()
    room = Room(folder, HOME=str(real))
    room.bench(["sh", "-c", 'cat ~/.npmrc; ls -A ~; ls -A ~/.config; test "$HOME" != ' + str(real)])
    assert room.shown == ["registry=x", ".config", ".npmrc", "uv"]


def test_secrets_are_masked_in_output_log_and_failure(folder):
    room = Room(
        folder,
        Recipe(secrets=("TOKEN",)),
        TOKEN="s3cret-value\nsecond-line",
        UV_INDEX_URL="https://me:pass-word@registry.example/simple",
    )
    with pytest.raises(BuildFailed) as error:
        room.bench.shell('echo "$TOKEN"; echo "<$UV_INDEX_URL>"; echo s3cret-value >&2; false s3cret-value')
    told = "\n".join([*room.shown, room.log.getvalue(), error.value.message, error.value.output])
    for secret in ("s3cret-value", "second-line", "pass-word"):
        assert secret not in told
    assert "[hidden]" in told


def test_what_only_looks_like_a_secret_is_shown(folder):
    room = Room(folder, Recipe(env={"SECRET_KEY": "build-only"}), npm_config_always_auth="true", UV_TOKEN="abc")
    room.bench.shell("echo true abc build-only")
    assert room.shown == ["true abc build-only"]


def test_a_secret_that_is_not_set_is_named(folder):
    with pytest.raises(SettingsError, match="NPM_TOKEN"):
        Room(folder, Recipe(secrets=("NPM_TOKEN",)))


def test_a_failure_names_the_command_its_code_and_its_last_lines(folder):
    room = Room(folder)
    with pytest.raises(BuildFailed, match=r"build\.commands: `seq 100; exit 7` ended with exit code 7") as error:
        room.bench.shell("seq 100; exit 7")
    assert error.value.output.splitlines()[-1] == "100"
    assert len(error.value.output.splitlines()) == 30


def test_a_command_that_was_killed_says_by_what(folder):
    room = Room(folder)
    for number, name in ((9, "SIGKILL"), (35, r"SIGRTMIN\+1")):
        with pytest.raises(BuildFailed, match=f"killed by {name}"):
            room.bench(["sh", "-c", f"kill -{number} $$"])


def test_a_missing_program_is_named(folder):
    with pytest.raises(BuildFailed, match="no-such-tool is not on PATH"):
        Room(folder).bench(["no-such-tool"])


@pytest.mark.parametrize("command", ["false; true", "false | true", "echo $undefined_variable"])
def test_the_users_commands_fail_at_the_first_failure(folder, command):
    with pytest.raises(BuildFailed):
        Room(folder).bench.shell(command)


def test_the_packs_folders_come_first_on_path(folder):
    (folder / "bin").mkdir()
    (folder / "bin" / "ls").write_text("#!/bin/sh\necho ours\n")
    (folder / "bin" / "ls").chmod(0o755)
    room = Room(folder)
    room.bench.shell("ls", path=("bin",))
    assert room.shown == ["ours"]


def test_what_a_command_left_in_the_background_ends_with_it(folder):
    room = Room(folder)
    room.bench.shell("sleep 300 & echo $!")
    wait_until(lambda: gone(int(room.shown[0])))


def test_a_daemon_that_keeps_the_output_open_keeps_nobody_waiting(folder):
    room = Room(folder)
    began = time.monotonic()
    room.bench.shell(
        "setsid sh -c 'echo $$ > pid; exec sleep 300' & while [ ! -s pid ]; do sleep 0.01; done; echo done"
    )
    os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    assert room.shown == ["done"]
    assert time.monotonic() - began < 100


def test_a_daemon_that_prints_for_ever_keeps_nobody_waiting(folder):
    room = Room(folder)
    try:
        room.bench.shell("setsid sh -c 'echo $$ > pid; exec yes' & while [ ! -s pid ]; do sleep 0.01; done")
    finally:
        os.kill(int((folder / "pid").read_text()), signal.SIGKILL)


def test_output_that_is_not_utf8_or_has_no_end_is_shown_all_the_same(folder):
    room = Room(folder)
    room.bench(["sh", "-c", r"printf 'a\377b\n'; printf '10%%\r20%%\r'; head -c 200000 /dev/zero | tr '\0' x"])
    assert room.shown[:3] == ["a\ufffdb", "10%", "20%"]
    assert all(len(line) <= 10_000 for line in room.shown)


def test_commands_have_no_terminal_and_no_input(folder):
    room = Room(folder)
    room.bench.shell("cat; if (exec < /dev/tty) 2>/dev/null; then echo terminal; fi")
    assert room.shown == []


def test_ctrl_c_ends_the_whole_tree_of_a_command(folder):
    program = textwrap.dedent("""
        import io, pathlib, sys
        from deployer.builds.workshop import Bench
        import os
        bench = Bench(pathlib.Path(sys.argv[1]), os.environ, mask=[], log=io.StringIO(), show=lambda line: None)
        try:
            bench.shell("sleep 300 & echo $! > child; echo $$ > shell; wait")
        except KeyboardInterrupt:
            sys.exit(130)
    """)
    process = subprocess.Popen([sys.executable, "-c", program, str(folder)])
    wait_until(lambda: (folder / "shell").exists() and (folder / "shell").read_text().strip())
    pids = [int((folder / name).read_text()) for name in ("child", "shell")]
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    wait_until(lambda: all(gone(pid) for pid in pids))
