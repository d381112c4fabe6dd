"""What changed in an account since a reader looked last: the windows of the answers since then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from wxcube.contract.window import Window
from wxcube.warehouse.statements import Connected, Statement
from wxcube.warehouse.tables import asks, builds
from wxcube.warehouse.witnesses import PROVED_BY

_MOST = 1_000
"""More changes than this are not listed one by one."""
_LAST = Statement(
    sa.select(sa.func.max(asks.c.finished)).where(asks.c.appid == sa.bindparam("b_appid")),
    "b_appid",
)
_SINCE = Statement(
    sa.select(asks.c.finished, asks.c.endpoint, asks.c.first_date, asks.c.last_date)
    .where(asks.c.appid == sa.bindparam("b_appid"), asks.c.finished >= sa.bindparam("b_finished"))
    .order_by(asks.c.finished),
    "b_appid",
    "b_finished",
)
_BUILD = Statement(sa.select(sa.func.max(builds.c.ledger), sa.func.sum(builds.c.parts)))
_PROVES = {
    prover: tuple(proved for proved, by in PROVED_BY.items() if by == prover)
    for prover in PROVED_BY.values()
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an account is: the number of its last outcome, and the build with its parts."""

    finished: int = 0
    parts: int = 0
    ledger: str = ""
    """The build: one from the beginning may have as many parts as the one before."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Days of an endpoint that an answer or an error may have changed."""

    endpoint: str
    window: Window

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The endpoints whose rows or states may have changed; answers can prove other ones."""
        return (self.endpoint, *_PROVES.get(self.endpoint, ()))

    def concerns(self, endpoint: str, window: Window) -> bool:
        """Whether rows or states of a window may have changed."""
        return endpoint in self.endpoints and self.window.overlap(window) is not None


@dataclass(frozen=True, slots=True)
class Changes:
    """The progress of an account, and what may have changed since an earlier one."""

    progress: Progress
    days: Sequence[Changed] | None = ()
    """None: every day may have changed."""


def progress(connection: Connected, appid: str) -> Progress:
    """How far an account is."""
    (last,) = _LAST.execute(connection, (appid,)).fetchone()
    return Progress(last or 0, *_build(connection))


def changes(connection: Connected, appid: str, before: Progress) -> Changes:
    """What changed since an earlier progress."""
    rows = _SINCE.execute(connection, (appid, before.finished)).fetchmany(_MOST)
    parts, ledger = _build(connection)
    is_known = not before.finished or (bool(rows) and rows[0][0] == before.finished)
    newer = [row for row in rows if row[0] > before.finished]
    days = [_changed(*row[1:]) for row in newer]
    is_built = (parts, ledger) != (before.parts, before.ledger)
    if not is_known or is_built or len(rows) == _MOST or None in days:
        # another database is in its place, a build stored days, or too much happened
        return Changes(progress(connection, appid), None)
    finished = newer[-1][0] if newer else before.finished
    return Changes(Progress(finished, parts, ledger), [one for one in days if one])


def _build(connection: Connected) -> tuple[int, str]:
    """The number of parts of the last build, and its name."""
    ledger, parts = _BUILD.execute(connection).fetchone()
    return int(parts or 0), ledger or ""


def _changed(endpoint: str, first: str | None, last: str | None) -> Changed | None:
    if first is None or last is None:
        return None
    return Changed(endpoint, Window(date.fromisoformat(first), date.fromisoformat(last)))
