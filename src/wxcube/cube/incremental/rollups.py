"""Rows computed from several days: followers, weeks, months, running totals, late articles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from wxcube.cube.incremental import rollup_steps, running_totals, schedule
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.context import BuildContext
from wxcube.cube.incremental.fact_files import sync_disk
from wxcube.cube.incremental.progress import Progress
from wxcube.cube.incremental.schedule import Chunk, Rollup, consecutive_ranges
from wxcube.cube.inputs import DETAIL_DAYS
from wxcube.i18n import Message, _


class RollupBuild:
    """The part of a build that computes everything pending in the ledger from the saved facts."""

    def __init__(self, context: BuildContext) -> None:
        self._context = context

    def build(self, through: Mapping[int, int], built_partitions: int) -> None:
        """Compute the pending rollups up to the last day of each group.

        Groups with the same pending rollups are computed together. The number of partitions built
        before is for the progress.
        """
        known = self._context.ledger.through()
        groups_by_work: dict[Any, list[int]] = defaultdict(list)
        for group, days_of in self._work(through, known).items():
            work = tuple(sorted((rollup, tuple(sorted(days))) for rollup, days in days_of.items()))
            started = known.get(group, (None, None))[1] or 0
            groups_by_work[work, through[group], started].append(group)
        for (work, end, started), groups in groups_by_work.items():
            last_written = max(started, self._context.writer.last_day(groups))
            _GroupRollup(self._context, groups, last_written, built_partitions).build(
                dict(work), end
            )

    def _work(
        self, through: Mapping[int, int], known: Mapping[int, tuple[int | None, int]]
    ) -> dict[int, dict[Rollup, set[int]]]:
        """The pending rollups of each group, and those that become due up to its last day."""
        pending = self._context.ledger.pending()
        for group, end in sorted(through.items()):
            first_days = self._context.ledger.first_days([group])
            if not first_days:
                continue
            complete = known.get(group, (None, end))[0]
            begin = min(first_days.values()) - 1 if complete is None else complete
            for rollup, day in schedule.between(begin, end):
                pending.setdefault(group, {}).setdefault(rollup, set()).add(day)
        return {group: pending[group] for group in sorted(through) if pending.get(group)}


class _GroupRollup:
    """The rollups of some groups."""

    def __init__(
        self,
        context: BuildContext,
        groups: Sequence[int],
        last_written: int,
        built_partitions: int,
    ) -> None:
        """Rollups of groups of which earlier builds wrote rows up to the day `last_written`."""
        self._context = context
        self._groups = groups
        self._last_written = last_written
        self._built_partitions = built_partitions

    def build(self, work: Mapping[Rollup, Sequence[int]], end: int) -> None:
        """Compute rollups up to a day, and record them as done."""
        ledger = self._context.ledger
        with ledger.transaction():
            ledger.set_started(self._groups, end)
        days_of = {rollup: [d for d in days if d <= end] for rollup, days in work.items()}
        self._followers(days_of.get(Rollup.FOLLOWERS, []), end)
        self._periods(days_of, end)
        self._summary(days_of.get(Rollup.SUMMARY, []))
        self._running(days_of.get(Rollup.RUNNING, []))
        sync_disk()
        with ledger.transaction():
            for rollup, days in days_of.items():
                ledger.remove_pending(self._groups, rollup, days)
            ledger.set_through(self._groups, end)
            ledger.set_watermarks(self._context.writer.watermark)

    def _report(self, task: Message) -> None:
        count = self._built_partitions
        self._context.on_progress(Progress(count, count, task))

    def _followers(self, days: Sequence[int], end: int) -> None:
        if not days:
            return
        ledger, since = self._context.ledger, min(days)
        summary, cumulate, totals = rollup_steps.followers(ledger, self._groups, since, end)
        with ledger.transaction():
            ledger.set_follower_totals(totals)
        accounts = ledger.first_days(self._groups)
        labels, is_new = range(since, end + 1), since > self._last_written
        for endpoint, table in zip(rollup_steps.FOLLOWERS, (summary, cumulate), strict=True):
            self._context.writer.write(endpoint, accounts, labels, table, is_new=is_new)

    def _periods(self, days_of: Mapping[Rollup, Sequence[int]], end: int) -> None:
        weeks = {d for d in days_of.get(Rollup.WEEK, []) if schedule.week_days(d)[-1] <= end}
        months = {d for d in days_of.get(Rollup.MONTH, []) if schedule.month_days(d)[-1] <= end}
        spans = [
            *map(schedule.week_days, sorted(weeks)),
            *map(schedule.month_days, sorted(months)),
        ]
        days = sorted({day for span in spans for day in span})
        for part in self._parts("message_day", days):
            accounts = self._context.ledger.first_days(part)
            self._report(_("weeks and months"))
            facts = self._context.facts
            sizes = (facts.size("message_day", span, [g]) for g in part for span in spans)
            for endpoint, table in self._context.strategy_for(sizes).periods(part, weeks, months):
                labels = sorted(weeks if endpoint in rollup_steps.WEEKS else months)
                self._context.writer.write(endpoint, accounts, labels, table)

    def _summary(self, days: Sequence[int]) -> None:
        context = self._context
        for part in self._parts("touched", days):
            accounts = context.ledger.first_days(part)
            tables = rollup_steps.summary(context.engine, context.facts, context.ledger, part, days)
            for endpoint, table, articles in tables:
                context.writer.write(endpoint, accounts, days, table, articles)

    # --- running totals --------------------------------------------------------------------------

    def _running(self, days: Sequence[int]) -> None:
        context = self._context
        for span in consecutive_ranges(days):
            for chunk in self._chunks(span):
                self._report(_("running totals"))
                first = chunk.days[0] - DETAIL_DAYS + 1
                articles = context.ledger.articles_published(first, chunk.days[-1], chunk.groups)
                sizes = (context.facts.size("touched", [d], [g]) for d, g in chunk.partitions())
                context.strategy_for(sizes).save_first_people(articles, chunk)
                context.commit_facts()
                self._totals(articles, chunk, is_new=span[0] > self._last_written)
                context.commit_facts()

    def _totals(self, articles: Articles, chunk: Chunk, *, is_new: bool) -> None:
        context = self._context
        first_days = context.ledger.first_days(chunk.groups)
        stat_dates = range(chunk.days[0], chunk.days[-1] + 1)
        for part in running_totals.totals(
            context.preferred, articles, first_days, chunk, context.events.group_count
        ):
            accounts = {account: first_days[account] for account in part.accounts}
            of_part = articles.of_accounts(part.accounts)
            for endpoint, table in part.tables:
                labels = range(stat_dates[0] - endpoint.moves_days + 1, stat_dates[-1] + 1)
                context.writer.write(
                    endpoint,
                    accounts,
                    labels,
                    table,
                    of_part,
                    stat_dates=stat_dates,
                    is_new=is_new,
                )

    def _chunks(self, span: range) -> Iterator[Chunk]:
        """The chunks of running totals; a group's older days come first."""
        context = self._context
        for part in self._parts("touched", span):
            sizes = {day: context.facts.size("touched", [day], part) for day in span}
            for days in schedule.split_by_size(sizes, context.chunk_bytes):
                yield Chunk(part, days)

    def _parts(self, fact: str, days: Iterable[int]) -> Iterator[tuple[int, ...]]:
        """The groups, split so that the files of a fact fit into a chunk."""
        chosen = list(days)
        if not chosen:
            return
        sizes = {group: self._context.facts.size(fact, chosen, [group]) for group in self._groups}
        yield from schedule.split_by_size(sizes, self._context.chunk_bytes)
