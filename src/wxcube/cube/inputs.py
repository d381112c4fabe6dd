"""The input tables of the cube's steps: events with days and hours, articles, a calendar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube import beijing
from wxcube.beijing import BEIJING_SECONDS, DAY_SECONDS, HOUR_SECONDS, day_number, day_of_number
from wxcube.contract.article import getarticletotal
from wxcube.contract.content import getarticletotaldetail
from wxcube.contract.endpoint import EARLIEST_CONTENT
from wxcube.events.action_bits import ActionBit, action_masks
from wxcube.events.columns import Batch, Columns

TOTAL_DAYS = getarticletotal.moves_days
"""The number of days for which getarticletotal counts an article."""
DETAIL_DAYS = getarticletotaldetail.moves_days
"""The number of days for which getarticletotaldetail counts an article."""


def inputs(batch: Batch, through: date) -> dict[str, Columns]:
    """The input tables of the steps, by name, without events after `through`."""
    last = day_number(through)
    families = {name: _timed(columns, last) for name, columns in batch.families()}
    return {
        "opening": _pick(families["open"], "acct d", number="followers"),
        "follow": _pick(families["follow"], "acct d change source", person="user"),
        "message": _pick(families["message"], "acct d h", person="user", msg_type="msg_type"),
        "reply": {
            **_pick(families["reply"], "acct d h", ms="ms"),
            "failed": (~families["reply"]["ok"]).astype("i4"),
        },
        "article": _articles(published(batch, through)),
        "activity": _activity(families["activity"]),
        "article_follow": _article_follows(families["follow"]),
        "calendar": _calendar(families, through),
        "age": {"age": np.arange(DETAIL_DAYS, dtype="i4")},
    }


def published(batch: Batch, through: date) -> Columns:
    """The first Publish event of each article published up to `through`."""
    columns = _timed(batch.publish, day_number(through))
    order = np.lexsort(_order(columns))
    ordered = {name: array[order] for name, array in columns.items()}
    same = (np.diff(ordered["account"]) == 0) & (np.diff(ordered["article"]) == 0)
    first = np.concatenate(([True], ~same)) if len(order) else np.zeros(0, "?")
    return {name: array[first] for name, array in ordered.items()}


def _order(columns: Columns) -> tuple[NDArray[Any], ...]:
    """The keys that order Publish events, last one first; ties of a second go by content."""
    names = ("content_url", "title", "target_user", "publish_type", "at", "article", "account")
    return tuple(_sortable(columns[name]) for name in names)


def _sortable(column: NDArray[Any]) -> NDArray[Any]:
    return np.unique(column, return_inverse=True)[1] if column.dtype == object else column


def _timed(columns: Columns, last: int) -> Columns:
    local = columns["at"] + BEIJING_SECONDS
    day = (local // DAY_SECONDS).astype("i4")
    hour = (local % DAY_SECONDS // HOUR_SECONDS).astype("i4")
    timed = {**columns, "acct": columns["account"], "d": day, "h": hour}
    if not len(day) or day.max() <= last:
        return timed
    return {name: array[day <= last] for name, array in timed.items()}


def _pick(columns: Columns, unchanged: str, **renamed: str) -> Columns:
    names = {name: name for name in unchanged.split()} | renamed
    return {name: columns[old] for name, old in names.items()}


def _articles(published: Columns) -> Columns:
    columns = _pick(published, "acct d article publish_type target_user")
    return {**columns, "days": article_days(published["d"], published["publish_type"] == 0)}


def article_days(published: NDArray[Any], is_notified: NDArray[Any]) -> NDArray[Any]:
    """The number of days for which each article has running totals, including the first."""
    has_detail = published >= day_number(EARLIEST_CONTENT)
    days = np.where(has_detail, DETAIL_DAYS, np.where(is_notified, TOTAL_DAYS, 0))
    return days.astype("i4")


def _activity(columns: Columns) -> Columns:
    names = "acct d h article action source scene seconds position fen"
    return {**_pick(columns, names, person="user"), "mask": action_masks(columns)}


def _article_follows(columns: Columns) -> Columns:
    is_chosen = (columns["change"] > 0) & (columns["article"] > 0)
    chosen = {name: array[is_chosen] for name, array in columns.items()}
    follows = _pick(chosen, "acct d article", person="user")
    return {**follows, "mask": np.full(len(follows["d"]), ActionBit.FOLLOWED.mask, "i4")}


def _calendar(families: dict[str, Columns], through: date) -> Columns:
    """Every day since the first event, its Monday, its 1st, and whether week and month are over."""
    days = list(_days_of(families, through))
    mondays, month_starts = map(beijing.monday, days), map(beijing.month_start, days)
    return {
        "d": _numbers(days),
        "monday": _numbers(mondays),
        "month": _numbers(month_starts),
        "week_over": _flags(beijing.monday(d) + timedelta(days=6) <= through for d in days),
        "month_over": _flags(beijing.month_end(d) <= through for d in days),
    }


def _days_of(families: dict[str, Columns], through: date) -> Iterator[date]:
    first = min((c["d"].min() for c in families.values() if len(c["d"])), default=None)
    numbers = () if first is None else range(int(first), day_number(through) + 1)
    return map(day_of_number, numbers)


def _numbers(days: Any) -> NDArray[Any]:
    return np.fromiter(map(day_number, days), "i4")


def _flags(flags: Iterator[bool]) -> NDArray[Any]:
    return np.fromiter(flags, "i4")
