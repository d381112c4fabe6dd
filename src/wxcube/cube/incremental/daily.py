"""Rows that hang on the events of one day, made chunk by chunk with the facts of the days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from wxcube.beijing import day_of_number
from wxcube.cube.incremental import daily_steps, running_totals
from wxcube.cube.incremental import schedule as calendar
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.context import Kit
from wxcube.cube.incremental.events import size_of
from wxcube.cube.incremental.fact_files import sync_disk
from wxcube.cube.incremental.progress import Progress
from wxcube.cube.incremental.schedule import QUIET, Chunk, NumberedCell, chunks
from wxcube.cube.incremental.strategy import Strategy
from wxcube.events.columns import Columns

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
            self._strategy_of(chunk).begin(chunk)

    def build(self, dirty: Mapping[NumberedCell, int], through: Mapping[int, int]) -> None:
        """Build days and groups, given the revision of each and the last day of each group."""
        found = self._chunks(dirty)
        for chunk, following in zip_longest(found, found[1:]):
            self._kit.tell(Progress(len(self.built), len(dirty), f"{day_of_number(chunk.days[0])}"))
            strategy = self._strategy_of(chunk)
            given = (*strategy.day_tables(chunk), "article")
            if following:
                self._strategy_of(following).begin(following)
            self._build_chunk(chunk, strategy, given, dirty, through)
            self.built |= {cell: dirty[cell] for cell in chunk.cells()}
        self._kit.tell(Progress(len(self.built), len(dirty), ""))

    def _chunks(self, dirty: Iterable[NumberedCell]) -> list[Chunk]:
        return chunks({cell: self._size(*cell) for cell in dirty}, self._kit.budget)

    def _strategy_of(self, chunk: Chunk) -> Strategy:
        return self._kit.strategy_for(self._size(*cell) for cell in chunk.cells())

    def _size(self, day: int, group: int) -> int:
        at = day_of_number(day)
        paths = (path for family in _SIZED for path in self._kit.events.files(family, at, group))
        return sum(map(size_of, paths))

    def _build_chunk(
        self,
        chunk: Chunk,
        strategy: Strategy,
        given: Sequence[str],
        dirty: Mapping[NumberedCell, int],
        through: Mapping[int, int],
    ) -> None:
        engine, ledger, handing = self._kit.engine, self._kit.ledger, self._kit.handing
        seen = daily_steps.first_days(engine, strategy.seen)
        moved, changes = list(daily_steps.moved(engine)), list(daily_steps.changes(engine))
        articles = self._articles_of(daily_steps.touched(engine, strategy.touched), chunk)
        daily_steps.load_articles(engine, articles)
        first_days = ledger.first_days(chunk.groups)
        accounts = {a: min(d, first_days.get(a, d)) for a, d in (first_days | seen).items()}
        built = ledger.built()
        lacking = self._lacking(seen, first_days, dirty, built, through)
        for endpoint, table in daily_steps.results(
            engine, daily_steps.ENDPOINTS, given, chunk.days
        ):
            handing.rows_of(endpoint, accounts, chunk.days, table, articles)
            handing.nothing_of(endpoint, seen, lacking, table)
        for endpoint in running_totals.ENDPOINTS:
            handing.nothing_of(endpoint, seen, lacking, running_totals.no_lines(endpoint))
        daily_steps.drop(engine, given)
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
            ledger.set_watermark(handing.watermark)
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
