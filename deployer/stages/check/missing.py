"""Which variable did a process miss?  Guessed from what it wrote before it ended.

A line that speaks of a missing variable, in the words of the usual libraries, and a name in capitals in it that the
process was not given.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

_LOOKED_UP = re.compile(r"""(?:KeyError: ['"]|environ\[['"]|process\.env\.)([A-Z][A-Z0-9_]+)""")
_SPEAKS = re.compile(
    r"environ|getenv|process\.env|config|not set|n't set|unset|must be set|must set|set the|missing|required|undefined"
    r"|not defined|not found|not provided|empty|expected|declare",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<![A-Za-z0-9_/.-])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*(?![A-Za-z0-9_/-])")
_NO_NAME = re.compile(
    r"(ERROR|ERR|WARN|WARNING|INFO|DEBUG|CRITICAL|FATAL|TRACE|NOTE|HTTPS?|UR[LI]|TCP|UDP|TLS|SSL|SQL|JSON|YAML|XML|GET"
    r"|POST|PUT|HEAD|PATH|PORT|HOME|USER|LANG|SHELL|TERM|LOGNAME|UTC|GMT|PID|EOF|API|CPU|ENOENT|EACCES|NOT|SET|ENV|NULL"
    r"|NONE|TRUE|FALSE)\Z"
)
MOST = 3


def named(lines: Sequence[str], given: Collection[str]) -> list[str]:
    """The variables that these lines miss and that were not `given`, the likeliest first."""
    sure = [name for line in lines for name in _LOOKED_UP.findall(line)]
    likely = [name for line in lines if _SPEAKS.search(line) for name in _NAME.findall(line)]
    wanted = [name for name in dict.fromkeys([*sure, *likely]) if name not in given]
    return [name for name in wanted if len(name) > 2 and not _NO_NAME.match(name)][:MOST]
