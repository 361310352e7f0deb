"""The release command: bring the database's schema to what this code needs.  Twice is as once.

Steps only ever add.  The release before this one goes on serving while the command runs, and a rollback brings
it back without changing the database: what it reads must still be there.
"""

import os
import pathlib
import sqlite3

from shop import database

STEPS = (
    "CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, cents INTEGER NOT NULL)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, product INTEGER NOT NULL REFERENCES products,"
    " customer TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'queued')",
    "INSERT INTO products (name, cents) VALUES ('Kettle', 2450), ('Teapot', 3900), ('Two cups', 1600)",
    "ALTER TABLE orders ADD COLUMN sent_by TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX orders_by_state ON orders (state)",
)


def migrate(connection: sqlite3.Connection) -> int:
    """Take the steps that the database has not seen, all or none; how many these were."""
    with database.transaction(connection):
        seen = connection.execute("PRAGMA user_version").fetchone()[0]
        for step in STEPS[seen:]:
            connection.execute(step)
        connection.execute(f"PRAGMA user_version = {max(seen, len(STEPS))}")
    return max(len(STEPS) - seen, 0)


def main() -> None:
    """Make the database where there is none, and migrate it."""
    pathlib.Path(database.path(os.environ["DATABASE_URL"])).parent.mkdir(parents=True, exist_ok=True)
    connection = database.connect()
    connection.execute("PRAGMA journal_mode = WAL")  # readers and the writer do not wait for each other
    print(f"schema: {migrate(connection)} of {len(STEPS)} steps were missing", flush=True)
    connection.close()


if __name__ == "__main__":
    main()
