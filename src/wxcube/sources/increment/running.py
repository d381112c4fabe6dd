"""Running totals of articles: what happened up to each day since they were published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from wxcube.contract import article, content
from wxcube.contract.endpoint import EARLIEST_CONTENT, Endpoint
from wxcube.sources.arrays import NDArray, np
from wxcube.sources.batch import Columns
from wxcube.sources.increment.days import Chunk
from wxcube.sources.increment.files import FACTS, Facts, FileEngine
from wxcube.sources.increment.ledger import Published
from wxcube.sources.increment.one_day import article_columns, load_articles, run
from wxcube.sources.inputs import DETAIL_DAYS, TOTAL_DAYS, number_of
from wxcube.sources.steps.articles import ARTICLE_PEOPLE, ARTICLE_TIMES, RUNNING_COLUMNS
from wxcube.sources.steps.resumed import RESUMED_DAY, RESUMED_DAYS

ENDPOINTS: tuple[Endpoint[Any], ...] = (article.getarticletotal, content.getarticletotaldetail)
_OF = {"first_people": ARTICLE_PEOPLE, "article_times": ARTICLE_TIMES}


def first_people(
    engine: FileEngine, facts: Facts, articles: Sequence[Published], chunk: Chunk
) -> None:
    """Compute and save who did something with an article for the first time on a chunk's days."""
    load_articles(engine, articles)
    _read(engine, facts, "touched", "touched_now", chunk.days, chunk.groups)
    earlier = range(chunk.days[0] - DETAIL_DAYS + 1, chunk.days[0])
    _read(engine, facts, "touched", "touched_before", earlier, chunk.groups)
    steps = RESUMED_DAY if len(chunk.days) == 1 else RESUMED_DAYS
    for _ in run(engine, steps, kept=["first_people"]):
        pass
    facts.save(engine, "first_people")
    for name in ("first_people", "touched_now", "touched_before", "article"):
        engine.drop(name)


def _read(
    engine: FileEngine,
    facts: Facts,
    fact: str,
    name: str,
    days: Sequence[int],
    groups: Sequence[int],
) -> None:
    engine.read(name, "*", facts.paths(fact, days, groups), FACTS[fact])


def totals(
    engine: FileEngine, facts: Facts, articles: Sequence[Published], chunk: Chunk
) -> Iterator[tuple[Endpoint[Any], Columns]]:
    """Running totals of a chunk's stat_dates, from the saved facts."""
    grid = Grid.of(articles, chunk.days[0], chunk.days[-1])
    engine.load("slot", grid.slots)
    days = range(chunk.days[0] - DETAIL_DAYS + 1, chunk.days[-1] + 1)
    so_far: Columns = {}
    for fact, columns in _OF.items():
        _read(engine, facts, fact, fact, days, chunk.groups)
        so_far |= _added_up(engine, fact, columns, grid)
        engine.drop(fact)
    engine.drop("slot")
    lines = grid.lines | {name: column[grid.shown] for name, column in so_far.items()}
    for endpoint in ENDPOINTS:
        yield endpoint, _result(endpoint, lines)


def _added_up(engine: FileEngine, fact: str, columns: Sequence[str], grid: Grid) -> Columns:
    names = ", ".join(f"t.{column}" for column in columns)
    found = engine.ask(
        f"""SELECT s.slot, t.d, {names} FROM {fact} t
        JOIN slot s ON s.acct = t.acct AND s.article = t.article
        WHERE t.d >= s.d AND t.d < s.d + s.days"""  # noqa: S608 - own names
    )
    places = grid.places(found["slot"], found["d"])
    return {name: grid.cumulated(places, found[name]) for name in columns}


@dataclass(frozen=True)
class Grid:
    """A line for every article and day, and one before them for all days before the first."""

    slots: Columns
    """The articles in order of account, number; `slot` is an article's place among them."""
    begins: NDArray[Any]
    """Where each article's lines begin."""
    first: NDArray[Any]
    """The day of each article's first line after the one for all days before."""
    lines: Columns
    """Account, article and day of each line that is shown."""
    shown: NDArray[Any]
    """Which lines are shown: all but the ones for the days before."""

    @classmethod
    def of(cls, articles: Sequence[Published], since: int, through: int) -> Grid:
        """The grid of articles that have running totals on some of these days."""
        load = _article_columns(articles)
        first = np.maximum(load["d"], since)
        last = np.minimum(load["d"] + load["days"] - 1, through)
        kept = last >= first
        slots = {name: column[kept] for name, column in load.items()}
        first, counts = first[kept], (last - first)[kept] + 2
        begins = np.concatenate(([0], np.cumsum(counts)))
        slots["slot"] = np.arange(len(first), dtype="i8")
        owner = np.repeat(slots["slot"], counts)
        place = np.arange(begins[-1]) - begins[:-1][owner]
        shown = place > 0
        owner, place = owner[shown], place[shown]
        names = ("acct", "article", "d", "publish_type", "target_user")
        lines = {name: slots[name][owner] for name in names}
        return cls(slots, begins, first, lines | {"stat_d": first[owner] + place - 1}, shown)

    def places(self, slot: NDArray[Any], day: NDArray[Any]) -> NDArray[Any]:
        """The line of each article and day."""
        found: NDArray[Any] = self.begins[slot] + np.maximum(day - self.first[slot] + 1, 0)
        return found

    def cumulated(self, places: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
        """Values on their lines, added up from each article's first line on."""
        lines = np.zeros(self.begins[-1], "i8")
        np.add.at(lines, places, values)
        total = np.cumsum(lines)
        begins = self.begins[:-1]
        before = total[begins] - lines[begins]
        found: NDArray[Any] = total - np.repeat(before, np.diff(self.begins))
        return found


def _article_columns(articles: Sequence[Published]) -> Columns:
    columns = article_columns(articles)
    order = np.lexsort((columns["article"], columns["acct"]))
    return {name: column[order] for name, column in columns.items()}


def _result(endpoint: Endpoint[Any], lines: Columns) -> Columns:
    """The lines and columns an endpoint shows, ordered by account, day, article and stat_date."""
    if endpoint is article.getarticletotal:
        kept = (lines["publish_type"] == 0) & (lines["stat_d"] - lines["d"] < TOTAL_DAYS)
    else:
        kept = lines["d"] >= number_of(EARLIEST_CONTENT)
    kept &= lines["d"] >= number_of(endpoint.first_date)
    order = np.lexsort((lines["article"][kept], lines["d"][kept], lines["acct"][kept]))
    chosen = np.flatnonzero(kept)[order]
    shown = {"acct": "acct", "ref_date": "d", "article": "article", "stat_date": "stat_d"}
    shown |= RUNNING_COLUMNS[endpoint.name]
    return {name: lines[of][chosen] for name, of in shown.items()}
