"""Articles as their first Publish event says, kept up to date as events come in any order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from wxcube.beijing import day_number, day_of_number
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.incremental.articles import Published
from wxcube.cube.incremental.daily_steps import lines
from wxcube.cube.incremental.events import Events
from wxcube.cube.incremental.ledger import Ledger
from wxcube.cube.incremental.schedule import Hanging, NumberedCell, stretches
from wxcube.cube.inputs import DETAIL_DAYS

_COLUMNS = (
    'account AS acct, article, d, "at" AS moment, publish_type, target_user, title, content_url'
)
_EMPTY = (
    "acct INT, article BIGINT, d INT, moment BIGINT, publish_type INT, target_user BIGINT, "
    "title TEXT, content_url TEXT"
)
_FIRST = """SELECT DISTINCT ON (acct, article) * FROM published
    ORDER BY acct, article, moment, publish_type, target_user, title, content_url"""
"""Among Publish events of the same second the order is that of what they say."""

_Articles = dict[tuple[int, int], Published]


def update(
    engine: OpenEngine,
    ledger: Ledger,
    events: Events,
    cells: Collection[NumberedCell],
    through: int,
) -> None:
    """Take the Publish events of changed days into the ledger, with the work that follows.

    An article whose event was taken out of the store goes, or is as the next event says.
    """
    found = _first(engine, _files(events, cells))
    known = _keyed(ledger.articles(found).lines())
    gone = _gone(ledger, cells, found)
    news = {key: one for key, one in found.items() if _is_news(one, known.get(key))}
    if gone:
        groups = {group for _, group in cells}
        everywhere = [(day_number(d), g) for d, g in events.revisions() if g in groups]
        left = _first(engine, _files(events, everywhere))
        news |= {key: left[key] for key in gone if key in left}
    known |= gone
    before = [known[key] for key in {*news, *gone} if key in known]
    built = ledger.built()
    count = events.group_count
    with ledger.changing():
        ledger.unpublish(gone.keys() - news.keys())
        ledger.publish(news.values(), count)
        for group, days in _days((*news.values(), *before), count).items():
            ledger.add_pending(group, _work(days, group, built, through))
        ledger.set_built(dict.fromkeys({(old[2], old[0] % count) for old in before}, 0))


def _files(events: Events, cells: Iterable[NumberedCell]) -> list[Path]:
    return [path for d, g in sorted(cells) for path in events.files("publish", day_of_number(d), g)]


def _first(engine: OpenEngine, files: list[Path]) -> _Articles:
    """The first Publish event of each article in files."""
    engine.read("published", _COLUMNS, files, _EMPTY)
    found = _keyed(lines(engine.ask(_FIRST)))
    engine.drop("published")
    return found


def _gone(
    ledger: Ledger, cells: Iterable[NumberedCell], found: Mapping[tuple[int, int], Published]
) -> _Articles:
    """Articles known from changed days that have no such event any more."""
    days_of: dict[int, list[int]] = defaultdict(list)
    for day, group in cells:
        days_of[group].append(day)
    known = (
        one
        for group, days in days_of.items()
        for stretch in stretches(days)
        for one in ledger.published(stretch[0], stretch[-1], [group]).lines()
    )
    return {k: one for k, one in _keyed(known).items() if k not in found or found[k][3:] > one[3:]}


def _keyed(articles: Iterable[Published]) -> _Articles:
    return {(one[0], one[1]): one for one in articles}


def _is_news(found: Published, known: Published | None) -> bool:
    return known is None or found[3:] < known[3:]


def _days(articles: Iterable[Published], group_count: int) -> dict[int, set[int]]:
    """The days of articles by group."""
    days: dict[int, set[int]] = {}
    for one in articles:
        days.setdefault(one[0] % group_count, set()).add(one[2])
    return days


def _work(
    days: set[int], group: int, built: Iterable[NumberedCell], through: int
) -> Iterator[tuple[Hanging, int]]:
    """What to compute anew when articles of days became known, or were of these days before."""
    for day in days:
        for stat_day in range(day, min(through, day + DETAIL_DAYS - 1) + 1):
            yield Hanging.RUNNING, stat_day
    earliest = min(days)
    for day, of in built:
        if of == group and day >= earliest:
            yield Hanging.SUMMARY, day
