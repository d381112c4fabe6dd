"""Answers that lack members or have unreadable rows: read, stored, read back, served, exported."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import damage
from support.rows import recent_window, rows_strategy, sample_rows
from wxcube.beijing import BEIJING
from wxcube.contract import ENDPOINTS, decoding, named
from wxcube.contract.encoding import encode_answer
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.errors import ShapeError
from wxcube.export.flat import flatten, parts
from wxcube.warehouse.coverage import State
from wxcube.warehouse.store import Warehouse

ASKED = datetime(2026, 11, 10, 9, tzinfo=BEIJING)
PARAMS = {"getcardmembercarddetail": {"card_id": "p1"}}
NEW = count()
MAY = Window.parse("2026-05-21")
each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)

TOTALS = named("getarticletotaldetail")
MEMBERS_MISSING = {
    "ref_date": "2026-05-21",
    "msgid": "2247480001_1",
    "title": "春茶上市",
    "content_url": None,
    "detail_list": [
        {
            "stat_date": "2026-05-21",
            "read_user": 12,
            "share_user": 1,
            "like_user": 0,
            "comment_count": 0,
            "collection_user": 0,
            "read_avg_activetime": 0.4,
            "read_user_source": [],
        }
    ],
}
UNREADABLE = {"ref_date": "2026-05-21", "msgid": "2247480001_1", "detail_list": [{"read_user": 5}]}
READABLE = {
    "ref_date": "2026-05-21",
    "msgid": "2247480002_1",
    "detail_list": [{"stat_date": "2026-05-21", "read_user": 7}],
}


@pytest.fixture(scope="module")
def shared(
    copy_to: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Warehouse]:
    folder = tmp_path_factory.mktemp("missing")

    @cache
    def opened(name: str) -> Warehouse:
        return Warehouse.open(copy_to(folder / f"{name}.db"))

    return opened


def read(endpoint: Endpoint[Any], listed: list[Any], window: Window) -> Answer[Any]:
    return decoding.read(endpoint, window, json.dumps({"list": listed}).encode(), ASKED)


def stored(warehouse: Warehouse, answer: Answer[Any]) -> list[Any]:
    endpoint, appid, params = answer.endpoint, f"wx{next(NEW)}", PARAMS.get(answer.endpoint.name)
    warehouse.replace(appid, Origin.WECHAT, answer, params)
    return warehouse.read(appid, endpoint, answer.window, params=params)


def served(endpoint: Endpoint[Any], rows: list[Any]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(encode_answer(endpoint, rows))["list"]
    return listed


@pytest.mark.parametrize("null", [False, True], ids=["absent", "null"])
@each_endpoint
def test_every_member_that_is_no_key_may_be_missing(
    endpoint: Endpoint[Any], shared: Callable[[str], Warehouse], null: bool
) -> None:
    window = recent_window(endpoint)
    listed = damage.on_wire(sample_rows(endpoint, window))
    for path in damage.removable(endpoint):
        damaged = [damage.without(row, path, null=null) for row in listed]
        answer = read(endpoint, damaged, window)
        assert answer.unreadable == ()
        assert answer.missing_columns <= {".".join(path)}
        rows = stored(shared(endpoint.name), answer)
        assert rows == answer.rows
        assert served(endpoint, rows) == [damage.without(row, path) for row in listed]
        for part in parts(endpoint):
            table = flatten(endpoint, rows, part)
            assert all(len(values) == len(table.names) for values in table.rows)


@each_endpoint
def test_only_the_key_is_needed(
    endpoint: Endpoint[Any], shared: Callable[[str], Warehouse]
) -> None:
    window = recent_window(endpoint)
    listed = [
        {name: row[name] for name in endpoint.key}
        for row in damage.on_wire(sample_rows(endpoint, window))
    ]
    answer = read(endpoint, listed, window)
    rows = stored(shared(endpoint.name), answer)
    assert rows == answer.rows
    assert served(endpoint, rows) == listed


@each_endpoint
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_rows_leave_the_good_ones_unaffected(
    endpoint: Endpoint[Any], shared: Callable[[str], Warehouse], data: st.DataObject
) -> None:
    window = recent_window(endpoint)
    good = data.draw(rows_strategy(endpoint).filter(bool))
    junk: st.SearchStrategy[Any] = (
        st.none() | st.integers() | st.text(max_size=5) | st.just({}) | st.just([])
    )
    day = st.just(str(window.first)) | junk
    bad = data.draw(st.lists(junk | st.fixed_dictionaries({"ref_date": day}), max_size=4))
    paths = st.lists(st.sampled_from(damage.removable(endpoint)), max_size=3)
    listed = [(row, row) for row in damage.on_wire(good)]
    for path in data.draw(paths):
        listed = [(damage.without(a, path), damage.without(b, path, null=True)) for a, b in listed]
    mixed = data.draw(st.permutations([*(null for _absent, null in listed), *bad]))
    if endpoint.key == ("ref_date",):
        mixed = [row for row in mixed if not (isinstance(row, dict) and row.keys() == {"ref_date"})]
    answer = read(endpoint, mixed, window)
    assert len(answer.unreadable) == sum(1 for row in mixed if row in bad)
    assert served(endpoint, answer.rows) == [absent for absent, _null in listed]
    assert stored(shared(endpoint.name), answer) == answer.rows


def test_a_row_that_lacks_metrics_is_stored_with_null(warehouse: Warehouse) -> None:
    answer = read(TOTALS, [MEMBERS_MISSING], MAY)
    assert answer.missing_columns >= {"publish_type", "detail_list.zaikan_user"}
    rows = stored(warehouse, answer)
    assert rows == answer.rows
    stat = rows[0].detail_list[0]
    assert (stat.read_user, stat.zaikan_user, stat.read_jump_position) == (12, None, None)
    assert stat.read_user_source == []
    query = "SELECT read_user, zaikan_user, read_finish_rate, absent FROM {}__detail_list"
    result = warehouse.query(query.format(TOTALS.table))
    assert list(map(tuple, result.rows)) == [(12, None, None, "read_jump_position")]


def test_an_unreadable_row_is_counted_and_the_others_are_stored(warehouse: Warehouse) -> None:
    answer = read(TOTALS, [UNREADABLE, READABLE], MAY)
    assert [(row.position, row.ref_date) for row in answer.unreadable] == [(0, MAY.first)]
    assert "stat_date" in answer.unreadable[0].reason
    change = warehouse.replace("wx", Origin.WECHAT, answer)
    assert change.states == {MAY.first: State.MOVING}
    (row,) = warehouse.read("wx", TOTALS, MAY)
    assert row.msgid == "2247480002_1"
    entry = warehouse.coverage("wx", TOTALS)[MAY.first]
    assert "1 row of the answer cannot be read" in entry.message
    assert not entry.is_settled


def test_a_day_of_which_no_row_can_be_read_fails_and_a_final_day_stays(
    warehouse: Warehouse,
) -> None:
    follows = named("getusersummary")
    week = Window.parse("2026-05-21..2026-05-22")
    good = {"ref_date": "2026-05-21", "user_source": 0, "new_user": 1, "cancel_user": 0}
    other = good | {"ref_date": "2026-05-22"}
    lacks_source = {"ref_date": "2026-05-22", "new_user": 1}
    partial = warehouse.replace("wx", Origin.WECHAT, read(follows, [good, lacks_source], week))
    assert list(partial.states.values()) == [State.FINAL, State.FAILED]
    whole = warehouse.replace("wx", Origin.WECHAT, read(follows, [good, other], week))
    assert list(whole.states.values()) == [State.FINAL, State.FINAL]
    again = warehouse.replace("wx", Origin.WECHAT, read(follows, [good, lacks_source], week))
    assert list(again.states.values()) == [State.FINAL, State.FINAL]
    assert len(warehouse.read("wx", follows, week)) == 2


def test_a_row_without_a_day_leaves_every_day_of_the_answer_unsettled(
    warehouse: Warehouse,
) -> None:
    listed = [{"ref_date": "2026-05-21", "user_source": 0}, {"new_user": 1}]
    week = Window.parse("2026-05-21..2026-05-22")
    change = warehouse.replace("wx", Origin.WECHAT, read(named("getusersummary"), listed, week))
    assert list(change.states.values()) == [State.MOVING, State.FAILED]


def test_an_answer_of_which_no_row_can_be_read_is_an_error() -> None:
    with pytest.raises(ShapeError, match="stat_date"):
        read(TOTALS, [UNREADABLE], MAY)


@pytest.mark.parametrize("name", ["getuserread", "getuserreadhour"])
def test_rows_of_the_first_years_have_no_channel(name: str, warehouse: Warehouse) -> None:
    endpoint, day = named(name), Window(date(2014, 12, 7), date(2014, 12, 7))
    listed = [dict.fromkeys(row, 1) | {"ref_date": "2014-12-07"} for row in [_first_year(endpoint)]]
    answer = read(endpoint, listed, day)
    rows = stored(warehouse, answer)
    assert rows == answer.rows
    assert [(row.user_source, type(row)) for row in rows] == [
        (99999999, endpoint.implied_key and endpoint.implied_key.row)
    ]
    assert served(endpoint, rows) == listed


def _first_year(endpoint: Endpoint[Any]) -> list[str]:
    return [column.name for column in endpoint.columns if column.name != "user_source"]


def test_a_database_of_the_revision_before_is_migrated_and_keeps_its_rows(tmp_path: Path) -> None:
    import sqlalchemy as sa
    from alembic import command
    from alembic.config import Config

    from wxcube.warehouse import schema
    from wxcube.warehouse.databases.sqlite import SqliteDatabase

    path = tmp_path / "old.db"
    engine = SqliteDatabase(path).engine
    config = Config()
    folder = Path(schema.__file__).with_name("migrations")
    config.set_main_option("script_location", str(folder))
    rows = {
        "article_total_detail": "INSERT INTO {} (appid, origin, ref_date, msgid, publish_type, title,"
        " place) VALUES ('wx', 'wechat', '2026-05-21', '1_1', 0, 't', 0)",
        "article_total_detail__detail_list__read_user_source": "INSERT INTO {} VALUES"
        " ('wx', 'wechat', '2026-05-21', '1_1', '2026-05-21', 5, '全部', 0)",
    }
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(sa.text("PRAGMA defer_foreign_keys=ON"))
        for table, statement in rows.items():
            connection.execute(sa.text(statement.format(table)))
        connection.execute(
            sa.text(
                "INSERT INTO article_total_detail__detail_list SELECT 'wx', 'wechat', '2026-05-21',"
                " '1_1', '2026-05-21', 1, 2, 3, 4, 5, 6, 7, 8, 0.5, 0.5, 0.5, 0"
            )
        )
    engine.dispose()
    with Warehouse.open(path) as warehouse:
        (row,) = warehouse.read("wx", TOTALS, MAY)
        assert [s.user_count for s in row.detail_list[0].read_user_source] == [5]
        stored_again = stored(warehouse, read(TOTALS, [MEMBERS_MISSING], MAY))
        assert stored_again[0].detail_list[0].zaikan_user is None
        assert warehouse.extent("wx", TOTALS) == MAY
    with sqlite3.connect(path) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert plain.execute("PRAGMA foreign_key_check").fetchall() == []
