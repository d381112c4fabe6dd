"""Running totals of articles: what happened up to each day since they were published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from wxcube.contract import article, content
from wxcube.contract.endpoint import EARLIEST_CONTENT, Endpoint
from wxcube.sources.arrays import NDArray, np
from wxcube.sources.batch import Columns
from wxcube.sources.engines import OpenEngine
from wxcube.sources.increment.days import Chunk, split
from wxcube.sources.increment.files import Facts
from wxcube.sources.increment.ledger import Published
from wxcube.sources.increment.one_day import article_columns, load_articles, run
from wxcube.sources.inputs import DETAIL_DAYS, TOTAL_DAYS, number_of
from wxcube.sources.kernel.counted import added
from wxcube.sources.kernel.ordered import places_of
from wxcube.sources.steps.articles import ARTICLE_PEOPLE, ARTICLE_TIMES, RUNNING_COLUMNS
from wxcube.sources.steps.resumed import BEGUN_DAYS, RESUMED_DAY, RESUMED_DAYS

if TYPE_CHECKING:
    from wxcube.sources.increment.way import Way

ENDPOINTS: tuple[Endpoint[Any], ...] = (article.getarticletotal, content.getarticletotaldetail)
LINES = 100_000
"""Lines that are computed at once; so many columns of them stay in the processor's cache."""
_OF = (("first_people", ARTICLE_PEOPLE), ("article_times", ARTICLE_TIMES))


def save_first_people(
    engine: OpenEngine, facts: Facts, articles: Sequence[Published], chunk: Chunk
) -> None:
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
    """Running totals of some accounts: their articles, and rows by endpoint."""

    accounts: frozenset[int]
    rows: tuple[tuple[Endpoint[Any], Columns], ...]


def totals(
    way: Way, articles: Sequence[Published], accounts: Iterable[int], chunk: Chunk, groups: int
) -> Iterator[Totals]:
    """Running totals of a chunk's stat_dates, from the saved facts, some accounts at a time.

    `groups` is how many groups there are.
    """
    columns = _article_columns(articles, chunk.days[0])
    days = range(chunk.days[0] - DETAIL_DAYS + 1, chunk.days[-1] + 1)
    for group in chunk.groups:
        chosen = columns["acct"] % groups == group
        mine = {name: column[chosen] for name, column in columns.items()}
        counts = [_Counts.of(way.fact(fact, days, group), mine, names) for fact, names in _OF]
        of_group = [account for account in accounts if account % groups == group]
        work = partial(_part_totals, mine, counts, chunk)
        yield from way.side_by_side(work, list(_parts(mine, of_group, len(chunk.days))))


def _part_totals(
    articles: Columns, counts: Sequence[_Counts], chunk: Chunk, part: Sequence[int]
) -> Totals:
    begin, end = np.searchsorted(articles["acct"], (part[0], part[-1] + 1)).tolist()
    mine = {name: column[begin:end] for name, column in articles.items()}
    grid = Grid.of(mine, chunk.days[0], chunk.days[-1])
    lines = dict(grid.lines)
    for one in counts:
        lines |= one.on(grid, begin, end)
    rows = tuple((endpoint, _result(endpoint, lines)) for endpoint in ENDPOINTS)
    return Totals(frozenset(part), rows)


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
        """The counts of some articles, added up on the lines of a grid of these."""
        own = slice(*np.searchsorted(self.article, (begin, end)))
        places = grid.places(self.article[own] - begin, self.columns["d"][own])
        return {name: grid.cumulated(places, self.columns[name][own]) for name in self.names}


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

    def cumulated(self, places: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
        """Values on their lines, added up from each article's first line on."""
        lines = added(places, len(self.lines["d"]), values)
        if len(self.begins) > 1:
            lines[self.begins[1:]] -= np.add.reduceat(lines, self.begins)[:-1]
        found: NDArray[Any] = np.cumsum(lines)
        return found


_LINE = ("acct", "article", "d", "publish_type", "target_user")


def _article_columns(articles: Sequence[Published], since: int) -> Columns:
    """The articles that are still counted on a day, in order of account, day, number."""
    columns = article_columns(articles)
    order = np.lexsort((columns["article"], columns["d"], columns["acct"]))
    still = (columns["days"] > 0) & (columns["d"] + columns["days"] > since)
    order = order[still[order]]
    return {name: column[order] for name, column in columns.items()}


def _result(endpoint: Endpoint[Any], lines: Columns) -> Columns:
    """The lines and columns an endpoint shows, ordered by account, day, article and stat_date."""
    if endpoint is article.getarticletotal:
        kept = (lines["publish_type"] == 0) & (lines["stat_d"] - lines["d"] < TOTAL_DAYS)
    else:
        kept = lines["d"] >= number_of(EARLIEST_CONTENT)
    kept &= lines["d"] >= number_of(endpoint.first_date)
    shown = {"acct": "acct", "ref_date": "d", "article": "article", "stat_date": "stat_d"}
    shown |= RUNNING_COLUMNS[endpoint.name]
    if kept.all():
        return {name: lines[of] for name, of in shown.items()}
    return {name: lines[of][kept] for name, of in shown.items()}
