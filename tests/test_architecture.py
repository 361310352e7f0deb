"""The floors of the house hold: who may import whom, who may print, how long a module may be.  docs/architecture.md"""

import ast
import functools
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "deployer"

FLOORS = {"core": 0, "agent": 1, "hosts": 2, "builds": 3, "settings": 3, "ledger": 3, "stages": 4, "cli": 5}
MODULES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
HOST_SIDE = [name for name in MODULES if name.startswith(("core/", "agent/"))]

LONGEST_MODULE, LONGEST_FUNCTION = 350, 40
LONGER: dict[str, int] = {}  # "module:function": its lines, with the reason

# Programs of their own: argv, standard streams and exit codes are their interface, as the command line's are ours.
PROGRAMS = {
    "agent/__main__.py": "the agent: its argv says serve, launch, guard, boot or router",
    "agent/serve.py": "stdin and stdout are the session",
    "agent/launch.py": "becomes a process of the app; its stderr is that process's log",
    "agent/static_main.py": "a process of the app; its stdout is that process's log",
    "agent/oneoff_start.py": "becomes a one-off process; its stderr is that process's log",
    "agent/oneoff_end.py": "started by systemd, whose environment says how the process ended",
    "agent/boot.py": "started by systemd, whose journal has its stderr",
    "agent/router_unit.py": "started by systemd, whose journal has its stderr",
    "agent/scheduler.py": "started by supervisord; its own path says which release's it is",
    "agent/scheduled_run.py": "started by the scheduler, or by systemd; its own path says which release's it is",
    "hosts/bootstrap_script.py": "what a host runs before it has the agent",
    "hosts/supervisord_main.py": "the program that starts the supervisord we ship",
    "builds/packs/pythons/compile_script.py": "run by the app's own Python",
    "builds/packs/pythons/collect_script.py": "run by the app's own Python",
    "builds/packs/pythons/moved_script.py": "run by the app's own Python",
}
ENVIRON = {  # above the agent, whose environment is the host's
    "hosts/local.py": "what a login would give the agent is taken from the caller's",
    "hosts/openssh/expansion.py": "ssh's configuration names variables of the caller's, as SSH_AUTH_SOCK is one",
    "builds/git.py": "a default, for callers that have no operator",
    "builds/source.py": "a default, for callers that have no operator",
    "builds/packs/python.py": "packs are made without arguments, from a table",
    "builds/packs/node.py": "packs are made without arguments, from a table",
    "builds/packs/commands.py": "packs are made without arguments, from a table",
    "builds/packs/static.py": "packs are made without arguments, from a table",
}
IMPURE = {"os", "time", "datetime", "random", "secrets", "socket", "subprocess", "threading", "pathlib", "tempfile"}
ALL_BUT_PROGRAMS = [name for name in MODULES if not name.startswith("cli/") and name not in PROGRAMS]


@functools.cache
def tree(name):
    return ast.parse(MODULES[name].read_text(), filename=name)


@functools.cache
def nodes(name):
    return list(ast.walk(tree(name)))


@functools.cache
def imports(name):
    """Every module that `name` imports, wherever in it, with the line."""
    found = []
    for node in nodes(name):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(f"{'.' * node.level}{node.module or ''}.{alias.name}", node.lineno) for alias in node.names]
    return found


def test_every_package_has_its_floor():
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(FLOORS)
    assert [path.name for path in PACKAGE.glob("*.py")] == ["__init__.py"]


def test_a_module_imports_from_its_own_package_or_a_lower_floor():
    wrong = []
    for name in MODULES:
        own = name.split("/")[0]
        for imported, line in imports(name):
            top, _, rest = imported.partition(".")
            other = rest.split(".")[0]
            if top == "" or (top == "deployer" and other in FLOORS and other != own and FLOORS[other] >= FLOORS[own]):
                wrong.append(f"{name}:{line}: {imported}")
    assert wrong == []


def test_what_runs_on_a_host_imports_the_standard_library_alone():
    known = {*sys.stdlib_module_names, "deployer"}
    assert [f"{n}:{line}: {m}" for n in HOST_SIDE for m, line in imports(n) if m.split(".")[0] not in known] == []


def test_the_rules_know_no_disk_no_clock_and_no_environment():
    rules = [name for name in MODULES if name.startswith("core/")]
    assert [f"{n}:{line}: {m}" for n in rules for m, line in imports(n) if m.split(".")[0] in IMPURE] == []


def test_what_runs_on_a_host_is_python_3_9():
    for name in HOST_SIDE:
        ast.parse(MODULES[name].read_text(), filename=name, feature_version=(3, 9))


def python39():
    """A Python 3.9 of this machine, or None."""
    homes = (".pyenv/versions/3.9.*", ".local/share/uv/python/cpython-3.9*")
    found = [str(path) for home in homes for path in Path.home().glob(f"{home}/bin/python3.9")]
    for candidate in ["python3.9", *found]:
        try:
            done = subprocess.run([candidate, "-c", "print(39)"], capture_output=True, timeout=20, check=False)
        except OSError:
            continue
        if done.stdout == b"39\n":  # a version manager's shim may be there and start nothing
            return candidate
    return None


def test_what_runs_on_a_host_loads_under_python_3_9():
    """Where the machine has one; the test above has read every module as Python 3.9 anyway."""
    python = python39()
    if python is not None:
        names = [name.removesuffix(".py").replace("/", ".") for name in HOST_SIDE]
        script = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfor name in {names!r}: __import__('deployer.' + name)"
        line = [python, "-I", "-B", "-c", script]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_gitpython_is_known_to_one_module():
    knowing = {name for name in MODULES for imported, _ in imports(name) if imported.split(".")[0] == "git"}
    assert knowing == {"builds/source.py"}


def test_only_the_command_line_prints_reads_argv_and_environ_and_exits():
    wrong = []
    for name in ALL_BUT_PROGRAMS:
        never = {"sys.argv", "sys.exit", "sys.stdin", "sys.stdout", "sys.stderr", "print", "input", "exit"}
        if not name.startswith("agent/") and name not in ENVIRON:
            never |= {"os.environ", "os.getenv"}
        wrong += [f"{name}:{node.lineno}: {spelled(node)}" for node in nodes(name) if spelled(node) in never]
    assert wrong == []


def spelled(node):
    """`sys.argv` for that attribute, `print` for that name."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def test_every_exception_is_still_needed():
    assert {*PROGRAMS, *ENVIRON} <= set(MODULES)
    assert [name for name in ENVIRON if not any(spelled(node) == "os.environ" for node in nodes(name))] == []


def test_a_module_and_its_functions_fit_the_eye():
    lengths = {name: len(MODULES[name].read_text().splitlines()) for name in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE} == {}
    functions = {
        f"{name}:{node.name}": node.end_lineno - node.lineno + 1
        for name in MODULES
        for node in nodes(name)
        if isinstance(node, ast.FunctionDef)
    }
    assert {name: lines for name, lines in functions.items() if lines > LONGER.get(name, LONGEST_FUNCTION)} == {}


def test_a_module_says_first_what_it_is_for():
    assert [name for name in MODULES if not ast.get_docstring(tree(name))] == []
