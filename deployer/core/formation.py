"""Which processes make a formation, and which ports do they get?

Two processes of one name can live side by side, while one takes the place of the other: those of the next *turn* of a
type have other numbers for the process manager (`web.1` is 1, in turn 1 it is 1001) and, where each binds a port of its
own, other ports of the type's hundred (5000, in turn 1 it is 5025).
"""

from __future__ import annotations

import re
from typing import Callable, Iterable, Mapping, Optional

from deployer.core.errors import NotFound, UsageError
from deployer.core.manifest import ProcessType
from deployer.core.message import field, message
from deployer.core.names import ONE_OFF
from deployer.core.strategy import SOCKET
from deployer.core.turn import TURN

FIRST_PORT = 5000
TYPE_STEP = 100
LAST_PORT = 65535
LAST_FIRST_PORT = LAST_PORT - TYPE_STEP + 1  # a type has a whole hundred
APP_STEP = 1000
X11 = 6000  # browsers refuse to open it
BASES = tuple(base for base in range(FIRST_PORT, 30000, APP_STEP) if base != X11)
MOST = 99
TURNS = 10  # so many there are
SIDES = 4  # ranges of ports that the turns of a type use, one after the other
SIDE = TYPE_STEP // SIDES


@message
class Process:
    """One process of a release: `web.1` of v100, with its port (1 to 65535).  `number` is 1001 in turn 1."""

    release: int
    type: str
    number: int
    port: int

    @property
    def name(self) -> str:
        """`web.1`, in every turn."""
        return f"{self.type}.{self.ordinal}"

    @property
    def ordinal(self) -> int:
        """The number that people see: 1 of `web.1`.  One-off processes are counted, and have no turns."""
        return self.number if self.type == ONE_OFF else self.number % TURN

    def in_turn(self, turn: int) -> Process:
        """What it is called in another turn."""
        return Process(self.release, self.type, turn * TURN + self.ordinal, self.port)

    @property
    def turn(self) -> int:
        """The turn that it belongs to."""
        return self.number // TURN


@message
class Places:
    """Where the processes of a formation are: the first port of each type, and the turn that it is in.

    `sockets` are the types whose processes share the first port of their type, by a socket that is given to them;
    `timed` those that run at their times only, and have no place.
    """

    ports: dict[str, int] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    sockets: tuple[str, ...] = ()
    timed: tuple[str, ...] = ()

    @property
    def shared(self) -> dict[str, int]:
        """The port of each of the `sockets`, by its type."""
        return {kind: self.ports[kind] for kind in self.sockets if kind in self.ports}

    def process(self, release: int, kind: str, ordinal: int) -> Process:
        """The process `kind.ordinal` of `release`."""
        turn, port = self.turns.get(kind, 0), self.ports.get(kind, 0)
        if port and kind not in self.sockets:
            port += turn % SIDES * SIDE + ordinal - 1
        return Process(release, kind, turn * TURN + ordinal, port)


def places(types: Iterable[ProcessType], ports: Mapping[str, int], turns: Mapping[str, int]) -> Places:
    """The places of these types, whose first ports and turns these are."""
    kinds = list(types)
    sockets = tuple(kind.name for kind in kinds if kind.listen == SOCKET)
    return Places(dict(ports), dict(turns), sockets, tuple(kind.name for kind in kinds if kind.schedule))


def expand(release: int, formation: Mapping[str, int], places: Places) -> list[Process]:
    """The processes of a formation, in the order of the formation and their numbers."""
    return [
        places.process(release, kind, ordinal)
        for kind, count in formation.items()
        for ordinal in range(1, count + 1)
        if kind not in places.timed
    ]


def allocate(types: Iterable[ProcessType], known: Mapping[str, int], free: Callable[[int], bool]) -> dict[str, int]:
    """The first port of every type: its own `port`, the one it has had before, or the next hundred that is free.

    As Foreman does it, 5000 + 100 x type, but a type keeps its ports for good (`known`), so that no other line
    of the Procfile can shift them; and a second app on the host begins at the next thousand that is `free`.  More than
    ten types go on in thousands that are free too, as long as there is one.
    """
    types = list(types)
    ports = {kind.name: kind.port for kind in types if kind.port}
    claimed = set(ports.values())  # what deploy.yaml says goes before what a type came to have by chance
    ports.update({name: port for name, port in known.items() if name not in ports and port not in claimed})
    own = [port for name, port in known.items() if port >= FIRST_PORT]
    base = min(own) // APP_STEP * APP_STEP if own else next((base for base in BASES if free(base)), FIRST_PORT)
    hundreds = [port for port in (*range(base, 65000, TYPE_STEP), *range(FIRST_PORT, base, TYPE_STEP)) if port != X11]
    thousand = range(base, base + APP_STEP)
    for kind in types:
        if kind.name not in ports:
            left = [port for port in hundreds if all(abs(port - used) >= TYPE_STEP for used in ports.values())]
            ports[kind.name] = next((port for port in left if port in thousand or free(port)), left[0])
    return ports


def default_formation(types: Iterable[ProcessType], declared: Mapping[str, int]) -> dict[str, int]:
    """What a target's formation is: as declared, else one of each type but `console` and `release`."""
    names = [kind.name for kind in types]
    unknown = [name for name in declared if name not in names]
    if unknown:
        raise NotFound(
            f"the formation names {', '.join(unknown)}, but the build has {', '.join(names) or 'no process types'}",
            hint="add it to the Procfile or take it out of `formation` in deploy.yaml",
        )
    if declared:
        return {name: declared.get(name, 0) for name in names}
    return dict.fromkeys(names, 1)


def next_formation(declared: Mapping[str, int], before: Mapping[str, int], actual: Mapping[str, int]) -> dict[str, int]:
    """The formation of a run: what `scale` made of a type stays, until deploy.yaml says something new for it.

    `declared` is the release's formation, `before` that of the release that ran last, `actual` what it was scaled to.
    """
    return {
        name: actual[name] if name in actual and before.get(name) == count else count
        for name, count in declared.items()
    }


def scaled(actual: Mapping[str, int], changes: Iterable[str]) -> dict[str, int]:
    """The formation after `web=3`, `worker+1`, `clock-1`; `UsageError` or `NotFound` names what is wrong."""
    formation = dict(actual)
    for change in changes:
        match = re.match(r"([A-Za-z0-9][A-Za-z0-9_-]*?)(=|\+|-)([0-9]{1,6})\Z", change)
        if not match:
            raise UsageError(f"{change!r} is no change of a formation", hint="say `web=3`, `worker+1` or `worker-1`")
        name, sign, digits = match.groups()
        if name not in formation:
            raise no_such_type(name, formation)
        count = {"=": 0, "+": formation[name], "-": formation[name]}[sign] + int(digits) * (-1 if sign == "-" else 1)
        if not 0 <= count <= MOST:
            raise UsageError(f"{change}: {name} would be {count}; a type can have 0 to {MOST} processes", hint="")
        formation[name] = count
    return formation


def no_such_type(name: str, types: Iterable[str]) -> NotFound:
    """The failure that says which process types there are."""
    return NotFound(f"there is no process type {name!r}", hint=f"the release has: {', '.join(types) or 'none'}")


def selected(processes: Iterable[Process], kind: str, number: Optional[int]) -> list[Process]:
    """Those of `processes` that `web` or `web.1` names; `NotFound` if none does."""
    everything = list(processes)
    chosen = [p for p in everything if p.type == kind and number in (None, p.ordinal)]
    if not chosen:
        name = kind if number is None else f"{kind}.{number}"
        names = ", ".join(p.name for p in everything) or "nothing"
        raise NotFound(f"there is no process {name}", hint=f"the formation has: {names}")
    return chosen
