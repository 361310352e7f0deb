"""HOME and the XDG folders as they may be missing or wrong: in a system unit, in `docker exec`, in a CI job."""

import os
import pwd
import subprocess
import sys

import pytest

from deployer.cli import surroundings
from deployer.stages.operator import operator

HOME = pwd.getpwuid(os.geteuid()).pw_dir


@pytest.mark.parametrize("given", [{}, {"HOME": ""}, {"HOME": "home"}, {"HOME": ".", "XDG_STATE_HOME": "state"}])
def test_without_a_home_it_is_that_of_the_system_s_entry_and_relative_folders_do_not_count(given):
    environ = {**given, "XDG_CACHE_HOME": "./cache", "PATH": "bin"}
    who = operator(environ, who="", now=str, token=str)
    assert (str(who.home), str(who.state)) == (HOME, f"{HOME}/.local/state/deployer")
    surroundings.settle(environ)
    assert environ == {"HOME": HOME, "PATH": "bin"}


def test_what_is_absolute_stays():
    environ = {"HOME": "/somewhere", "XDG_STATE_HOME": "/state", "XDG_CONFIG_HOME": ""}
    surroundings.settle(environ)
    assert environ["HOME"] == "/somewhere"
    assert environ["XDG_STATE_HOME"] == "/state"


def test_the_command_itself_and_all_that_it_starts_have_that_home():
    script = "import os, sys; from deployer.cli import main; main.main(); print(os.environ['HOME'])"
    words = [sys.executable, "-c", script, "builds"]
    done = subprocess.run(words, env={}, cwd="/", capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == HOME
