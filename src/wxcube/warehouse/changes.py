"""What changed in an account since a reader looked last: the windows of the answers since then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from wxcube.contract.window import Window
from wxcube.warehouse.statements import Connected, Statement
from wxcube.warehouse.tables import asks, builds

_MOST = 1_000
"""More changes than this are not listed one by one."""
_LAST = Statement(
    sa.select(sa.func.max(asks.c.finished)).where(asks.c.appid == sa.bindparam("b_appid")),
    "b_appid",
)
_SINCE = Statement(
    sa.select(asks.c.finished, asks.c.first_date, asks.c.last_date)
    .where(asks.c.appid == sa.bindparam("b_appid"), asks.c.finished >= sa.bindparam("b_finished"))
    .order_by(asks.c.finished),
    "b_appid",
    "b_finished",
)
_PARTS = Statement(sa.select(sa.func.sum(builds.c.parts)))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an account is: the number of its last outcome, and that of the parts of builds."""

    finished: int = 0
    parts: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """The progress of an account, and the windows that may have changed since an earlier one."""

    progress: Progress
    windows: Sequence[Window] | None = ()
    """None: every day may have changed."""


def progress(connection: Connected, appid: str) -> Progress:
    """How far an account is."""
    (last,) = _LAST.execute(connection, (appid,)).fetchone()
    return Progress(last or 0, _parts(connection))


def changes(connection: Connected, appid: str, before: Progress) -> Changes:
    """What changed since an earlier progress."""
    rows = _SINCE.execute(connection, (appid, before.finished)).fetchmany(_MOST)
    parts = _parts(connection)
    is_known = not before.finished or (bool(rows) and rows[0][0] == before.finished)
    newer = [row for row in rows if row[0] > before.finished]
    windows = [_window(first, last) for _finished, first, last in newer]
    if not is_known or parts != before.parts or len(rows) == _MOST or None in windows:
        # another database is in its place, a build stored days, or too much happened
        return Changes(progress(connection, appid), None)
    finished = newer[-1][0] if newer else before.finished
    return Changes(Progress(finished, parts), [window for window in windows if window])


def _parts(connection: Connected) -> int:
    (parts,) = _PARTS.execute(connection).fetchone()
    return int(parts or 0)


def _window(first: str | None, last: str | None) -> Window | None:
    if first is None or last is None:
        return None
    return Window(date.fromisoformat(first), date.fromisoformat(last))
