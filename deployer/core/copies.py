"""How does a host's copy of the ledger stand to the ledger that counts?"""

from __future__ import annotations

from typing import Mapping, Sequence

from deployer.core import canonical
from deployer.core.ledger import Ledger, digest
from deployer.core.message import message

SAME, BEHIND, AHEAD, FORKED, ALTERED = "same", "behind", "ahead", "forked", "altered"
FITTING = (SAME, BEHIND)


@message
class Copy:
    """What a host has of the ledger: the records' bytes, as they are; `damage` is why the host would not read them."""

    lines: Sequence[bytes]
    damage: str = ""

    @property
    def head(self) -> tuple[int, str]:
        """The number and the digest of its last record; (0, '') where it has none."""
        return (len(self.lines), digest(self.lines[-1])) if self.lines else (0, "")


@message
class Standing:
    """A copy beside the ledger that counts: it has `records` of them.

    `at` is the first record that differs (0 where none does), `here` its digest in the copy, `counts` in the ledger
    that counts; '' where there is none.
    """

    state: str
    records: int
    at: int = 0
    here: str = ""
    counts: str = ""

    @property
    def fits(self) -> bool:
        """Whether the copy is the ledger that counts, or its beginning."""
        return self.state in FITTING


def standing(ledger: Ledger, copy: Copy) -> Standing:
    """How `copy` stands to `ledger`.

    Forked is what is sound in itself and another history; altered is what no writer of ours has left so.
    """
    ours, theirs = [record.render() for record in ledger.records], list(copy.lines)
    least = min(len(ours), len(theirs))
    common = next((index for index in range(least) if ours[index] != theirs[index]), least)
    if common == len(theirs) and not copy.damage:
        return Standing(SAME if common == len(ours) else BEHIND, common)
    if common == len(ours) and not copy.damage:
        return Standing(AHEAD, len(theirs), common + 1, here=digest(theirs[common]))
    return Standing(
        ALTERED if copy.damage else FORKED,
        len(theirs),
        common + 1,
        here=digest(theirs[common]) if common < len(theirs) else "",
        counts=digest(ours[common]) if common < len(ours) else "",
    )


def longest(copies: Mapping[str, Copy], host: str) -> str:
    """The host whose ledger is that of `host`, or goes on from it the furthest; `host` itself where none does.

    `host`'s own copy must be sound.
    """
    own = Ledger.read(copies[host].lines, where=host)
    ahead = [name for name, copy in copies.items() if standing(own, copy).state == AHEAD]
    return max(ahead, key=lambda name: len(copies[name].lines), default=host)


def highest_release(copy: Copy) -> int:
    """The highest release number that a copy, sound or not, has a record of; 0 for none."""
    highest = 0
    for line in copy.lines:
        try:
            fields = canonical.loads(line.rstrip(b"\n"))
            if fields["kind"] == "release":
                highest = max(highest, int(fields["version"]))
        except (ValueError, KeyError, TypeError):
            continue  # what cannot be read tells of no release
    return highest
