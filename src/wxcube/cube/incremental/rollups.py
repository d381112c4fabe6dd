"""Rows that hang on several days: followers, weeks, months, running totals, late articles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from wxcube.cube.incremental import rollup_steps, running_totals
from wxcube.cube.incremental import schedule as calendar
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.context import Kit
from wxcube.cube.incremental.fact_files import sync_disk
from wxcube.cube.incremental.progress import Progress
from wxcube.cube.incremental.schedule import Chunk, Hanging, stretches
from wxcube.cube.inputs import DETAIL_DAYS


class SeveralDays:
    """The part of a build that goes from saved facts to all that the ledger has as pending."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def build(self, through: Mapping[int, int], cells: int) -> None:
        """Compute what is pending up to the last day of each group; `cells` are built before.

        Groups with the same work are computed together.
        """
        known = self._kit.ledger.through()
        together: dict[Any, list[int]] = defaultdict(list)
        for group, found in self._work(through, known).items():
            work = tuple(sorted((what, tuple(sorted(days))) for what, days in found.items()))
            toward = known.get(group, (None, None))[1] or 0
            together[work, through[group], toward].append(group)
        for (work, end, toward), groups in together.items():
            before = max(toward, self._kit.handing.last_day(groups))
            _Rollup(self._kit, groups, before, cells).build(dict(work), end)

    def _work(
        self, through: Mapping[int, int], known: Mapping[int, tuple[int | None, int]]
    ) -> dict[int, dict[Hanging, set[int]]]:
        """What is pending of each group, with what comes as its figures advance."""
        pending = self._kit.ledger.pending()
        for group, end in sorted(through.items()):
            first_days = self._kit.ledger.first_days([group])
            if not first_days:
                continue
            done = known.get(group, (None, end))[0]
            begin = min(first_days.values()) - 1 if done is None else done
            for what, day in calendar.passing(begin, end):
                pending.setdefault(group, {}).setdefault(what, set()).add(day)
        return {group: pending[group] for group in sorted(through) if pending.get(group)}


class _Rollup:
    """What hangs on several days, of some groups."""

    def __init__(self, kit: Kit, groups: Sequence[int], before: int, cells: int) -> None:
        """After builds that handed rows over up to the day `before`."""
        self._kit = kit
        self._groups = groups
        self._before = before
        self._cells = cells

    def build(self, work: Mapping[Hanging, Sequence[int]], end: int) -> None:
        """Compute work up to a day; then it is done."""
        ledger = self._kit.ledger
        with ledger.changing():
            ledger.set_toward(self._groups, end)
        days = {what: [d for d in found if d <= end] for what, found in work.items()}
        self._followers(days.get(Hanging.FOLLOWERS, []), end)
        self._periods(days, end)
        self._summary(days.get(Hanging.SUMMARY, []))
        self._running(days.get(Hanging.RUNNING, []))
        sync_disk()
        with ledger.changing():
            for what, found in days.items():
                ledger.done(self._groups, what, found)
            ledger.set_through(self._groups, end)
            ledger.set_watermark(self._kit.handing.watermark)

    def _tell(self, what: str) -> None:
        self._kit.tell(Progress(self._cells, self._cells, what))

    def _followers(self, days: Sequence[int], end: int) -> None:
        if not days:
            return
        ledger, since = self._kit.ledger, min(days)
        summed, cumulated, standing = rollup_steps.followers(ledger, self._groups, since, end)
        with ledger.changing():
            ledger.set_standing(standing)
        accounts = ledger.first_days(self._groups)
        labels, is_new = range(since, end + 1), since > self._before
        for endpoint, table in zip(rollup_steps.FOLLOWERS, (summed, cumulated), strict=True):
            self._kit.handing.rows_of(endpoint, accounts, labels, table, is_new=is_new)

    def _periods(self, days: Mapping[Hanging, Sequence[int]], end: int) -> None:
        weeks = {d for d in days.get(Hanging.WEEK, []) if calendar.week(d)[-1] <= end}
        months = {d for d in days.get(Hanging.MONTH, []) if calendar.month(d)[-1] <= end}
        spans = [*map(calendar.week, sorted(weeks)), *map(calendar.month, sorted(months))]
        covered = sorted({day for span in spans for day in span})
        for part in self._parts("message_day", covered):
            accounts = self._kit.ledger.first_days(part)
            self._tell("weeks and months")
            facts = self._kit.facts
            sizes = (facts.size("message_day", span, [g]) for g in part for span in spans)
            for endpoint, table in self._kit.strategy_for(sizes).periods(part, weeks, months):
                labels = sorted(weeks if endpoint in rollup_steps.PERIODS[:2] else months)
                self._kit.handing.rows_of(endpoint, accounts, labels, table)

    def _summary(self, days: Sequence[int]) -> None:
        kit = self._kit
        for part in self._parts("touched", days):
            accounts = kit.ledger.first_days(part)
            found = rollup_steps.summary(kit.engine, kit.facts, kit.ledger, part, days)
            for endpoint, table, articles in found:
                kit.handing.rows_of(endpoint, accounts, days, table, articles)

    # --- running totals --------------------------------------------------------------------------

    def _running(self, days: Sequence[int]) -> None:
        kit = self._kit
        for stretch in stretches(days):
            for chunk in self._chunks(stretch):
                self._tell("running totals")
                first = chunk.days[0] - DETAIL_DAYS + 1
                articles = kit.ledger.published(first, chunk.days[-1], chunk.groups)
                sizes = (kit.facts.size("touched", [d], [g]) for d, g in chunk.cells())
                kit.strategy_for(sizes).save_first_people(articles, chunk)
                kit.settle()
                self._totals(articles, chunk, is_new=stretch[0] > self._before)
                kit.settle()

    def _totals(self, articles: Articles, chunk: Chunk, *, is_new: bool) -> None:
        kit = self._kit
        days = kit.ledger.first_days(chunk.groups)
        stats = range(chunk.days[0], chunk.days[-1] + 1)
        for part in running_totals.totals(kit.fast, articles, days, chunk, kit.events.group_count):
            accounts = {account: days[account] for account in part.accounts}
            mine = articles.of_accounts(part.accounts)
            for endpoint, table in part.rows:
                labels = range(stats[0] - endpoint.moves_days + 1, stats[-1] + 1)
                kit.handing.rows_of(
                    endpoint, accounts, labels, table, mine, stats=stats, is_new=is_new
                )

    def _chunks(self, stretch: range) -> Iterator[Chunk]:
        """Parts of the work on running totals; of one group the older days come first."""
        kit = self._kit
        for part in self._parts("touched", stretch):
            sizes = {day: kit.facts.size("touched", [day], part) for day in stretch}
            yield from (Chunk(tuple(part), days) for days in calendar.split(sizes, kit.budget))

    def _parts(self, fact: str, days: Iterable[int]) -> Iterator[tuple[int, ...]]:
        """Groups whose files of a fact together keep to the budget."""
        chosen = list(days)
        if not chosen:
            return
        sizes = {group: self._kit.facts.size(fact, chosen, [group]) for group in self._groups}
        yield from calendar.split(sizes, self._kit.budget)
