"""Running totals of articles: what happened up to each day since they were published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from wxcube.beijing import day_number
from wxcube.contract import article, content
from wxcube.contract.endpoint import EARLIEST_CONTENT, Endpoint
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.daily_steps import load_articles, run
from wxcube.cube.incremental.fact_files import Facts
from wxcube.cube.incremental.schedule import Chunk, split
from wxcube.cube.incremental.strategy import Strategy
from wxcube.cube.inputs import DETAIL_DAYS, TOTAL_DAYS
from wxcube.cube.kernel.counted import added
from wxcube.cube.kernel.ordered import places_of
from wxcube.cube.steps.articles import ARTICLE_PEOPLE, ARTICLE_TIMES, RUNNING_COLUMNS
from wxcube.cube.steps.resumed import BEGUN_DAYS, RESUMED_DAY, RESUMED_DAYS
from wxcube.events.arrays import NDArray, np
from wxcube.events.columns import Columns

ENDPOINTS: tuple[Endpoint[Any], ...] = (article.getarticletotal, content.getarticletotaldetail)
LINES = 100_000
"""Lines that are computed at once; so many columns of them stay in the processor's cache."""
_OF = (("first_people", ARTICLE_PEOPLE), ("article_times", ARTICLE_TIMES))


def save_first_people(engine: OpenEngine, facts: Facts, articles: Articles, chunk: Chunk) -> None:
    """Compute and save who did something with an article for the first time on a chunk's days."""
    load_articles(engine, articles)
    facts.read(engine, "touched", "touched_now", chunk.days, chunk.groups)
    earlier = range(chunk.days[0] - DETAIL_DAYS + 1, chunk.days[0])
    has_earlier = facts.read(engine, "touched", "touched_before", earlier, chunk.groups)
    several = RESUMED_DAYS if has_earlier else BEGUN_DAYS
    steps = RESUMED_DAY if len(chunk.days) == 1 else several
    for _ in run(engine, steps, kept=["first_people"]):
        pass
    facts.save(engine, "first_people", chunk.days, chunk.groups)
    for name in ("first_people", "touched_now", "touched_before", "article"):
        engine.drop(name)


@dataclass(frozen=True)
class Totals:
    """Running totals of some accounts: their rows by endpoint."""

    accounts: frozenset[int]
    rows: tuple[tuple[Endpoint[Any], Columns], ...]
    so_far: Columns
    """What is added up at the end of the last day."""


def totals(
    strategy: Strategy, articles: Articles, accounts: Iterable[int], chunk: Chunk, groups: int
) -> Iterator[Totals]:
    """Running totals of a chunk's stat_dates, from the saved facts, some accounts at a time.

    `groups` is how many groups there are. What is added up at the end of the last day is kept, so
    that the day after it needs no older facts.
    """
    columns = _article_columns(articles, chunk.days[0])
    parts = {group: _of_group(columns, groups, group) for group in chunk.groups}
    counts = strategy.side_by_side(
        lambda group: _counts(strategy, parts[group], chunk, group), chunk.groups, ahead=1
    )
    for group, counted in zip(chunk.groups, counts, strict=True):
        mine = parts[group]
        of_group = [account for account in accounts if account % groups == group]
        work = partial(_part_totals, mine, counted, chunk)
        ends = []
        for part in strategy.side_by_side(work, _parts(mine, of_group, len(chunk.days))):
            yield part
            ends.append(part.so_far)
        if ends:
            so_far = {name: np.concatenate([end[name] for end in ends]) for name in ends[0]}
            strategy.keep("so_far", so_far, chunk.days[-1], group)


def _of_group(articles: Columns, groups: int, group: int) -> Columns:
    chosen = articles["acct"] % groups == group
    return {name: column[chosen] for name, column in articles.items()}


def _counts(strategy: Strategy, articles: Columns, chunk: Chunk, group: int) -> list[_Counts]:
    """All that is counted up to a chunk's last day, what is before its first maybe added up."""
    first, last = chunk.days[0], chunk.days[-1]
    if strategy.has("so_far", first - 1, group):
        begun = strategy.fact("so_far", [first - 1], group)
        names = (*ARTICLE_PEOPLE, *ARTICLE_TIMES)
        return [
            _Counts.of(begun, articles, names),
            *_counts_of(strategy, articles, range(first, last + 1), group),
        ]
    return _counts_of(strategy, articles, range(first - DETAIL_DAYS + 1, last + 1), group)


def _counts_of(strategy: Strategy, articles: Columns, days: range, group: int) -> list[_Counts]:
    return [_Counts.of(strategy.fact(fact, days, group), articles, names) for fact, names in _OF]


def _part_totals(
    articles: Columns, counts: Sequence[_Counts], chunk: Chunk, part: Sequence[int]
) -> Totals:
    begin, end = np.searchsorted(articles["acct"], (part[0], part[-1] + 1)).tolist()
    mine = {name: column[begin:end] for name, column in articles.items()}
    grid = Grid.of(mine, chunk.days[0], chunk.days[-1])
    added_up: Columns = {}
    for one in counts:
        for name, values in one.on(grid, begin, end).items():
            added_up[name] = added_up[name] + values if name in added_up else values
    lines = grid.lines | {name: np.cumsum(values) for name, values in added_up.items()}
    rows = tuple((endpoint, _result(endpoint, lines)) for endpoint in ENDPOINTS)
    return Totals(frozenset(part), rows, _at_end(lines, chunk.days[-1]))


def _at_end(lines: Columns, day: int) -> Columns:
    """What stands at the end of a day."""
    last = np.flatnonzero(lines["stat_d"] == day)
    names = ("acct", "article", *ARTICLE_PEOPLE, *ARTICLE_TIMES)
    return {name: lines[name][last] for name in names} | {"d": np.full(len(last), day, "i4")}


@dataclass(frozen=True)
class _Counts:
    """A fact's counts of days on which an article is counted, in the order of articles."""

    article: NDArray[Any]
    columns: Columns
    names: tuple[str, ...]

    @classmethod
    def of(cls, found: Columns, articles: Columns, names: tuple[str, ...]) -> _Counts:
        """The counts among all that are of these articles."""
        which = places_of(found["acct"], found["article"], articles)
        known = np.flatnonzero(which >= 0)
        age = found["d"][known] - articles["d"][which[known]]
        known = known[(age >= 0) & (age < articles["days"][which[known]])]
        order = known[np.argsort(which[known], kind="stable")]
        return cls(which[order], {name: found[name][order] for name in ("d", *names)}, names)

    def on(self, grid: Grid, begin: int, end: int) -> Columns:
        """The counts of some articles on the lines of a grid of these, to be added up."""
        own = slice(*np.searchsorted(self.article, (begin, end)))
        places = grid.places(self.article[own] - begin, self.columns["d"][own])
        return {name: grid.steps(places, self.columns[name][own]) for name in self.names}


def _parts(columns: Columns, accounts: Iterable[int], days: int) -> Iterator[tuple[int, ...]]:
    """Accounts, as many together as have about LINES lines."""
    numbers, counts = np.unique(columns["acct"], return_counts=True)
    of = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    most = max(1, min(days, DETAIL_DAYS))
    return split({account: of.get(account, 0) * most for account in sorted(accounts)}, LINES)


@dataclass(frozen=True)
class Grid:
    """A line for every article and day on which its totals are shown."""

    articles: Columns
    """The articles in order of account, day, number."""
    begins: NDArray[Any]
    """Where each article's lines begin."""
    first: NDArray[Any]
    """The day of each article's first line."""
    lines: Columns
    """What the steps know of a line's article, and the line's day `stat_d`."""

    @classmethod
    def of(cls, articles: Columns, since: int, through: int) -> Grid:
        """The grid of articles, each counted on one of these days or more."""
        first = np.maximum(articles["d"], since)
        counts = np.minimum(articles["d"] + articles["days"] - 1, through) - first + 1
        begins = np.cumsum(counts) - counts
        lines = {name: np.repeat(articles[name], counts) for name in _LINE}
        place = np.arange(len(lines["d"])) - np.repeat(begins, counts)
        return cls(articles, begins, first, lines | {"stat_d": np.repeat(first, counts) + place})

    def places(self, articles: NDArray[Any], days: NDArray[Any]) -> NDArray[Any]:
        """The lines of articles on days; what came before an article's first belongs to it."""
        found: NDArray[Any] = self.begins[articles]
        found += np.maximum(days - self.first[articles], 0)
        return found

    def steps(self, places: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
        """By how much each line is more than the one before it, so that values add up by article.

        An article's first line takes back all of the article before it.
        """
        lines = added(places, len(self.lines["d"]), values)
        if len(self.begins) > 1:
            lines[self.begins[1:]] -= np.add.reduceat(lines, self.begins)[:-1]
        return lines


_LINE = ("acct", "article", "d", "publish_type", "target_user")


def _article_columns(articles: Articles, since: int) -> Columns:
    """The articles that are still counted on a day, in order of account, day, number."""
    columns = articles.table
    order = np.lexsort((columns["article"], columns["d"], columns["acct"]))
    still = (columns["days"] > 0) & (columns["d"] + columns["days"] > since)
    order = order[still[order]]
    return {name: column[order] for name, column in columns.items()}


def no_lines(endpoint: Endpoint[Any]) -> Columns:
    """No lines of an endpoint."""
    return {name: np.zeros(0, "i8") for name in _shown(endpoint)}


def _shown(endpoint: Endpoint[Any]) -> dict[str, str]:
    shown = {"acct": "acct", "ref_date": "d", "article": "article", "stat_date": "stat_d"}
    return shown | RUNNING_COLUMNS[endpoint.name]


def _result(endpoint: Endpoint[Any], lines: Columns) -> Columns:
    """The lines and columns an endpoint shows, ordered by account, day, article and stat_date."""
    if endpoint is article.getarticletotal:
        kept = (lines["publish_type"] == 0) & (lines["stat_d"] - lines["d"] < TOTAL_DAYS)
    else:
        kept = lines["d"] >= day_number(EARLIEST_CONTENT)
    kept &= lines["d"] >= day_number(endpoint.first_date)
    shown = _shown(endpoint)
    if kept.all():
        return {name: lines[of] for name, of in shown.items()}
    return {name: lines[of][kept] for name, of in shown.items()}
