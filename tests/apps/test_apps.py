"""The demo shop runs on its own: what a deployment is then judged by."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from . import commit, git
from .running import commands, free_port, get, running, wait_for

HERE = Path(__file__).parents[2]
EXAMPLES = HERE / "examples"


def venv(folder: Path) -> dict[str, str]:
    """The environment in which the app's locked requirements are found."""
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder.parent / "venv")], check=True)
    python = str(folder.parent / "venv/bin/python")
    install = [uv, "pip", "install", "-q", "--python", python, "--require-hashes", "-r", "requirements.txt"]
    subprocess.run(install, cwd=folder, check=True, timeout=400)
    return {"PATH": os.path.dirname(python) + os.pathsep + os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}


def call(folder: Path, command: str, env: dict[str, str]) -> str:
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={**os.environ, **env},
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    ).stdout


@pytest.mark.registry
@pytest.mark.slow
def test_the_shop_takes_orders_and_its_worker_sends_them(tmp_path):
    folder = tmp_path / "shop"
    shutil.copytree(EXAMPLES / "shop", folder)
    port = free_port()
    url = f"sqlite:///{tmp_path}/data/shop.db"
    env = {**venv(folder), "SECRET_KEY": "x", "DATABASE_URL": url, "PORT": str(port), "DEPLOY_RELEASE": "v3"}
    lines = commands(folder)
    assert "5 of 5 steps" in call(folder, lines["release"], env)
    assert "0 of 5 steps" in call(folder, lines["release"], env)
    with running(folder, lines["web"], env) as web, running(folder, lines["worker"], env) as worker:
        assert wait_for(port, "/up") == (200, b"ok v3\n")
        order = f"curl -fsS -o /dev/null -d product=1 -d customer=Ann http://127.0.0.1:{port}/orders"
        call(folder, order, {})
        assert worker.stdout.readline() == "worker of v3: waiting for orders\n"
        assert worker.stdout.readline() == "order 1 sent\n"
        page = get(port, "/")[1].decode()
        assert "Release v3" in page
        assert "sent by v3" in page
        for process in (web, worker):
            os.killpg(process.pid, signal.SIGTERM)
        assert web.wait(15) in (0, -signal.SIGTERM)
        assert worker.stdout.read() == "worker of v3: done\n"


@pytest.mark.parametrize("change", ["summer", "broken"])
def test_the_changes_to_the_shop_apply(tmp_path, change):
    folder = tmp_path / "shop"
    shutil.copytree(EXAMPLES / "shop", folder)
    before = commit(folder, "The shop")
    git(folder, "apply", str(EXAMPLES / f"changes/{change}.patch"))
    assert commit(folder) != before
    assert git(folder, "diff", "--stat", before).endswith("1 file changed, 1 insertion(+), 1 deletion(-)")


def test_the_shops_lock_file_names_no_address_and_no_path():
    text = (EXAMPLES / "shop/requirements.txt").read_text()
    assert re.findall(r"://|--index|^ *(?:#|/)", text, re.MULTILINE) == []
    pinned = re.findall(r"^([a-z-]+)==", text, re.MULTILINE)
    assert {"flask", "gunicorn"} <= set(pinned)


@pytest.mark.registry
@pytest.mark.slow
def test_the_broken_shop_starts_and_is_not_healthy(tmp_path):
    folder = tmp_path / "shop"
    shutil.copytree(EXAMPLES / "shop", folder)
    commit(folder, "The shop")
    git(folder, "apply", str(EXAMPLES / "changes/broken.patch"))
    port = free_port()
    url = f"sqlite:///{tmp_path}/data/shop.db"
    env = {**venv(folder), "SECRET_KEY": "x", "DATABASE_URL": url, "PORT": str(port)}
    call(folder, commands(folder)["release"], env)
    with running(folder, commands(folder)["web"], env):
        assert wait_for(port, "/up")[0] == 500
