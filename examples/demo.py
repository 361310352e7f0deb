"""The demo: the whole life of an app on this machine, by the real `deploy` command, as a user types it.

`make demo` runs it; `make demo-stop` stops the app.  Everything is below `.demo/`: the app's own repository and
all that deployer keeps for it.  A step that does not go as expected ends the demo with exit code 1.
"""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOME = HERE.parent / ".demo"
APP, STATE = HOME / "shop", HOME / "state"
ROOT = STATE / "deployer" / "shop"
CHANGES = HERE / "changes"
WIDTH = 79

ENVIRON = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DEPLOY"))},
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    "XDG_STATE_HOME": str(STATE),
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Demo",
    "GIT_AUTHOR_EMAIL": "demo@example.com",
    "GIT_COMMITTER_NAME": "Demo",
    "GIT_COMMITTER_EMAIL": "demo@example.com",
}


class NotAsExpected(Exception):
    """A step of the demo went another way."""


def main(words: list[str]) -> int:
    """Run the demo, or `stop` its app, or `clean` up after it."""
    begun = time.monotonic()
    try:
        if words == ["stop"]:
            stop()
        elif words == ["clean"]:
            clean()
        else:
            demo()
            say(f"All of it went as it should, in {time.monotonic() - begun:.0f} seconds.")
    except NotAsExpected as error:
        print(f"\ndemo: NOT AS EXPECTED: {error}", file=sys.stderr)
        print("demo: everything is still there to look at, in .demo/; `make demo-stop` stops it", file=sys.stderr)
        return 1
    return 0


def demo() -> None:
    """Every step, each checked."""
    clean()
    make_the_app()
    ship_it()
    url = address()
    order_something(url)
    change_it(url)
    break_it(url)
    roll_it_back(url)
    configure_it(url)
    look_at_it()
    tell_where(url)


def make_the_app() -> None:
    title("An app")
    say(
        "A small shop in a git repository of its own: a web process, a worker, and a command that brings the"
        " database up to date before each run."
    )
    HOME.mkdir()
    shutil.copytree(HERE / "shop", APP)
    do("git init -q -b main && git add . && git commit -q -m 'The shop'")
    do("cat Procfile deploy.yaml")


def ship_it() -> None:
    title("Build, release, run")
    say("Its secrets are config, not code. They are typed nowhere, and kept for the first release.")
    do("head -c 32 /dev/urandom | base64 | deploy config set SECRET_KEY=-")
    do(f"deploy config set DATABASE_URL=sqlite:///{HOME}/data/shop.db")
    say(
        "`deploy ship` does all three stages: a build of the commit with its dependencies in it, a release (v1: the"
        " build and the config), and a run, which ends well only when the new processes answer."
    )
    expect(do("deploy ship"), "v1", "`deploy ship` to make v1")
    expect(do("deploy ps"), "web.1", "`deploy ps` to list web.1")


def order_something(url: str) -> None:
    say("The page is there, and an order goes from the web process to the worker:")
    expect(fetch(f"{url}/up"), "ok v1", "v1 to answer")
    post(f"{url}/orders", "product=1&customer=Demo")
    wait_for(f"{url}/", "sent by v1", "the worker to send the order")
    expect(do("deploy logs -n 1 worker"), "sent", "the worker's log to say so")


def change_it(url: str) -> None:
    title("Change one line, ship again")
    do(f"git apply {nice(CHANGES / 'summer.patch')}")
    do("git diff -U0 | tail -n 2")
    do("git commit -q -a -m 'A new title'")
    say("The dependencies did not change, so this build takes a moment only.")
    expect(do("deploy ship"), "v2", "`deploy ship` to make v2")
    expect(fetch(f"{url}/up"), "ok v2", "v2 to answer")
    expect(fetch(f"{url}/", only="<title>"), "The summer shop", "the new title")


def break_it(url: str) -> None:
    title("Ship something broken")
    say("This version reads a column that the database does not have. Its processes start, but its /up answers 500.")
    do(f"git apply {nice(CHANGES / 'broken.patch')}")
    do("git commit -q -a -m 'Only what is in stock'")
    do("deploy ship", code=30)
    say(
        "Exit code 30: the run failed, and the previous release serves. deployer waited as long as deploy.yaml allows"
        " (boot_timeout), tried v3 on a spare port, and showed its last lines. v2 has served all the time:"
    )
    expect(fetch(f"{url}/up"), "ok v2", "v2 still to answer")
    expect(do("deploy status"), "local: v2", "v2 to be current")
    say("v3 exists and has failed; its number is never used again, and no rollback will ever choose it:")
    expect(do("deploy releases"), "failed: rolled back", "v3 to be noted as failed")


def roll_it_back(url: str) -> None:
    title("Roll back")
    say("v2 works, but say nobody likes the title. A rollback needs no build, no registry, no repository:")
    expect(do("deploy rollback"), "v1", "a rollback to v1")
    expect(fetch(f"{url}/up"), "ok v1", "v1 to answer again")
    expect(fetch(f"{url}/", only="<title>"), "The shop", "the old title")


def configure_it(url: str) -> None:
    title("Change the config")
    say("A change of the config is a new release of the same build: nothing is built, no file is copied.")
    expect(do("deploy config set GREETING='Open until ten' --run"), "v4", "v4 with the new config")
    expect(fetch(f"{url}/", only="Open until"), "Open until ten", "the greeting on the page")


def look_at_it() -> None:
    title("What happened, and is it true?")
    expect(do("deploy releases"), "live", "a live release")
    expect(do("deploy status"), "none", "no drift")
    expect(do("deploy verify"), "ok", "every release to match its digests")


def tell_where(url: str) -> None:
    title("Where to look")
    rows = [
        ("the app", url),
        ("its repository", nice(APP)),
        ("releases", nice(ROOT / "releases")),
        ("what serves", f"{nice(ROOT / 'current')} -> {os.readlink(ROOT / 'current')}"),
        ("the ledger", f"{nice(ROOT / 'ledger')}  ({len(os.listdir(ROOT / 'ledger'))} records)"),
        ("what it did", nice(ROOT / "events")),
        ("logs", nice(ROOT / "log")),
    ]
    for name, where in rows:
        print(f"  {name:<16} {where}")
    print()
    say("To go on from here by hand:")
    print(f"  cd {nice(APP)}")
    print("  export XDG_STATE_HOME=$PWD/../state PATH=$PWD/../../.venv/bin:$PATH")
    print("  deploy --help")
    print()
    say("The app goes on running. `make demo-stop` stops it; `make demo` again begins anew.")


def stop() -> None:
    """End the app's processes; its files stay."""
    if (ROOT / "current").is_symlink():
        do("deploy stop")
        end_manager()
    else:
        say("There is no demo to stop.")


def clean() -> None:
    """Stop what an earlier demo left, and remove it: releases are read-only, so their folders are opened first."""
    if (ROOT / "current").is_symlink() and (APP / "deploy.yaml").exists():
        say("Stopping and removing the demo that ran before.")
        do("deploy stop --quiet")
        end_manager()
    if HOME.exists():
        for folder, _, _ in os.walk(HOME):
            os.chmod(folder, stat.S_IRWXU)
        shutil.rmtree(HOME)


def end_manager() -> None:
    """End the app's supervisord, which has no process left to keep alive; the next `deploy` command starts it."""
    try:
        pid = int((ROOT / "run/supervisord.pid").read_text())
        if os.path.samefile(f"/proc/{pid}/cwd", ROOT):  # nobody else's, should the number have been used again
            os.kill(pid, signal.SIGTERM)
            while os.path.exists(f"/proc/{pid}/cwd"):
                time.sleep(0.05)
    except (OSError, ValueError):
        return  # it has ended


def do(line: str, *, code: int = 0) -> str:
    """Show a command line, run it by a shell in the app's repository, show what it says; its standard output."""
    print(f"$ {line}", flush=True)
    done = subprocess.run(["sh", "-c", line], cwd=APP, env=ENVIRON, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    told = done.stdout.decode(errors="replace")
    print(told, end="")
    if done.returncode or code:
        print(f"(exit code {done.returncode})")
    print(flush=True)
    if done.returncode != code:
        raise NotAsExpected(f"`{line}` ended with code {done.returncode}, not {code}")
    return told


def fetch(url: str, *, only: str = "") -> str:
    """Show the page at `url` (or its lines with `only`), fetched by curl where there is one."""
    if shutil.which("curl"):
        return do(f"curl -sS {url}" + (f" | grep '{only}'" if only else ""))
    print(f"GET {url}")
    lines = [line for line in read(url).splitlines() if only in line]
    print(*lines, "", sep="\n")
    return "\n".join(lines)


def post(url: str, form: str) -> None:
    """Send a form, as the browser would."""
    if shutil.which("curl"):
        do(f"curl -sSo /dev/null -d '{form}' {url}")
    else:
        print(f"POST {url} {form}\n")
        read(url, form)


def read(url: str, form: str | None = None) -> str:
    try:
        with urllib.request.urlopen(url, form.encode() if form else None, timeout=10) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, OSError) as error:
        raise NotAsExpected(f"{url}: {error}") from error


def wait_for(url: str, text: str, what: str, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while text not in read(url):
        if time.monotonic() > deadline:
            raise NotAsExpected(f"expected {what}")
        time.sleep(0.1)


def address() -> str:
    """Where the shop listens: the port of web.1."""
    line = ["deploy", "ps", "--json"]
    told = json.loads(subprocess.run(line, cwd=APP, env=ENVIRON, check=True, stdout=subprocess.PIPE).stdout)
    port = next(process["port"] for process in told["processes"] if process["process"] == "web.1")
    return f"http://127.0.0.1:{port}"


def expect(told: str, text: str, what: str) -> None:
    if text not in told:
        raise NotAsExpected(f"expected {what}: {text!r} is not in what it said")


def nice(path: Path) -> str:
    """`path` as seen from the repository's root, or from the app's."""
    return os.path.relpath(path, APP if path.is_relative_to(CHANGES) else HERE.parent)


def title(text: str) -> None:
    print(f"== {text} {'=' * (WIDTH - len(text) - 4)}\n", flush=True)


def say(text: str) -> None:
    print(textwrap.fill(text, WIDTH), end="\n\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
