"""Does a process answer its health path?  One GET in a thread, so that a slow answer keeps nobody waiting."""

from __future__ import annotations

import threading

TIMEOUT = 5.0


class Probe:
    """One `GET http://address:port/path`; `answer` says what came, '' until it has."""

    def __init__(self, address: str, port: int, path: str) -> None:
        self.answer, self.passed = "", False
        self._where = (address, port, path)
        threading.Thread(target=self._ask, daemon=True).start()

    def _ask(self) -> None:
        import http.client  # noqa: PLC0415 - it brings email and ssl: a fifth of the agent's start

        address, port, path = self._where
        connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT)
        headers = {"Host": "localhost", "User-Agent": "deployer", "Connection": "close"}
        try:
            connection.request("GET", path, headers=headers)
            status = connection.getresponse().status
        except TimeoutError:
            self.answer = f"did not answer within {TIMEOUT:g} s"
        except (OSError, http.client.HTTPException) as error:
            self.answer = f"answered with an error ({type(error).__name__})"
        else:
            self.passed = 200 <= status < 400
            self.answer = f"answered {status}"
        finally:
            connection.close()
