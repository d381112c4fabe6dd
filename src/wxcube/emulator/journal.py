"""What was called, to look at and to assert on. No tokens, no secrets, no bodies."""

from __future__ import annotations

import threading
from collections import deque
from datetime import date, datetime
from fnmatch import fnmatchcase

import msgspec

from wxcube.server.messages import Call, Reply


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One call and how it ended."""

    at: datetime
    method: str
    path: str
    appid: str
    """Empty when the caller was not known."""
    begin_date: date | None
    end_date: date | None
    """Both None unless the call had good dates."""
    status: int
    errcode: int
    rows: int
    elapsed_ms: float

    @property
    def endpoint(self) -> str:
        """Last part of the path: the endpoint's name."""
        return self.path.rpartition("/")[2]


class Journal:
    """The newest calls, oldest first."""

    def __init__(self, keep: int = 100_000) -> None:
        self._entries: deque[Entry] = deque(maxlen=keep)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def record(self, call: Call, reply: Reply, appid: str, elapsed_ms: float) -> None:
        """Write one call down."""
        entry = Entry(
            at=call.at,
            method=call.request.method,
            path=call.request.path,
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
        """Calls of endpoints and appids that fit the patterns, and ended with an errcode if given.

        `endpoint` is compared with the name and with the whole path; 0 is the errcode of a good
        answer.
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
        """Forget all calls."""
        with self._lock:
            self._entries.clear()
