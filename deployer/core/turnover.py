"""Which processes does a switch start, which does it leave alone, and which types go over to their next turn?  Pure.

A type whose processes come up beside the old ones (`overlap`, `drain`) needs a turn that none of them is in, and whose
ports are free.  Every other type stays in its turn: its processes take the very places of the old ones.
"""

from __future__ import annotations

from typing import Callable, Collection, Iterable, Mapping, Optional, Sequence

from deployer.core.formation import SIDE, SIDES, TURNS, Places, Process
from deployer.core.manifest import ProcessType
from deployer.core.strategy import DRAIN, OVERLAP, ROLLING, SOCKET, strategy

EVERYTHING = "*"
BESIDE = (OVERLAP, DRAIN)


def strategies(
    types: Mapping[str, ProcessType], formation: Mapping[str, int], routed: Collection[str]
) -> dict[str, str]:
    """The strategy of each type; `routed` are those whose ports a router sends requests to."""
    found = {name: strategy(kind, routed=name in routed) for name, kind in types.items()}
    crowded = [n for n, k in types.items() if k.binds_port and k.listen != SOCKET and formation.get(n, 0) > SIDE]
    return {name: ROLLING if name in crowded and how in BESIDE else how for name, how in found.items()}


def named(process: Process, again: Collection[str]) -> bool:
    """Whether a process is to be started anew."""
    return EVERYTHING in again or process.name in again


def turned(
    places: Places,
    wanted: Sequence[Process],
    present: Sequence[Process],
    ways: Mapping[str, str],
    *,
    again: Collection[str] = (),
    ending: Collection[Process] = (),
    bound: Collection[str] = (),
    free: Callable[[int], bool] = lambda _: True,
) -> Places:
    """`places` with another turn for every type that is replaced as a whole by processes beside the old ones.

    `wanted` are the processes of the formation in their present turn, `present` all that live, `ending` those of them
    that were told to stop; `again` names what is started anew; `bound` are the types whose processes bind ports of
    their own, and `free` tells whether a port is.  A type that is replaced otherwise goes back to its first places.
    """
    turns = dict(places.turns)
    for kind in dict.fromkeys(process.type for process in wanted):
        coming = [p for p in wanted if p.type == kind]
        living = [p for p in present if p.type == kind]
        if not _replaced(coming, [p for p in living if p not in ending], again):
            continue
        if ways.get(kind) not in BESIDE:
            turns[kind] = 0
        elif living:
            turn = _turn(places, coming, living, free, bound=kind in bound)
            turns[kind] = turns.get(kind, 0) if turn is None else turn
    return Places(places.ports, {kind: turn for kind, turn in turns.items() if turn}, places.sockets, places.timed)


def _replaced(coming: Iterable[Process], living: Iterable[Process], again: Collection[str]) -> bool:
    """Whether none of the living stays: of another release or turn, or all started anew."""
    known = set(living)
    return all(process not in known or named(process, again) for process in coming)


def _turn(
    places: Places, coming: Sequence[Process], living: Sequence[Process], free: Callable[[int], bool], *, bound: bool
) -> Optional[int]:
    """The first turn in which nothing of this release lives and, where it is `bound` to ports, nobody holds one."""
    kind, release = coming[0].type, coming[0].release
    used = {process.turn for process in living if process.release == release}
    sides = {process.turn % SIDES for process in living} if bound else set()
    for turn in range(TURNS):
        there = Places(places.ports, {kind: turn}, places.sockets)
        ports = [there.process(release, kind, process.ordinal).port for process in coming]
        if turn not in used and turn % SIDES not in sides and (not bound or all(map(free, ports))):
            return turn
    return None
