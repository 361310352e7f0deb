"""The worker process: send queued orders, one at a time, and end between two of them when asked to."""

import os
import signal
import sqlite3
import threading

from shop import database

RELEASE = os.environ.get("DEPLOY_RELEASE", "development")


def send_one(connection: sqlite3.Connection) -> int | None:
    """Send the oldest queued order; its number, or None when there is none.

    In one transaction: no two workers send the same order, and one that is killed leaves it queued.
    """
    with database.transaction(connection):
        order = connection.execute("SELECT id FROM orders WHERE state = 'queued' ORDER BY id LIMIT 1").fetchone()
        if order is None:
            return None
        connection.execute("UPDATE orders SET state = 'sent', sent_by = ? WHERE id = ?", (RELEASE, order["id"]))
        return order["id"]


def main() -> None:
    """Work until SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    connection = database.connect()
    print(f"worker of {RELEASE}: waiting for orders", flush=True)
    while not stop.is_set():
        order = send_one(connection)
        if order is None:
            stop.wait(0.5)
        else:
            print(f"order {order} sent", flush=True)
    connection.close()
    print(f"worker of {RELEASE}: done", flush=True)


if __name__ == "__main__":
    main()
