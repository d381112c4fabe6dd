"""The hot parts of a build with numpy: groups and days side by side, each a sort or two."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar, NamedTuple

from wxcube.beijing import day_of_number
from wxcube.contract.endpoint import Endpoint
from wxcube.cube.compute import order_of, since_first
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental import daily_steps
from wxcube.cube.incremental import schedule as calendar
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.events import Events, size_of
from wxcube.cube.incremental.fact_files import Facts, Kept, empty
from wxcube.cube.incremental.rollup_steps import PERIODS, Found
from wxcube.cube.incremental.schedule import Chunk, split
from wxcube.cube.incremental.strategy import Made, Unit
from wxcube.cube.inputs import DETAIL_DAYS
from wxcube.cube.kernel import activity, first
from wxcube.cube.kernel import message as messages
from wxcube.events.arrays import np
from wxcube.events.columns import FAMILIES, Columns
from wxcube.events.parquet_paths import reading

_DaysOf = Callable[[int], range]
_Endpoints = Sequence[Endpoint[Any]]

UNIT_BYTES = 4 << 20
"""So many bytes of event files are sorted at once; more would leave the processor's cache."""

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
_FOLLOWED = {"acct": "account", "d": "d", "article": "article", "person": '"user"'}
_LOADED = ("reply", "follow", "opened", "sent")
_MADE = (
    "account_hour",
    "account_day",
    "sharing_hour",
    "article_people",
    "article_times",
    "getupstreammsghour",
    "getupstreammsg",
    "getupstreammsgdist",
)
_SEEN = "message_seen"


class _Unit(NamedTuple):
    """What came out of some events: tables, and the facts' files that were written."""

    tables: dict[str, Columns]
    kept: list[Kept]


class NumpyStrategy:
    """The steps' tables made by `wxcube.cube.kernel`, on this machine."""

    seen: ClassVar[tuple[str, ...]] = (*_LOADED, "account_day", _SEEN)
    touched: ClassVar[str] = "article_people"

    def __init__(
        self, engine: DuckDbEngine, events: Events, facts: Facts, budget_bytes: int
    ) -> None:
        self._engine = engine
        self._events = events
        self._facts = facts
        self._pool = ThreadPoolExecutor(engine.threads, thread_name_prefix="wxcube-cube")
        self._begun: dict[Chunk, list[Future[_Unit]]] = {}
        self._unit = min(UNIT_BYTES, max(1, budget_bytes // (4 * engine.threads)))

    def begin(self, chunk: Chunk) -> None:
        """Sort the events of units, groups and some days each, side by side."""
        self._begun[chunk] = [
            self._pool.submit(self._unit_tables, group, days)
            for group in chunk.groups
            for days in split(self._sizes(group, chunk.days), self._unit)
        ]

    def day_tables(self, chunk: Chunk) -> tuple[str, ...]:
        """Put the tables of units together."""
        if chunk not in self._begun:
            self._begun.clear()
            self.begin(chunk)
        daily_steps.load(self._engine, self._events, chunk, _LOADED)
        parts = [begun.result() for begun in self._begun.pop(chunk)]
        tables = {name: _under(part.tables.pop(name) for part in parts) for name in _MADE}
        per_type = tables["getupstreammsg"]
        tables[_SEEN] = {"acct": per_type["acct"], "d": per_type["ref_date"]}
        for name, table in tables.items():
            self._engine.load(name, table)
        self._facts.add(one for part in parts for one in part.kept)
        return (*_LOADED, *tables)

    def periods(self, groups: Sequence[int], weeks: set[int], months: set[int]) -> Found:
        """Sort the facts of one group and some weeks or months at a time."""
        yield from self._period_rows(groups, sorted(weeks), calendar.week, PERIODS[:2])
        yield from self._period_rows(groups, sorted(months), calendar.month, PERIODS[2:])

    def _period_rows(
        self, groups: Sequence[int], labels: Sequence[int], days_of: _DaysOf, endpoints: _Endpoints
    ) -> Found:
        units = [
            (group, chosen, days_of)
            for group in groups
            for chosen in split(self._label_sizes(group, labels, days_of), self._unit // 2)
        ]
        parts = list(self.side_by_side(lambda unit: self._period_tables(*unit), units))
        for endpoint, tables in zip(endpoints, zip(*parts, strict=True), strict=False):
            table = _under(tables)
            line = np.lexsort([table[name] for name in reversed(order_of(endpoint))])
            yield endpoint, since_first(endpoint, {n: c[line] for n, c in table.items()})

    def save_first_people(self, articles: Articles, chunk: Chunk) -> None:
        """Sort the facts of one group and some days at a time."""
        columns = articles.table
        units = [
            (group, days)
            for group in chunk.groups
            for days in split(self._fact_sizes("touched", group, chunk.days), 2 * self._unit)
        ]
        for kept in self.side_by_side(lambda unit: self._save_first(columns, *unit), units):
            self._facts.add(kept)

    def fact(self, fact: str, days: Iterable[int], group: int) -> Columns:
        """The lines straight from the files; from any thread."""
        query = self._facts.query(fact, days, [group])
        return empty(fact) if query is None else self._engine.take(query)

    def has(self, fact: str, day: int, group: int) -> bool:
        """Whether there is a file."""
        return self._facts.has(fact, day, group)

    def keep(self, fact: str, columns: Columns, day: int, group: int) -> None:
        """Save at once."""
        self._facts.add(self._facts.put(self._engine, fact, columns, [day], group))
        self._facts.drop(fact, group, but=day)

    def side_by_side(
        self, work: Callable[[Unit], Made], units: Iterable[Unit], ahead: int | None = None
    ) -> Iterator[Made]:
        """As many at once as the engine has threads; a few are done before they are asked for."""
        most = 2 * self._engine.threads if ahead is None else ahead
        waiting: deque[Future[Made]] = deque()
        for unit in units:
            waiting.append(self._pool.submit(work, unit))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def close(self) -> None:
        """Forget what was begun, and wait for what is under way."""
        self._pool.shutdown(cancel_futures=True)

    # --- one unit --------------------------------------------------------------------------------

    def _unit_tables(self, group: int, days: Sequence[int]) -> _Unit:
        """The tables of a group's days; what is kept of them is saved."""
        found = messages.days(self._rows("message", _MESSAGE, group, days))
        events = activity.Activity(
            self._rows("activity", _ACTIVITY, group, days),
            self._rows("follow", _FOLLOWED, group, days, "change > 0 AND article > 0"),
        )
        found |= activity.accounts(events)
        found["sharing_hour"] = activity.sharing(events)
        found |= activity.articles(events)
        kept = [
            one
            for fact in daily_steps.SAVED
            for one in self._facts.put(self._engine, fact, found[fact], days, group)
        ]
        return _Unit({name: found[name] for name in _MADE}, kept)

    def _rows(
        self,
        family: str,
        columns: Mapping[str, str],
        group: int,
        days: Sequence[int],
        held: str = "TRUE",
    ) -> Columns:
        files = [f for day in days for f in self._events.files(family, day_of_number(day), group)]
        if not files:
            types = {**FAMILIES[family], "d": "i4", "h": "i4"}
            return {name: np.zeros(0, types[of.strip('"')]) for name, of in columns.items()}
        shown = ", ".join(f"{of} AS {name}" for name, of in columns.items())
        query = f"SELECT {shown} FROM {reading(files)} WHERE {held}"  # noqa: S608 - own names
        return self._engine.take(query)

    def _period_tables(
        self, group: int, labels: Sequence[int], days_of: _DaysOf
    ) -> tuple[Columns, Columns]:
        of = {day: label for label in labels for day in days_of(label)}
        given = self.fact("message_day", sorted(of), group)
        first = min(of)
        label = np.zeros(max(of) - first + 1, "i4")
        label[np.asarray(list(of)) - first] = list(of.values())
        return messages.periods(given, label[given["d"] - first])

    def _save_first(self, articles: Columns, group: int, days: Sequence[int]) -> list[Kept]:
        now = self.fact("touched", days, group)
        mine = articles["acct"] % self._events.group_count == group
        found = first.first_people(
            now,
            self._came_before(group, days),
            {name: column[mine] for name, column in articles.items()},
        )
        return self._facts.put(self._engine, "first_people", found, days, group)

    def _came_before(self, group: int, days: Sequence[int]) -> Columns:
        """The lines of the days before, of persons and articles that come again."""
        earlier = range(days[0] - DETAIL_DAYS + 1, days[0])
        before = self._facts.query("touched", earlier, [group])
        now = self._facts.query("touched", days, [group])
        if before is None or now is None:
            return empty("touched")
        return self._engine.take(
            f"""SELECT b.* FROM ({before}) b SEMI JOIN ({now}) n
            ON b.person = n.person AND b.article = n.article
            WHERE b.article IN (SELECT article FROM ({now}))"""  # noqa: S608 - own names
        )

    # --- sizes -----------------------------------------------------------------------------------

    def _sizes(self, group: int, days: Sequence[int]) -> dict[int, int]:
        return {
            day: sum(
                size_of(path)
                for family in ("message", "activity")
                for path in self._events.files(family, day_of_number(day), group)
            )
            for day in days
        }

    def _fact_sizes(self, fact: str, group: int, days: Sequence[int]) -> dict[int, int]:
        return {day: self._facts.size(fact, [day], [group]) for day in days}

    def _label_sizes(self, group: int, labels: Sequence[int], days_of: _DaysOf) -> dict[int, int]:
        return {label: self._facts.size("message_day", days_of(label), [group]) for label in labels}


def _under(parts: Iterable[Columns]) -> Columns:
    """Tables of the same columns in one."""
    tables = list(parts)
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
