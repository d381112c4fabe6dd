"""Rows computed from several days: followers, weeks, months, running totals, late articles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from wxcube.cube.incremental import rollup_steps, running_totals, schedule
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.context import BuildContext
from wxcube.cube.incremental.fact_files import sync_disk
from wxcube.cube.incremental.progress import Progress
from wxcube.cube.incremental.schedule import Chunk, Rollup, consecutive_ranges
from wxcube.cube.inputs import DETAIL_DAYS
from wxcube.i18n import Message, _

_ARTICLE = ("acct", "article")


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
            rollup = _GroupRollup(self._context, groups, last_written, started, built_partitions)
            rollup.build(dict(work), end)

    def _work(
        self, through: Mapping[int, int], known: Mapping[int, tuple[int | None, int]]
    ) -> dict[int, dict[Rollup, set[int]]]:
        """The pending rollups of each group, and those that become due up to its last day."""
        pending = self._context.ledger.pending()
        for group, end in sorted(through.items()):
            first_days = self._context.ledger.first_days([group])
            if not first_days:
                continue
            complete, started = known.get(group, (None, 0))
            begin = min(first_days.values()) - 1 if complete is None else complete
            # written rows of a running day change with its events only, which makes them pending
            if started >= end and begin == self._context.last_over(end) < end:
                continue
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
        started: int,
        built_partitions: int,
    ) -> None:
        """Rollups of groups of which earlier builds wrote rows up to the day `last_written`.

        They began to compute rows up to the day `started`.
        """
        self._context = context
        self._groups = groups
        self._last_written = last_written
        self._started = started
        self._built_partitions = built_partitions

    def build(self, work: Mapping[Rollup, Sequence[int]], end: int) -> None:
        """Compute rollups up to a day, and record them as done."""
        ledger, over = self._context.ledger, self._context.last_over(end)
        days_of = {rollup: [d for d in days if d <= end] for rollup, days in work.items()}
        with ledger.transaction():
            ledger.set_started(self._groups, end)
            for group in self._groups:
                ledger.add_pending(group, ((r, day) for r, days in days_of.items() for day in days))
        self._followers(days_of.get(Rollup.FOLLOWERS, []), end)
        self._periods(days_of, over)
        self._summary(days_of.get(Rollup.SUMMARY, []))
        touched = set(days_of.get(Rollup.TOUCHED, []))
        running = {*days_of.get(Rollup.RUNNING, []), *filter(self._context.is_over, touched)}
        self._running(running)
        self._touched(touched - running)
        sync_disk()
        with ledger.transaction():
            for rollup, days in days_of.items():
                ledger.remove_pending(self._groups, rollup, days)
            ledger.set_through(self._groups, over)
            if self._started > end:
                # rows of a running day that this build does not reach
                for group in self._groups:
                    ledger.add_pending(group, schedule.between(end, self._started))
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

    def _running(self, days: Iterable[int]) -> None:
        context = self._context
        is_over = context.is_over
        for span in (
            *consecutive_ranges(day for day in days if is_over(day)),
            *consecutive_ranges(day for day in days if not is_over(day)),
        ):
            for chunk in self._chunks(span):
                self._totals(self._counting(chunk), chunk, is_new=span[0] > self._last_written)

    def _touched(self, days: Iterable[int]) -> None:
        """Running totals of articles with events on a running day; those of others are the same."""
        for day in days:
            for chunk in self._chunks(range(day, day + 1)):
                touched = [
                    self._context.preferred.read_fact("touched", [day], g) for g in chunk.groups
                ]
                columns = [np.concatenate([t[name] for t in touched]) for name in _ARTICLE]
                articles = self._counting(chunk).among(*columns)
                if len(articles):
                    self._totals(articles, chunk, is_partial=True)

    def _counting(self, chunk: Chunk) -> Articles:
        """The articles that have running totals on a chunk's days."""
        first = chunk.days[0] - DETAIL_DAYS + 1
        return self._context.ledger.articles_published(first, chunk.days[-1], chunk.groups)

    def _totals(
        self, articles: Articles, chunk: Chunk, *, is_new: bool = False, is_partial: bool = False
    ) -> None:
        context = self._context
        self._report(_("running totals"))
        sizes = (context.facts.size("touched", [d], [g]) for d, g in chunk.partitions())
        context.strategy_for(sizes).save_first_people(articles, chunk)
        context.commit_facts()
        first_days = context.ledger.first_days(chunk.groups)
        if is_partial:
            chosen = set(articles.columns["acct"].tolist())
            first_days = {a: day for a, day in first_days.items() if a in chosen}
        stat_dates = range(chunk.days[0], chunk.days[-1] + 1)
        for part in running_totals.totals(
            context.preferred,
            articles,
            first_days,
            chunk,
            context.events.group_count,
            save=context.is_over(chunk.days[-1]),
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
                    is_partial=is_partial,
                    is_new=is_new,
                )
        context.commit_facts()

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
