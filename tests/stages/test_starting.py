import pytest

from deployer.core.errors import SettingsError
from deployer.core.manifest import File, Launch, ProcessType, manifest
from deployer.stages.starting import check_starts


def build_of(*paths):
    return manifest({"pack": ""}, [File(path, "0" * 64, 1) for path in paths])


@pytest.mark.parametrize(
    ("pack", "paths", "line"),
    [
        ("python", ("app.py",), "web: gunicorn app:app"),
        ("python", ("manage.py", "shop/settings.py", "shop/wsgi.py"), "web: gunicorn shop.wsgi"),
        ("python", ("src/thing.py",), "web: gunicorn MODULE:app"),
        ("node", ("index.js", "package.json"), "web: node index.js"),
        ("commands", ("Makefile",), "web: COMMAND"),
    ],
)
def test_a_build_without_a_process_type_is_refused_with_the_line_to_write(pack, paths, line):
    with pytest.raises(SettingsError, match="nothing says how this app starts") as refused:
        check_starts(Launch(pack), build_of(*paths))
    assert refused.value.exit_code == 2
    assert f"`{line}`" in refused.value.hint


def test_a_release_command_alone_is_something_to_run():
    check_starts(Launch("commands", release_command="make publish"))
    check_starts(Launch("commands", processes=(ProcessType("web", "run"),)))
