"""`deploy init` writes what can be read, adds what is missing and overwrites nothing."""

import subprocess

import pytest

from deployer import settings
from deployer.builds import source
from deployer.core import names
from deployer.core.errors import SettingsError, UsageError
from deployer.stages import init


@pytest.fixture
def repository(tmp_path):
    def repository(name="my-shop", **files):
        folder = tmp_path / name
        folder.mkdir()
        for path, content in files.items():
            file = folder / path.replace("__", "/").replace("DOT", ".")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode())
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        return folder

    return repository


def written(folder, **given):
    path = init.init(folder, init.files(source.find(folder)), **given)
    assert path == folder / "deploy.yaml"
    return settings.load(path)


KINDS = {
    "a Procfile app": (
        {"Procfile": "web: x\nworker: y\nrelease: z\n", "requirementsDOTtxt": ""},
        "python",
        ["web", "worker"],
    ),
    "python without a Procfile": ({"requirementsDOTtxt": "flask\n"}, "python", []),
    "node with a start script": ({"packageDOTjson": '{"scripts": {"start": "node ."}}'}, "node", ["web"]),
    "static files": ({"indexDOThtml": "<p>"}, "static", ["web"]),
    "nothing that is known": ({"README": ""}, "commands", []),
    "strange names of types": ({"Procfile": "true: x\n1: y\nno: z\n"}, "commands", ["true", "1", "no"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_writes_loads_without_a_mistake(repository, kind):
    files, pack, types = KINDS[kind]
    found = written(repository(**files))
    assert (found.app, found.build.pack, list(found.processes)) == ("my-shop", pack, types)
    assert found.declared == ()


@pytest.mark.parametrize("name", ["My Shop", "42", "été", "_", "a" * 99, "UPPER_case.app", "-x-"])
def test_the_app_s_name_is_made_of_the_folder_s(repository, name):
    assert names.APP.match(written(repository(name)).app)


def test_the_example_target_is_right_once_it_is_no_comment(repository):
    folder = repository(Procfile="web: x\n")
    written(folder)
    head, _, example = (folder / "deploy.yaml").read_text().partition("# targets:")
    text = head + "targets:" + example.replace("\n# ", "\n").replace("    # health", "    health")
    assert settings.parse(text).targets["production"].formation == {"web": 2}


def test_a_second_time_changes_nothing(repository):
    folder = repository(Procfile="web: x\n")
    written(folder)
    before = {path: path.read_bytes() for path in folder.glob("*") if path.is_file()}
    with pytest.raises(UsageError, match=r"there is a deploy\.yaml"):
        written(folder)
    assert {path: path.read_bytes() for path in folder.glob("*") if path.is_file()} == before


def test_a_link_that_leads_nowhere_is_not_overwritten_either(repository):
    folder = repository()
    (folder / "deploy.yaml").symlink_to("nowhere")
    with pytest.raises(UsageError):
        written(folder)


def test_another_ending_of_the_name_is_pointed_out(repository):
    with pytest.raises(UsageError, match=r"deploy\.yml"):
        written(repository(deployDOTyml="app: x\n"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, b".env\n"),
        (b"", b".env\n"),
        (b"*.pyc\n", b"*.pyc\n.env\n"),
        (b"*.pyc", b"*.pyc\n.env\n"),
        (b"*.pyc\r\nx", b"*.pyc\r\nx\r\n.env\r\n"),
        (b"caf\xe9\n", b"caf\xe9\n.env\n"),
        (b"*.pyc\n.env\nx", b"*.pyc\n.env\nx"),
        (b"/.env\r\n", b"/.env\r\n"),
        (b"*.env", b"*.env"),
    ],
)
def test_gitignore_gets_the_line_it_lacks_and_keeps_every_other_byte(repository, before, after):
    folder = repository()
    if before is not None:
        (folder / ".gitignore").write_bytes(before)
    written(folder)
    assert (folder / ".gitignore").read_bytes() == after
    (folder / ".env").write_text("A=s3cr3t\n")
    said = subprocess.run(["git", "status", "--porcelain"], cwd=folder, capture_output=True, check=True)
    assert b".env" not in said.stdout


def test_secrets_that_are_in_the_repository_already_are_warned_about(repository):
    folder = repository(DOTenv="A=x\n")
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    told = []
    written(folder, report=told.append)
    assert [event.kind for event in told] == ["warning"]
    assert not (folder / ".gitignore").exists()


def test_a_procfile_with_a_mistake_stops_it_before_anything_is_written(repository):
    folder = repository(Procfile="web x\n")
    with pytest.raises(SettingsError, match="Procfile:1"):
        written(folder)
    assert {path.name for path in folder.iterdir()} == {".git", "Procfile"}


def test_an_app_in_a_folder_of_its_repository_is_seen_alone(repository):
    folder = repository(Procfile="web: outer\n", services__shop__packageDOTjson="{}")
    assert init.files(source.find(folder / "services/shop")) == {"package.json"}
    assert written(folder / "services/shop").build.pack == "node"
