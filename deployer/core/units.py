"""What can be asked of a host about the files that systemd reads?  Requests and replies, as in requests.py."""

from __future__ import annotations

from deployer.core.manifest import ProcessType
from deployer.core.message import field, message


@message
class ReadUnits:
    """The files by which systemd on this host keeps processes of these types alive, whether they are there or not."""

    kinds: list[ProcessType]


@message
class Units:
    """Files by their paths on the host: `units` are for systemd, `own` for them alone; `links` by what they lead to.

    `program` is where the agent belongs that brings `current` up with the host.
    """

    units: dict[str, str]
    own: dict[str, str]
    program: str
    links: dict[str, str] = field(default_factory=dict)
