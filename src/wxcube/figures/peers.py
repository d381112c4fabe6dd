"""Like for like: the readers of an article beside other articles of its account at the same age."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
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


@dataclass(frozen=True, slots=True)
class Peers:
    """Readers of articles at every age that was read, in the order of their publishing."""

    readers: Mapping[_Age, Sequence[_Entry]]

    def median(self, one: Article, age: int) -> Median:
        """The median of the others, of the same account and endpoint, when they were so old."""
        found = self.readers.get((one.appid, eras.endpoint_of(one.published).name, age), ())
        first = bisect_left(found, (one.published - _AROUND,))
        last = bisect_left(found, (one.published + _AROUND + _DAY,))
        others = [count for _published, msgid, count in found[first:last] if msgid != one.msgid]
        return Median(median(others) if len(others) >= ARTICLES else None, len(others))

    def own(self, one: Article, age: int) -> int | None:
        """The readers of the article itself when it was so old."""
        found = self.readers.get((one.appid, eras.endpoint_of(one.published).name, age), ())
        first = bisect_left(found, (one.published, one.msgid))
        known = found[first] if first < len(found) else None
        return known[2] if known and known[:2] == (one.published, one.msgid) else None


def at_age(reader: Reader, some: Sequence[Article]) -> Peers:
    """What some articles are compared with, each at the age that it has."""
    known: dict[_Age, set[_Entry]] = {}
    for endpoint, of_era in _by_era(some).items():
        grown = [one for one in of_era if one.age == endpoint.moves_days]
        young = [one for one in of_era if one.age != endpoint.moves_days]
        # PERF: most articles are full-grown, and have one row of that age: their newest
        _add(known, endpoint, {endpoint.moves_days}, _newest(reader, endpoint, grown))
        _add(known, endpoint, {one.age for one in young}, _every_day(reader, endpoint, young))
    return _sorted(known)


def at_every_age(reader: Reader, one: Article) -> Peers:
    """What one article is compared with, day by day since publishing."""
    known: dict[_Age, set[_Entry]] = {}
    endpoint = eras.endpoint_of(one.published)
    ages = range(1, endpoint.moves_days + 1)
    _add(known, endpoint, ages, _every_day(reader, endpoint, [one]))
    return _sorted(known)


def _by_era(some: Sequence[Article]) -> dict[Endpoint[Any], list[Article]]:
    found: dict[Endpoint[Any], list[Article]] = {}
    for one in some:
        found.setdefault(eras.endpoint_of(one.published), []).append(one)
    return found


def _newest(
    reader: Reader, endpoint: Endpoint[Any], some: Sequence[Article]
) -> Iterator[TotalOfDay]:
    if not some:
        return
    appids, selection = _around(endpoint, some)
    for one in reader.warehouse.running_totals(appids, selection, is_newest_only=True):
        msgid = str(one.row["msgid"])
        yield TotalOfDay(one.appid, one.published, msgid, one.stat_date, one.values[0])


def _every_day(
    reader: Reader, endpoint: Endpoint[Any], some: Sequence[Article]
) -> Sequence[TotalOfDay]:
    if not some:
        return ()
    appids, selection = _around(endpoint, some)
    return reader.once(
        ("totals_of_days", appids, selection),
        lambda: reader.warehouse.totals_of_days(appids, selection),
    )


def _around(endpoint: Endpoint[Any], some: Sequence[Article]) -> tuple[tuple[str, ...], Selection]:
    """The accounts and days of what some articles are compared with."""
    days = [one.published for one in some]
    window = eras.within(endpoint, Window(min(days) - _AROUND, max(days) + _AROUND))
    appids = tuple(dict.fromkeys(one.appid for one in some))
    return appids, Selection(endpoint, window, (eras.READERS[endpoint.name],))


def _add(
    known: dict[_Age, set[_Entry]],
    endpoint: Endpoint[Any],
    ages: Container[int],
    totals: Iterable[TotalOfDay],
) -> None:
    for appid, published, msgid, stat_date, readers in totals:
        age = (stat_date - published).days + 1
        if age in ages and readers is not None:
            known.setdefault((appid, endpoint.name, age), set()).add((published, msgid, readers))


def _sorted(known: Mapping[_Age, set[_Entry]]) -> Peers:
    return Peers({age: sorted(found) for age, found in known.items()})
