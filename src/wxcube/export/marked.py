"""Stored rows for files, each with its marks: where it comes from, and whether it can still change.

Tables have the marks as columns after WeChat's, JSON objects as members after WeChat's. Rows are
read while they are written, so that a file of many years needs no more memory than one of a month.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.field import Column, Label
from wxcube.contract.source import Origin
from wxcube.contract.withdrawn import WITHDRAWN_AT, without_withdrawn
from wxcube.export.flat import flatten, withdrawal_times
from wxcube.export.table import Table
from wxcube.warehouse.coverage import State
from wxcube.warehouse.day_rows import DayRows

ACCOUNT = Column("appid", str, Label("公众号 AppID", "AppID of the account"), optional=False)
"""The column with the account of a row, before WeChat's."""
PARAMS = Column("params", str, Label("请求参数", "parameters of the call"), optional=True)
"""The column that endpoints with params other than the dates have."""
_ORIGIN = Label("数据来源", "where the row comes from", table="origin")
_STATE = Label("数据状态", "state of its day", table="state")
MARKS = (
    Column("origin", str, _ORIGIN, optional=False),
    Column("state", str, _STATE, optional=True),
    Column("fetched_at", datetime, Label("获取时间", "when it was fetched"), optional=True),
    Column("revision", int, Label("修订次数", "changes after its day was final"), optional=True),
    Column(WITHDRAWN_AT, datetime, Label("撤下时间", "first answer without it"), optional=True),
)
"""The columns of the marks, after WeChat's."""


class DayMark(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for all rows of a day of one origin."""

    params: str | msgspec.UnsetType = msgspec.UNSET
    """Params of the call, for endpoints that have any."""
    origin: Origin
    state: State | None = None
    """None: the ledger has no entry of the day."""
    fetched_at: datetime | None = None
    revision: int | None = None
    """How often figures of the day changed after it was final."""

    @classmethod
    def of(cls, endpoint: Endpoint[Any], day: DayRows[Any]) -> DayMark:
        """The mark of a day."""
        params = day.params if endpoint.params else msgspec.UNSET
        entry = day.entry
        if entry is None:
            return cls(params=params, origin=day.origin)
        return cls(
            params=params,
            origin=day.origin,
            state=entry.state,
            fetched_at=entry.fetched_at,
            revision=entry.revision,
        )

    @property
    def values(self) -> tuple[Any, ...]:
        """The values of its columns: `PARAMS` if it has any, and `MARKS` without the last."""
        params = () if self.params is msgspec.UNSET else (self.params,)
        state = self.state.value if self.state else None
        return (*params, self.origin.value, state, self.fetched_at, self.revision)


def plain(days: Iterable[DayRows[RowT]]) -> Iterator[DayRows[RowT]]:
    """The days without withdrawn rows, as files without marks have them."""
    for day in days:
        if rows := list(without_withdrawn(day.rows)):
            yield replace(day, rows=rows)


def marked_table(
    endpoint: Endpoint[RowT],
    days: Iterable[DayRows[RowT]],
    part: str = "",
    *,
    with_account: bool = False,
    with_marks: bool = True,
) -> Table:
    """A part of the rows of some days as one table.

    Raises:  ContractError if the rows have no such part.
    """
    of_part = flatten(endpoint, (), part)
    account = (ACCOUNT,) if with_account else ()
    params = (PARAMS,) if endpoint.params else ()
    marks = (*params, *MARKS) if with_marks else ()
    rows = (
        (*((day.appid,) if account else ()), *values, *of_row)
        for day in days
        for values, of_row in zip(
            flatten(endpoint, day.rows, part).rows,
            _marks(endpoint, day, part, with_marks=with_marks),
            strict=True,
        )
    )
    names = (*(c.name for c in account), *of_part.names, *(c.name for c in marks))
    columns = (*account, *of_part.columns, *marks)
    return replace(of_part, names=names, columns=columns, rows=rows)


def _marks(
    endpoint: Endpoint[RowT], day: DayRows[RowT], part: str, *, with_marks: bool
) -> Iterator[tuple[Any, ...]]:
    """The values of the marks of each row of a table."""
    of_day = DayMark.of(endpoint, day).values
    for time in withdrawal_times(day.rows, part):
        yield (*of_day, time) if with_marks else ()


def marked_json(
    endpoint: Endpoint[RowT],
    days: Iterable[DayRows[RowT]],
    *,
    with_account: bool = False,
    with_marks: bool = True,
) -> Iterator[msgspec.Raw]:
    """The rows of some days as JSON objects; withdrawn ones have their mark where they stand."""
    encode = msgspec.json.encode
    for day in days:
        account = encode({ACCOUNT.name: day.appid})[:-1] + b"," if with_account else b"{"
        mark = b"," + encode(DayMark.of(endpoint, day))[1:] if with_marks else b"}"
        for row in day.rows:
            yield msgspec.Raw(account + encode(row)[1:-1] + mark)
