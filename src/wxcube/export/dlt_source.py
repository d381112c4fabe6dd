"""The stored rows as a source of dlt, which loads them into any of its destinations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from wxcube.contract import ENDPOINTS
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import SettingsError
from wxcube.export.marked import DayMark
from wxcube.i18n import _
from wxcube.warehouse.day_rows import DayRows
from wxcube.warehouse.store import Warehouse

if TYPE_CHECKING:
    from dlt.extract import DltResource, DltSource

CURSOR = "fetched_at"
"""The member of a row by which dlt knows what it has loaded: the time of its day's answer."""


def dlt_source(
    database: str | Path = "wxcube.db", endpoints: Iterable[Endpoint[Any]] = ENDPOINTS
) -> DltSource:
    """A dlt source with a resource per endpoint, named like its table: `user_summary`, ….

    A row has WeChat's members, `appid`, and `origin`, `state`, `fetched_at` and `revision` of its
    day. The first run loads every day, a later one the days that were fetched since; each replaces
    the rows of its days. Withdrawn rows have `withdrawn_at`. The database is opened when dlt reads.

    Raises:  SettingsError without the package dlt.
    """
    try:
        import dlt
    except ImportError as missing:
        raise SettingsError(
            _("this needs the package dlt"), hint=_('install it with: pip install "wxcube[dlt]"')
        ) from missing
    resources = [_resource(endpoint, database) for endpoint in endpoints]
    source: DltSource = dlt.source(lambda: resources, name="wxcube")()
    return source


def _resource(endpoint: Endpoint[Any], database: str | Path) -> DltResource:
    import dlt

    day = ("appid", *(("params",) if endpoint.params else ()), "ref_date")
    key = (*day, *(name for name in endpoint.key if name != "ref_date"))
    # without a key dlt loads the newest days again, instead of remembering every row of them
    cursor: Any = dlt.sources.incremental(CURSOR, primary_key=(), on_cursor_value_missing="include")

    def rows(fetched_at: Any = cursor) -> Iterator[list[dict[str, Any]]]:
        with Warehouse.open(database, read_only=True) as warehouse:
            for appid in sorted(warehouse.accounts()):
                yield from _rows_since(warehouse, appid, endpoint, fetched_at.last_value)

    return dlt.resource(
        rows,
        name=endpoint.table,
        primary_key=key,
        merge_key=day,
        write_disposition="merge",
    )


def _rows_since(
    warehouse: Warehouse, appid: str, endpoint: Endpoint[Any], since: datetime | None
) -> Iterator[list[dict[str, Any]]]:
    """The rows of each day that was fetched at a time or later."""
    for label in sorted(_days_since(warehouse, appid, endpoint, since)):
        for day in warehouse.day_rows(appid, endpoint, Window.day(label)):
            yield [_member(endpoint, day, row) for row in day.rows]


def _days_since(
    warehouse: Warehouse, appid: str, endpoint: Endpoint[Any], since: datetime | None
) -> set[date]:
    entries = (
        entry
        for origin in Origin
        for of_params in warehouse.coverage_by_params(appid, endpoint, origin).values()
        for entry in of_params.items()
    )
    return {
        day for day, one in entries if one.fetched_at and (not since or one.fetched_at >= since)
    }


def _member(endpoint: Endpoint[Any], day: DayRows[Any], row: Any) -> dict[str, Any]:
    """A row with its account and marks; days and times are not text."""
    parts = (row, DayMark.of(endpoint, day))
    members = (msgspec.to_builtins(part, builtin_types=(date, datetime)) for part in parts)
    return {"appid": day.appid} | {name: value for part in members for name, value in part.items()}
