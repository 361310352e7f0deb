"""What every one of these apps says, and when it is sick."""

import os
import socket

RELEASE = os.environ.get("DEPLOY_RELEASE", "")
SLOW = 2.0


def sick():
    """The file `sick` of the release: `all`, `late` (not while it is tried), or the name of the host that is."""
    with open("sick") as file:
        what = file.read().strip()
    tried = os.environ.get("DEPLOY_PROCESS") == "web.0"
    return what == "all" or (what in ("late", socket.gethostname()) and not tried)
