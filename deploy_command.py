"""Entry point of the installed `deploy`: nothing of the caller's PYTHON… variables gets in its way.

A folder `deployer` on PYTHONPATH would be imported in place of ours, and with PYTHONWARNINGS=error
a deprecation in a library would end the command.  Both are for the caller's own programs; these still get them.
"""

from __future__ import annotations

import os
import sys
import warnings


def main() -> int:
    """Run `deploy` by its own modules."""
    theirs = {os.path.abspath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path}
    sys.path.sort(key=lambda path: os.path.abspath(path) in theirs)  # stable: last, not gone
    sys.warnoptions.clear()
    warnings.resetwarnings()
    warnings.simplefilter("ignore")
    from deployer.cli.main import main as run  # noqa: PLC0415 - after the path is ours

    return run()


if __name__ == "__main__":
    sys.exit(main())
