"""The numpy strategy: computes the most expensive steps by sorting, groups and days in parallel."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np

from wxcube.beijing import day_of_number
from wxcube.contract import article as article_endpoints
from wxcube.contract import content as content_endpoints
from wxcube.contract import message as message_endpoints
from wxcube.contract.endpoint import Endpoint
from wxcube.cube.compute import order_of, since_first
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental import daily_steps, schedule
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.events import Events
from wxcube.cube.incremental.fact_files import FactFile, Facts, empty
from wxcube.cube.incremental.rollup_steps import MONTHS, WEEKS, EndpointTables
from wxcube.cube.incremental.schedule import Chunk, split_by_size
from wxcube.cube.incremental.strategy import DayTables, MakeRows, Result, Unit
from wxcube.cube.inputs import DETAIL_DAYS
from wxcube.cube.kernel import activity, first, message, readers
from wxcube.cube.kernel.ordered import sort_order
from wxcube.cube.steps.readers import DAY_CHANNELS, HOUR_CHANNELS
from wxcube.events.columns import FAMILIES, Columns
from wxcube.events.parquet_paths import read_parquet

_DaysOf = Callable[[int], range]
_Endpoints = Sequence[Endpoint[Any]]

UNIT_BYTES = 4 << 20
"""The size of the event files that are sorted together; more would not fit into the cache."""
_LARGEST_REUSED = (32 << 20) - (64 << 10)
"""glibc reuses freed blocks up to the largest that was freed so far, and up to 32 MiB."""

_ACTIVITY = {
    "acct": "account",
    "d": "d",
    "h": "h",
    "article": "article",
    "person": '"user"',
    "action": "action",
    "source": "source",
    "scene": "scene",
    "seconds": "seconds",
    "position": "position",
    "fen": "fen",
    "finished": "finished",
}
_MESSAGE = {"acct": "account", "d": "d", "h": "h", "person": '"user"', "msg_type": "msg_type"}
_FOLLOW = {"acct": "account", "d": "d", "article": "article", "person": '"user"'}
_EVENT_TABLES = ("reply", "follow", "opening", "publish")
_FINISHED = (
    message_endpoints.getupstreammsghour,
    message_endpoints.getupstreammsg,
    message_endpoints.getupstreammsgdist,
    article_endpoints.getusersharehour,
    article_endpoints.getusershare,
)
"""Endpoints whose rows are computed from a unit's events; those of all units only need an order."""
_KERNEL_TABLES = (
    "account_hour",
    "account_day",
    "article_users",
    "article_times",
    *(endpoint.name for endpoint in _FINISHED),
)
_MESSAGE_DAYS = "message_account_day"


class _UnitResult(NamedTuple):
    """The tables computed from some events, and the fact files written."""

    tables: dict[str, Columns]
    files: list[FactFile]


class NumpyStrategy:
    """Makes the tables of the steps with `wxcube.cube.kernel`, in this process."""

    account_tables: ClassVar[tuple[str, ...]] = (*_EVENT_TABLES, "account_day", _MESSAGE_DAYS)
    article_table: ClassVar[str] = "article_users"

    def __init__(
        self, engine: DuckDbEngine, events: Events, facts: Facts, chunk_bytes: int
    ) -> None:
        self._engine = engine
        self._events = events
        self._facts = facts
        self._pool = ThreadPoolExecutor(engine.threads, thread_name_prefix="wxcube-cube")
        self._prefetched: dict[Chunk, list[Future[_UnitResult]]] = {}
        self._unit_bytes = min(UNIT_BYTES, max(1, chunk_bytes // (4 * engine.threads)))
        # PERF: so that the pages of temporary arrays need not be requested again and again
        np.empty(_LARGEST_REUSED, "u1")

    def prefetch(self, chunk: Chunk) -> None:
        """Start to compute units, each a group and some days, in parallel."""
        self._prefetched[chunk] = [
            self._pool.submit(self._compute_unit, group, days)
            for group in chunk.groups
            for days in split_by_size(self._event_sizes(group, chunk.days), self._unit_bytes)
        ]

    def make_day_tables(self, chunk: Chunk) -> DayTables:
        """Concatenate the tables of all units, and load what steps still read into the engine."""
        if chunk not in self._prefetched:
            self._prefetched.clear()
            self.prefetch(chunk)
        daily_steps.load_events(self._engine, self._events, chunk, _EVENT_TABLES)
        units = [future.result() for future in self._prefetched.pop(chunk)]
        tables = {
            name: _concatenated(unit.tables.pop(name) for unit in units) for name in _KERNEL_TABLES
        }
        self._facts.add(file for unit in units for file in unit.files)
        finished = _finished(tables)
        per_type = tables["getupstreammsg"]
        tables[_MESSAGE_DAYS] = {"acct": per_type["acct"], "d": per_type["ref_date"]}
        loaded = ("account_day", "article_users", "article_times", _MESSAGE_DAYS)
        for name in loaded:
            self._engine.load(name, tables[name])
        return DayTables((*_EVENT_TABLES, *loaded), finished)

    def periods(self, groups: Sequence[int], weeks: set[int], months: set[int]) -> EndpointTables:
        """Sort the facts of one group and some weeks or months at a time."""
        yield from self._period_rows(groups, sorted(weeks), schedule.week_days, WEEKS)
        yield from self._period_rows(groups, sorted(months), schedule.month_days, MONTHS)

    def _period_rows(
        self, groups: Sequence[int], labels: Sequence[int], days_of: _DaysOf, endpoints: _Endpoints
    ) -> EndpointTables:
        units = [
            (group, chosen, days_of)
            for group in groups
            for chosen in split_by_size(
                self._label_sizes(group, labels, days_of), self._unit_bytes // 2
            )
        ]
        results = list(self.parallel_map(lambda unit: self._period_tables(*unit), units))
        for endpoint, tables in zip(endpoints, zip(*results, strict=True), strict=False):
            yield endpoint, since_first(endpoint, _ordered(endpoint, _concatenated(tables)))

    def save_first_people(self, articles: Articles, chunk: Chunk) -> None:
        """Sort the facts of one group and some days at a time."""
        columns = articles.table
        units = [
            (group, days)
            for group in chunk.groups
            for days in split_by_size(
                self._fact_sizes("touched", group, chunk.days), 2 * self._unit_bytes
            )
        ]
        for files in self.parallel_map(lambda unit: self._save_first(columns, *unit), units):
            self._facts.add(files)

    def read_fact(self, fact: str, days: Iterable[int], group: int) -> Columns:
        """The rows, read directly from the files; callable from any thread."""
        query = self._facts.select(fact, days, [group])
        return empty(fact) if query is None else self._engine.query_in_thread(query)

    def has_fact(self, fact: str, day: int, group: int) -> bool:
        """Whether there is a file."""
        return self._facts.has(fact, day, group)

    def replace_fact(self, fact: str, columns: Columns, day: int, group: int) -> None:
        """Write the rows directly to a file."""
        self._facts.add(self._facts.write(self._engine, fact, columns, [day], group))
        self._facts.delete_other_days(fact, group, day)

    def parallel_map(
        self, work: Callable[[Unit], Result], units: Iterable[Unit], ahead: int | None = None
    ) -> Iterator[Result]:
        """The results, computed on as many threads as the engine has, a few ahead of the caller."""
        limit = 2 * self._engine.threads if ahead is None else ahead
        futures: deque[Future[Result]] = deque()
        for unit in units:
            futures.append(self._pool.submit(work, unit))
            if len(futures) > limit:
                yield futures.popleft().result()
        while futures:
            yield futures.popleft().result()

    def close(self) -> None:
        """Cancel work that has not started, and wait for the rest."""
        self._pool.shutdown(cancel_futures=True)

    # --- one unit --------------------------------------------------------------------------------

    def _compute_unit(self, group: int, days: Sequence[int]) -> _UnitResult:
        """Compute the tables of a group's days, and write the facts among them to files."""
        tables = message.day_tables(self._rows("message", _MESSAGE, group, days))
        events = activity.Activity(
            self._rows("activity", _ACTIVITY, group, days),
            self._rows("follow", _FOLLOW, group, days, "change > 0 AND article > 0"),
        )
        tables |= activity.account_tables(events)
        tables |= activity.share_tables(events)
        tables |= activity.article_tables(events)
        files = [
            file
            for fact in daily_steps.FACT_TABLES
            for file in self._facts.write(self._engine, fact, tables[fact], days, group)
        ]
        return _UnitResult({name: tables[name] for name in _KERNEL_TABLES}, files)

    def _rows(
        self,
        family: str,
        columns: Mapping[str, str],
        group: int,
        days: Sequence[int],
        condition: str = "TRUE",
    ) -> Columns:
        files = [f for day in days for f in self._events.files(family, day_of_number(day), group)]
        if not files:
            types = {**FAMILIES[family], "d": "i4", "h": "i4"}
            return {name: np.zeros(0, types[of.strip('"')]) for name, of in columns.items()}
        selected = ", ".join(f"{of} AS {name}" for name, of in columns.items())
        query = f"SELECT {selected} FROM {read_parquet(files)} WHERE {condition}"  # noqa: S608 - own names
        return self._engine.query_in_thread(query)

    def _period_tables(
        self, group: int, labels: Sequence[int], days_of: _DaysOf
    ) -> tuple[Columns, Columns]:
        label_of = {day: label for label in labels for day in days_of(label)}
        rows = self.read_fact("message_day", sorted(label_of), group)
        first_day = min(label_of)
        by_offset = np.zeros(max(label_of) - first_day + 1, "i4")
        by_offset[np.asarray(list(label_of)) - first_day] = list(label_of.values())
        return message.period_tables(rows, by_offset[rows["d"] - first_day])

    def _save_first(self, articles: Columns, group: int, days: Sequence[int]) -> list[FactFile]:
        is_of_group = articles["acct"] % self._events.group_count == group
        table = first.first_people(
            self.read_fact("touched", days, group),
            self._earlier_rows(group, days),
            {name: column[is_of_group] for name, column in articles.items()},
        )
        return self._facts.write(self._engine, "first_people", table, days, group)

    def _earlier_rows(self, group: int, days: Sequence[int]) -> Columns:
        """The rows of `touched` before some days, of users and articles that are in these days."""
        earlier = range(days[0] - DETAIL_DAYS + 1, days[0])
        before = self._facts.select("touched", earlier, [group])
        now = self._facts.select("touched", days, [group])
        if before is None or now is None:
            return empty("touched")
        return self._engine.query_in_thread(
            f"""SELECT b.* FROM ({before}) b SEMI JOIN ({now}) n
            ON b.person = n.person AND b.article = n.article
            WHERE b.article IN (SELECT article FROM ({now}))"""  # noqa: S608 - own names
        )

    # --- sizes -----------------------------------------------------------------------------------

    def _event_sizes(self, group: int, days: Sequence[int]) -> dict[int, int]:
        return {
            day: sum(
                self._events.size(family, day_of_number(day), group)
                for family in ("message", "activity")
            )
            for day in days
        }

    def _fact_sizes(self, fact: str, group: int, days: Sequence[int]) -> dict[int, int]:
        return {day: self._facts.size(fact, [day], [group]) for day in days}

    def _label_sizes(self, group: int, labels: Sequence[int], days_of: _DaysOf) -> dict[int, int]:
        return {label: self._facts.size("message_day", days_of(label), [group]) for label in labels}


def _concatenated(parts: Iterable[Columns]) -> Columns:
    """The rows of tables with the same columns in one table."""
    tables = list(parts)
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def _finished(tables: Mapping[str, Columns]) -> dict[str, MakeRows]:
    """Functions that return the rows of endpoints from the tables of all units."""

    def ordered(endpoint: Endpoint[Any], make: MakeRows) -> MakeRows:
        return lambda: _ordered(endpoint, make())

    hours, days = tables["account_hour"], tables["account_day"]
    of_articles = tables["article_users"]
    return {
        "getuserreadhour": lambda: readers.user_read(hours, HOUR_CHANNELS),
        "getuserread": lambda: readers.user_read(days, DAY_CHANNELS),
        "getarticleread": ordered(
            content_endpoints.getarticleread, lambda: readers.article_readers(of_articles)
        ),
        "getarticleshare": ordered(
            content_endpoints.getarticleshare, lambda: readers.article_sharers(of_articles)
        ),
        **{one.name: ordered(one, partial(tables.__getitem__, one.name)) for one in _FINISHED},
    }


def _ordered(endpoint: Endpoint[Any], table: Columns) -> Columns:
    """The rows of an endpoint's table in the order of account and key."""
    order = sort_order(*(table[name] for name in order_of(endpoint)))
    return {name: column[order] for name, column in table.items()}
