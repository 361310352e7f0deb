"""Where is the shop's data?  In the SQLite file that DATABASE_URL names, outside every release."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit


def path(url: str) -> str:
    """The file of a `sqlite:////an/absolute/path` URL."""
    parts = urlsplit(url)
    file = unquote(parts.path)[1:]  # as SQLAlchemy and Django have it: the first slash ends the (empty) host
    if parts.scheme != "sqlite" or parts.netloc or not file.startswith("/"):
        # The value is a secret: it may hold a password, so it is not part of the message.
        raise SystemExit("DATABASE_URL must be sqlite:////an/absolute/path (four slashes)")
    return file


def connect() -> sqlite3.Connection:
    """A connection that waits for other writers: the processes of two releases may share the file for a while."""
    connection = sqlite3.connect(path(os.environ["DATABASE_URL"]), timeout=10, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the block or none of it, also when the process is killed in the middle."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
