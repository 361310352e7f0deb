"""`deploy init` writes what can be read, adds what is missing and overwrites nothing."""

import re
import subprocess

import pytest

from deployer import settings
from deployer.builds import source
from deployer.core import names
from deployer.core.errors import SettingsError, UsageError
from deployer.stages import init
from deployer.stages.detection import GUNICORN


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
    folder = repository(DOTenv="A=x\n", indexDOThtml="<p>")
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    told = []
    written(folder, report=told.append)
    assert [".env" in event.text for event in told if event.kind == "warning"] == [True]
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


APPS = {
    "flask alone": (
        {"requirementsDOTtxt": "flask\n", "appDOTpy": "app = Flask(__name__)\n@app.route('/')\ndef x(): ...\n"},
        ("gunicorn app:app", "/"),
        "the build adds gunicorn==",
    ),
    "flask with gunicorn, by a factory": (
        {"requirementsDOTtxt": "flask\ngunicorn\n", "shop__appDOTpy": "def create_app(config=None):\n  Flask(x)\n"},
        ("gunicorn 'shop.app:create_app()'", "/"),
        "served by gunicorn",
    ),
    "flask with a page for it": (
        {"requirementsDOTtxt": "flask\nwaitress\n",
         "mainDOTpy": "server = Flask(__name__)\nd.get('/x')\n@server.get('/healthz')\n"},
        ("waitress-serve --port=$PORT main:server", "/healthz"),
        "Flask: main:server in main.py",
    ),
    "fastapi without a start page": (
        {"requirementsDOTtxt": "fastapi[standard]\n", "app__mainDOTpy": "app = FastAPI()\n@app.get('/items/{id}')\n"},
        ("uvicorn app.main:app --host 0.0.0.0 --port $PORT", "/openapi.json"),
        "served by uvicorn",
    ),
    "express": (
        {"packageDOTjson": '{"scripts": {"start": "node ."}}', "indexDOTjs": "app.get('/', x); app.listen(3000)"},
        ("", "/"),
        "index.js binds a port of its own",
    ),
    "an api that has no start page": (
        {"packageDOTjson": '{"scripts": {"start": "node ."}}', "indexDOTjs": "app.get('/api/things', x); PORT"},
        ("", ""),
        "package.json: `node .`",
    ),
    "a start script for development": (
        {"packageDOTjson": '{"scripts": {"start": "nodemon x", "start:prod": "node x"}}'},
        ("", "/"),
        "web is the script start:prod",
    ),
    "a site that vite builds": (
        {"packageDOTjson": '{"scripts": {"build": "vite build"}}', "indexDOThtml": "<p>"},
        ("", "/"),
        "there is no lock file beside package.json",
    ),
    "go": (
        {"goDOTmod": "module x\n", "cmd__shop__mainDOTgo": "package main\n// PORT\n"},
        ("bin/app", "/"),
        "Go: cmd/shop/main.go",
    ),
    "rails": (
        {"GemfileDOTlock": "    rails (8.0.0)\n    puma (6.0)\n", "config__applicationDOTrb": "", "config__routesDOTrb":
         'get "up" => "rails/health#show"\n'},
        ("bundle exec puma -p $PORT", "/up"),
        "Rails",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", APPS)
def test_it_finds_out_how_an_app_is_started_and_asked_and_says_so(repository, kind):
    files, (command, health), said = APPS[kind]
    folder = repository(**files)
    told = []
    found = written(folder, report=told.append)
    web = found.processes["web"]
    assert (web.command, path_of(web.health)) == (command, health)
    assert [event.text for event in told if said in event.text], told


def path_of(health):
    return getattr(health, "path", health)


def test_django_as_it_is_made_gets_its_migrations_its_server_and_its_database(repository):
    folder = repository(
        requirementsDOTtxt="django\n",
        manageDOTpy="",
        shop__wsgiDOTpy="",
        shop__settingsDOTpy="DEBUG = True\nALLOWED_HOSTS = []\nNAME = BASE_DIR / 'db.sqlite3'\nos.environ['API_KEY']\n",
        shop__urlsDOTpy="urlpatterns = [path('admin/', x), path('', y)]\n",
    )
    told = []
    found = written(folder, report=told.append)
    assert found.processes["web"].command == "gunicorn shop.wsgi"
    assert found.processes["release"].command == "python manage.py migrate --noinput"
    assert found.build.python.extra == (GUNICORN,)
    assert found.config.required == ("API_KEY",)
    assert [(shared.path, shared.is_file) for shared in found.targets["local"].shared] == [("db.sqlite3", True)]
    warned = " ".join(event.text for event in told if event.kind == "warning")
    assert "ALLOWED_HOSTS is empty" in warned
    assert "DEBUG is True" in warned


def test_a_variable_that_the_code_can_do_without_is_not_required(repository):
    code = "os.environ['A_KEY']\nif 'B_KEY' in os.environ: os.environ['B_KEY']\nos.environ['C_KEY'] = get('D_KEY')\n"
    assert written(repository(requirementsDOTtxt="", appDOTpy=code)).config.required == ("A_KEY",)


def test_a_program_that_answers_nobody_is_a_worker(repository):
    assert written(repository(workerDOTsh="#!/bin/bash\n")).processes["worker"].command == "bash worker.sh"


@pytest.mark.parametrize("pack", [{"requirementsDOTtxt": ""}, {"packageDOTjson": "{}"}, {"README": ""}])
def test_what_it_could_not_find_out_is_said(repository, pack):
    told = []
    assert dict(written(repository(**pack), report=told.append).processes) == {}
    assert [event.kind for event in told if "nothing shows how it starts" in event.text] == ["warning"]


def test_an_app_below_the_top_is_found_if_there_is_one_that_runs(repository):
    told = []
    flask = {"backend__requirementsDOTtxt": "flask\n", "backend__appDOTpy": "app = Flask(__name__)\n"}
    site = {"web__packageDOTjson": '{"scripts": {"build": "vite build"}}', "web__indexDOThtml": ""}
    found = written(repository(READMEDOTmd="", **flask, **site), report=told.append)
    assert (found.build.pack, found.build.root, found.processes["web"].command) == (
        "python",
        "backend",
        "gunicorn app:app",
    )
    assert "the app is in backend/" in [event.text for event in told]
    assert written(repository("site", READMEDOTmd="", **site)).build.root == "web"
    two = {"api__packageDOTjson": '{"scripts": {"start": "node ."}}'}
    assert written(repository("two", **flask, **two)).build.root == "."


def test_it_says_which_interpreter_builds_the_app_and_what_hosts_run_it_with(repository):
    told = []
    written(repository(requirementsDOTtxt="flask\n"), report=lambda event: told.append(event.text))
    sentence = r"Python (3\.\d+)\.\d+ builds it; hosts get it with the build, or use their own Python \1"
    assert any(re.fullmatch(sentence, line) for line in told)


def test_it_says_so_where_no_interpreter_here_is_one_that_the_app_allows(repository):
    told = []
    files = {"requirementsDOTtxt": "flask\n", "DOTpython-version": "3.5\n"}
    written(repository(**files), report=lambda event: told.append((event.kind, event.text)))
    assert ("warning", "no Python of this machine is one that the app allows: install one, then build") in told
