"""What every process manager must do, asked of a real systemd: the tests' own modules run on the host."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

import pytest

from tests.lab.host import Host

HERE = Path(__file__).resolve().parents[2]
NEEDED = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "xdist", "execnet", "supervisor", "yaml")
PLACE = "opt/conformance"


@pytest.fixture(scope="module")
def furnished(host) -> Host:
    """The host, with these tests and pytest on it; all of it is pure Python."""
    place, libraries = host.root / PLACE, Path(sysconfig.get_path("purelib"))
    ignore = shutil.ignore_patterns("__pycache__", "*.so")
    for name in ("deployer", "tests"):
        shutil.copytree(HERE / name, place / name, ignore=ignore)
    for name in ("pyproject.toml", "deploy.yaml.example"):
        shutil.copy(HERE / name, place / name)
    for name in NEEDED:
        for found in (path for path in libraries.glob(f"{name}*") if path.name.partition("-")[0] == name):
            shutil.copytree(found, place / "site" / found.name, ignore=ignore)
    shutil.copy(libraries / "py.py", place / "site" / "py.py")
    host.run(f"chmod -R a+rX /{PLACE} && install -d -m 755 /srv/root /srv/deploy && chown deploy /srv/deploy")
    return host


@pytest.mark.parametrize("user", ["root", "deploy"])
def test_systemd_does_what_every_process_manager_must(furnished, user):
    variables = f"PYTHONPATH=/{PLACE}/site:/{PLACE} LANG=C.UTF-8"
    chosen = "systemd" if user == "root" else "systemd and not odd"  # odd names of folders are the same to both
    options = f"-q -p no:cacheprovider --tb=short -k '{chosen}' --basetemp=/srv/{user}/tests"
    names = (
        "manager_conformance",
        "process_conformance",
        "socket_conformance",
        "schedules",
        "systemd",
        "systemd_sockets",
    )
    tests = " ".join(f"tests/agent/test_{name}.py" for name in names)
    ended = furnished.run(
        f"cd /{PLACE} && {variables} timeout 1100 python3 -m pytest {options} {tests} 2>&1",
        user=user,
        timeout=1120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    assert "passed" in ended.stdout
    assert "failed" not in ended.stdout
