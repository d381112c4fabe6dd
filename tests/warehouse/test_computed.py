"""Rows computed in bulk replace exactly the given accounts and days, completely or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.rows import sample_rows
from support.written_source import everything
from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.errors import WarehouseError
from wxcube.warehouse.computed import Computed, TableRows
from wxcube.warehouse.coverage import State
from wxcube.warehouse.rows import to_records
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.tables import ROW_TABLES

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
FIRST = date(2026, 1, 5)
DAYS = Window(FIRST, FIRST + timedelta(days=20))
EVER = Window(date(2025, 1, 1), date(2027, 1, 1))
ACCOUNTS = ("wxdemo-a", "wxdemo-b", "我的店")
SUMMARY, WEEK = named("getusersummary"), named("getupstreammsgweek")
PLAIN = [SUMMARY, WEEK, named("getbizsummary"), named("getarticleread"), named("getuserread")]
RUNNING = {named("getarticletotal"): "details", named("getarticletotaldetail"): "detail_list"}
"""Endpoints with running totals, and the list that has them."""
FEW = settings(
    deadline=None,
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def tables(
    endpoint: Endpoint[Any], rows: Mapping[str, Iterable[Any]], origin: Origin
) -> dict[str, TableRows]:
    """Rows by account as tuples of tables, days as text."""
    table = ROW_TABLES[endpoint.name]
    tuples: dict[str, list[tuple[Any, ...]]] = {t.table.name: [] for t in table.walk()}
    columns = {t.table.name: [c.name for c in t.table.columns] for t in table.walk()}
    for account, of_account in rows.items():
        records_by_table = to_records(table, (account, origin.value), of_account)
        for one, records in zip(table.walk(), records_by_table, strict=True):
            name = one.table.name
            tuples[name] += [_numbered(record, columns[name]) for record in records]
    return {name: TableRows(tuple(columns[name]), of) for name, of in tuples.items()}


def _numbered(record: tuple[Any, ...], names: list[str]) -> tuple[Any, ...]:
    """As the cube numbers running totals, so that rows written separately are in order."""
    if "stat_date" not in names:
        return record
    cells, stat_date = list(record), record[names.index("stat_date")]
    cells[names.index("place")] = date.fromisoformat(stat_date).toordinal()
    return tuple(cells)


def computed(
    endpoint: Endpoint[Any],
    rows: Mapping[str, Iterable[Any]],
    *windows: Window,
    origin: Origin = Origin.CUBE,
    since: Mapping[str, date] | None = None,
    **more: Any,
) -> Computed:
    rows = {account: list(of_account) for account, of_account in rows.items()}
    given: dict[str, Any] = {
        "tables": tables(endpoint, rows, origin),
        "days_with_rows": {account: {row.ref_date for row in of} for account, of in rows.items()},
        "over": date(2026, 12, 31),
        "since": since or dict.fromkeys(rows, date(2026, 1, 1)),
    }
    return Computed(endpoint=endpoint, origin=origin, windows=windows, **(given | more))


def inside(rows: Iterable[Any], *windows: Window) -> list[Any]:
    return [row for row in rows if any(row.ref_date in window for window in windows)]


def some_windows(dice: Random) -> tuple[Window, ...]:
    """Up to three windows that do not touch."""
    cuts = sorted(dice.sample(range(21), 2 * dice.randint(1, 3)))
    days = [FIRST + timedelta(days=n) for n in cuts]
    return tuple(Window(days[n], days[n + 1] - timedelta(days=1)) for n in range(0, len(days), 2))


def rows_of(warehouse: Warehouse, endpoint: Endpoint[Any]) -> dict[tuple[str, Origin], list[Any]]:
    return {
        (account, origin): warehouse.read(account, endpoint, EVER, origin)
        for account in ACCOUNTS
        for origin in Origin
    }


# --- what is replaced -----------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", PLAIN, ids=str)
@given(seed=st.integers(0, 2**32))
@FEW
def test_exactly_the_windows_and_accounts_are_replaced(
    copy_to: Callable[[Path], Path],
    tmp_path_factory: pytest.TempPathFactory,
    endpoint: Endpoint[Any],
    seed: int,
) -> None:
    dice = Random(seed)
    path = copy_to(tmp_path_factory.mktemp("computed") / "wxcube.db")
    known: dict[tuple[str, Origin], list[Any]] = {
        (account, origin): [] for account in ACCOUNTS for origin in Origin
    }
    with Warehouse.open(path) as warehouse:
        for turn in range(6):
            origin = dice.choice([Origin.CUBE, Origin.CUBE, Origin.DERIVED])
            chosen = dice.sample(ACCOUNTS, dice.randint(1, 3))
            windows = some_windows(dice)
            rows = {
                account: [
                    row
                    for row in inside(sample_rows(endpoint, DAYS, dice.randint(0, 99)), *windows)
                    if dice.random() < 0.7
                ]
                for account in chosen
            }
            warehouse.replace_computed(computed(endpoint, rows, *windows, origin=origin), NOW)
            for account in chosen:
                before = known[account, origin]
                gone = inside(before, *windows)
                unchanged = [row for row in before if row not in gone]
                known[account, origin] = sorted(
                    [*unchanged, *rows[account]], key=lambda r: r.ref_date
                )
            assert rows_of(warehouse, endpoint) == known, turn


def test_rows_of_wechat_are_never_touched(warehouse: Warehouse) -> None:
    fetched = sample_rows(SUMMARY, DAYS, 1)
    body = msgspec.json.encode({"list": fetched})
    warehouse.replace(ACCOUNTS[0], Origin.WECHAT, Answer(SUMMARY, DAYS, fetched, body, NOW))
    states = warehouse.coverage(ACCOUNTS[0], SUMMARY)
    rows = {ACCOUNTS[0]: sample_rows(SUMMARY, DAYS, 2)}
    warehouse.replace_computed(computed(SUMMARY, rows, DAYS), NOW)
    warehouse.replace_computed(computed(SUMMARY, {ACCOUNTS[0]: []}, DAYS), NOW)
    assert warehouse.read(ACCOUNTS[0], SUMMARY, EVER) == fetched
    assert warehouse.coverage(ACCOUNTS[0], SUMMARY) == states


@pytest.mark.parametrize("endpoint", [*PLAIN, *RUNNING], ids=str)
def test_twice_is_once(warehouse: Warehouse, url: str, endpoint: Endpoint[Any]) -> None:
    rows = {account: sample_rows(endpoint, DAYS, n) for n, account in enumerate(ACCOUNTS)}
    first = warehouse.replace_computed(computed(endpoint, rows, DAYS), NOW)
    once = everything(url)
    assert warehouse.replace_computed(computed(endpoint, rows, DAYS), NOW) == first
    assert everything(url) == once
    assert first == sum(len(list(t.tuples)) for t in tables(endpoint, rows, Origin.CUBE).values())


def test_new_rows_are_added_to_existing_ones(warehouse: Warehouse) -> None:
    halves = Window(FIRST, FIRST + timedelta(days=9)), Window(FIRST + timedelta(days=10), DAYS.last)
    rows = sample_rows(SUMMARY, DAYS, 3)
    for half in halves:
        part = {ACCOUNTS[0]: inside(rows, half)}
        warehouse.replace_computed(computed(SUMMARY, part, half, is_new=True), NOW)
    assert warehouse.read(ACCOUNTS[0], SUMMARY, EVER, Origin.CUBE) == rows


# --- running totals -------------------------------------------------------------------------------


def limited_to(row: Any, member: str, stats: Window) -> Any:
    """A row with only the running totals of some stat_dates."""
    totals = [total for total in getattr(row, member) if total.stat_date in stats]
    return msgspec.structs.replace(row, **{member: totals})


class Totals:
    """The running totals that a warehouse should have: articles, each with its totals by day."""

    def __init__(self, member: str) -> None:
        self._member = member
        self._articles: dict[tuple[str, date, str], Any] = {}

    def replace(
        self, rows: Mapping[str, list[Any]], windows: tuple[Window, ...], stats: Window
    ) -> None:
        for key, row in list(self._articles.items()):
            if key[0] in rows and any(key[1] in window for window in windows):
                totals = [e for e in getattr(row, self._member) if e.stat_date not in stats]
                self._articles[key] = self._with(row, totals)
        for account, of_account in rows.items():
            for row in of_account:
                key = (account, row.ref_date, row.msgid)
                before = getattr(self._articles.get(key), self._member, [])
                self._articles[key] = self._with(row, [*before, *getattr(row, self._member)])
        self._articles = {k: r for k, r in self._articles.items() if getattr(r, self._member)}

    def _with(self, row: Any, totals: list[Any]) -> Any:
        return msgspec.structs.replace(
            row, **{self._member: sorted(totals, key=lambda total: total.stat_date)}
        )

    def of(self, account: str) -> dict[tuple[date, str], Any]:
        return {key[1:]: row for key, row in self._articles.items() if key[0] == account}


@pytest.mark.parametrize("endpoint", RUNNING, ids=str)
@given(seed=st.integers(0, 2**32))
@FEW
def test_running_totals_are_replaced_only_for_the_given_stat_dates(
    copy_to: Callable[[Path], Path],
    tmp_path_factory: pytest.TempPathFactory,
    endpoint: Endpoint[Any],
    seed: int,
) -> None:
    dice, member = Random(seed), RUNNING[endpoint]
    path = copy_to(tmp_path_factory.mktemp("computed") / "wxcube.db")
    known = Totals(member)
    with Warehouse.open(path) as warehouse:
        other = {ACCOUNTS[0]: sample_rows(endpoint, DAYS, 5)}
        warehouse.replace_computed(computed(endpoint, other, DAYS, origin=Origin.DERIVED), NOW)
        for turn in range(6):
            chosen = dice.sample(ACCOUNTS, dice.randint(1, 3))
            begin = FIRST + timedelta(days=dice.randint(0, 22))
            stats = Window(begin, begin + timedelta(days=dice.randint(0, 5)))
            windows = (Window(begin - timedelta(days=6), stats.last),)
            rows = {
                account: [
                    row
                    for row in (
                        limited_to(row, member, stats)
                        for row in inside(sample_rows(endpoint, DAYS, dice.randint(0, 3)), *windows)
                    )
                    if getattr(row, member) and dice.random() < 0.8
                ]
                for account in chosen
            }
            warehouse.replace_computed(computed(endpoint, rows, *windows, stat_dates=stats), NOW)
            known.replace(rows, windows, stats)
            for account in ACCOUNTS:
                actual = warehouse.read(account, endpoint, EVER, Origin.CUBE)
                assert {(r.ref_date, r.msgid): r for r in actual} == known.of(account), turn
        assert warehouse.read(ACCOUNTS[0], endpoint, EVER, Origin.DERIVED) == other[ACCOUNTS[0]]


# --- the ledger -----------------------------------------------------------------------------------


def test_the_ledger_records_for_each_day_whether_it_has_rows(warehouse: Warehouse) -> None:
    middle = FIRST + timedelta(days=10)
    rows = [row for row in sample_rows(SUMMARY, DAYS, 1) if row.ref_date.day % 2]
    since = {ACCOUNTS[0]: DAYS.first, ACCOUNTS[1]: middle}
    both = {ACCOUNTS[0]: rows, ACCOUNTS[1]: [row for row in rows if row.ref_date >= middle]}
    warehouse.replace_computed(computed(SUMMARY, both, DAYS, since=since), NOW)
    for account, first in since.items():
        days = warehouse.coverage(account, SUMMARY, Origin.CUBE)
        assert list(days) == list(Window(first, DAYS.last))
        for day, entry in days.items():
            assert entry.state is (State.FINAL if day.day % 2 else State.EMPTY)
            assert entry.fetched_at == (NOW if day.day % 2 else None)
    assert warehouse.coverage(ACCOUNTS[0], SUMMARY) == {}
    assert warehouse.accounts() == dict.fromkeys(since, NOW)


def test_weeks_are_in_the_ledger_by_their_monday(warehouse: Warehouse) -> None:
    """Including the week in the middle of which an account was first seen."""
    since = {ACCOUNTS[0]: FIRST + timedelta(days=9)}
    warehouse.replace_computed(computed(WEEK, {ACCOUNTS[0]: []}, DAYS, since=since), NOW)
    actual = warehouse.coverage(ACCOUNTS[0], WEEK, Origin.CUBE)
    assert list(actual) == [FIRST + timedelta(days=7), FIRST + timedelta(days=14)]


# --- all or nothing -------------------------------------------------------------------------------


class StopWriteError(Exception):
    """The iteration of rows fails."""


def with_call(tuples: Iterable[tuple[Any, ...]], after: int, call: Callable[[], None]) -> Any:
    """The tuples, with a call of a function after some of them."""
    for place, values in enumerate(tuples):
        if place == after:
            call()
        yield values


def some_rows(endpoint: Endpoint[Any], seed: int) -> dict[str, list[Any]]:
    return {account: sample_rows(endpoint, DAYS, seed + n) for n, account in enumerate(ACCOUNTS)}


def interrupted(endpoint: Endpoint[Any], table: str, end: Callable[[], None]) -> Computed:
    """Rows, with a call of a function after three rows of a table."""
    computed_rows = computed(endpoint, some_rows(endpoint, 50), DAYS)
    rows = computed_rows.tables[table]
    broken = TableRows(rows.columns, with_call(rows.tuples, 3, end))
    return computed(
        endpoint,
        some_rows(endpoint, 50),
        DAYS,
        tables={**computed_rows.tables, table: broken},
    )


def every_table() -> Iterator[tuple[Endpoint[Any], str]]:
    for endpoint in (SUMMARY, *RUNNING):
        for part in ROW_TABLES[endpoint.name].walk():
            yield endpoint, part.table.name


@pytest.mark.parametrize(("endpoint", "table"), list(every_table()), ids=str)
def test_an_interrupted_write_changes_nothing(
    warehouse: Warehouse, url: str, endpoint: Endpoint[Any], table: str
) -> None:
    def end() -> None:
        raise StopWriteError

    warehouse.replace_computed(computed(endpoint, some_rows(endpoint, 0), DAYS), NOW)
    before = everything(url)
    with pytest.raises(StopWriteError):
        warehouse.replace_computed(interrupted(endpoint, table, end), NOW)
    assert everything(url) == before
    warehouse.replace_computed(computed(endpoint, some_rows(endpoint, 50), DAYS), NOW)
    assert everything(url) != before


def test_a_duplicate_row_is_an_error_that_changes_nothing(warehouse: Warehouse, url: str) -> None:
    rows = {ACCOUNTS[0]: sample_rows(SUMMARY, DAYS, 1)}
    warehouse.replace_computed(computed(SUMMARY, rows, DAYS), NOW)
    before = everything(url)
    computed_rows = tables(SUMMARY, {ACCOUNTS[0]: sample_rows(SUMMARY, DAYS, 2)}, Origin.CUBE)
    twice = {n: TableRows(t.columns, [*t.tuples, *t.tuples]) for n, t in computed_rows.items()}
    with pytest.raises(WarehouseError):
        warehouse.replace_computed(computed(SUMMARY, rows, DAYS, tables=twice), NOW)
    with pytest.raises(WarehouseError):
        warehouse.replace_computed(computed(SUMMARY, rows, DAYS, is_new=True), NOW)
    assert everything(url) == before


def test_readers_see_the_old_rows_until_the_transaction_commits(
    warehouse: Warehouse, url: str
) -> None:
    old = some_rows(SUMMARY, 0)
    warehouse.replace_computed(computed(SUMMARY, old, DAYS), NOW)
    seen: list[Any] = []
    with Warehouse.open(url, read_only=True) as reader:

        def look() -> None:
            seen.append(reader.read(ACCOUNTS[0], SUMMARY, EVER, Origin.CUBE))

        warehouse.replace_computed(interrupted(SUMMARY, "user_summary", look), NOW)
        look()
    assert seen == [old[ACCOUNTS[0]], some_rows(SUMMARY, 50)[ACCOUNTS[0]]]


def test_a_killed_writer_changes_nothing(warehouse: Warehouse, url: str) -> None:
    detail = named("getarticletotaldetail")
    warehouse.replace_computed(computed(detail, some_rows(detail, 0), DAYS), NOW)
    before = everything(url)
    process = subprocess.run(
        [sys.executable, __file__, url],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=120,
        check=False,
    )
    assert process.returncode == 9
    assert everything(url) == before
    warehouse.replace_computed(computed(detail, some_rows(detail, 50), DAYS), NOW)
    assert (
        rows_of(warehouse, detail)[ACCOUNTS[1], Origin.CUBE] == some_rows(detail, 50)[ACCOUNTS[1]]
    )


def write_and_die(path: str) -> None:
    """Write in a process that ends in the middle of its rows."""
    detail = named("getarticletotaldetail")
    table = "article_total_detail__detail_list"
    with Warehouse.open(path) as warehouse:
        warehouse.replace_computed(interrupted(detail, table, lambda: os._exit(9)), NOW)


if __name__ == "__main__":
    write_and_die(sys.argv[1])
