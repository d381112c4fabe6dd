"""Writes computed rows, which are columns, into the tables of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube import beijing
from wxcube.beijing import day_number, day_of_number
from wxcube.contract import article, content, user
from wxcube.contract.codes import ALL_SCENES
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.cube.incremental.rows import RowBatch
from wxcube.cube.incremental.schedule import consecutive_ranges
from wxcube.cube.incremental.watermark import Watermark
from wxcube.cube.row_shaping import POSITIONS, RATE_DIGITS, SCENES
from wxcube.events.columns import Columns, article_msgid
from wxcube.warehouse.computed import Computed, PivotedRows, TableRows, Tuples
from wxcube.warehouse.finding import Finding, FindingGroup, found_in_row, grouped
from wxcube.warehouse.rules import limits
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.tables import ROW_TABLES

HALF_MARGIN = 1e-4
"""The distance from a half within which numpy's rounding of a product is not trusted."""
BATCH = 20_000
"""The number of tuples that are converted to Python objects at a time."""
NO_ROW = -1
"""The value of a pivoted column without a row."""


@dataclass(frozen=True, slots=True)
class _Part:
    """The columns of a table, and the rows of its nested tables in wide form."""

    columns: Columns
    pivoted: Mapping[str, PivotedRows] = field(default_factory=dict)


_Parts = dict[str, _Part]


def watermark_of(warehouse: Warehouse) -> Watermark | None:
    """The watermark of a database."""
    stored = warehouse.build_watermark()
    return Watermark(*stored) if stored else None


class WarehouseSink:
    """Writes the rows of a build into a database, under origin `cube`."""

    over: date
    """The last day that was over when the build began."""

    def __init__(
        self, warehouse: Warehouse, accounts: Sequence[str], now: Callable[[], datetime]
    ) -> None:
        self._warehouse = warehouse
        self._accounts = np.asarray(accounts, object)
        self._began = now()
        self.over = beijing.yesterday(self._began)
        self.rows = 0
        self.impossible: list[FindingGroup] = []
        """Impossible figures that were written, each with its days, which are marked."""

    def replace(self, batch: RowBatch) -> None:
        """Replace all rows of the batch's accounts and days, in one transaction."""
        parts = self._parts(batch)
        impossible = list(_impossible(batch.endpoint, parts))
        computed = Computed(
            endpoint=batch.endpoint,
            origin=Origin.CUBE,
            windows=tuple(_window(days) for days in _ranges(batch)),
            over=self.over,
            since={self._accounts[a]: day_of_number(d) for a, d in batch.accounts.items()},
            tables={name: _rows(part) for name, part in parts.items()},
            days_with_rows=self._days_with_rows(batch),
            stat_dates=_window(batch.stat_dates) if batch.stat_dates else None,
            is_partial=batch.is_partial,
            is_new=batch.is_new,
            marks={(one.appid, one.day): one.what for one in reversed(impossible)},
        )
        self.impossible = grouped(impossible, self.impossible)
        self.rows += self._warehouse.replace_computed(computed, self._began)

    def last_days(self) -> dict[int, int]:
        """The last day with computed rows in the database, by number of account.

        Every day of an account since its first has a row of getusersummary, and a build writes the
        new rows of getusersummary before those of other endpoints.
        """
        newest = self._warehouse.last_days(user.getusersummary, Origin.CUBE)
        numbers = {account: number for number, account in enumerate(self._accounts.tolist())}
        return {numbers[a]: day_number(day) for a, day in newest.items() if a in numbers}

    def watermark(self) -> Watermark | None:
        """The watermark of the database."""
        return watermark_of(self._warehouse)

    def set_watermark(self, watermark: Watermark) -> None:
        """Set the watermark of the database."""
        self._warehouse.set_build_watermark(*watermark)

    def _days_with_rows(self, batch: RowBatch) -> dict[str, set[date]]:
        pairs = np.unique(batch.table["acct"].astype("i8") * 2**20 + batch.table["ref_date"])
        accts, days = pairs // 2**20, _converted(pairs % 2**20, day_of_number).tolist()
        begins = np.flatnonzero(np.diff(accts, prepend=-1)).tolist()
        return {
            self._accounts[accts[begin]]: set(days[begin:end])
            for begin, end in pairwise([*begins, len(days)])
        }

    def _parts(self, batch: RowBatch) -> _Parts:
        table = dict(batch.table)
        acct = table.pop("acct")
        head: Columns = {
            "appid": self._accounts[acct],
            "origin": _constant(Origin.CUBE.value, acct),
        }
        head["ref_date"] = _dates(table.pop("ref_date"))
        if "article" in table:
            head |= _articles(batch, acct, table)
        name = ROW_TABLES[batch.endpoint.name].table.name
        split = _SPLIT.get(batch.endpoint.name, _flat)
        return split(name, head, table)


def _impossible(endpoint: Endpoint[Any], parts: _Parts) -> Iterator[Finding]:
    """Rows that break a limit, as `wxcube check` would find them."""
    for table in ROW_TABLES[endpoint.name].walk():
        if table.table.name not in parts:
            continue
        columns = parts[table.table.name].columns
        for limit in limits(table):
            used = [name for name in (limit.lower, limit.upper) if isinstance(name, str)]
            if not columns.keys() >= set(used):
                continue
            lower, upper = (_values(columns, name) for name in (limit.lower, limit.upper))
            for index in np.flatnonzero(lower > upper).tolist():
                at = slice(index, index + 1)
                row = {name: columns[name][at].tolist()[0] for name in (*table.key, *used)}
                yield found_in_row(endpoint, table, limit, row)


def _values(columns: Columns, name_or_number: str | int) -> Any:
    return columns[name_or_number] if isinstance(name_or_number, str) else name_or_number


def _ranges(batch: RowBatch) -> list[range]:
    if not batch.endpoint.has_labels:
        return consecutive_ranges(batch.labels)
    return [range(label, label + 1) for label in batch.labels]


def _window(days: range) -> Window:
    return Window(day_of_number(days[0]), day_of_number(days[-1]))


def _rows(part: _Part) -> TableRows:
    columns = part.columns
    return TableRows(tuple(columns), _Tuples(list(columns.values())), part.pivoted)


@dataclass(frozen=True, slots=True)
class _Tuples:
    """The tuples of columns, as often as they are wanted: a write can be repeated."""

    columns: Sequence[NDArray[Any]]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for begin in range(0, len(self.columns[0]), BATCH):
            batch = (column[begin : begin + BATCH].tolist() for column in self.columns)
            yield from zip(*batch, strict=True)


# --- columns -------------------------------------------------------------------------------------


def _constant(value: object, like: NDArray[Any]) -> NDArray[Any]:
    return np.full(len(like), value, object)


def _dates(days: NDArray[Any]) -> NDArray[Any]:
    return _converted(days, lambda day: day_of_number(day).isoformat())


def _converted(values: NDArray[Any], convert: Callable[[int], object]) -> NDArray[Any]:
    """The converted values; equal ones are converted once."""
    distinct, index = np.unique(values, return_inverse=True)
    converted = np.empty(len(distinct), object)
    converted[:] = [convert(value) for value in distinct.tolist()]
    result: NDArray[Any] = converted[index]
    return result


def _articles(batch: RowBatch, acct: NDArray[Any], table: Columns) -> Columns:
    numbers = table.pop("article")
    positions = batch.articles.positions(acct, numbers)
    table |= {name: batch.articles.texts(name, positions) for name in ("title", "content_url")}
    return {"msgid": _converted(numbers, article_msgid)}


def _or_null(texts: NDArray[Any]) -> NDArray[Any]:
    result = texts.copy()
    result[texts == ""] = None
    return result


def rate(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    """Fractions, rounded as Python rounds a single one; 0 where the whole is 0."""
    exact = np.divide(part, whole, out=np.zeros(len(part)), where=whole != 0)
    shifted = exact * 10**RATE_DIGITS
    rounded: NDArray[Any] = np.rint(shifted) / 10**RATE_DIGITS
    # near a half, the rounding error of the product may decide, so Python rounds these
    is_near_half = np.abs(shifted - np.floor(shifted) - 0.5) < HALF_MARGIN
    for index in np.flatnonzero(is_near_half).tolist():
        rounded[index] = round(float(exact[index]), RATE_DIGITS)
    return rounded


# --- tables of each endpoint ---------------------------------------------------------------------


def _flat(name: str, head: Columns, table: Columns) -> _Parts:
    names = COLUMNS_OF_TABLE[name]
    chosen = {column: values for column, values in (head | table).items() if column in names}
    return {name: _Part(chosen | {"place": np.arange(len(head["appid"]))})}


def _by_msgid(name: str, head: Columns, table: Columns) -> _Parts:
    names = COLUMNS_OF_TABLE[name]
    chosen = {column: values for column, values in (head | table).items() if column in names}
    return {name: _Part(chosen | {"place": _places(head)})}


def _places(head: Columns) -> NDArray[Any]:
    """The position of each row within its account and day, in the order of the msgids.

    It does not depend on other days, so that rewriting a row does not change it.
    """
    days = _changes(head, ("appid", "ref_date"))
    ranks = np.unique(head["msgid"].astype("U"), return_inverse=True)[1]
    order = np.lexsort((ranks, np.cumsum(days)))
    begins = np.maximum.accumulate(np.where(days, np.arange(len(days)), 0))
    places = np.empty(len(days), "i8")
    places[order] = np.arange(len(days)) - begins
    return places


def _changes(head: Columns, names: Sequence[str]) -> NDArray[Any]:
    """Whether each row differs from the previous one."""
    changes = np.zeros(len(head["appid"]), "?")
    changes[:1] = True
    for name in names:
        changes[1:] |= head[name][1:] != head[name][:-1]
    return changes


def _with_scenes(name: str, head: Columns, table: Columns) -> _Parts:
    parent = _by_msgid(name, head, table) if "msgid" in head else _flat(name, head, table)
    pivoted = {f"{name}__read_user_source": _scenes(table)}
    return {name: _Part(parent[name].columns, pivoted)}


def _scenes(table: Columns) -> PivotedRows:
    """The number of readers from all scenes, then from each scene with readers."""
    scenes = (ALL_SCENES, *(label for label, _ in SCENES))
    counts = np.stack([table["read_user"], *(table[column] for _, column in SCENES)], axis=1)
    has_row = counts > 0
    has_row[:, 0] = True
    return PivotedRows("scene_desc", scenes, "user_count", _wide_tuples(counts, has_row))


def _wide_tuples(values: NDArray[Any], has_row: NDArray[Any]) -> Tuples:
    return _Tuples(list(np.where(has_row, values, NO_ROW).T))


def _first_rows(head: Columns) -> NDArray[Any]:
    """The index of the first row of each article; rows of an article must be adjacent."""
    return np.flatnonzero(_changes(head, ("appid", "ref_date", "msgid")))


def _pick(columns: Mapping[str, NDArray[Any]], rows: NDArray[Any]) -> Columns:
    return {name: values[rows] for name, values in columns.items()}


def _total(name: str, head: Columns, table: Columns) -> _Parts:
    first = _first_rows(head)
    parent = _pick(head, first) | {"title": table["title"][first]}
    child = f"{name}__details"
    details = head | {n: v for n, v in table.items() if n in COLUMNS_OF_TABLE[child]}
    details |= {"stat_date": _dates(table["stat_date"]), "place": table["stat_date"]}
    return {name: _Part(parent | {"place": _places(parent)}), child: _Part(details)}


def _total_detail(name: str, head: Columns, table: Columns) -> _Parts:
    first = _first_rows(head)
    parent = _pick(head, first) | {
        "publish_type": table["publish_type"][first],
        "title": _or_null(table["title"][first]),
        "content_url": _or_null(table["content_url"][first]),
    }
    child = f"{name}__detail_list"
    keys = head | {"stat_date": _dates(table["stat_date"])}
    details = keys | {n: table[n] for n in COLUMNS_OF_TABLE[child] if n in table and n not in keys}
    details |= {
        "read_delivery_rate": rate(table[SCENES[0][1]], table["target_user"]),
        "read_finish_rate": rate(table["finished"], table["read_user"]),
        "read_avg_activetime": rate(table["seconds"], 60 * table["reads"]),
        "place": table["stat_date"],
    }
    pivoted = {
        f"{child}__read_user_source": _scenes(table),
        f"{child}__read_jump_position": _positions(table),
    }
    return {
        name: _Part(parent | {"place": _places(parent)}),
        child: _Part(details, pivoted),
    }


def _positions(table: Columns) -> PivotedRows:
    counts = np.stack([table[column] for _, column in POSITIONS], axis=1)
    known = np.broadcast_to(counts.sum(axis=1)[:, None], counts.shape)
    rates = rate(counts.ravel(), known.ravel()).reshape(counts.shape)
    positions = tuple(position for position, _ in POSITIONS)
    return PivotedRows("position", positions, "rate", _wide_tuples(rates, counts > 0))


COLUMNS_OF_TABLE = {
    one.table.name: {column.name for column in one.table.columns}
    for table in ROW_TABLES.values()
    for one in table.walk()
}
"""The columns of every table."""

_SPLIT: dict[str, Callable[[str, Columns, Columns], _Parts]] = {
    article.getarticlesummary.name: _by_msgid,
    article.getarticletotal.name: _total,
    content.getarticleread.name: _with_scenes,
    content.getarticleshare.name: _by_msgid,
    content.getbizsummary.name: _with_scenes,
    content.getarticletotaldetail.name: _total_detail,
}
"""Functions that split an endpoint's columns into tables; the other endpoints have one table, whose
rows are in the order of its key."""
