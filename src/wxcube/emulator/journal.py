"""The calls an emulator has received, for inspection and assertions.

Entries have no tokens, no secrets and no bodies.
"""

from __future__ import annotations

import threading
from collections import deque
from datetime import date, datetime
from fnmatch import fnmatchcase

import msgspec

from wxcube.server.messages import Call, Reply

PATH_KEPT = 200
"""Characters of a path: callers choose it."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A call and its result."""

    at: datetime
    method: str
    path: str
    appid: str
    """Empty if the caller is unknown."""
    begin_date: date | None
    end_date: date | None
    """Both are None unless the call had valid dates."""
    status: int
    errcode: int
    rows: int
    elapsed_ms: float

    @property
    def endpoint(self) -> str:
        """The endpoint's name: the last part of the path."""
        return self.path.rpartition("/")[2]


class Journal:
    """The most recent calls, oldest first."""

    def __init__(self, limit: int = 100_000) -> None:
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def record(self, call: Call, reply: Reply, appid: str, elapsed_ms: float) -> None:
        """Add a call."""
        entry = Entry(
            at=call.at,
            method=call.request.method,
            path=call.request.path[:PATH_KEPT],
            appid=appid,
            begin_date=call.window.first if call.window else None,
            end_date=call.window.last if call.window else None,
            status=reply.status,
            errcode=reply.errcode,
            rows=reply.rows,
            elapsed_ms=round(elapsed_ms, 3),
        )
        with self._lock:
            self._entries.append(entry)

    def calls(
        self, endpoint: str = "*", appid: str = "*", *, errcode: int | None = None
    ) -> list[Entry]:
        """The calls whose endpoint and appid match the patterns, with an errcode if given.

        `endpoint` is matched against the name and the whole path; 0 is the errcode of a successful
        call.
        """
        with self._lock:
            entries = list(self._entries)
        return [
            entry
            for entry in entries
            if (fnmatchcase(entry.endpoint, endpoint) or fnmatchcase(entry.path, endpoint))
            and fnmatchcase(entry.appid, appid)
            and errcode in {None, entry.errcode}
        ]

    def clear(self) -> None:
        """Remove all calls."""
        with self._lock:
            self._entries.clear()
