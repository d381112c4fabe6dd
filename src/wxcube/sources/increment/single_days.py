"""Rows that hang on the events of one day, made chunk by chunk with the facts of the days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from wxcube.sources.batch import Columns
from wxcube.sources.increment import days as calendar
from wxcube.sources.increment import one_day, running
from wxcube.sources.increment.articles import Articles
from wxcube.sources.increment.days import QUIET, Chunk, NumberedCell, chunks
from wxcube.sources.increment.events import size_of
from wxcube.sources.increment.files import sync_disk
from wxcube.sources.increment.kit import Kit
from wxcube.sources.increment.progress import Progress
from wxcube.sources.increment.way import Way
from wxcube.sources.inputs import day_numbered

_SIZED = ("follow", "message", "reply", "activity")


class SingleDays:
    """The part of a build that goes from events to facts and to rows of single days."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self.built: dict[NumberedCell, int] = {}
        """Days and groups that are built, and the revision of their events."""

    def begin(self, dirty: Iterable[NumberedCell]) -> None:
        """Begin with what comes first, beside other things."""
        for chunk in self._chunks(dirty)[:1]:
            self._way_of(chunk).begin(chunk)

    def build(self, dirty: Mapping[NumberedCell, int], through: Mapping[int, int]) -> None:
        """Build days and groups, given the revision of each and the last day of each group."""
        found = self._chunks(dirty)
        for chunk, following in zip_longest(found, found[1:]):
            self._kit.tell(Progress(len(self.built), len(dirty), f"{day_numbered(chunk.days[0])}"))
            way = self._way_of(chunk)
            given = (*way.day_tables(chunk), "article")
            if following:
                self._way_of(following).begin(following)
            self._build_chunk(chunk, way, given, dirty, through)
            self.built |= {cell: dirty[cell] for cell in chunk.cells()}
        self._kit.tell(Progress(len(self.built), len(dirty), ""))

    def _chunks(self, dirty: Iterable[NumberedCell]) -> list[Chunk]:
        return chunks({cell: self._size(*cell) for cell in dirty}, self._kit.budget)

    def _way_of(self, chunk: Chunk) -> Way:
        return self._kit.way_for(self._size(*cell) for cell in chunk.cells())

    def _size(self, day: int, group: int) -> int:
        at = day_numbered(day)
        paths = (path for family in _SIZED for path in self._kit.events.files(family, at, group))
        return sum(map(size_of, paths))

    def _build_chunk(
        self,
        chunk: Chunk,
        way: Way,
        given: Sequence[str],
        dirty: Mapping[NumberedCell, int],
        through: Mapping[int, int],
    ) -> None:
        engine, ledger, handing = self._kit.engine, self._kit.ledger, self._kit.handing
        seen = one_day.first_days(engine, way.seen)
        moved, changes = list(one_day.moved(engine)), list(one_day.changes(engine))
        articles = self._articles_of(one_day.touched(engine, way.touched), chunk)
        one_day.load_articles(engine, articles)
        first_days = ledger.first_days(chunk.groups)
        accounts = {a: min(d, first_days.get(a, d)) for a, d in (first_days | seen).items()}
        built = ledger.built()
        lacking = self._lacking(seen, first_days, dirty, built, through)
        for endpoint, table in one_day.results(engine, one_day.ENDPOINTS, given, chunk.days):
            handing.rows_of(endpoint, accounts, chunk.days, table, articles)
            handing.nothing_of(endpoint, seen, lacking, table)
        for endpoint in running.ENDPOINTS:
            handing.nothing_of(endpoint, seen, lacking, running.no_lines(endpoint))
        one_day.drop(engine, given)
        sync_disk()
        with ledger.changing():
            ledger.see(seen, self._kit.events.group_count)
            ledger.forget_follows(cell for cell in chunk.cells() if cell in built)
            ledger.set_moved(moved)
            ledger.set_followers(changes)
            for day, group in chunk.cells():
                if dirty[day, group] != QUIET:
                    ledger.add_pending(group, calendar.hanging(day, through[group]))
            for days, found in lacking.items():
                for group in {self._kit.group_of(account) for account in found}:
                    ledger.add_pending(group, calendar.periods(days))
            ledger.set_built({cell: dirty[cell] for cell in chunk.cells()})
            ledger.keep(self._kit.facts.news())
            ledger.set_mark(handing.mark)
        self._kit.facts.settled()

    def _lacking(
        self,
        seen: Mapping[int, int],
        known: Mapping[int, int],
        dirty: Mapping[NumberedCell, int],
        built: Iterable[NumberedCell],
        through: Mapping[int, int],
    ) -> dict[tuple[int, ...], list[int]]:
        """Days since the first of accounts that begin earlier than was known, with the accounts.

        Days that are built were built without these accounts; those with events still to be built
        are not.
        """
        newest: dict[int, int] = {}
        for day, group in built:
            newest[group] = max(day, newest.get(group, day))
        found: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for account, first in seen.items():
            group = self._kit.group_of(account)
            end = known.get(account, max(through[group], newest.get(group, 0)) + 1)
            days = tuple(
                day for day in range(first + 1, end) if dirty.get((day, group), QUIET) == QUIET
            )
            if days:
                found[days].append(account)
        return found

    def _articles_of(self, touched: Columns, chunk: Chunk) -> Articles:
        """Articles touched or published on a chunk's days."""
        ledger = self._kit.ledger
        published = ledger.published(chunk.days[0], chunk.days[-1], chunk.groups)
        is_other = published.places(touched["acct"], touched["article"]) < 0
        others = (column[is_other].tolist() for column in touched.values())
        return published + ledger.articles(zip(*others, strict=True))
