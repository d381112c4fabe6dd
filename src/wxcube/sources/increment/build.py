"""A build: from changed events to the rows of all endpoints, in steps that may be killed.

What a build does to the ledger, the facts and the sink it does in an order that leaves, wherever
it ends, either a day that is still to be built or rows that are still pending; doing either again
gives the same rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Self

from wxcube.contract.endpoint import Endpoint
from wxcube.sources.batch import Columns
from wxcube.sources.engine import DuckDbEngine
from wxcube.sources.engines import OpenEngine
from wxcube.sources.increment import days as calendar
from wxcube.sources.increment import hanging, one_day, registry, running
from wxcube.sources.increment.by_sorting import BySorting
from wxcube.sources.increment.days import QUIET, Chunk, Hanging, NumberedCell, chunks, stretches
from wxcube.sources.increment.events import Cell, Events
from wxcube.sources.increment.files import Facts, sync_disk
from wxcube.sources.increment.ledger import Ledger, Published
from wxcube.sources.increment.rows import Part, Sink
from wxcube.sources.increment.way import BySteps, Way
from wxcube.sources.inputs import DETAIL_DAYS, day_numbered, number_of


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is: cells of days done, of how many, and what is being computed."""

    done: int
    total: int
    what: str


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did."""

    cells: int
    rows: int
    revisions: Mapping[Cell, int]
    """The days and groups that were built, and the revision of their events."""


class Build:
    """One build of some groups, from a ledger, facts and events to a sink."""

    def __init__(  # noqa: PLR0913 - what a build stands between, and what it is told
        self,
        events: Events,
        folder: Path,
        sink: Sink,
        *,
        engine: OpenEngine,
        budget_bytes: int,
        tell: Callable[[Progress], None] = lambda _: None,
        by_sorting: bool = True,
    ) -> None:
        """Between these; DuckDB in this process is helped by sorting, where that is wanted."""
        self._events = events
        self._sink = sink
        self._engine = engine
        self._budget = budget_bytes
        self._tell = tell
        self._ledger = Ledger(folder)
        self._facts = Facts(folder, events.group_count, self._ledger.kept())
        self._steps = BySteps(engine, events, self._facts)
        self._way: Way = self._steps
        if by_sorting and isinstance(engine, DuckDbEngine):
            self._way = BySorting(engine, events, self._facts, budget_bytes)
        self._cells = 0
        self._rows = 0

    def close(self) -> None:
        """Let go of the ledger."""
        self._way.close()
        self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, first: int | None, last: int, groups: Collection[int] | None = None) -> Built:
        """Build the changed days from `first` to `last`, and what hangs on them."""
        self._facts.remove_strays()
        dirty = self._dirty(first, last, groups)
        through = {group: last for _, group in dirty}
        for group, (done, toward) in self._ledger.through().items():
            through[group] = max(last, done or toward)
        chosen = {g: t for g, t in through.items() if groups is None or g in groups}
        for chunk in self._chunks(dirty)[:1]:
            self._way_of(chunk).begin(chunk)
        self._register(dirty, chosen)
        dirty = self._dirty(first, last, groups)
        self._build_days(dirty, chosen)
        self._roll_up(chosen)
        revisions = {(day_numbered(d), group): r for (d, group), r in dirty.items() if r != QUIET}
        return Built(self._cells, self._rows, revisions)

    # --- days ------------------------------------------------------------------------------------

    def _dirty(
        self, first: int | None, last: int, groups: Collection[int] | None
    ) -> dict[NumberedCell, int]:
        """The cells whose events changed since they were built, with their revisions.

        Days without events between those with some count too: that they are empty is a result.
        """
        built = self._ledger.built()
        cells = {(number_of(d), g): r for (d, g), r in self._events.revisions().items()}
        cells |= dict.fromkeys(calendar.quiet(cells, built, last), QUIET)
        return {
            (day, group): revision
            for (day, group), revision in sorted(cells.items())
            if (first is None or day >= first)
            and day <= last
            and (groups is None or group in groups)
            and built.get((day, group)) != revision
        }

    def _register(self, dirty: Iterable[NumberedCell], through: Mapping[int, int]) -> None:
        by_group: dict[int, list[Path]] = defaultdict(list)
        for day, group in dirty:
            by_group[group] += self._events.files("publish", day_numbered(day), group)
        by_end: dict[int, list[Path]] = defaultdict(list)
        for group, files in by_group.items():
            by_end[through[group]] += files
        for end, files in by_end.items():
            registry.update(self._engine, self._ledger, files, self._events.group_count, end)

    def _build_days(self, dirty: Mapping[NumberedCell, int], through: Mapping[int, int]) -> None:
        found = self._chunks(dirty)
        for chunk, following in zip_longest(found, found[1:]):
            self._tell(Progress(self._cells, len(dirty), f"{day_numbered(chunk.days[0])}"))
            way = self._way_of(chunk)
            given = (*way.day_tables(chunk), "article")
            if following:
                self._way_of(following).begin(following)
            self._build_chunk(chunk, way, given, dirty, through)
            self._cells += len(chunk.groups) * len(chunk.days)
        self._tell(Progress(self._cells, len(dirty), ""))

    def _chunks(self, dirty: Iterable[NumberedCell]) -> list[Chunk]:
        return chunks({cell: self._size(*cell) for cell in dirty}, self._budget)

    def _way_of(self, chunk: Chunk) -> Way:
        return self._way_for(self._size(*cell) for cell in chunk.cells())

    def _way_for(self, sizes: Iterable[int]) -> Way:
        """By sorting what fits: the least that is sorted at once is a day or month of a group."""
        return self._way if max(sizes, default=0) <= self._budget // 2 else self._steps

    def _size(self, day: int, group: int) -> int:
        families = ("follow", "message", "reply", "activity")
        paths = (p for f in families for p in self._events.files(f, day_numbered(day), group))
        return sum(path.stat().st_size for path in paths)

    def _build_chunk(
        self,
        chunk: Chunk,
        way: Way,
        given: Sequence[str],
        dirty: Mapping[NumberedCell, int],
        through: Mapping[int, int],
    ) -> None:
        engine = self._engine
        seen = one_day.first_days(engine, way.seen)
        moved, changes = list(one_day.moved(engine)), list(one_day.changes(engine))
        articles = self._articles_of(one_day.touched(engine, way.touched), chunk)
        one_day.load_articles(engine, articles)
        first_days = self._ledger.first_days(chunk.groups)
        accounts = {a: min(d, first_days.get(a, d)) for a, d in (first_days | seen).items()}
        lacking = self._lacking(seen, first_days, dirty, through)
        for endpoint, table in one_day.results(engine, one_day.ENDPOINTS, given, chunk.days):
            self._hand_over(endpoint, accounts, chunk.days, table, articles)
            self._hand_over_empty(endpoint, seen, lacking, table)
        for endpoint in running.ENDPOINTS:
            self._hand_over_empty(endpoint, seen, lacking, running.no_lines(endpoint))
        one_day.drop(engine, given)
        sync_disk()
        with self._ledger.changing():
            self._ledger.see(seen, self._events.group_count)
            self._ledger.set_moved(moved)
            self._ledger.set_followers(changes)
            for day, group in chunk.cells():
                if dirty[day, group] != QUIET:
                    self._ledger.add_pending(group, calendar.hanging(day, through[group]))
            for days, found in lacking.items():
                for group in {account % self._events.group_count for account in found}:
                    self._ledger.add_pending(group, calendar.periods(days))
            self._ledger.set_built({cell: dirty[cell] for cell in chunk.cells()})
            self._ledger.keep(self._facts.news())
        self._facts.settled()

    def _lacking(
        self,
        seen: Mapping[int, int],
        known: Mapping[int, int],
        dirty: Mapping[NumberedCell, int],
        through: Mapping[int, int],
    ) -> dict[tuple[int, ...], list[int]]:
        """Days since the first of accounts that begin earlier than was known, with the accounts.

        Days that are built were built without these accounts; those with events still to be built
        are not.
        """
        newest: dict[int, int] = {}
        for day, group in self._ledger.built():
            newest[group] = max(day, newest.get(group, day))
        found: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for account, first in seen.items():
            group = account % self._events.group_count
            end = known.get(account, max(through[group], newest.get(group, 0)) + 1)
            days = tuple(
                day for day in range(first + 1, end) if dirty.get((day, group), QUIET) == QUIET
            )
            if days:
                found[days].append(account)
        return found

    def _articles_of(self, touched: Iterable[tuple[int, int]], chunk: Chunk) -> list[Published]:
        """Articles touched or published on a chunk's days."""
        published = self._ledger.published(chunk.days[0], chunk.days[-1], chunk.groups)
        found = {(one[0], one[1]): one for one in published}
        found |= self._ledger.articles(key for key in touched if key not in found)
        return list(found.values())

    # --- what hangs on several days --------------------------------------------------------------

    def _roll_up(self, through: Mapping[int, int]) -> None:
        """Compute what is pending, group by group or for groups with the same work together."""
        pending = self._ledger.pending()
        known = self._ledger.through()
        for group, end in through.items():
            if not self._ledger.first_days([group]):
                continue
            done, _ = known.get(group, (None, end))
            begin = self._begin(group) - 1 if done is None else done
            for what, day in calendar.passing(begin, end):
                pending.setdefault(group, {}).setdefault(what, set()).add(day)
        together: dict[Any, list[int]] = defaultdict(list)
        for group in sorted(through):
            if pending.get(group):
                work = {w: tuple(sorted(d)) for w, d in pending[group].items()}
                toward = known.get(group, (None, None))[1]
                together[tuple(sorted(work.items())), through[group], toward].append(group)
        for (work, end, toward), groups in together.items():
            self._roll_up_groups(groups, dict(work), end, toward)

    def _begin(self, group: int) -> int:
        return min(self._ledger.first_days([group]).values())

    def _roll_up_groups(
        self,
        groups: Sequence[int],
        work: Mapping[Hanging, Sequence[int]],
        end: int,
        toward: int | None,
    ) -> None:
        with self._ledger.changing():
            self._ledger.set_toward(groups, end)
        days = {what: [d for d in found if d <= end] for what, found in work.items()}
        self._followers(groups, days.get(Hanging.FOLLOWERS, []), end, toward)
        self._periods(groups, days, end)
        self._summary(groups, days.get(Hanging.SUMMARY, []))
        self._running(groups, days.get(Hanging.RUNNING, []), toward)
        sync_disk()
        with self._ledger.changing():
            for what, found in work.items():
                self._ledger.done(groups, what, [day for day in found if day <= end])
            self._ledger.set_through(groups, end)

    def _followers(
        self, groups: Sequence[int], days: Sequence[int], end: int, toward: int | None
    ) -> None:
        if not days:
            return
        since = min(days)
        summed, cumulated, standing = hanging.followers(self._ledger, groups, since, end)
        with self._ledger.changing():
            self._ledger.set_standing(standing)
        accounts = self._ledger.first_days(groups)
        for endpoint, table in zip(hanging.FOLLOWERS, (summed, cumulated), strict=True):
            labels = range(since, end + 1)
            is_new = toward is None or since > toward
            self._hand_over(endpoint, accounts, labels, table, is_new=is_new)

    def _periods(
        self, groups: Sequence[int], days: Mapping[Hanging, Sequence[int]], end: int
    ) -> None:
        weeks = {d for d in days.get(Hanging.WEEK, []) if calendar.week(d)[-1] <= end}
        months = {d for d in days.get(Hanging.MONTH, []) if calendar.month(d)[-1] <= end}
        covered = sorted(
            {d for w in weeks for d in calendar.week(w)}
            | {d for m in months for d in calendar.month(m)}
        )
        if not covered:
            return
        for part in self._parts("message_day", groups, covered):
            accounts = self._ledger.first_days(part)
            self._tell(Progress(self._cells, self._cells, "weeks and months"))
            spans = [*map(calendar.week, weeks), *map(calendar.month, months)]
            sizes = (self._facts.size("message_day", span, [g]) for g in part for span in spans)
            for endpoint, table in self._way_for(sizes).periods(part, weeks, months):
                labels = sorted(weeks if endpoint in hanging.PERIODS[:2] else months)
                self._hand_over(endpoint, accounts, labels, table)

    def _summary(self, groups: Sequence[int], days: Sequence[int]) -> None:
        for part in self._parts("touched", groups, days):
            accounts = self._ledger.first_days(part)
            found = hanging.summary(self._engine, self._facts, self._ledger, part, days)
            for endpoint, table, articles in found:
                self._hand_over(endpoint, accounts, days, table, articles)

    def _running(self, groups: Sequence[int], days: Sequence[int], toward: int | None) -> None:
        for stretch in stretches(days):
            for chunk in self._running_chunks(groups, stretch):
                self._tell(Progress(self._cells, self._cells, "running totals"))
                first = chunk.days[0] - DETAIL_DAYS + 1
                articles = self._ledger.published(first, chunk.days[-1], chunk.groups)
                sizes = (self._facts.size("touched", [d], [g]) for d, g in chunk.cells())
                self._way_for(sizes).save_first_people(articles, chunk)
                self._settle()
                self._totals(articles, chunk, is_new=toward is None or stretch[0] > toward)
                self._settle()

    def _settle(self) -> None:
        with self._ledger.changing():
            self._ledger.keep(self._facts.news())
        self._facts.settled()

    def _totals(self, articles: Sequence[Published], chunk: Chunk, *, is_new: bool) -> None:
        days = self._ledger.first_days(chunk.groups)
        stats = range(chunk.days[0], chunk.days[-1] + 1)
        of: dict[int, list[Published]] = defaultdict(list)
        for one in articles:
            of[one[0]].append(one)
        count = self._events.group_count
        for part in running.totals(self._way, articles, days, chunk, count):
            accounts = {account: days[account] for account in part.accounts}
            mine = [one for account in accounts for one in of.get(account, ())]
            for endpoint, table in part.rows:
                labels = range(stats[0] - endpoint.moves_days + 1, stats[-1] + 1)
                self._hand_over(endpoint, accounts, labels, table, mine, stats=stats, is_new=is_new)

    def _running_chunks(self, groups: Sequence[int], stretch: range) -> Iterator[Chunk]:
        """Parts of the work on running totals; of one group the older days come first."""
        for part in self._parts("touched", groups, stretch):
            sizes = {day: self._facts.size("touched", [day], part) for day in stretch}
            yield from (Chunk(tuple(part), days) for days in calendar.split(sizes, self._budget))

    def _parts(
        self, fact: str, groups: Sequence[int], days: Iterable[int]
    ) -> Iterator[tuple[int, ...]]:
        """Groups whose files of a fact together keep to the budget."""
        chosen = list(days)
        if not chosen:
            return
        sizes = {group: self._facts.size(fact, chosen, [group]) for group in groups}
        yield from calendar.split(sizes, self._budget)

    # --- handing over ----------------------------------------------------------------------------

    def _hand_over_empty(
        self,
        endpoint: Endpoint[Any],
        first_days: Mapping[int, int],
        lacking: Mapping[tuple[int, ...], Sequence[int]],
        table: Columns,
    ) -> None:
        nothing = {name: column[:0] for name, column in table.items()}
        for days, accounts in lacking.items():
            since = {account: first_days[account] for account in accounts}
            self._hand_over(endpoint, since, days, nothing)

    def _hand_over(  # noqa: PLR0913 - what a part consists of
        self,
        endpoint: Endpoint[Any],
        accounts: Mapping[int, int],
        labels: Iterable[int],
        table: Columns,
        articles: Sequence[Published] = (),
        *,
        stats: range | None = None,
        is_new: bool = False,
    ) -> None:
        earliest = number_of(endpoint.first_date)
        chosen = tuple(label for label in labels if label >= earliest)
        if not chosen:
            return
        self._rows += len(table["acct"])
        part = Part(
            endpoint=endpoint,
            accounts=accounts,
            labels=chosen,
            table=table,
            articles=articles,
            stats=stats,
            is_new=is_new,
        )
        self._sink.replace(part)
