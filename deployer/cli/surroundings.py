"""Environment of the command: HOME from the system's entry where it is not set, XDG folders only where they are valid.

A system unit, `docker exec` and some CI jobs have no HOME; git, ssh and uv read it, too, and so it is set for all of
them, once, before anything else.  A relative XDG folder is ignored, as the XDG Base Directory Specification says: it
would be another folder, and so another target, with every working directory.
"""

from __future__ import annotations

from collections.abc import MutableMapping

FOLDERS = ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR")


def settle(environ: MutableMapping[str, str]) -> None:
    """Give `environ` an absolute HOME, and take relative XDG folders out of it."""
    if not environ.get("HOME", "").startswith("/"):
        from deployer.agent import user

        environ.pop("HOME", None)
        environ["HOME"] = str(user.home())
    for name in FOLDERS:
        if name in environ and not environ[name].startswith("/"):
            del environ[name]
