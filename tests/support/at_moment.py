"""wxcube's command line at a Beijing time that stands still: at_moment.py 2026-03-10T09:00 sync"""

from __future__ import annotations

import sys

from wxcube.beijing import ManualClock, moment_of
from wxcube.cli.main import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[2:], clock=ManualClock(moment_of(sys.argv[1]))))
