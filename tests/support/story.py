"""A short notation for the events of an account in tests."""

from __future__ import annotations

from datetime import date, datetime
from itertools import count
from typing import Any

from wxcube.beijing import BEIJING
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.cube.compute import compute
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.events import kinds as ev
from wxcube.events.columns import to_batch

ARTICLE = "2247483650_1"


class Story:
    """Events of one account, and the rows computed from them."""

    account = "wxdemo-story"

    def __init__(self, engine: DuckDbEngine) -> None:
        self._engine = engine
        self._ids = count()
        self.events: list[Any] = []

    def add(self, when: str, kind: type[ev.Event], users: str = "", /, **members: Any) -> Story:
        """Add an event at "2026-03-02 09:30" Beijing time; one for each of the users."""
        at = int(datetime.fromisoformat(when).replace(tzinfo=BEIJING).timestamp())
        if "msgid" in kind.__struct_fields__ and kind is not ev.Follow:
            members.setdefault("msgid", ARTICLE)
        for user in users.split() or [""]:
            who = {"user": user} if user else {}
            same: dict[str, Any] = {"id": f"e{next(self._ids)}", "account": self.account, "at": at}
            self.events.append(kind(**{**same, **who, **members}))
        return self

    def rows(self, endpoint: Endpoint[RowT], through: str) -> list[RowT]:
        """The endpoint's rows of every day up to `through`."""
        last = date.fromisoformat(through)
        computed = compute(to_batch(self.events), last, engine=self._engine, endpoints=[endpoint])
        return computed.rows(self.account, endpoint)

    def table(self, endpoint: Endpoint[Any], through: str, columns: str) -> list[tuple[Any, ...]]:
        """Some columns of these rows, with dates as text."""
        names = columns.split()
        return [tuple(_plain(row, name) for name in names) for row in self.rows(endpoint, through)]


def _plain(row: Any, path: str) -> Any:
    for name in path.split("."):
        row = getattr(row, name)
    return str(row) if isinstance(row, date) else row
