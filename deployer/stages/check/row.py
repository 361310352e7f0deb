"""What does the audit say of one question?"""

from __future__ import annotations

from dataclasses import dataclass

PASS, FAIL, SKIPPED = "pass", "fail", "skipped"

# question: the chapter of the Twelve-Factor App that it is about (https://12factor.net)
FACTORS = {
    "config": "III. Config",
    "release": "XII. Admin processes",
    "start": "IX. Disposability",
    "port": "VII. Port binding",
    "requests": "IX. Disposability",
    "stop": "IX. Disposability",
    "crash": "IX. Disposability",
    "user": "V. Build, release, run",
    "writes": "VI. Processes",
    "daemon": "VIII. Concurrency",
    "two": "VIII. Concurrency",
    "logs": "XI. Logs",
}


@dataclass(frozen=True)
class Row:
    """The answer to one question about one process type ('': the app as a whole).

    `result` is `pass`, `fail`, or `skipped`: then `found` says why nothing was tried, or which other row has the cause.
    `advice` says what to change; `seconds` how long it took, where that is what was asked.
    """

    check: str
    type: str
    result: str
    found: str
    advice: str = ""
    seconds: float | None = None

    @property
    def factor(self) -> str:
        """The chapter of the Twelve-Factor App."""
        return FACTORS[self.check]


def passed(check: str, kind: str, found: str, seconds: float | None = None) -> Row:
    """It is as it should be."""
    return Row(check, kind, PASS, found, seconds=seconds)


def failed(check: str, kind: str, found: str, advice: str, seconds: float | None = None) -> Row:
    """It is not."""
    return Row(check, kind, FAIL, found, advice, seconds)


def skipped(check: str, kind: str, why: str) -> Row:
    """It was not tried."""
    return Row(check, kind, SKIPPED, why)
