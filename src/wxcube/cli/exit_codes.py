"""Exit codes of the commands."""

from __future__ import annotations

import signal

FAILED = 1
"""An error; the message states what happened and what to do."""
INCOMPLETE = 3
"""Done, but some calls failed, were refused, or are left to another sync."""
INTERRUPTED = 128 + signal.SIGINT
"""Stopped by Ctrl-C."""
TERMINATED = 128 + signal.SIGTERM
"""Stopped by SIGTERM."""
