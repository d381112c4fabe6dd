"""Articles as their first Publish event says, kept up to date as events come in any order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from wxcube.sources.engines import OpenEngine
from wxcube.sources.increment.days import Hanging, NumberedCell
from wxcube.sources.increment.ledger import Ledger, Published
from wxcube.sources.increment.one_day import lines
from wxcube.sources.inputs import DETAIL_DAYS

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


def update(
    engine: OpenEngine, ledger: Ledger, files: Sequence[Path], group_count: int, through: int
) -> None:
    """Take Publish events into the ledger, with the work that follows from them."""
    engine.read("published", _COLUMNS, files, _EMPTY)
    found: list[Published] = list(lines(engine.ask(_FIRST)))
    engine.drop("published")
    known = ledger.articles((one[0], one[1]) for one in found)
    changed = [one for one in found if _is_news(one, known.get((one[0], one[1])))]
    before = [known[one[0], one[1]] for one in changed if (one[0], one[1]) in known]
    built = ledger.built()
    with ledger.changing():
        ledger.publish(changed, group_count)
        for group, days in _days((*changed, *before), group_count).items():
            ledger.add_pending(group, _work(days, group, built, through))
        ledger.set_built(dict.fromkeys({(old[2], old[0] % group_count) for old in before}, 0))


def _is_news(found: Published, known: Published | None) -> bool:
    return known is None or found[3:] < known[3:]


def _days(articles: Iterable[Published], group_count: int) -> dict[int, set[int]]:
    """The days of articles by group."""
    found: dict[int, set[int]] = {}
    for one in articles:
        found.setdefault(one[0] % group_count, set()).add(one[2])
    return found


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
