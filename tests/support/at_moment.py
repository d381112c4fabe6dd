"""wxcube's command line with a stopped clock: at_moment.py 2026-03-10T09:00 sync"""

from __future__ import annotations

import sys

from wxcube.beijing import ManualClock, parse_timestamp
from wxcube.cli.main import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[2:], clock=ManualClock(parse_timestamp(sys.argv[1]))))
