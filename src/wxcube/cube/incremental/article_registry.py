"""The registry of articles: the first Publish event of each, whatever order events arrive in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from wxcube.beijing import day_number, day_of_number
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.incremental.articles import Published
from wxcube.cube.incremental.daily_steps import tuples
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

_Articles = dict[tuple[int, int], Published]


def update(
    engine: OpenEngine,
    ledger: Ledger,
    events: Events,
    partitions: Collection[NumberedPartition],
    through: int,
) -> None:
    """Update the articles of changed partitions in the ledger, and add the dependent rows as work.

    An article whose Publish event was removed from the store is deleted, or is taken from its next
    Publish event.
    """
    first = _first(engine, _files(events, partitions))
    known = _keyed(ledger.articles(first).tuples())
    removed = _removed(ledger, partitions, first)
    updates = {key: one for key, one in first.items() if _is_update(one, known.get(key))}
    if removed:
        groups = {group for _, group in partitions}
        everywhere = [(day_number(d), g) for d, g in events.revisions() if g in groups]
        remaining = _first(engine, _files(events, everywhere))
        updates |= {key: remaining[key] for key in removed if key in remaining}
    known |= removed
    old = [known[key] for key in {*updates, *removed} if key in known]
    built = ledger.built()
    count = events.group_count
    with ledger.transaction():
        ledger.delete_articles(removed.keys() - updates.keys())
        ledger.set_articles(updates.values(), count)
        for group, days in _days((*updates.values(), *old), count).items():
            ledger.add_pending(group, _work(days, group, built, through))
        ledger.set_built(dict.fromkeys({(one[2], one[0] % count) for one in old}, REBUILD))


def _files(events: Events, partitions: Iterable[NumberedPartition]) -> list[Path]:
    return [
        path
        for day, group in sorted(partitions)
        for path in events.files("publish", day_of_number(day), group)
    ]


def _first(engine: OpenEngine, files: list[Path]) -> _Articles:
    """The first Publish event of each article in files."""
    engine.read("published", _COLUMNS, files, _TYPES)
    articles = _keyed(tuples(engine.query(_FIRST)))
    engine.drop("published")
    return articles


def _removed(
    ledger: Ledger,
    partitions: Iterable[NumberedPartition],
    first: Mapping[tuple[int, int], Published],
) -> _Articles:
    """Known articles of changed partitions whose Publish event is no longer there."""
    days_of: dict[int, list[int]] = defaultdict(list)
    for day, group in partitions:
        days_of[group].append(day)
    known = (
        one
        for group, days in days_of.items()
        for span in consecutive_ranges(days)
        for one in ledger.articles_published(span[0], span[-1], [group]).tuples()
    )
    return {k: one for k, one in _keyed(known).items() if k not in first or first[k][3:] > one[3:]}


def _keyed(articles: Iterable[Published]) -> _Articles:
    return {(one[0], one[1]): one for one in articles}


def _is_update(article: Published, known: Published | None) -> bool:
    return known is None or article[3:] < known[3:]


def _days(articles: Iterable[Published], group_count: int) -> dict[int, set[int]]:
    """The days of articles by group."""
    days: dict[int, set[int]] = {}
    for one in articles:
        days.setdefault(one[0] % group_count, set()).add(one[2])
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
