"""The process that holds leases, as other processes recognize it, and whether it still runs."""

from __future__ import annotations

import os
import platform
import secrets
import subprocess
import sys
import uuid
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import cache
from hashlib import blake2b
from pathlib import Path

_GONE_STATES = ("Z", "X")
"""States of a process that has ended and of which only the entry is left."""


class Life(Enum):
    """Whether a process runs, as far as this process can see."""

    RUNNING = "running"
    ENDED = "ended"
    UNKNOWN = "unknown"
    """It is on another machine, or the system does not say."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds leases, or a part of one."""

    mark: str
    """Machine, start time of the process, and a random part: `machine.start.random`.

    The start time tells a process from a later one with the same number.
    """
    host: str
    pid: int


def new_holder() -> Holder:
    """This process, as a holder that is equal to no other."""
    pid = os.getpid()
    mark = f"{_machine()}.{_start_of(pid) or ''}.{secrets.token_hex(6)}"
    return Holder(mark, platform.node(), pid)


def life_of(holder: Holder) -> Life:
    """Whether the process of a holder still runs."""
    machine, start, _random = holder.mark.split(".")
    if machine != _machine() or not start:
        return Life.UNKNOWN
    current = _start_of(holder.pid)
    if current is None:
        return Life.UNKNOWN
    return Life.RUNNING if current == start else Life.ENDED


@cache
def _machine() -> str:
    """This machine since it was started, and the space of its process numbers (a container)."""
    parts = [platform.node(), str(uuid.getnode())]
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        parts = [boot, os.readlink("/proc/self/ns/pid")]  # noqa: PTH115 - not a path
    return blake2b(" ".join(parts).encode(), digest_size=8).hexdigest()


def _start_of(pid: int) -> str | None:
    """When a process was started, as the system writes it; empty if it has ended, None: unknown."""
    if sys.platform == "win32":
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        pass  # it exists, and belongs to another user
    return _start_by_proc(pid) if Path("/proc/self/stat").exists() else _start_by_ps(pid)


def _start_by_proc(pid: int) -> str | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # the name of the program, in brackets, may contain anything
    state, *rest = text.rpartition(")")[2].split()
    return "" if state in _GONE_STATES else rest[18]


def _start_by_ps(pid: int) -> str | None:
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    try:
        text = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 - a number
    except OSError:
        return None
    state, _space, start = text.strip().partition(" ")
    if not start or state.startswith(_GONE_STATES):
        return ""
    return blake2b(start.encode(), digest_size=6).hexdigest()
