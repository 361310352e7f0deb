"""What does a host do before it has the agent?  It takes it, checks it, keeps it, and becomes it.

Sent on stdin and run by the host's python3 (see bootstrap.py).  Any Python 3 understands this file, so that one that
is too old for the agent can still say so.  Answers are one line each: MARK and JSON.
"""

import json
import os
import sys
from binascii import hexlify

MARK = "\0deployer-bootstrap/1 "
OLDEST = (3, 9)


def main() -> None:
    """Answer, take the agent if it is not there, and become it."""
    asked = json.loads(stdin.readline().decode())
    if sys.version_info < OLDEST:
        fail("python", ".".join(map(str, sys.version_info[:3])))
    os.umask(0o022)
    try:
        root = root_of(asked)
        program = os.path.join(root, "agent", asked["sha256"] + ".pyz")
        if not os.path.exists(program):
            folder = os.path.dirname(program)
            make_directory(folder)
            tell({"needs": asked["size"]})
            keep(program, taken(asked))
    except OSError as error:
        fail("path", "{}: {}".format(error.filename or asked["root"], error.strerror))
    tell({"starts": program})
    os.chdir(root)
    sys.path.insert(0, program)
    sys.argv = [program, "serve"]
    from deployer.agent.__main__ import main as serve  # noqa: PLC0415 - the agent's, in this very interpreter

    serve()


def root_of(asked: "dict[str, str]") -> str:
    """The target's folder: `~` is the home of whoever runs this, '' the default (the agent has the same rule)."""
    default = ("/srv/" if os.geteuid() == 0 else "~/") + asked["app"]
    root = os.path.expanduser(asked["root"] or default)
    if not os.path.isabs(root):
        fail("path", "{}: it does not begin with / or ~/".format(root))
    return os.path.normpath(root)


def taken(asked: "dict[str, str]") -> bytes:
    """The agent's bytes from stdin."""
    import hashlib  # noqa: PLC0415 - it loads OpenSSL, and the agent is sent but once

    parts, left = [], int(asked["size"])
    while left:
        part = stdin.read(min(left, 1 << 16))
        if not part:
            sys.exit(1)  # the operator is gone
        parts.append(part)
        left -= len(part)
    content = b"".join(parts)
    if hashlib.sha256(content).hexdigest() != asked["sha256"]:
        fail("digest", "the agent did not arrive as it was sent")
    return content


def keep(program: str, content: bytes) -> None:
    """Write the agent under a temporary name, and rename it into place once it is on the disk."""
    folder, name = os.path.split(program)
    part = os.path.join(folder, ".tmp-{}-{}".format(name, hexlify(os.urandom(6)).decode()))
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fchmod(descriptor, 0o500)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(part, program)
    except OSError as error:
        os.unlink(part)
        raise OSError(error.errno, error.strerror, folder) from error
    sync(folder)


def make_directory(path: str) -> None:
    """Make `path`, private, and what is missing above it, durable when it returns."""
    missing, folder = [], path
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    if missing:
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o700)
        for made in missing:
            sync(os.path.dirname(made))


def sync(folder: str) -> None:
    """Fsync the directory `folder`."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def tell(answer: "dict[str, str]") -> None:
    """Answer the operator."""
    os.write(1, (MARK + json.dumps(answer) + "\n").encode())


def fail(kind: str, text: str) -> None:
    """Answer with a failure, and end."""
    tell({"failed": kind, "text": text})
    sys.exit(1)


if __name__ == "__main__":
    with open(0, "rb", buffering=0, closefd=False) as stdin:  # unbuffered: what follows belongs to the agent
        main()
