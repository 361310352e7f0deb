"""How is one of the host's own programs asked?  With nothing to read, in `/`, and with a bound."""

from __future__ import annotations

import os
import subprocess
from typing import Mapping, NamedTuple, Optional, Sequence

from deployer.core.errors import RunFailed


class Answer(NamedTuple):
    """What it has said, and how it ended: 0 is well."""

    code: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        """The output, whatever bytes it has."""
        return self.output.decode("utf-8", "replace")


def ask(words: Sequence[str], env: Mapping[str, str], *, patience: float, user: Optional[int] = None) -> Answer:
    """Run it as `user` (a uid; our own if none) to its end, for at most `patience` seconds.

    `RunFailed` if it has not ended by then, FileNotFoundError if there is none.
    """
    try:
        ended = subprocess.run(
            words,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=patience,
            check=False,
            cwd="/",
            user=user if user != os.geteuid() else None,
        )
    except subprocess.TimeoutExpired:
        raise RunFailed(f"`{words[0]}` has not answered in {patience:g} s") from None
    return Answer(ended.returncode, ended.stdout, ended.stderr.decode("utf-8", "replace").strip())
