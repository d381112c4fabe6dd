"""The registry of articles: the first Publish event of each, whatever order events arrive in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube.beijing import day_number, day_of_number
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.events import Events
from wxcube.cube.incremental.ledger import Ledger
from wxcube.cube.incremental.schedule import (
    REBUILD,
    NumberedPartition,
    Rollup,
    consecutive_ranges,
)
from wxcube.cube.inputs import DETAIL_DAYS

_COLUMNS = (
    'account AS acct, article, d, "at" AS moment, publish_type, target_user, title, content_url'
)
_TYPES = (
    "acct INT, article BIGINT, d INT, moment BIGINT, publish_type INT, target_user BIGINT, "
    "title TEXT, content_url TEXT"
)
_FIRST = """SELECT DISTINCT ON (acct, article) * FROM published
    ORDER BY acct, article, moment, publish_type, target_user, title, content_url"""
"""Publish events of the same second are ordered by their content."""


def update(
    engine: OpenEngine,
    ledger: Ledger,
    events: Events,
    partitions: Collection[NumberedPartition],
    through: int,
) -> None:
    """Update the articles of changed partitions in the ledger, and add the dependent rows as work.

    An article whose Publish event was removed from the store is deleted, or is taken from its next
    Publish event. Days on which an article was published, or is now, are rebuilt.
    """
    first = _first(engine, _files(events, partitions))
    known = ledger.articles(_pairs(first))
    updates = first.select(_are_earlier(first, known))
    removed = _removed(ledger, partitions, first)
    old = known.among(*updates.keys) + removed
    if len(removed):
        groups = {group for _, group in partitions}
        everywhere = [(day_number(d), g) for d, g in events.revisions() if g in groups]
        updates += _first(engine, _files(events, everywhere)).among(*removed.keys)
    deleted = removed.select(updates.positions(*removed.keys) < 0)
    built = ledger.built()
    count = events.group_count
    with ledger.transaction():
        ledger.delete_articles(_pairs(deleted))
        ledger.set_articles(updates.tuples(), count)
        before, after = _partitions(old, count), _partitions(updates, count)
        for group, days in _days(before | after).items():
            ledger.add_pending(group, _work(days, group, built, through))
        ledger.set_built(dict.fromkeys(before | (after & built.keys()), REBUILD))


def _files(events: Events, partitions: Iterable[NumberedPartition]) -> list[Path]:
    return [
        path
        for day, group in sorted(partitions)
        for path in events.files("publish", day_of_number(day), group)
    ]


def _first(engine: OpenEngine, files: list[Path]) -> Articles:
    """The first Publish event of each article in files."""
    engine.read("published", _COLUMNS, files, _TYPES)
    articles = Articles.of(list(engine.query(_FIRST).values()))
    engine.drop("published")
    return articles


def _removed(ledger: Ledger, partitions: Iterable[NumberedPartition], first: Articles) -> Articles:
    """Known articles of changed partitions whose Publish event is no longer there."""
    days_of: dict[int, list[int]] = defaultdict(list)
    for day, group in partitions:
        days_of[group].append(day)
    known = Articles.none()
    for group, days in days_of.items():
        for span in consecutive_ranges(days):
            known += ledger.articles_published(span[0], span[-1], [group])
    return known.select(_are_earlier(known, first))


def _are_earlier(articles: Articles, others: Articles) -> NDArray[Any]:
    """Whether each article's Publish event is earlier than among others, or only here."""
    positions = others.positions(*articles.keys)
    are_earlier = positions < 0
    both = np.flatnonzero(~are_earlier)
    pairs = zip(
        articles.select(both).tuples(), others.select(positions[both]).tuples(), strict=True
    )
    are_earlier[both] = [one[3:] < other[3:] for one, other in pairs]
    return are_earlier


def _pairs(articles: Articles) -> Iterator[tuple[int, int]]:
    return zip(*(column.tolist() for column in articles.keys), strict=True)


def _partitions(articles: Articles, group_count: int) -> set[NumberedPartition]:
    """The days on which articles were published, with their groups."""
    groups = articles.columns["acct"].astype("i8") % group_count
    pairs = np.unique(articles.columns["d"].astype("i8") * group_count + groups)
    return {divmod(pair, group_count) for pair in pairs.tolist()}


def _days(partitions: Iterable[NumberedPartition]) -> dict[int, set[int]]:
    """The days of partitions by group."""
    days: dict[int, set[int]] = defaultdict(set)
    for day, group in partitions:
        days[group].add(day)
    return days


def _work(
    days: set[int], group: int, built: Iterable[NumberedPartition], through: int
) -> Iterator[tuple[Rollup, int]]:
    """The rows to recompute when articles of these days were added, changed or deleted."""
    for day in days:
        for stat_day in range(day, min(through, day + DETAIL_DAYS - 1) + 1):
            yield Rollup.RUNNING, stat_day
    earliest = min(days)
    for day, of_group in built:
        if of_group == group and day >= earliest:
            yield Rollup.SUMMARY, day
