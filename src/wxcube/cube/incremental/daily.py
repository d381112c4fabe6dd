"""Rows of single days, computed chunk by chunk together with the facts of the days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import zip_longest

from wxcube.beijing import day_of_number
from wxcube.cube.incremental import daily_steps, running_totals, schedule
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.context import BuildContext
from wxcube.cube.incremental.damage import DamagedFactError
from wxcube.cube.incremental.fact_files import sync_disk
from wxcube.cube.incremental.ledger import NEVER
from wxcube.cube.incremental.progress import Progress
from wxcube.cube.incremental.schedule import (
    NO_EVENTS,
    Chunk,
    NumberedPartition,
    chunks,
)
from wxcube.cube.incremental.strategy import DayTables, Strategy
from wxcube.cube.kernel.ordered import positions_of
from wxcube.events.columns import Columns
from wxcube.i18n import NOTHING, Message, verbatim

_SIZED_FAMILIES = ("follow", "message", "reply", "activity")


class DailyBuild:
    """The part of a build that computes facts and rows of single days from events."""

    def __init__(self, context: BuildContext) -> None:
        self._context = context
        self._sizes: dict[NumberedPartition, int] = {}
        self.built: dict[NumberedPartition, int] = {}
        """The partitions that are built, and the revisions of their events."""
        self.starts: dict[int, tuple[int, ...]] = {}
        """The first two days with events of accounts that are new or begin earlier."""

    def prefetch(self, changed: Iterable[NumberedPartition]) -> None:
        """Start to compute the first chunk in the background."""
        for chunk in self._chunks(changed)[:1]:
            self._strategy_of(chunk).prefetch(chunk)

    def build(self, changed: Mapping[NumberedPartition, int], through: Mapping[int, int]) -> None:
        """Build partitions, given the revision of each and the last day of each group."""
        all_chunks = self._chunks(changed)
        for chunk, following in zip_longest(all_chunks, all_chunks[1:]):
            self._report(len(changed), verbatim(str(day_of_number(chunk.days[0]))))
            strategy = self._strategy_of(chunk)
            before = self._touched_before(chunk)
            tables = strategy.make_day_tables(chunk)
            if following:
                self._strategy_of(following).prefetch(following)
            self._build_chunk(chunk, strategy, tables, before, changed, through)
            self.built |= {partition: changed[partition] for partition in chunk.partitions()}
        self._report(len(changed), NOTHING)

    def _report(self, total: int, task: Message) -> None:
        self._context.on_progress(Progress(len(self.built), total, task))

    def _chunks(self, changed: Iterable[NumberedPartition]) -> list[Chunk]:
        sizes = {partition: self._size(*partition) for partition in changed}
        return chunks(sizes, self._context.chunk_bytes)

    def _strategy_of(self, chunk: Chunk) -> Strategy:
        return self._context.strategy_for(self._size(*one) for one in chunk.partitions())

    def _size(self, day: int, group: int) -> int:
        if (day, group) not in self._sizes:
            size = self._context.events.size
            of_families = (size(family, day_of_number(day), group) for family in _SIZED_FAMILIES)
            self._sizes[day, group] = sum(of_families)
        return self._sizes[day, group]

    def _build_chunk(
        self,
        chunk: Chunk,
        strategy: Strategy,
        tables: DayTables,
        before: Mapping[NumberedPartition, Columns],
        changed: Mapping[NumberedPartition, int],
        through: Mapping[int, int],
    ) -> None:
        engine, ledger, writer = self._context.engine, self._context.ledger, self._context.writer
        two_days = daily_steps.two_first_days(engine, strategy.account_tables)
        chunk_first_days = {account: days[0] for account, days in two_days.items()}
        follows = list(daily_steps.follow_counts(engine))
        follower_changes = list(daily_steps.follower_changes(engine))
        touched = daily_steps.touched_articles(engine, strategy.article_table)
        articles = self._articles_of(touched, chunk)
        again = {one for one, columns in before.items() if _has_all(touched, columns)}
        daily_steps.load_articles(engine, articles)
        known = ledger.first_days(chunk.groups)
        moved = self._moved_first_days(known, chunk_first_days, chunk)
        begins = chunk_first_days | {account: known[account] for account in moved}
        known |= moved
        first_days = chunk_first_days | moved
        self._note_starts(known, two_days)
        accounts = {a: min(d, known.get(a, d)) for a, d in (known | chunk_first_days).items()}
        built_before = ledger.built()
        without_rows = self._days_without_rows(begins, known, changed, built_before, through)
        in_engine = (*tables.names, "article")
        for endpoint, table in daily_steps.results(
            engine, daily_steps.ENDPOINTS, in_engine, chunk.days, tables.finished
        ):
            writer.write(endpoint, accounts, chunk.days, table, articles)
            writer.write_empty(endpoint, first_days, without_rows, table)
        for endpoint in running_totals.ENDPOINTS:
            empty = running_totals.empty_table(endpoint)
            writer.write_empty(endpoint, first_days, without_rows, empty)
        daily_steps.drop(engine, in_engine)
        sync_disk()
        with ledger.transaction():
            ledger.update_first_days(chunk_first_days, self._context.events.group_count)
            ledger.delete_follows(one for one in chunk.partitions() if one in built_before)
            ledger.set_first_days(moved, self._context.events.group_count)
            ledger.set_follow_counts(follows)
            ledger.set_follower_changes(follower_changes)
            for day, group in chunk.partitions():
                if (day, group) in again:
                    ledger.add_pending(group, schedule.dependents_again(day))
                elif changed[day, group] != NO_EVENTS:
                    ledger.add_pending(group, schedule.dependents(day, through[group]))
            for days, of_days in without_rows.items():
                for group in {self._context.group_of(account) for account in of_days}:
                    ledger.add_pending(group, schedule.periods(days))
            built = {one: changed[one] for one in chunk.partitions()}
            ledger.set_built({p: r for p, r in built.items() if self._context.is_over(p[0])})
            ledger.set_running({p: r for p, r in built.items() if not self._context.is_over(p[0])})
            ledger.update_fact_files(self._context.facts.uncommitted())
            ledger.set_watermarks(writer.watermark)
        self._context.facts.commit()

    def _touched_before(self, chunk: Chunk) -> dict[NumberedPartition, Columns]:
        """The fact `touched` of partitions of running days that were built before."""
        again = self._context.ledger.running().keys() & set(chunk.partitions())
        before: dict[NumberedPartition, Columns] = {}
        for day, group in sorted(again):
            if not self._context.is_over(day):
                # a damaged one is replaced, and everything that depends on it
                with suppress(DamagedFactError):
                    before[day, group] = self._context.preferred.read_fact("touched", [day], group)
        return before

    def _moved_first_days(
        self, known: Mapping[int, int], chunk_first_days: Mapping[int, int], chunk: Chunk
    ) -> dict[int, int]:
        """The new first days of accounts that have no events any more on their first day."""
        lost = {
            account: day
            for account, day in known.items()
            if day in chunk.days and chunk_first_days.get(account, day + 1) > day
        }
        moved = dict.fromkeys(lost, NEVER)
        for group in {self._context.group_of(account) for account in lost}:
            of_group = {a: d for a, d in lost.items() if self._context.group_of(a) == group}
            moved |= daily_steps.first_day_after(
                self._context.engine, self._context.events, of_group, group
            )
        return moved

    def _note_starts(
        self, known: Mapping[int, int], two_days: Mapping[int, tuple[int, ...]]
    ) -> None:
        """Note the two first days with events of accounts that are new or begin earlier."""
        for account, days in two_days.items():
            first = known.get(account, NEVER)
            if account in self.starts or days[0] < first:
                before = self.starts.get(account, () if first == NEVER else (first,))
                self.starts[account] = tuple(sorted({*days, *before})[:2])

    def _days_without_rows(
        self,
        begins: Mapping[int, int],
        known: Mapping[int, int],
        changed: Mapping[NumberedPartition, int],
        built: Iterable[NumberedPartition],
        through: Mapping[int, int],
    ) -> dict[tuple[int, ...], list[int]]:
        """Days without rows of accounts that begin earlier or later than was known.

        They are the days after the earlier of both first days, in `begins`, and before the later
        one, which is `known`. Partitions built before were built with another first day. Partitions
        with events that are still to be built are left out.
        """
        newest: dict[int, int] = {}
        for day, group in built:
            newest[group] = max(day, newest.get(group, day))
        accounts_by_days: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for account, first in begins.items():
            group = self._context.group_of(account)
            last = max(through[group], newest.get(group, 0))
            end = min(known.get(account, NEVER), last + 1)
            days = tuple(
                day
                for day in range(first + 1, end)
                if changed.get((day, group), NO_EVENTS) == NO_EVENTS
            )
            if days:
                accounts_by_days[days].append(account)
        return accounts_by_days

    def _articles_of(self, touched: Columns, chunk: Chunk) -> Articles:
        """The articles published on a chunk's days or with events on them."""
        ledger = self._context.ledger
        published = ledger.articles_published(chunk.days[0], chunk.days[-1], chunk.groups)
        is_other = published.positions(touched["acct"], touched["article"]) < 0
        others = (column[is_other].tolist() for column in touched.values())
        return published + ledger.articles(zip(*others, strict=True))


def _has_all(articles: Columns, columns: Columns) -> bool:
    """Whether all articles of some rows are among given ones."""
    return bool((positions_of(columns["acct"], columns["article"], articles) >= 0).all())
