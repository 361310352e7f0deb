"""Small apps: one that keeps every rule, and for each rule one that breaks this rule and no other."""

from pathlib import Path

from tests.apps.repository import commit

SETTINGS = """\
app: small
build:
  pack: commands
  commands: ['true']
processes:
  web: {health: /up, boot_timeout: 8s, stop_timeout: 4s, healthy_time: 300ms}
  worker: {boot_timeout: 8s, stop_timeout: 4s, healthy_time: 300ms}
config:
  required: [DATA_DIR]
"""
PROCFILE = """\
web: exec python3 -I server.py web
worker: exec python3 -I server.py worker
release: python3 -I server.py release
"""
AT_START, WHEN_UP, MIGRATES = "at its start", "when it is up", "exist_ok=True"
LOCKED = """\
import atexit
lock = f"{os.environ['DATA_DIR']}/lock-{os.environ['PORT']}"
if os.path.exists(lock):
    sys.exit("somebody else runs")
open(lock, "w").close()
atexit.register(os.unlink, lock)
"""
ONE_OF_A_KIND = """\
global one
import socket
one = socket.socket(socket.AF_UNIX)
one.bind("\\0" + os.environ["DEPLOY_ROOT"])
"""
PID_FILE = """\
import atexit, tempfile
path = f"{tempfile.gettempdir()}/small-{os.getpid()}.pid"
open(path, "w").write(str(os.getpid()))
atexit.register(os.unlink, path)
"""
VISITS = """\
try:
    open("visits.txt", "w").write("1")
except OSError as error:
    say(error)
"""
LOG_FILE = """\
global log
log = open(f"{os.environ['DATA_DIR']}/web-{os.getuid()}.log", "w")
"""
OTHER_PORT = """\
global other
import socket
other = socket.create_server(("127.0.0.1", 0))
"""

# an app: the check that fails, and what its web does wrong
FAULTS = {
    "a variable that nobody declared": ("config", AT_START, "os.environ['API_TOKEN']"),
    "slow to start": ("start", AT_START, "time.sleep(30)"),
    "a second port": ("port", AT_START, OTHER_PORT),
    "drops its requests": ("requests", WHEN_UP, "signal.signal(signal.SIGTERM, lambda *_: os._exit(0))"),
    "deaf": ("stop", WHEN_UP, "signal.signal(signal.SIGTERM, signal.SIG_IGN)"),
    "trips over its own lock": ("crash", AT_START, LOCKED),
    "needs to be root": ("user", AT_START, "open('/etc/shadow').close()"),
    "writes in its release": ("writes", AT_START, VISITS),
    "goes into the background": ("daemon", AT_START, "if os.fork(): os._exit(0)\nos.setsid()"),
    "leaves a child behind": ("daemon", WHEN_UP, "if not os.fork(): os.setsid(), time.sleep(30), os._exit(0)"),
    "a pid file": ("daemon", AT_START, PID_FILE),
    "one of a kind": ("two", AT_START, ONE_OF_A_KIND),
    "a log file": ("logs", WHEN_UP, LOG_FILE),
    "migrates once": ("release", MIGRATES, "exist_ok=False"),
}


def small_app(folder: Path, fault: str = "") -> Path:
    """The app as a repository, with one fault or none."""
    source = Path(__file__).with_name("server.py").read_text()
    if fault:
        _, where, code = FAULTS[fault]
        source = source.replace(MIGRATES, code) if where == MIGRATES else _with(source, where, code)
    folder.mkdir()
    (folder / "server.py").write_text(source)
    (folder / "Procfile").write_text(PROCFILE)
    (folder / "deploy.yaml").write_text(SETTINGS)
    commit(folder, f"The small app: {fault or 'no fault'}")
    return folder


def _with(source: str, where: str, code: str) -> str:
    """The source with `code` in place of what it does `where`."""
    empty = f'    """What it does {where}."""\n'
    assert empty in source
    return source.replace(empty, "".join(f"    {line}\n" for line in code.splitlines()))
