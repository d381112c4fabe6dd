"""45 daily syncs of a small account under every kind of fault end like 45 undisturbed ones.

In every database they end with the same rows. By default every case runs on SQLite and every second
one on one of the servers; with WXCUBE_ALL_DATABASES=1 every case runs on every database.

Each case begins with a copy of the undisturbed database of the evening before its first fault, and
ends on the evening on which its ledger equals the undisturbed one again: from then on every sync
has the same requests and answers. With WXCUBE_WHOLE_MATRIX=1 each case makes all 45 syncs.

The calls of a sync are counted against the fewest that the ledger of the evening before allows.
`repeats` are those beyond it, `again` is how many more the ledger needs than the undisturbed one.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.daily_sync import (
    DAYS,
    FIRST_SYNC,
    DailySync,
    Ledger,
    WrongClock,
    fewest_calls,
    killed_sync,
)
from support.database import Content, content, empty
from support.expected_calls import DAY
from wxcube.beijing import Clock
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.window import Window
from wxcube.emulator.faults import Fault
from wxcube.server.backend import App
from wxcube.warehouse.coverage import SETTLED
from wxcube.warehouse.databases.opening import is_file
from wxcube.warehouse.store import Warehouse
from wxcube.wechat.token import ClassicToken, TokenSource
from wxcube.wechat.transport import Transport

pytestmark = pytest.mark.xdist_group("fault matrix")
IS_WHOLE = bool(os.environ.get("WXCUBE_WHOLE_MATRIX"))
ON_ALL = bool(os.environ.get("WXCUBE_ALL_DATABASES"))
SERVERS = ("postgresql", "mysql")
CONCURRENCY = 8
"""Calls in parallel: so many may be made again after a sync has stopped."""
ATTEMPTS = 4
"""Attempts of a call that is answered by a temporary error."""
BACKFILL, MID = 0, 27
"""The first sync, which has ten days to fetch; and a Monday on which a week ends, the running totals
of articles of 2026-01-17 and 2026-02-09 settle, and those of 40 other days move."""
TOTALS = "getarticletotal*"
SETTLING = date(2026, 1, 17)
MOVING = date(2026, 2, 10)
BAD = date(2026, 1, 14)
"""Articles of these days have running totals that settle at `MID`, or move until later."""

Faults = Mapping[int, Sequence[Fault]]
Evening = tuple[Ledger, Counter[str]]
"""The ledger of an evening, and the calls of its day by endpoint."""


@dataclass(frozen=True)
class Undisturbed:
    """A run without faults: its evenings, and the database before the days on which cases begin."""

    evenings: list[Evening]
    databases: Mapping[int, Path]


@dataclass(frozen=True)
class Case:
    """Faults of some days, and the calls that they cause."""

    id: str
    faults: Faults
    repeats: int | range | None = 0
    """Calls of the same day beyond the fewest; None: one for each call that a fault affects. A range
    where it matters which calls are in progress at the time of the fault."""
    again: int = 0
    """Further calls of later days, which end what the fault left open."""
    most: int | None = None
    """Instead of exact numbers: the largest number of further calls."""
    options: Mapping[str, Any] = field(default_factory=dict)
    clock_error: Mapping[int, timedelta] = field(default_factory=dict)
    """The error of the clock of the sync's machine on a day."""

    @property
    def first_day(self) -> int:
        """The day of the first fault."""
        return min((*self.faults, *self.clock_error))

    @property
    def last_day(self) -> int:
        """The day of the last fault."""
        return max((*self.faults, *self.clock_error))


def on(day: int, *faults: Fault) -> Faults:
    return {day: faults}


def classic_token(app: App, transport: Transport, clock: Clock) -> TokenSource:
    """Tokens that are replaced when they are refused."""
    return ClassicToken(app.appid, app.secret, transport, clock=clock)


CASES = (
    Case("timeout", on(MID, Fault(slow_seconds=60, times=3)), repeats=None),
    Case("reset", on(MID, Fault(reset=True, times=3)), repeats=None),
    Case("502", on(MID, Fault(status=502, times=3)), repeats=None),
    Case("cut-off body", on(MID, Fault(cut=0.5, times=3)), repeats=None),
    Case("broken JSON", on(MID, Fault(broken=True, times=3)), repeats=None),
    Case("-1", on(MID, Fault(errcode=-1, times=3)), repeats=None),
    Case("-1 all day", on(MID, Fault(errcode=-1, path="getusercumulate")), 2 * ATTEMPTS - 1),
    Case("dead endpoint", on(MID, Fault(slow_seconds=60, path="getusersummary")), 2 * ATTEMPTS - 1),
    # windows of 7, 3, 2 and 1 days fail; on the next days of 2 and 1, and of 1 twice
    Case(
        "-1 for one day of a window",
        {day: [Fault(errcode=-1, path="getusersummary", day=BAD)] for day in range(3)},
        repeats=(4 * ATTEMPTS + 2) + 2 * ATTEMPTS + (2 * ATTEMPTS - 1),
        again=2,
    ),
    # windows of 10, 5, 3, 2 and 1 days fail; on the next days of 2 and 1, twice
    Case(
        "503 for one day of a window",
        {day: [Fault(status=503, path="getinterfacesummary", day=BAD)] for day in range(3)},
        repeats=(5 * ATTEMPTS + 3) + 2 * (2 * ATTEMPTS),
    ),
    # as before, but the errcode is not temporary: one attempt each
    Case(
        "61501 for one day of a window",
        {day: [Fault(errcode=61501, path="getusersummary", day=BAD)] for day in range(3)},
        repeats=(4 + 2) + 2 + 1,
        again=2,
    ),
    Case("502 for tokens", on(MID, Fault(status=502, path="/cgi-bin/stable_token", times=3))),
    Case("40001 in the middle", on(MID, Fault(expire_tokens=True, after=20, times=1)), None),
    Case(
        "42001",
        on(MID, Fault(errcode=42001, times=2)),
        repeats=None,
        options={"token": classic_token},
    ),
    # calls that are not made are fewer than the fewest
    Case(
        "45009 in a back-fill",
        on(BACKFILL, Fault(errcode=45009, path="getuserread", after=1)),
        repeats=range(1 + 1 - 4, 1 + 3 - 4 + 1),
        again=4,
    ),
    Case(
        "45009 after n",
        on(MID, Fault(errcode=45009, path="getarticletotaldetail", after=9)),
        repeats=range(9 + 1 - 20, 9 + CONCURRENCY - 20 + 1),
        again=1,
    ),
    Case("45011", on(MID, Fault(errcode=45011, times=3)), repeats=None),
    # after a week one call for all days, and one for each day of the hours
    Case("48001", on(MID, Fault(errcode=48001, path="getinterfacesummary*")), again=-6 + 1),
    # four endpoints of hours and two of weeks have one label per call
    Case("61503", on(MID, Fault(errcode=61503, path="getu*")), again=5),
    Case("61503 in a back-fill", on(BACKFILL, Fault(errcode=61503)), again=91),
    Case("empty in a back-fill", on(BACKFILL, Fault(empty=True)), again=79),
    Case("empty in a back-fill, 8 calls", on(BACKFILL, Fault(empty=True, times=8)), again=7),
    Case("empty in mid-life", on(MID, Fault(empty=True, path="get[!a]*")), again=6),
    Case("empty on the day that settles", on(MID, Fault(empty=True, path=TOTALS)), again=2),
    Case("empty for three days", {MID + n: [Fault(empty=True)] for n in range(3)}, again=54),
    Case("partial running totals", on(MID, Fault(partial=True)), again=2),
    Case("partial in a back-fill", on(BACKFILL, Fault(partial=True)), again=2),
    Case("vanished for a day", on(MID, Fault(vanish=True, path=TOTALS, day=MOVING))),
    # answers of which no row can be read are repeated
    Case("vanished on the day that settles", on(MID, Fault(vanish=True, path=TOTALS)), again=1),
    Case(
        "missing figures on the day that settles",
        on(MID, Fault(missing=True, path=TOTALS)),
        again=2,
    ),
    Case("unreadable row", on(MID, Fault(unreadable=True)), repeats=11, again=11),
    Case("unreadable in a back-fill", on(BACKFILL, Fault(unreadable=True)), repeats=5, again=72),
    Case("missing figures of moving days", on(MID, Fault(missing=True, path=TOTALS, day=MOVING))),
    Case("is_delay", on(MID, Fault(is_delay=True)), again=3),
    Case("is_delay in a back-fill", on(BACKFILL, Fault(is_delay=True)), again=23),
    Case("extra rows", on(MID, Fault(extra_rows=True))),
    Case("revised before final", on(MID, Fault(revise=3, path=TOTALS, day=MOVING))),
    # endpoints are asked for days that are not over, which fail again and again
    Case("machine ahead by 3 days", {}, clock_error={MID: 3 * DAY}, most=160),
    Case(
        "machine ahead by 40 days, then back by 3",
        {},
        clock_error={MID: 40 * DAY, MID + 1: -3 * DAY},
        most=160,
    ),
    # nothing is settled while the clocks differ: what has one label per call costs another call
    Case("machine ahead by 40 minutes", {}, again=11, clock_error={MID: timedelta(minutes=40)}),
    Case("machine back by 3 days", {}, range(-47, 1), 11, clock_error={MID: -3 * DAY}),
    Case("server ahead by an hour", on(MID, Fault(clock=3600.0)), again=11),
    Case("server back by an hour", on(MID, Fault(clock=-3600.0)), again=11),
    Case("no Date", on(MID, Fault(no_date=True))),
)


@dataclass
class Run:
    """The syncs of a case, day after day."""

    life: DailySync
    evenings: list[Evening]
    """Those of the undisturbed run until the first fault, then those of this one."""
    fewest: Counter[str] = field(default_factory=Counter)
    """The fewest calls that the ledgers of this run allow, by endpoint."""
    affected: int = 0
    """The number of calls that faults affected."""

    @property
    def day(self) -> int:
        """The day of the next sync."""
        return len(self.evenings)

    def sync(self, faults: Sequence[Fault] = (), sync: Callable[[], object] | None = None) -> None:
        """Sync on the next day; in the evening, note its calls and the ledger."""
        life, emulator = self.life, self.life.emulator
        emulator.clock.set(FIRST_SYNC + self.day * DAY)
        before = self.evenings[-1][0] if self.evenings else {}
        now, first_day = emulator.clock.now(), emulator.simulation.first_day
        self.fewest += fewest_calls(life.endpoints, before, first_day, now)
        emulator.journal.clear()
        for fault in faults:
            emulator.faults.add(fault)
        (sync or life.sync)()
        hits = sum(fault.hits for fault in emulator.faults.active())
        # calls in progress have the token that was invalidated
        self.affected += max(hits, len(emulator.journal.calls(errcode=40001)))
        emulator.faults.clear()
        calls = Counter(call.endpoint for call in life.calls())
        self.evenings.append((life.ledger(), calls))

    def calls_since(self, day: int) -> Counter[str]:
        """The calls from a day on by endpoint."""
        return sum((calls for _ledger, calls in self.evenings[day:]), Counter[str]())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    path = tmp_path_factory.mktemp("undisturbed") / "wxcube.db"
    run, databases = Run(DailySync(path), []), dict[int, Path]()
    for day in range(DAYS):
        if day in {case.first_day for case in CASES} and day:
            databases[day] = path.with_name(f"{day}.db")
            shutil.copy(path, databases[day])
        run.sync()
    assert not unequal_rows(run.life)
    assert run.calls_since(0) == run.fewest
    return Undisturbed(run.evenings, databases)


def databases_of(place: int) -> tuple[str, ...]:
    """The databases on which the case at a place in its list runs."""
    by_turns = {0: SERVERS[:1], 2: SERVERS[1:]}
    return ("sqlite", *(SERVERS if ON_ALL else by_turns.get(place % 4, ())))


@pytest.fixture(params=databases_of(0))
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The path of a new file, or the URL of an empty database on a server."""
    if request.param == "sqlite":
        return str(tmp_path / "wxcube.db")
    url: str = request.getfixturevalue(request.param)
    empty(url)
    return url


@pytest.fixture(scope="module")
def ends() -> dict[tuple[str, int], Content]:
    """The rows with which a case ended in the first of the databases, by its id and last day."""
    return {}


def begun(day: int, undisturbed: Undisturbed, database: str, **options: Any) -> Run:
    """A run that continues the undisturbed one on a day, or makes its syncs until then."""
    run = Run(DailySync(database, **options), [])
    if day and not IS_WHOLE:
        if is_file(database):
            shutil.copy(undisturbed.databases[day], database)
        else:
            with Warehouse.open(undisturbed.databases[day], read_only=True) as source:
                source.copy_to(database)
        run.evenings += undisturbed.evenings[:day]
    return run


def as_compared(ledger: Ledger) -> dict[str, dict[date, Any]]:
    """The states of days, and when those that are not settled were requested."""
    return {
        name: {
            day: entry.state if entry.state in SETTLED else (entry.state, entry.asked_at)
            for day, entry in entries.items()
        }
        for name, entries in ledger.items()
    }


def unequal_days(run: Run, undisturbed: Undisturbed) -> dict[str, dict[date, Any]]:
    """The entries of the last evening that differ from those of the undisturbed run."""
    compared = as_compared(run.evenings[-1][0])
    expected = as_compared(undisturbed.evenings[run.day - 1][0])
    return {
        name: {
            day: (days.get(day), expected[name].get(day))
            for day in days.keys() | expected[name].keys()
            if days.get(day) != expected[name].get(day)
        }
        for name, days in compared.items()
        if days != expected[name]
    }


def unequal_rows(life: DailySync) -> dict[str, list[Any]]:
    """The keys of rows that differ from the emulator's, and of those that only one of both has."""
    stored, truth = life.rows(), life.truth()
    return {
        e.name: sorted(
            {
                tuple(getattr(row, column) for column in e.key)
                for rows, others in (
                    (stored[e.name], truth[e.name]),
                    (truth[e.name], stored[e.name]),
                )
                for row in rows
                if row not in others
            }
        )
        for e in life.endpoints
        if stored[e.name] != truth[e.name]
    }


@pytest.mark.parametrize(
    ("case", "database"),
    [
        pytest.param(case, name, id=f"{case.id}-{name}")
        for place, case in enumerate(CASES)
        for name in databases_of(place)
    ],
    indirect=["database"],
)
def test_a_fault_leaves_no_trace(
    case: Case,
    undisturbed: Undisturbed,
    database: str,
    ends: dict[tuple[str, int], Content],
) -> None:
    run = begun(case.first_day, undisturbed, database, **case.options)
    start = run.day
    while run.day < DAYS:
        day = run.day
        if day in case.clock_error:
            run.life.clock = WrongClock(run.life.emulator.clock, case.clock_error[day])
        run.sync(case.faults.get(day, ()))
        run.life.clock = None
        # the sync after the last fault may change rows whose states are equal
        if day > case.last_day and not IS_WHOLE and not unequal_days(run, undisturbed):
            break
    assert not unequal_days(run, undisturbed)
    assert not unequal_rows(run.life)
    end = content(database)
    assert end == ends.setdefault((case.id, run.day), end)
    calls = run.calls_since(start)
    least = sum((c for _l, c in undisturbed.evenings[start : run.day]), Counter[str]())
    repeats = calls.total() - run.fewest.total()
    again = run.fewest.total() - least.total()
    if case.most is not None:
        assert repeats + again <= case.most
        return
    expected = run.affected if case.repeats is None else case.repeats
    assert again == case.again, _counts(calls, run.fewest, least)
    assert repeats in (expected if isinstance(expected, range) else [expected]), calls


@pytest.mark.parametrize(("day", "answers"), [(BACKFILL, 40), (MID, 1), (MID, 30)])
def test_a_cancelled_sync_leaves_no_trace(
    day: int, answers: int, undisturbed: Undisturbed, database: str
) -> None:
    run = begun(day, undisturbed, database)
    while run.day < day:
        run.sync()

    def cancelled_and_resumed() -> None:
        run.life.cancel_sync(answers)
        run.life.sync()

    run.sync(sync=cancelled_and_resumed)
    assert not unequal_days(run, undisturbed)
    assert not unequal_rows(run.life)
    least = undisturbed.evenings[day][1].total()
    assert least <= run.evenings[day][1].total() < least + CONCURRENCY


@pytest.mark.parametrize("database", databases_of(2), indirect=True)
def test_a_killed_sync_leaves_no_trace(
    undisturbed: Undisturbed, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, answers = begun(BACKFILL, undisturbed, database), 40
    # the fork server must find the modules of the tests
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    process = multiprocessing.get_context("forkserver").Process(
        target=killed_sync, args=(database, answers)
    )
    process.start()
    process.join(300)
    assert process.exitcode == -signal.SIGKILL
    remaining = fewest_calls(
        ENDPOINTS, run.life.ledger(), run.life.emulator.simulation.first_day, FIRST_SYNC
    )
    run.sync()
    assert not unequal_days(run, undisturbed)
    assert not unequal_rows(run.life)
    # a day whose first answer had no rows is requested again on the next day
    assert run.evenings[BACKFILL][1] <= remaining
    assert remaining.total() < undisturbed.evenings[BACKFILL][1].total() - answers // 2


# --- what was planted is found, and nothing else -------------------------------------------------


def test_a_revised_figure_of_a_final_day_is_a_revision(
    undisturbed: Undisturbed, database: str
) -> None:
    day, path = date(2026, 2, 10), "getusersummary"
    run = begun(MID, undisturbed, database)
    while run.day <= MID:
        run.sync()
    run.life.emulator.faults.add(Fault(revise=3, path=path, day=day))
    for times in (1, 2):
        # the second answer has the same figures
        run.life.ask_again(named(path), Window(day - 2 * DAY, day + 2 * DAY))
        assert unequal_rows(run.life) == {path: keys_of_day(run.life, path, day)}, times
        assert revisions(run.life) == {(path, day): 1}, times
    run.life.emulator.faults.clear()
    run.sync()
    assert not unequal_days(run, undisturbed)
    assert unequal_rows(run.life) == {path: keys_of_day(run.life, path, day)}
    run.life.ask_again(named(path), Window.day(day))
    assert not unequal_rows(run.life)
    assert revisions(run.life) == {(path, day): 2}


@pytest.mark.parametrize("database", databases_of(2), indirect=True)
def test_a_row_that_does_not_come_back_is_withdrawn(
    undisturbed: Undisturbed, database: str
) -> None:
    name, day = "getarticletotaldetail", date(2026, 1, 30)
    run = begun(MID, undisturbed, database, endpoints=[named(name)])
    while run.day < MID:
        run.sync()
    (*_others, vanished) = (row for row in run.life.rows()[name] if row.ref_date == day)
    while run.day <= MID + 3:
        run.sync([Fault(vanish=True, path=name, day=day)])
    assert unequal_rows(run.life) == {name: [(day, vanished.msgid)]}
    (withdrawn,) = (row for row in run.life.rows()[name] if hasattr(row, "withdrawn_at"))
    assert withdrawn.withdrawn_at == FIRST_SYNC + MID * DAY
    assert withdrawn.detail_list == vanished.detail_list
    assert not unequal_days(run, undisturbed)
    assert not revisions(run.life)


def keys_of_day(life: DailySync, name: str, day: date) -> list[Any]:
    """The keys of the rows of a day."""
    key = named(name).key
    rows = [row for row in life.truth()[name] if row.ref_date == day]
    return sorted(tuple(getattr(row, column) for column in key) for row in rows)


def revisions(life: DailySync) -> dict[tuple[str, date], int]:
    """The days that were revised after they were final, and how often."""
    return {
        (name, day): entry.revision
        for name, entries in life.ledger().items()
        for day, entry in entries.items()
        if entry.revision
    }


def _counts(*counts: Counter[str]) -> dict[str, tuple[int, ...]]:
    """The numbers of calls by endpoint, where they differ."""
    by_name = {name: tuple(count[name] for count in counts) for name in counts[0] | counts[1]}
    return {name: numbers for name, numbers in by_name.items() if len(set(numbers)) > 1}
