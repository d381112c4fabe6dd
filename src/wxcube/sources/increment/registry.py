"""Articles as their first Publish event says, kept up to date as events come in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from wxcube.sources.increment.days import Hanging
from wxcube.sources.increment.files import FileEngine
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
    engine: FileEngine, ledger: Ledger, files: Sequence[Path], group_count: int, through: int
) -> None:
    """Take Publish events into the ledger, with the work that follows from them."""
    engine.read("published", _COLUMNS, files, _EMPTY)
    found: list[Published] = list(lines(engine.ask(_FIRST)))
    engine.drop("published")
    known = ledger.articles((one[0], one[1]) for one in found)
    changed = [one for one in found if _is_news(one, known.get((one[0], one[1]), _NOTHING)[0])]
    with ledger.changing():
        ledger.publish(changed)
        for group, work in _work(changed, known, group_count, through).items():
            ledger.add_pending(group, work)
        moved = {(old[2], old[0] % group_count) for old in _old(changed, known)}
        ledger.set_built(dict.fromkeys(moved, 0))


_Known = tuple[Published | None, int | None, int | None]
_NOTHING: _Known = (None, None, None)


def _is_news(found: Published, known: Published | None) -> bool:
    return known is None or found[3:] < known[3:]


def _old(
    changed: Iterable[Published], known: Mapping[tuple[int, int], _Known]
) -> Iterable[Published]:
    before = (known.get((one[0], one[1]), _NOTHING)[0] for one in changed)
    return [one for one in before if one is not None]


def _work(
    changed: Sequence[Published],
    known: Mapping[tuple[int, int], _Known],
    group_count: int,
    through: int,
) -> dict[int, set[tuple[Hanging, int]]]:
    work: dict[int, set[tuple[Hanging, int]]] = {}
    for one in changed:
        before, first, last = known.get((one[0], one[1]), _NOTHING)
        days = [one[2]] + ([before[2]] if before else [])
        mine = work.setdefault(one[0] % group_count, set())
        for day in days:
            end = min(through, day + DETAIL_DAYS - 1)
            mine.update((Hanging.RUNNING, stat_day) for stat_day in range(day, end + 1))
        if first is not None and last is not None:
            mine.update((Hanging.SUMMARY, day) for day in range(first, last + 1))
    return work
