"""Running totals of articles: the figures from publication up to each of the following days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube.beijing import day_number
from wxcube.contract import article, content
from wxcube.contract.endpoint import EARLIEST_CONTENT, Endpoint
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.daily_steps import drop, load_articles, run
from wxcube.cube.incremental.fact_files import Facts
from wxcube.cube.incremental.schedule import Chunk, split_by_size
from wxcube.cube.incremental.strategy import Strategy
from wxcube.cube.inputs import DETAIL_DAYS, TOTAL_DAYS
from wxcube.cube.kernel.counted import sum_at
from wxcube.cube.kernel.ordered import positions_of
from wxcube.cube.steps.articles import (
    ARTICLE_EVENT_COLUMNS,
    ARTICLE_USER_COLUMNS,
    RUNNING_COLUMNS,
)
from wxcube.cube.steps.resumed import FIRST_DAYS, NEXT_DAY, NEXT_DAYS
from wxcube.events.columns import Columns

ENDPOINTS: tuple[Endpoint[Any], ...] = (article.getarticletotal, content.getarticletotaldetail)
MAX_ROWS = 100_000
"""Rows that are computed together: their columns fit into the processor's cache."""
_COLUMNS = (*ARTICLE_USER_COLUMNS, *ARTICLE_EVENT_COLUMNS)
_DAILY_FACTS = (("first_people", ARTICLE_USER_COLUMNS), ("article_times", ARTICLE_EVENT_COLUMNS))


def save_first_people(engine: OpenEngine, facts: Facts, articles: Articles, chunk: Chunk) -> None:
    """Compute the fact first_people of a chunk from the fact touched, and save it."""
    load_articles(engine, articles)
    facts.read(engine, "touched", "touched_now", chunk.days, chunk.groups)
    earlier = range(chunk.days[0] - DETAIL_DAYS + 1, chunk.days[0])
    has_earlier = facts.read(engine, "touched", "touched_before", earlier, chunk.groups)
    several_days = NEXT_DAYS if has_earlier else FIRST_DAYS
    steps = NEXT_DAY if len(chunk.days) == 1 else several_days
    for _ in run(engine, steps, keep=["first_people"]):
        pass
    facts.save(engine, "first_people", chunk.days, chunk.groups)
    drop(engine, ("first_people", "touched_now", "touched_before", "article"))


@dataclass(frozen=True)
class Totals:
    """The running totals of some accounts, by endpoint."""

    accounts: frozenset[int]
    tables: tuple[tuple[Endpoint[Any], Columns], ...]
    so_far: Columns
    """The fact so_far: the totals at the end of the last day."""


def totals(
    strategy: Strategy,
    articles: Articles,
    accounts: Iterable[int],
    chunk: Chunk,
    group_count: int,
    *,
    save: bool,
) -> Iterator[Totals]:
    """The running totals of a chunk's stat_dates, computed from facts, some accounts at a time.

    With `save`, the totals at the end of the last day are saved instead of those of an earlier day,
    so that the next day needs no older facts.
    """
    columns = _article_columns(articles, chunk.days[0])
    by_group = {group: _of_group(columns, group_count, group) for group in chunk.groups}
    all_counts = strategy.parallel_map(
        lambda group: _counts(strategy, by_group[group], chunk, group), chunk.groups, ahead=1
    )
    for group, counts in zip(chunk.groups, all_counts, strict=True):
        of_group = [account for account in accounts if account % group_count == group]
        work = partial(_part_totals, by_group[group], counts, chunk)
        parts = _parts(by_group[group], of_group, len(chunk.days))
        ends = []
        for part in strategy.parallel_map(work, parts):
            yield part
            ends.append(part.so_far)
        if ends and save:
            so_far = {name: np.concatenate([end[name] for end in ends]) for name in ends[0]}
            strategy.replace_fact("so_far", so_far, chunk.days[-1], group)


def _of_group(articles: Columns, group_count: int, group: int) -> Columns:
    is_of_group = articles["acct"] % group_count == group
    return {name: column[is_of_group] for name, column in articles.items()}


def _counts(strategy: Strategy, articles: Columns, chunk: Chunk, group: int) -> list[_Counts]:
    """All counts up to a chunk's last day; those before its first as saved totals, if present."""
    first, last = chunk.days[0], chunk.days[-1]
    if strategy.has_fact("so_far", first - 1, group):
        so_far = strategy.read_fact("so_far", [first - 1], group)
        return [
            _Counts.of(so_far, articles, _COLUMNS),
            *_daily_counts(strategy, articles, range(first, last + 1), group),
        ]
    return _daily_counts(strategy, articles, range(first - DETAIL_DAYS + 1, last + 1), group)


def _daily_counts(strategy: Strategy, articles: Columns, days: range, group: int) -> list[_Counts]:
    return [
        _Counts.of(strategy.read_fact(fact, days, group), articles, names)
        for fact, names in _DAILY_FACTS
    ]


def _part_totals(
    articles: Columns, counts: Sequence[_Counts], chunk: Chunk, accounts: Sequence[int]
) -> Totals:
    begin, end = np.searchsorted(articles["acct"], (accounts[0], accounts[-1] + 1)).tolist()
    part = {name: column[begin:end] for name, column in articles.items()}
    grid = Grid.of(part, chunk.days[0], chunk.days[-1])
    changes: Columns = {}
    for one in counts:
        for name, values in one.changes(grid, begin, end).items():
            changes[name] = changes[name] + values if name in changes else values
    rows = grid.rows | {name: np.cumsum(values) for name, values in changes.items()}
    tables = tuple((endpoint, _result(endpoint, rows)) for endpoint in ENDPOINTS)
    return Totals(frozenset(accounts), tables, _at_end(rows, chunk.days[-1]))


def _at_end(rows: Columns, day: int) -> Columns:
    """The totals at the end of a day."""
    of_day = np.flatnonzero(rows["stat_d"] == day)
    totals = {name: rows[name][of_day] for name in ("acct", "article", *_COLUMNS)}
    return totals | {"d": np.full(len(of_day), day, "i4")}


@dataclass(frozen=True)
class _Counts:
    """A fact's counts on days that count for their article, in the order of the articles."""

    article: NDArray[Any]
    """The index of each row's article."""
    columns: Columns
    names: tuple[str, ...]

    @classmethod
    def of(cls, fact: Columns, articles: Columns, names: tuple[str, ...]) -> _Counts:
        """The counts of these articles in a fact."""
        index = positions_of(fact["acct"], fact["article"], articles)
        rows = np.flatnonzero(index >= 0)
        age = fact["d"][rows] - articles["d"][index[rows]]
        rows = rows[(age >= 0) & (age < articles["days"][index[rows]])]
        order = rows[np.argsort(index[rows], kind="stable")]
        return cls(index[order], {name: fact[name][order] for name in ("d", *names)}, names)

    def changes(self, grid: Grid, begin: int, end: int) -> Columns:
        """The changes from row to row of a grid of the articles from `begin` to `end`."""
        part = slice(*np.searchsorted(self.article, (begin, end)))
        rows = grid.rows_of(self.article[part] - begin, self.columns["d"][part])
        return {name: grid.changes(rows, self.columns[name][part]) for name in self.names}


def _parts(columns: Columns, accounts: Iterable[int], days: int) -> Iterator[tuple[int, ...]]:
    """The accounts, split so that each part has at most about MAX_ROWS rows."""
    numbers, counts = np.unique(columns["acct"], return_counts=True)
    articles_of = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    rows_per_article = max(1, min(days, DETAIL_DAYS))
    sizes = {acct: articles_of.get(acct, 0) * rows_per_article for acct in sorted(accounts)}
    return split_by_size(sizes, MAX_ROWS)


@dataclass(frozen=True)
class Grid:
    """A row for every article and every day of which its totals are shown."""

    articles: Columns
    """The articles in the order of account, day, number."""
    begins: NDArray[Any]
    """The index of each article's first row."""
    first: NDArray[Any]
    """The day of each article's first row."""
    rows: Columns
    """The columns of each row's article, and the row's day `stat_d`."""

    @classmethod
    def of(cls, articles: Columns, since: int, through: int) -> Grid:
        """The grid of articles that all count on one of these days or more."""
        first = np.maximum(articles["d"], since)
        counts = np.minimum(articles["d"] + articles["days"] - 1, through) - first + 1
        begins = np.cumsum(counts) - counts
        rows = {name: np.repeat(articles[name], counts) for name in _ARTICLE_COLUMNS}
        offset = np.arange(len(rows["d"])) - np.repeat(begins, counts)
        return cls(articles, begins, first, rows | {"stat_d": np.repeat(first, counts) + offset})

    def rows_of(self, articles: NDArray[Any], days: NDArray[Any]) -> NDArray[Any]:
        """The rows of articles on days; days before an article's first row belong to that row."""
        rows: NDArray[Any] = self.begins[articles]
        rows += np.maximum(days - self.first[articles], 0)
        return rows

    def changes(self, rows: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
        """The change from the previous row to each row, so that a cumulative sum gives the totals.

        An article's first row subtracts the total of the article before it.
        """
        changes = sum_at(rows, len(self.rows["d"]), values)
        if len(self.begins) > 1:
            changes[self.begins[1:]] -= np.add.reduceat(changes, self.begins)[:-1]
        return changes


_ARTICLE_COLUMNS = ("acct", "article", "d", "publish_type", "target_user")


def _article_columns(articles: Articles, since: int) -> Columns:
    """The articles that still count on a day, in the order of account, day, number."""
    columns = articles.table
    order = np.lexsort((columns["article"], columns["d"], columns["acct"]))
    counts = (columns["days"] > 0) & (columns["d"] + columns["days"] > since)
    order = order[counts[order]]
    return {name: column[order] for name, column in columns.items()}


def empty_table(endpoint: Endpoint[Any]) -> Columns:
    """An endpoint's table without rows."""
    return {name: np.zeros(0, "i8") for name in _result_columns(endpoint)}


def _result_columns(endpoint: Endpoint[Any]) -> dict[str, str]:
    """The columns of an endpoint's table, and the columns of a grid's rows they are taken from."""
    keys = {"acct": "acct", "ref_date": "d", "article": "article", "stat_date": "stat_d"}
    return keys | RUNNING_COLUMNS[endpoint.name]


def _result(endpoint: Endpoint[Any], rows: Columns) -> Columns:
    """The table of an endpoint, ordered by account, day, article and stat_date."""
    if endpoint is article.getarticletotal:
        is_shown = (rows["publish_type"] == 0) & (rows["stat_d"] - rows["d"] < TOTAL_DAYS)
    else:
        is_shown = rows["d"] >= day_number(EARLIEST_CONTENT)
    is_shown &= rows["d"] >= day_number(endpoint.first_date)
    columns = _result_columns(endpoint)
    if is_shown.all():
        return {name: rows[source] for name, source in columns.items()}
    return {name: rows[source][is_shown] for name, source in columns.items()}
