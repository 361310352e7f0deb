"""Python packages in a tree that are built without any other package: a build backend of twenty lines beside each."""

from pathlib import Path

BACKEND = """
import os, zipfile
def _wheel(folder, files):
    name = "{name}-1.0-py3-none-any.whl"
    info = "{name}-1.0.dist-info/"
    files[info + "METADATA"] = "Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n"
    files[info + "WHEEL"] = "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[info + "RECORD"] = "".join(f"{{path}},,\\n" for path in [*files, info + "RECORD"])
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return name
def build_wheel(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {{"{name}/__init__.py": open("{name}/__init__.py").read()}})
def build_editable(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {{"__editable__.{name}.pth": os.getcwd() + "\\n"}})
def build_sdist(folder, config_settings=None):
    raise NotImplementedError
"""
PROJECT = """
[project]
name = "{name}"
version = "1.0"
[build-system]
requires = []
build-backend = "backend_of_{name}"
backend-path = ["."]
"""


def package(folder: Path, name: str) -> Path:
    """A package in `folder` with a module `name` that reads `data.txt`, which no wheel has, from beside itself."""
    module = folder / name
    module.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT.format(name=name))
    (folder / f"backend_of_{name}.py").write_text(BACKEND.format(name=name))
    text = "from pathlib import Path\ndef data():\n    return (Path(__file__).parent / 'data.txt').read_text()\n"
    (module / "__init__.py").write_text(text)
    (module / "data.txt").write_text(f"the data of {name}")
    return folder
