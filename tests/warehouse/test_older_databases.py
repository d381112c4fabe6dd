"""A database of an earlier version is migrated, and loses nothing: rows, states, replies, budgets."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from support.rows import sample_rows
from support.written_source import everything
from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.codes import reply_error
from wxcube.contract.decoding import read
from wxcube.contract.encoding import encode_answer
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import BudgetError, ShapeError, TransportError, WxcubeError
from wxcube.i18n import verbatim
from wxcube.warehouse import migrations, renewal
from wxcube.warehouse.asks import DayCount, Outcome
from wxcube.warehouse.coverage import State
from wxcube.warehouse.databases.sqlite import SqliteDatabase
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import Choices, Plan, plan
from wxcube.warehouse.sync.wanted import WantedDays

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
YESTERDAY = NOW - timedelta(days=1)
WEEK = Window(date(2026, 3, 2), date(2026, 3, 8))
SUMMARY, READ, TOTALS = (
    named("getusersummary"),
    named("getarticleread"),
    named("getarticletotaldetail"),
)
CUMULATE, CARDS = named("getusercumulate"), named("getcardmembercarddetail")
CARD = {"card_id": "p1"}
BODY = b'{"lst": 1}'
LOG = ("asks", "answers", "calls", "alembic_version")
ENDPOINTS = (SUMMARY, READ, TOTALS, CUMULATE, CARDS)


def answer(
    warehouse: Warehouse, name: str, window: Window, at: datetime, rows: list[Any] | None = None
) -> None:
    endpoint = named(name)
    rows = sample_rows(endpoint, window, 5) if rows is None else rows
    given = read(endpoint, window, encode_answer(endpoint, rows), at)
    params = CARD if endpoint is CARDS else None
    warehouse.replace("wx1", Origin.WECHAT, given, params)


def fail(warehouse: Warehouse, name: str, window: Window, at: datetime, error: WxcubeError) -> None:
    warehouse.record_error("wx1", Origin.WECHAT, named(name), window, error, at)


def fill(path: Path) -> None:
    """Days in each state, with what an earlier version stored about them."""
    with Warehouse.open(path) as warehouse:
        answer(warehouse, "getusersummary", WEEK, YESTERDAY)
        for day in WEEK:
            answer(warehouse, "getarticletotaldetail", Window.day(day), YESTERDAY)
        answer(warehouse, "getarticletotaldetail", Window.day(WEEK.first), NOW)
        answer(warehouse, "getcardmembercarddetail", WEEK, YESTERDAY)
        fail(warehouse, "getusercumulate", WEEK, NOW, reply_error(48001, "api unauthorized"))
        first, second, third, fourth, fifth, *_rest = map(Window.day, WEEK)
        for at in (YESTERDAY, NOW):
            answer(warehouse, "getarticleread", first, at, [])
        answer(warehouse, "getarticleread", second, NOW)
        fail(warehouse, "getarticleread", third, NOW, TransportError(verbatim("no answer")))
        fail(warehouse, "getarticleread", fourth, NOW, ShapeError(verbatim("no list"), body=BODY))
        fail(warehouse, "getarticleread", fifth, NOW, reply_error(61503, "not ready"))


def downgrade(path: Path, revision: str) -> None:
    engine, config = SqliteDatabase(path).engine, Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        renewal.drop_views(connection)
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    engine.dispose()


def execute(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(sql).fetchall()
        connection.commit()
    return rows


@pytest.fixture
def older(path: Path) -> Path:
    """A file of the version before the log of asks, with some more calls than answers."""
    fill(path)
    downgrade(path, "0004")
    execute(path, "UPDATE calls SET calls = calls + 3 WHERE endpoint = 'getusersummary'")
    execute(path, "INSERT INTO calls VALUES ('wx1', 'getuserread', '2026-03-10', 4, 1)")
    execute(path, "INSERT INTO calls VALUES ('wx1', 'getusershare', '2026-03-10', 2, 0)")
    return path


def planned(path: Path) -> Plan:
    with Warehouse.open(path) as warehouse:
        wanted = [WantedDays("wx1", WEEK, ENDPOINTS, {CARDS.name: CARD})]
        return plan(wanted, warehouse, NOW + timedelta(hours=1), Choices())


def test_rows_states_and_replies_are_the_same(older: Path) -> None:
    before = everything(older, but=LOG)
    Warehouse.open(older).close()
    after = everything(older, but=LOG)
    for name, rows in before.items():
        width = len(rows[0]) if rows else 0
        assert [row[:width] for row in after[name]] == rows, name
        assert {row[width:] for row in after[name]} <= {(), (None,), (0, None, 0)}, name
    assert len(before["coverage"]) == 33
    with closing(sqlite3.connect(older)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_what_is_known_about_earlier_calls_is_in_the_log(older: Path) -> None:
    with Warehouse.open(older) as warehouse:
        asked = warehouse.history("wx1", READ, WEEK)
        days = [[d.window and d.window.first.day, d.outcome, d.errcode] for d in asked]
        assert sorted(days, key=repr) == sorted(
            [
                [2, Outcome.ANSWERED, None],
                [3, Outcome.ANSWERED, None],
                [4, Outcome.UNANSWERED, None],
                [5, Outcome.UNREADABLE, None],
                [6, Outcome.REFUSED, 61503],
            ],
            key=repr,
        )
        [unreadable] = [ask for ask in asked if ask.outcome is Outcome.UNREADABLE]
        assert (warehouse.reply(unreadable), unreadable.message) == (BODY, "no list")
        assert "no answer" in {ask.message for ask in asked}
        assert len(warehouse.history("wx1", TOTALS, WEEK)) == 7
        assert len(warehouse.history("wx1", CARDS, WEEK, params=CARD)) == 1
        refusal = warehouse.standing("wx1", CUMULATE, NOW).refusal
        assert refusal
        assert (refusal.errcode, refusal.asked_at) == (48001, NOW)


def test_the_budget_of_the_day_counts_the_calls_of_before(older: Path) -> None:
    today, counted = NOW.date(), {}
    for name, calls, exhausted in execute(
        older, "SELECT endpoint, calls, exhausted FROM calls WHERE day = '2026-03-10'"
    ):
        counted[name] = DayCount(calls, bool(exhausted))
    assert counted["getuserread"] == DayCount(4, is_exhausted=True)
    with Warehouse.open(older) as warehouse:
        for name, count in counted.items():
            assert warehouse.calls_of_day("wx1", named(name), today) == count, name
        for name, limit in (("getusershare", 2), ("getuserread", 99)):
            with pytest.raises(BudgetError):
                warehouse.begin_ask(
                    "wx1", Origin.WECHAT, named(name), WEEK, NOW, sender="sync", limit=limit
                )


def test_no_day_is_asked_that_would_not_have_been_asked(path: Path) -> None:
    fill(path)
    before = planned(path)
    downgrade(path, "0004")
    assert planned(path) == before
    assert before.days > 0


def test_a_rebuild_after_the_migration_changes_no_rows_and_no_settled_days(older: Path) -> None:
    with Warehouse.open(older) as warehouse:
        rows = everything(older, but=(*LOG, "coverage"))
        states = {
            (e.name, day): entry
            for e in ENDPOINTS
            for day, entry in warehouse.coverage("wx1", e).items()
        }
        rebuilt = warehouse.rebuild()
        assert (rebuilt.replies, rebuilt.unreadable) == (11, 1)
        assert everything(older, but=(*LOG, "coverage")) == rows
        for (name, day), before in states.items():
            now = warehouse.coverage("wx1", named(name))[day]
            assert now.state is before.state or before.state is State.WAITING, (name, day)
            assert now.fetched_at == before.fetched_at


def test_back_and_forth_changes_nothing(path: Path) -> None:
    fill(path)
    downgrade(path, "0004")
    once = everything(path)
    Warehouse.open(path).close()
    downgrade(path, "0004")
    again = everything(path)
    today = [[row for row in calls if row[2] == "2026-03-10"] for calls in _calls(once, again)]
    assert today[0] == today[1] != []
    assert again == once


def _calls(*tables: dict[str, list[Any]]) -> list[list[Any]]:
    """The numbers of calls; those of days before the last are not known for certain."""
    return [one.pop("calls") for one in tables]
