"""Like for like: the readers of an article beside other articles of its account at the same age."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.figures import eras
from wxcube.figures.eras import Article
from wxcube.figures.reader import Reader
from wxcube.figures.samples import ARTICLES
from wxcube.warehouse.aggregates import Selection, TotalOfDay

PEER_DAYS = 90
"""An article is compared with those published so many days before or after it."""
_AROUND = timedelta(days=PEER_DAYS)
_DAY = timedelta(days=1)
_Age = tuple[str, str, int]
"""An account, an endpoint, and days since publishing."""
_Entry = tuple[date, str, int]
"""When an article was published, its id, and its readers."""


@dataclass(frozen=True, slots=True)
class Median:
    """The median readers of `n` other articles; None if they are too few."""

    value: float | None
    n: int


@dataclass(slots=True)
class _Window:
    """The readers of articles published around a day, in their order."""

    entries: Sequence[_Entry]
    """In the order of their publishing."""
    counts: list[int] = field(default_factory=list)
    first: int = 0
    last: int = 0

    def move_to(self, day: date) -> list[int]:
        """The readers around another day."""
        first = bisect_left(self.entries, (day - _AROUND,))
        last = bisect_left(self.entries, (day + _AROUND + _DAY,))
        # PERF: the next article was published soon after, and has nearly the same others
        if not self.first <= first <= self.last <= last:
            self.counts = sorted(readers for *_article, readers in self.entries[first:last])
        else:
            for *_article, readers in self.entries[self.first : first]:
                del self.counts[bisect_left(self.counts, readers)]
            for *_article, readers in self.entries[self.last : last]:
                insort(self.counts, readers)
        self.first, self.last = first, last
        return self.counts


class Peers:
    """Readers of articles at every age that was read."""

    def __init__(self, readers: Mapping[_Age, Iterable[_Entry]]) -> None:
        self._windows = {age: _Window(sorted(found)) for age, found in readers.items()}

    def median(self, one: Article, age: int) -> Median:
        """The median of the others, of the same account and endpoint, when they were so old."""
        window = self._windows.get(_age_of(one, age))
        counts = window.move_to(one.published) if window else []
        own = self.own(one, age)
        n = len(counts) - (own is not None)
        return Median(_median_without(counts, own) if n >= ARTICLES else None, n)

    def own(self, one: Article, age: int) -> int | None:
        """The readers of the article itself when it was so old."""
        window = self._windows.get(_age_of(one, age))
        found = window.entries if window else ()
        first = bisect_left(found, (one.published, one.msgid))
        known = found[first] if first < len(found) else None
        return known[2] if known and known[:2] == (one.published, one.msgid) else None


def _median_without(counts: Sequence[int], one: int | None) -> float:
    """The median of sorted numbers, of which one is left out."""
    gap = len(counts) if one is None else bisect_left(counts, one)
    last = len(counts) - (one is not None) - 1
    low, high = (counts[at + (at >= gap)] for at in (last // 2, (last + 1) // 2))
    return low if last % 2 == 0 else (low + high) / 2


def _age_of(one: Article, age: int) -> _Age:
    return one.appid, eras.endpoint_of(one.published).name, age


def around(window: Window) -> Window:
    """When the articles were published with which those of a window are compared."""
    return Window(window.first - _AROUND, window.last + _AROUND)


def at_age(reader: Reader, some: Sequence[Article], others: Sequence[Article]) -> Peers:
    """What some articles are compared with, each at the age that it has.

    The others have been published `around` them.
    """
    known: dict[_Age, set[_Entry]] = {}
    # PERF: most articles are full-grown, and have one row of that age: their newest
    for one in others:
        if _is_grown(one) and one.readers is not None:
            entry = (one.published, one.msgid, one.readers)
            known.setdefault(_age_of(one, one.age), set()).add(entry)
    for endpoint, young in _by_era(one for one in some if not _is_grown(one)).items():
        ages = tuple(sorted({one.age for one in young}))
        _add(known, endpoint, _every_day(reader, endpoint, young, ages))
    return Peers(known)


def at_every_age(reader: Reader, one: Article) -> Peers:
    """What one article is compared with, day by day since publishing."""
    known: dict[_Age, set[_Entry]] = {}
    endpoint = eras.endpoint_of(one.published)
    _add(known, endpoint, _every_day(reader, endpoint, [one]))
    return Peers(known)


def _is_grown(one: Article) -> bool:
    return one.age == eras.endpoint_of(one.published).moves_days


def _by_era(some: Iterable[Article]) -> dict[Endpoint[Any], list[Article]]:
    found: dict[Endpoint[Any], list[Article]] = {}
    for one in some:
        found.setdefault(eras.endpoint_of(one.published), []).append(one)
    return found


def _every_day(
    reader: Reader,
    endpoint: Endpoint[Any],
    some: Sequence[Article],
    ages: Collection[int] | None = None,
) -> Sequence[TotalOfDay]:
    """The readers of articles published around some, at every age or at some."""
    days = [one.published for one in some]
    window = eras.within(endpoint, around(Window(min(days), max(days))))
    appids = tuple(dict.fromkeys(one.appid for one in some))
    selection = Selection(endpoint, window, (eras.READERS[endpoint.name],))
    return reader.once(
        ("totals_of_days", appids, selection, ages),
        lambda: reader.warehouse.totals_of_days(appids, selection, ages),
    )


def _add(
    known: dict[_Age, set[_Entry]], endpoint: Endpoint[Any], totals: Iterable[TotalOfDay]
) -> None:
    for one in totals:
        if one.value is not None:
            entry = (one.published, one.msgid, one.value)
            known.setdefault((one.appid, endpoint.name, one.age), set()).add(entry)
