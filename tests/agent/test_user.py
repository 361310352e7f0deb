"""A user without an entry in /etc/passwd, as containers and CI have it: nobody asks for more than its number."""

import getpass  # noqa: F401 - the child, who may not read this Python, finds it loaded
import os

import pytest

from deployer.agent import choice, serve, user
from deployer.cli import caller
from deployer.core.requests import Open

NOBODY_KNOWN = 54321


def told_by_nobody(question):
    """What `question()` says in a process of a user without a name."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            for name in ("USER", "LOGNAME", "LNAME", "USERNAME"):
                os.environ.pop(name, None)
            os.environ["HOME"] = "/srv/someone"
            os.setgroups([])
            os.setgid(NOBODY_KNOWN)
            os.setuid(NOBODY_KNOWN)
            os.write(writing, repr(question()).encode())
        except BaseException as error:  # noqa: BLE001 - told to the parent
            os.write(writing, repr(error).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_its_number_is_its_name_and_home_what_the_environment_says():
    assert told_by_nobody(user.name) == "'54321'"
    assert told_by_nobody(lambda: str(user.home())) == "'/srv/someone'"
    assert told_by_nobody(lambda: str(serve.root_of(Open("shop", "local", "here", "~/a")))) == "'/srv/someone/a'"
    assert told_by_nobody(lambda: caller.who({})).startswith("'54321@")
    assert "KeyError" not in told_by_nobody(choice.hindrance)
