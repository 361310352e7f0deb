"""What the machine refuses is told with the limit or the variable that is in the way; real limits of real processes."""

import os
import resource
import subprocess
import sys

import pytest

from .terminal import ROOT, deploy, environment

SETTINGS = "app: shop\nbuild: {pack: commands}\n"


def git(folder, *words):
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def app(tmp_path):
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "deploy.yaml").write_text(SETTINGS)
    (folder / "Procfile").write_text("web: ./serve\n")
    (folder / "big").write_bytes(os.urandom(300_000))
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "First")
    return folder


def limited(app, tmp_path, *limits):
    def limit():
        for which, value in limits:
            resource.setrlimit(which, (value, value))

    return subprocess.run(
        [sys.executable, "-m", "deployer.cli.main", "build"],
        cwd=app,
        env=environment(HOME=str(tmp_path / "home"), XDG_STATE_HOME=str(tmp_path / "state")),
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_limit_of_file_sizes_is_named_with_what_lifts_it(app, tmp_path):
    done = limited(app, tmp_path, (resource.RLIMIT_FSIZE, 100_000))
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "`ulimit -f`" in done.stderr
    assert "/big: " in done.stderr, "the path is named"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("variable", ["XDG_STATE_HOME", "HOME"])
def test_a_folder_that_cannot_be_written_to_is_named_with_the_variable_that_names_another(app, tmp_path, variable):
    place = "/proc/1/nowhere" if os.geteuid() == 0 else "/nowhere"  # what even root cannot make
    home = str(tmp_path / "home") if variable != "HOME" else place
    done = deploy("build", cwd=app, HOME=home, **({variable: place} if variable != "HOME" else {}))
    assert done.returncode == 1
    assert place.rpartition("/")[0] in done.stderr


def test_nothing_of_the_callers_python_gets_in_the_way(tmp_path):
    (tmp_path / "deployer").mkdir()
    (tmp_path / "deployer" / "__init__.py").write_text("raise SystemExit('a stranger')")
    (tmp_path / "typing.py").write_text("raise SystemExit('another')")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.append({str(ROOT)!r}); import deploy_command as d; d.main()",
            "ps",
        ],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(tmp_path), PYTHONWARNINGS="error"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "there is no deploy.yaml" in done.stderr
