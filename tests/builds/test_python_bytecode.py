"""Bytecode: a function of the source, its name and the interpreter; of nothing else."""

import os
import random
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from python_workshop import interpreters
from trees import digests

from deployer.builds.packs.pythons import bytecode

MODULES = 60
HOSTILE = {
    "sets.py": "def f(x):\n    return x in {'a', 'b', None, ...} or x in {1, 2.0, 'c', b'd', (3, 'e')}\n",
    "shared.py": "name = 'shared_name'\nother = ('shared_name', 'a b', 1.5, 10**30)\ndef shared_name(): 1.5\n",
    "nested.py": "class A:\n  def b(self):\n    def c(): return self, A, 'x' * 3, ..., x[1:2]\n    return lambda: c\n",
    "python2.py": "print 'old'\n",
    "template.py": "{% load x %}\n",
    "null.py": "x = 1\0\n",
    "latin.py": "# -*- coding: latin-1 -*-\nx = '\xe9'\n",
    "broken_encoding.py": "# -*- coding: nothing -*-\n",
    "empty.py": "",
}

python = pytest.mark.parametrize("python", interpreters(), ids=lambda one: one.version)


def modules(folder: Path) -> Path:
    """A tree of real modules, some of them hostile."""
    library = Path(sysconfig.get_path("stdlib"))
    for source in sorted(library.glob("*.py"))[:MODULES]:
        (folder / "pkg").mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder / "pkg" / source.name)
    for name, text in HOSTILE.items():
        (folder / name).write_bytes(text.encode("latin-1"))
    return folder


def compiled(folder: Path, cache: Path, one, **more) -> dict[str, str]:
    cache.mkdir(parents=True, exist_ok=True)
    bytecode.compile_tree(folder, shown="/app", interpreter=one, cache=cache, **more)
    return {path: digest for path, digest in digests(folder).items() if path.endswith(".pyc")}


@python
def test_two_folders_cold_and_warm_give_the_same_bytes(tmp_path, python):
    first = compiled(modules(tmp_path / "one"), tmp_path / "cache", python)
    warm = compiled(modules(tmp_path / "two" / "deeper"), tmp_path / "cache", python)
    cold = compiled(modules(tmp_path / "three"), tmp_path / "other", python)
    assert first == warm == cold
    assert len(first) > MODULES / 2


@python
def test_neither_order_nor_number_of_workers_nor_history_changes_a_byte(tmp_path, python):
    expected = compiled(modules(tmp_path / "tree"), tmp_path / "cache", python)
    jobs = [
        (str(source), str(source.relative_to(tmp_path / "tree")))
        for source in sorted((tmp_path / "tree").rglob("*.py"))
    ]
    for seed, workers in ((1, 1), (2, 7), (3, 40)):
        random.Random(seed).shuffle(jobs)
        out = tmp_path / str(seed)
        out.mkdir()
        listing = out / "jobs"
        lines = [line for source, name in jobs for line in (source, str(out / name.replace("/", "%")), f"/app/{name}")]
        listing.write_text("\n".join(lines))
        arguments = [str(bytecode.SCRIPT), str(listing), str(workers), "unchecked"]
        command = [python.path, "-s", "-S", "-B", "-W", "ignore", *arguments]
        subprocess.run(command, env={"PYTHONHASHSEED": "0"}, check=True, timeout=60)
        for _, name in jobs:
            folder, base = os.path.split(name)
            target = f"{folder}/__pycache__/{base[:-3]}.{bytecode.tag(python)}.pyc".lstrip("/")
            there = tmp_path / "tree" / target
            assert (there.read_bytes() if there.exists() else b"") == (out / name.replace("/", "%")).read_bytes(), name
    assert expected


@python
def test_a_change_of_one_module_changes_no_other(tmp_path, python):
    before = compiled(modules(tmp_path / "one"), tmp_path / "cache", python)
    tree = modules(tmp_path / "two")
    (tree / "empty.py").write_text("shared_name = 'Not An Identifier'\n")
    after = compiled(tree, tmp_path / "fresh", python)
    changed = {path for path in before if before[path] != after.get(path)}
    assert changed == {f"__pycache__/empty.{bytecode.tag(python)}.pyc"}


@python
def test_python_takes_the_bytecode_and_tracebacks_show_where_the_app_seems_to_lie(tmp_path, python):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "app.py").write_text("def f():\n    return 1\n")
    compiled(tree, tmp_path / "cache", python)
    (tree / "app.py").write_text("def f():\n    return 2\n")  # unchecked: the source is not looked at again
    told = ask(python, tree, "import app; print(app.f())")
    assert told == "1"
    body = next((tree / "__pycache__").iterdir()).read_bytes()
    assert b"/app/app.py" in body
    assert str(tmp_path).encode() not in body


@python
def test_checked_bytecode_gives_way_to_a_changed_source(tmp_path, python):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "app.py").write_text("def f():\n    return 1\n")
    compiled(tree, tmp_path / "cache", python, checked=True)
    (tree / "app.py").write_text("def f():\n    return 2\n")
    assert ask(python, tree, "import app; print(app.f())") == "2"


def test_what_does_not_compile_is_left_without_bytecode_and_without_a_word(tmp_path):
    one = interpreters()[0]
    found = compiled(modules(tmp_path / "tree"), tmp_path / "cache", one)
    without = {"python2", "template", "null", "broken_encoding"}
    assert not {path.split("/")[-1].split(".")[0] for path in found} & without
    assert compiled(modules(tmp_path / "again"), tmp_path / "cache", one) == found


def test_what_no_build_has_used_for_long_leaves_the_cache(tmp_path):
    one, cache = interpreters()[0], tmp_path / "cache"
    compiled(modules(tmp_path / "tree"), cache, one)
    kept = {path for path in cache.rglob("*") if path.is_file()}
    old = cache / "00" / "old"
    old.parent.mkdir(exist_ok=True)
    old.write_text("")
    os.utime(old, (1, 1))
    big = tmp_path / "big"
    big.mkdir()
    for number in range(bytecode.MANY):
        (big / f"m{number}.py").write_text(f"x = {number}\n")
    compiled(big, cache, one)
    assert not old.exists()
    assert all(path.exists() for path in kept)


def test_an_inner_environment_and_node_modules_are_left_alone(tmp_path):
    tree = tmp_path / "tree"
    for folder in (".venv/lib", "node_modules/x", "app"):
        (tree / folder).mkdir(parents=True)
        (tree / folder / "m.py").write_text("")
    found = compiled(tree, tmp_path / "cache", interpreters()[0])
    assert list(found) == [f"app/__pycache__/m.{bytecode.tag(interpreters()[0])}.pyc"]


def ask(one, tree, code):
    done = subprocess.run(
        [one.path, "-B", "-c", code], cwd=tree, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()
