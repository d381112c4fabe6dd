"""Rows the cube computed, as columns, on their way into the warehouse's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import chain, pairwise
from typing import Any

from wxcube.beijing import day_number, day_of_number
from wxcube.contract import article, content, user
from wxcube.contract.codes import ALL_SCENES
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.cube.incremental.rows import Part
from wxcube.cube.incremental.schedule import stretches
from wxcube.cube.incremental.watermark import Watermark
from wxcube.cube.row_shaping import POSITIONS, RATE_DIGITS, SCENES
from wxcube.events.arrays import NDArray, np
from wxcube.events.columns import Columns, article_msgid
from wxcube.warehouse.computed import Computed, Fan, Lines, TableRows
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.tables import PARTS

NEAR = 1e-4
"""How near to the middle between two roundings numpy's product is not trusted."""
AT_ONCE = 20_000
"""Lines that are Python objects at the same time."""
NO_ROW = -1
"""Where a fan has no row."""

_Tables = dict[str, TableRows]


def watermark_of(warehouse: Warehouse) -> Watermark | None:
    """How many parts of builds a warehouse has taken, and for which ledger."""
    found = warehouse.parts()
    return Watermark(*found) if found else None


class WarehouseSink:
    """Puts what a build computes into a warehouse, under origin `cube`."""

    def __init__(
        self, warehouse: Warehouse, accounts: Sequence[str], now: Callable[[], datetime]
    ) -> None:
        self._warehouse = warehouse
        self._accounts = np.asarray(accounts, object)
        self._now = now
        self.rows = 0

    def replace(self, part: Part) -> None:
        """Put rows in the place of all that was there of their accounts and days, at once."""
        computed = Computed(
            endpoint=part.endpoint,
            origin=Origin.CUBE,
            windows=tuple(_window(days) for days in _stretches(part)),
            since={self._accounts[a]: day_of_number(d) for a, d in part.accounts.items()},
            tables=self._tables(part),
            present=self._present(part),
            stats=_window(part.stats) if part.stats else None,
            is_new=part.is_new,
        )
        self.rows += self._warehouse.replace_computed(computed, self._now())

    def last_days(self) -> dict[int, int]:
        """The last day of which the warehouse has computed rows, by number of account.

        Every day of an account since its first has a row of getusersummary, and of what is handed
        over as new it comes first.
        """
        newest = self._warehouse.last_days(user.getusersummary, Origin.CUBE)
        numbers = {account: number for number, account in enumerate(self._accounts.tolist())}
        return {numbers[a]: day_number(day) for a, day in newest.items() if a in numbers}

    def watermark(self) -> Watermark | None:
        """How many parts of builds the warehouse has taken."""
        return watermark_of(self._warehouse)

    def set_watermark(self, mark: Watermark) -> None:
        """Begin to count from here on."""
        self._warehouse.set_parts(*mark)

    def _present(self, part: Part) -> dict[str, set[date]]:
        pairs = np.unique(part.table["acct"].astype("i8") * 2**20 + part.table["ref_date"])
        accts, days = pairs // 2**20, _once_each(pairs % 2**20, day_of_number).tolist()
        begins = np.flatnonzero(np.diff(accts, prepend=-1)).tolist()
        return {
            self._accounts[accts[begin]]: set(days[begin:end])
            for begin, end in pairwise([*begins, len(days)])
        }

    def _tables(self, part: Part) -> _Tables:
        table = dict(part.table)
        acct = table.pop("acct")
        head: Columns = {"appid": self._accounts[acct], "origin": _same(Origin.CUBE.value, acct)}
        head["ref_date"] = _dates(table.pop("ref_date"))
        if "article" in table:
            head |= _articles(part, acct, table)
        name = PARTS[part.endpoint.name].table.name
        split = _SPLIT.get(part.endpoint.name, _flat)
        return split(name, head, table)


def _stretches(part: Part) -> list[range]:
    if not part.endpoint.has_labels:
        return stretches(part.labels)
    return [range(label, label + 1) for label in part.labels]


def _window(days: range) -> Window:
    return Window(day_of_number(days[0]), day_of_number(days[-1]))


def _rows(columns: Columns) -> TableRows:
    return TableRows(tuple(columns), _lines(list(columns.values())))


def _lines(columns: list[NDArray[Any]]) -> Lines:
    begins = range(0, len(columns[0]), AT_ONCE)
    return chain.from_iterable(_some_lines(columns, begin) for begin in begins)


def _some_lines(columns: list[NDArray[Any]], begin: int) -> Iterator[tuple[Any, ...]]:
    return zip(*(column[begin : begin + AT_ONCE].tolist() for column in columns), strict=True)


# --- columns -------------------------------------------------------------------------------------


def _same(value: object, like: NDArray[Any]) -> NDArray[Any]:
    return np.full(len(like), value, object)


def _dates(days: NDArray[Any]) -> NDArray[Any]:
    return _once_each(days, lambda day: day_of_number(day).isoformat())


def _once_each(values: NDArray[Any], make: Callable[[int], object]) -> NDArray[Any]:
    """What `make` makes of each value, called once for equal ones."""
    different, places = np.unique(values, return_inverse=True)
    made = np.empty(len(different), object)
    made[:] = [make(value) for value in different.tolist()]
    found: NDArray[Any] = made[places]
    return found


def _articles(part: Part, acct: NDArray[Any], table: Columns) -> Columns:
    numbers = table.pop("article")
    said = part.articles.places(acct, numbers)
    table |= {name: part.articles.texts(name, said) for name in ("title", "content_url")}
    return {"msgid": _once_each(numbers, article_msgid)}


def _or_null(texts: NDArray[Any]) -> NDArray[Any]:
    found = texts.copy()
    found[texts == ""] = None
    return found


def rate(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    """Fractions, rounded as the cube rounds single ones; 0 of nothing."""
    exact = np.divide(part, whole, out=np.zeros(len(part)), where=whole != 0)
    shifted = exact * 10**RATE_DIGITS
    found: NDArray[Any] = np.rint(shifted) / 10**RATE_DIGITS
    # TRICKY: so near the middle the product's own rounding may decide; then ask Python
    for place in np.flatnonzero(np.abs(shifted - np.floor(shifted) - 0.5) < NEAR).tolist():
        found[place] = round(float(exact[place]), RATE_DIGITS)
    return found


# --- tables of each endpoint ---------------------------------------------------------------------


def _flat(name: str, head: Columns, table: Columns) -> _Tables:
    names = PARTS_COLUMNS[name]
    chosen = {column: values for column, values in (head | table).items() if column in names}
    return {name: _rows(chosen | {"place": np.arange(len(head["appid"]))})}


def _by_msgid(name: str, head: Columns, table: Columns) -> _Tables:
    names = PARTS_COLUMNS[name]
    chosen = {column: values for column, values in (head | table).items() if column in names}
    return {name: _rows(chosen | {"place": _places(head)})}


def _places(head: Columns) -> NDArray[Any]:
    """Each row's place among those of its account and day, in the order of their msgids.

    It does not depend on other days, so that a row that is written again stays as it is.
    """
    days = _changes(head, ("appid", "ref_date"))
    ranks = np.unique(head["msgid"].astype("U"), return_inverse=True)[1]
    order = np.lexsort((ranks, np.cumsum(days)))
    begins = np.maximum.accumulate(np.where(days, np.arange(len(days)), 0))
    places = np.empty(len(days), "i8")
    places[order] = np.arange(len(days)) - begins
    return places


def _changes(head: Columns, names: Sequence[str]) -> NDArray[Any]:
    """Whether a line differs from the one before."""
    changes = np.zeros(len(head["appid"]), "?")
    changes[:1] = True
    for name in names:
        changes[1:] |= head[name][1:] != head[name][:-1]
    return changes


def _with_scenes(name: str, head: Columns, table: Columns) -> _Tables:
    upper = _by_msgid(name, head, table) if "msgid" in head else _flat(name, head, table)
    fans = {f"{name}__read_user_source": _scenes(table)}
    return {name: replace(upper[name], fans=fans)}


def _scenes(table: Columns) -> Fan:
    """Readers of all scenes, then of each scene that had some."""
    scenes = (ALL_SCENES, *(label for label, _ in SCENES))
    counts = np.stack([table["read_user"], *(table[column] for _, column in SCENES)], axis=1)
    shown = counts > 0
    shown[:, 0] = True
    return Fan("scene_desc", scenes, "user_count", _side_by_side(counts, shown))


def _side_by_side(values: NDArray[Any], shown: NDArray[Any]) -> Lines:
    return _lines(list(np.where(shown, values, NO_ROW).T))


def _firsts(head: Columns) -> NDArray[Any]:
    """The first line of each article: lines of one article stand together."""
    return np.flatnonzero(_changes(head, ("appid", "ref_date", "msgid")))


def _pick(columns: Mapping[str, NDArray[Any]], rows: NDArray[Any]) -> Columns:
    return {name: values[rows] for name, values in columns.items()}


def _total(name: str, head: Columns, table: Columns) -> _Tables:
    firsts = _firsts(head)
    upper = _pick(head, firsts) | {"title": table["title"][firsts]}
    below = f"{name}__details"
    lines = head | {n: v for n, v in table.items() if n in PARTS_COLUMNS[below]}
    lines |= {"stat_date": _dates(table["stat_date"]), "place": table["stat_date"]}
    return {name: _rows(upper | {"place": _places(upper)}), below: _rows(lines)}


def _total_detail(name: str, head: Columns, table: Columns) -> _Tables:
    firsts = _firsts(head)
    upper = _pick(head, firsts) | {
        "publish_type": table["publish_type"][firsts],
        "title": _or_null(table["title"][firsts]),
        "content_url": _or_null(table["content_url"][firsts]),
    }
    below = f"{name}__detail_list"
    keys = head | {"stat_date": _dates(table["stat_date"])}
    lines = keys | {n: table[n] for n in PARTS_COLUMNS[below] if n in table and n not in keys}
    lines |= {
        "read_delivery_rate": rate(table[SCENES[0][1]], table["target_user"]),
        "read_finish_rate": rate(table["finished"], table["read_user"]),
        "read_avg_activetime": rate(table["seconds"], 60 * table["reads"]),
        "place": table["stat_date"],
    }
    fans = {
        f"{below}__read_user_source": _scenes(table),
        f"{below}__read_jump_position": _positions(table),
    }
    return {
        name: _rows(upper | {"place": _places(upper)}),
        below: replace(_rows(lines), fans=fans),
    }


def _positions(table: Columns) -> Fan:
    counts = np.stack([table[column] for _, column in POSITIONS], axis=1)
    known = np.broadcast_to(counts.sum(axis=1)[:, None], counts.shape)
    rates = rate(counts.ravel(), known.ravel()).reshape(counts.shape)
    positions = tuple(position for position, _ in POSITIONS)
    return Fan("position", positions, "rate", _side_by_side(rates, counts > 0))


PARTS_COLUMNS = {
    part.table.name: {column.name for column in part.table.columns}
    for top in PARTS.values()
    for part in top.walk()
}
"""Columns of every table."""

_SPLIT: dict[str, Callable[[str, Columns, Columns], _Tables]] = {
    article.getarticlesummary.name: _by_msgid,
    article.getarticletotal.name: _total,
    content.getarticleread.name: _with_scenes,
    content.getarticleshare.name: _by_msgid,
    content.getbizsummary.name: _with_scenes,
    content.getarticletotaldetail.name: _total_detail,
}
"""How an endpoint's columns are divided into tables, where it is not one table in key order."""
