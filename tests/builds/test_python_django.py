"""Django: static files are collected where the settings have a place for them, with the build's variables alone."""

import subprocess

import pytest
from python_workshop import Bench, only, output, placed, write
from trees import digests, holding

from deployer.core.errors import BuildFailed
from deployer.core.recipe import PythonRecipe, Recipe

pytestmark = [pytest.mark.registry, pytest.mark.slow]

MANAGE = """import os, sys
def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
if __name__ == "__main__":
    main()
"""
SETTINGS = """import os
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ["SECRET_KEY"]
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = ["django.contrib.staticfiles", "shop"]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "collected"
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}}
"""
RECIPE = Recipe(env={"SECRET_KEY": "build-only"})


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path / "cache")


def site(folder, settings=SETTINGS):
    return write(
        folder,
        requirements_dot_txt="django==4.2.16\ngunicorn==23.0.0\n",
        manage_dot_py=MANAGE,
        shop__INIT_dot_py="",
        shop__settings_dot_py=settings,
        shop__urls_dot_py="urlpatterns = []\n",
        shop__wsgi_dot_py="import os\nfrom django.core.wsgi import get_wsgi_application\n"
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\napplication = get_wsgi_application()\n',
        shop__static__shop__style_dot_css="body { color: red }\n",
    )


def test_static_files_are_collected_into_the_build(bench, tmp_path):
    script = '{"scripts": {"build": "echo made > ../shop/static/shop/app.js"}}'
    tree = write(site(tmp_path / "tree"), theme__package_dot_json=script)
    packed = bench.pack(tree, RECIPE)
    assert (tree / "collected" / "shop" / "app.js").read_text() == "made\n"  # the front end is built before
    assert (tree / "collected" / "shop" / "style.css").is_file()
    assert (tree / "collected" / "staticfiles.json").is_file()
    assert holding(tree / "collected", str(tmp_path)) == []
    assert packed.processes == {"web": "gunicorn shop.wsgi"}
    assert packed.console == "python manage.py shell"
    again = write(site(tmp_path / "elsewhere" / "tree"), theme__package_dot_json=script)
    bench.pack(again, RECIPE)
    assert digests(again) == digests(tree)
    home = placed(tree, tmp_path / "there", packed)
    assert output(home, packed, "env", "SECRET_KEY=run", "python", "manage.py", "version") == "4.2.16\n"


def test_without_a_place_for_them_they_are_left_with_a_word(bench, tmp_path):
    tree = site(tmp_path / "tree", SETTINGS.replace("STATIC_ROOT", "OTHER"))
    bench.pack(tree, RECIPE)
    assert [line for line in bench.said if "no STATIC_ROOT" in line]
    outside = site(tmp_path / "outside", SETTINGS.replace('BASE_DIR / "collected"', '"/srv/static"'))
    bench.pack(outside, RECIPE)
    assert [line for line in bench.said if "outside of the build" in line]


def test_settings_that_need_a_variable_fail_with_the_way_out(bench, tmp_path):
    with pytest.raises(BuildFailed, match="collectstatic") as failure:
        bench.pack(site(tmp_path / "tree"))
    assert "build.env" in failure.value.hint
    assert "SECRET_KEY" in failure.value.output


def test_the_recipe_can_leave_them_alone(bench, tmp_path):
    tree = site(tmp_path / "tree")
    bench.pack(tree, Recipe(python=PythonRecipe(collectstatic=False)))
    assert not (tree / "collected").exists()


def test_a_project_without_gunicorn_has_no_conventional_process(bench, tmp_path):
    tree = site(tmp_path / "tree")
    write(tree, requirements_dot_txt="django==4.2.16\n")
    assert bench.pack(tree, only(collectstatic=False)).processes == {}


def test_a_real_project_as_django_makes_it_needs_nothing_in_deploy_yaml(bench, tmp_path):
    tree = write(tmp_path / "tree", requirements_dot_txt="django==4.2.16\n")
    first = bench.pack(tree)
    assert first.console == "python"
    started = tmp_path / "started"
    started.mkdir()
    command = [str(tree / ".venv/bin/python"), "-m", "django", "startproject", "shop", str(started)]
    subprocess.run(command, check=True, timeout=60)
    write(started, requirements_dot_txt="django==4.2.16\n")
    assert bench.pack(started).console == "python manage.py shell"
    assert [line for line in bench.said if "no STATIC_ROOT" in line]
