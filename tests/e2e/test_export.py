"""`deploy export systemd`: the files that systemd reads on a host, for whoever keeps them elsewhere."""

import os
import shutil
import subprocess

import pytest


@pytest.fixture
def released(deployed, tiny):
    """The tiny app, its release made; it has a type with limits and one that runs at its times."""
    text = (tiny.folder / "deploy.yaml").read_text()
    more = "  report: {command: echo report, schedule: '0 3 * * *', stop_signal: INT}\n"
    tiny.settings(text.replace("  worker: {", f"{more}  worker: {{memory: 300M, cpu: 50%, stop_signal: sigquit, "))
    deployed.deploy("release")
    return deployed


def tree(folder):
    """Every file below `folder`, by its path on the host."""
    found = sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return {f"/{path.relative_to(folder)}": path for path in found}


def test_every_file_stands_where_it_belongs_on_the_host(released, tmp_path):
    out = tmp_path / "out"
    told = released.json("export", "systemd", str(out))
    found = tree(out)
    assert sorted(told["files"]) == sorted(map(str, found.values()))
    assert (told["host"], told["for"]) == ("local", "v1")
    units = sorted(os.path.basename(path) for path in found if path.endswith((".service", ".timer")))
    assert units == [
        "tiny-local-report@scheduled.service",
        "tiny-local-report@scheduled.timer",
        "tiny-local-web@.service",
        "tiny-local-worker@.service",
        "tiny-local.service",
        "tiny-local.service",  # the link by which it is started with the host
    ]
    root = str(released.root)
    assert {f"{root}/run/systemd/boot.pyz", f"{root}/run/systemd/ended.sh", "/README"} <= found.keys()
    assert found[f"{root}/run/systemd/boot.pyz"].stat().st_mode & 0o777 == 0o600
    (link,) = (path for path in found.values() if path.is_symlink())
    assert (link.parent / os.readlink(link)).resolve().exists()
    worker = next(path for name, path in found.items() if name.endswith("worker@.service")).read_text()
    assert f"MemoryMax={300 << 20}\n" in worker
    assert f"{root}/run/systemd/worker@%i" in worker
    assert "current" not in worker
    assert "KillSignal=SIGQUIT\n" in worker
    report = next(path for name, path in found.items() if name.endswith("report@scheduled.service")).read_text()
    assert "KillSignal=SIGINT\n" in report
    assert "KillSignal" not in next(path for name, path in found.items() if name.endswith("web@.service")).read_text()
    assert not (released.root / "run/systemd").exists()


@pytest.mark.needs("systemd-analyze")
def test_systemd_finds_nothing_wrong_with_them(released, tmp_path):
    out = tmp_path / "out"
    released.deploy("export", "systemd", str(out))
    folder = tmp_path / "units"
    folder.mkdir()
    for path in tree(out).values():
        if path.suffix in (".service", ".timer") and not path.is_symlink():
            shutil.copy(path, folder / path.name.replace("@.", "@1-1."))  # an instance, as a run starts one
    units = sorted(map(str, folder.iterdir()))
    said = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, timeout=60, check=False
    )
    assert (said.returncode, said.stderr) == (0, "")


def test_nothing_is_overwritten_unless_it_is_asked_for(released, tmp_path):
    out = tmp_path / "out"
    released.deploy("export", "systemd", str(out))
    released.deploy("export", "systemd", str(out))  # the same again loses nothing
    unit = next(path for name, path in tree(out).items() if name.endswith("web@.service"))
    before = unit.read_bytes()
    unit.write_text("mine\n")
    refused = released.run("export", "systemd", str(out))
    assert refused.code == 2
    assert str(unit) in refused.err
    assert unit.read_text() == "mine\n"
    released.deploy("export", "systemd", str(out), "--force")
    assert unit.read_bytes() == before


def test_a_build_will_do(deployed, tmp_path):
    deployed.deploy("export", "systemd", str(tmp_path / "none"), code=3)
    build = deployed.deploy("build")
    told = deployed.json("export", "systemd", str(tmp_path / "out"), "--release", build[:12])
    assert told["for"] == build[:12]
    assert any(path.endswith("tiny-local-web@.service") for path in told["files"])
    deployed.deploy("export", "systemd", str(tmp_path / "other"), "--release", "v9", code=3)
