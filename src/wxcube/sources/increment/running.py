"""Running totals of articles: what happened up to each day since they were published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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
from wxcube.sources.steps.articles import ARTICLE_PEOPLE, ARTICLE_TIMES, RUNNING_COLUMNS
from wxcube.sources.steps.resumed import BEGUN_DAYS, RESUMED_DAY, RESUMED_DAYS

ENDPOINTS: tuple[Endpoint[Any], ...] = (article.getarticletotal, content.getarticletotaldetail)
LINES = 100_000
"""Lines that are computed at once; so many columns of them stay in the processor's cache."""
_OF = {"first_people": ARTICLE_PEOPLE, "article_times": ARTICLE_TIMES}


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
    engine: OpenEngine,
    facts: Facts,
    articles: Sequence[Published],
    accounts: Iterable[int],
    chunk: Chunk,
) -> Iterator[Totals]:
    """Running totals of a chunk's stat_dates, from the saved facts, some accounts at a time."""
    columns = _article_columns(articles, chunk.days[0])
    engine.load("article", columns)
    days = range(chunk.days[0] - DETAIL_DAYS + 1, chunk.days[-1] + 1)
    counts = {fact: _counts(engine, facts, fact, days, chunk) for fact in _OF}
    engine.drop("article")
    for part in _parts(columns, accounts, len(chunk.days)):
        chosen = np.isin(columns["acct"], list(part))
        mine = {name: column[chosen] for name, column in columns.items()}
        grid = Grid.of(mine, chunk.days[0], chunk.days[-1])
        lines = dict(grid.lines)
        for fact, found in counts.items():
            ends = np.searchsorted(found["acct"], (min(part), max(part) + 1))
            own = {name: column[slice(*ends)] for name, column in found.items()}
            places = grid.places(own)
            lines |= {name: grid.cumulated(places, own[name]) for name in _OF[fact]}
        rows = tuple((endpoint, _result(endpoint, lines)) for endpoint in ENDPOINTS)
        yield Totals(frozenset(part), rows)


def _counts(
    engine: OpenEngine, facts: Facts, fact: str, days: Sequence[int], chunk: Chunk
) -> Columns:
    """A fact's counts of days on which an article is counted, ordered by account."""
    facts.read(engine, fact, fact, days, chunk.groups)
    names = ", ".join(f"t.{column}" for column in _OF[fact])
    found = engine.ask(
        f"""SELECT a.acct, a.article, a.d AS sent, t.d, {names} FROM {fact} t
        JOIN article a ON a.acct = t.acct AND a.article = t.article
        WHERE t.d >= a.d AND t.d < a.d + a.days ORDER BY a.acct, a.d, a.article"""  # noqa: S608 - own names
    )
    engine.drop(fact)
    return found


def _parts(columns: Columns, accounts: Iterable[int], days: int) -> Iterator[list[int]]:
    """Accounts, as many together as have about LINES lines."""
    numbers, counts = np.unique(columns["acct"], return_counts=True)
    of = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    most = max(1, min(days, DETAIL_DAYS))
    sizes = {account: of.get(account, 0) * most for account in sorted(accounts)}
    for part in split(sizes, LINES):
        yield list(part)


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

    def places(self, counts: Columns) -> NDArray[Any]:
        """The line of each count; what came before an article's first line belongs to it."""
        which = _ranks(self.articles, counts)
        found: NDArray[Any] = self.begins[which] + np.maximum(counts["d"] - self.first[which], 0)
        return found

    def cumulated(self, places: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
        """Values on their lines, added up from each article's first line on."""
        lines = np.zeros(len(self.lines["d"]), "i8")
        np.add.at(lines, places, values)
        if len(self.begins) > 1:
            lines[self.begins[1:]] -= np.add.reduceat(lines, self.begins)[:-1]
        found: NDArray[Any] = np.cumsum(lines)
        return found


def _ranks(articles: Columns, counts: Columns) -> NDArray[Any]:
    """The place of each count's article: both are in the order of account, day, number."""
    names = (("acct", "acct"), ("d", "sent"), ("article", "article"))
    changes = np.zeros(len(counts["d"]), "?")
    changes[:1] = True
    for _, name in names:
        changes[1:] |= counts[name][1:] != counts[name][:-1]
    starts = np.flatnonzero(changes)
    present = {of: counts[name][starts] for of, name in names}
    places = _merged(articles, present)
    found: NDArray[Any] = np.repeat(places, np.diff(np.append(starts, len(changes))))
    return found


def _merged(articles: Columns, present: Columns) -> NDArray[Any]:
    """Where some of the articles stand among all, both in the same order."""
    names = ("article", "d", "acct")
    both = [np.concatenate((articles[name], present[name])) for name in names]
    order = np.lexsort(tuple(both))
    is_present = order >= len(articles["d"])
    places = np.cumsum(~is_present) - 1
    found: NDArray[Any] = places[is_present]
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
