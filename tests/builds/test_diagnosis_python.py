"""A failed Python build says which package it was, what it lacks, and which Python was taken because none was named."""

import os

import pytest
from package_sources import package
from python_workshop import UV_CACHE
from repositories import Repository, made

from deployer.builds import diagnosis
from deployer.builds.diagnosis_python import chosen
from deployer.builds.symptoms import Facts, advice
from deployer.core.errors import BuildFailed
from deployer.core.recipe import PythonRecipe, Recipe

HERE = ("3.13.0", "3.12.1", "3.11.7")
OLD = """error: Failed to build `numpy==1.21.6`
  cause: The build backend returned an error
         [stderr]
         ModuleNotFoundError: No module named 'distutils'
"""
NO_WHEEL = """error: No solution found when resolving dependencies
  cause: Because tensorflow==2.12.0 has no wheels with a matching Python ABI tag (e.g., `cp313`) and you require tensorflow==2.12.0, we can conclude that your requirements are unsatisfiable.

hint: You require CPython 3.13 (`cp313`), but we only found wheels for `tensorflow` (v2.12.0) with the following Python ABI tags: `cp38`, `cp310`, `cp311`
"""  # noqa: E501
CONFLICT = """error: No solution found when resolving dependencies
  cause: Because flask==3.0.3 depends on werkzeug>=3.0.0 and you require flask==3.0.3, we can conclude that you require werkzeug>=3.0.0.
"""  # noqa: E501
BUILT = "error: Failed to build `{}`\n  cause: The build backend returned an error\n         [stderr]\n         {}\n"
SEEN = {  # what uv and the backends print, and what the advice has to name
    OLD: "numpy 1.21.6 is too old for this Python",
    NO_WHEEL: "tensorflow 2.12.0 has no file for this Python",
    CONFLICT: "flask==3.0.3 needs werkzeug>=3.0.0, and you require flask==3.0.3",
    BUILT.format("psycopg2==2.8.6", "Error: pg_config executable not found."): "`psycopg2-binary`",
    BUILT.format("mysqlclient==2.2.4", "Exception: Can not find valid pkg-config name."): "default-libmysqlclient-dev",
    BUILT.format(
        "pyyaml==5.4.1", "AttributeError: 'build_ext' object has no attribute 'cython_sources'"
    ): "pyyaml 5.4.1",
    BUILT.format("cffi==1.1", "c/_cffi_backend.c:15:10: fatal error: ffi.h: No such file or directory"): "libffi-dev",
    BUILT.format("x==1", "a.c:1:10: fatal error: Python.h: No such file or directory"): "apt install python3-dev",
    BUILT.format("x==1", "a.c:1:10: fatal error: odd/thing.h: No such file or directory"): "lacks odd/thing.h",
    BUILT.format("x==1", "error: command 'gcc' failed: No such file or directory"): "build-essential",
    BUILT.format("cryptography==3.5", "error: can't find Rust compiler"): "Rust",
    BUILT.format("odd==1.0", "RuntimeError: it does not like it"): "odd had to be compiled",
    "  cause: Because nosuch was not found in the package registry and you": "no index that is asked has nosuch",
    "  cause: Because there is no version of numpy==99 and you require numpy==99": "numpy==99: does it exist?",
    "Because the current Python version (3.9.18) does not satisfy Python>=3.11 and shop==2.0": "shop==2.0 needs",
    "  cause: Failed to fetch: http://pypi.internal.test/simple/six/": "pypi.internal.test cannot be reached",
    "  cause: HTTP status client error (401 Unauthorized) for url (https://pypi.corp.test/simple/x/)": "secrets: […]",
    "error: Hash mismatch for `six==1.16.0`": "find out why",
    "bash: line 1: VIRTUAL_ENV: unbound variable": "in `build.commands`, not in `build.before`",
    "Traceback (most recent call last):\nModuleNotFoundError: No module named 'yaml.reader'": "no package brings yaml",
}


@pytest.mark.parametrize("output", SEEN)
def test_what_uv_and_the_backends_print_is_known(output):
    assert SEEN[output] in advice(f"Resolved 3 packages in 1ms\n{output}", diagnosis.TABLE, Facts())


def test_a_module_of_the_app_itself_is_no_missing_package():
    output = "ModuleNotFoundError: No module named 'shop'"
    assert advice(output, diagnosis.TABLE, Facts(frozenset({"shop/__init__.py"}))) == ""


def test_the_python_that_nobody_named_is_named_with_the_line_to_write():
    assert "Python 3.13 was chosen" in chosen(OLD, "3.13.0", "", HERE)
    assert "`3.12`" in chosen(OLD, "3.13.0", "", HERE)
    assert "`3.11`" in chosen(NO_WHEEL, "3.13.0", "", HERE)
    assert chosen(OLD, "3.13.0", ".python-version", HERE) == ""
    assert chosen(CONFLICT, "3.13.0", "", HERE) == ""


def test_a_package_that_does_not_compile_is_named_beside_the_raw_output(tmp_path):
    repository = Repository(tmp_path / "app")
    folder = package(repository.folder / "lib", "lib")
    backend = folder / "backend_of_lib.py"
    backend.write_text(backend.read_text() + "raise SystemExit('a.c:1:10: fatal error: Python.h: No such file')\n")
    repository.commit(**{"requirements.txt": "./lib\n"})
    (tmp_path / "cache" / "python").mkdir(parents=True)
    UV_CACHE.mkdir(exist_ok=True)
    os.symlink(UV_CACHE, tmp_path / "cache" / "python" / "uv")
    with pytest.raises(BuildFailed) as failure:
        made(repository, tmp_path, recipe=Recipe())
    assert failure.value.hint.startswith("the compiler lacks Python.h")
    assert "was chosen, since nothing names one" in failure.value.hint
    assert "fatal error: Python.h" in failure.value.output
    version = failure.value.details["python"]["version"]
    with pytest.raises(BuildFailed) as failure:
        made(repository, tmp_path, recipe=Recipe(python=PythonRecipe(version=version)))
    assert "was chosen" not in failure.value.hint
