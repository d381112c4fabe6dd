"""Views for people and BI tools: their figures equal those computed from the rows of `read`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from itertools import chain
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from support.database_servers import Server
from support.seam_of_endpoints import BOTH_DAY, COMPUTED_DAY, DAYS, fill
from support.stored_rows import APPID, store_entries, store_rows
from wxcube.contract import article, content, interface, message, user
from wxcube.contract.codes import TABLES
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Adding
from wxcube.contract.source import Origin
from wxcube.contract.withdrawn import without_withdrawn
from wxcube.warehouse.analysis_views import analysis_views
from wxcube.warehouse.column_types import Day
from wxcube.warehouse.databases.database import Database
from wxcube.warehouse.databases.opening import open_database
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.tables import METADATA
from wxcube.warehouse.view_unions import SEAM
from wxcube.warehouse.views import View, views

each_view = pytest.mark.parametrize("view", analysis_views(), ids=lambda view: view.name)


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mysql"])
def stored(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The database of an account around the seam."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = str(tmp_path_factory.mktemp("views") / "wxcube.db")
        else:
            server: Server = request.getfixturevalue(f"{request.param}_server")
            url = stack.enter_context(server.database())
        Warehouse.open(url).close()
        database = open_database(url)
        fill(database)
        database.close()
        yield url


@pytest.fixture
def warehouse(stored: str) -> Iterator[Warehouse]:
    with Warehouse.open(stored, read_only=True) as opened:
        yield opened


def select(warehouse: Warehouse, view: str) -> list[dict[str, Any]]:
    """The rows of a view; days and times as text, which they are on SQLite."""
    result = warehouse.query(f"SELECT * FROM {view}")
    rows = (dict(zip(result.columns, row, strict=True)) for row in result.rows)
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, date) else value


def rows_of(warehouse: Warehouse, endpoint: Endpoint[Any]) -> Iterator[tuple[Any, dict[str, str]]]:
    """Every row of an endpoint that the newest answer has, with its origin and state."""
    for day in warehouse.day_rows(APPID, endpoint, DAYS):
        assert day.entry is not None
        marks = {"origin": day.origin.value, "state": day.entry.state.value}
        for row in without_withdrawn(day.rows):
            yield row, marks


def shared(row: Any, marks: dict[str, str], hour: int = 0) -> dict[str, Any]:
    """The columns that every view with a day has."""
    return {
        "appid": APPID,
        "ref_date": row.ref_date.isoformat(),
        "beijing_time": f"{row.ref_date} {hour:02}:00:00",
        **marks,
    }


def era(endpoint: Endpoint[Any]) -> str:
    return "retired" if endpoint.is_retired else "active"


def in_its_era(endpoint: Endpoint[Any], row: Any) -> bool:
    """Whether the row is of a day on which its endpoint gives the figures."""
    return bool((row.ref_date < SEAM) == endpoint.is_retired)


def matches(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    """Whether rows are equal; columns that an expected row lacks are null."""
    assert found
    names = set(found[0])
    assert all(set(row) <= names for row in expected)
    complete = [dict.fromkeys(names) | row for row in expected]
    return sorted(map(sorted_items, found)) == sorted(map(sorted_items, complete))


def sorted_items(row: dict[str, Any]) -> str:
    return repr(sorted(row.items()))


# --- figures -------------------------------------------------------------------------------------


def test_followers_by_day_add_up_changes_of_all_channels(warehouse: Warehouse) -> None:
    days: dict[date, dict[str, Any]] = {}
    for row, marks in rows_of(warehouse, user.getusersummary):
        day = days.setdefault(row.ref_date, shared(row, marks) | {"new_user": 0, "cancel_user": 0})
        day["new_user"] += row.new_user
        day["cancel_user"] += row.cancel_user
        day["net_user"] = day["new_user"] - day["cancel_user"]
    for row, marks in rows_of(warehouse, user.getusercumulate):
        day = days.setdefault(row.ref_date, shared(row, marks))
        day["cumulate_user"] = row.cumulate_user
    assert matches(select(warehouse, "v_follower_day"), list(days.values()))


def test_articles_by_day_have_the_figures_of_their_era(warehouse: Warehouse) -> None:
    published: dict[str, dict[str, Any]] = {}
    with_totals: tuple[Endpoint[Any], ...] = (
        article.getarticletotal,
        content.getarticletotaldetail,
    )
    for endpoint in with_totals:
        for row, _ in rows_of(warehouse, endpoint):
            about = published.setdefault(row.msgid, {"publish_date": row.ref_date.isoformat()})
            about["title"] = max(about.get("title", ""), row.title)
    days: dict[tuple[date, str], dict[str, Any]] = {}
    by_day: tuple[Endpoint[Any], ...] = (content.getarticleread, content.getarticleshare)
    for endpoint in by_day:
        for row, marks in rows_of(warehouse, endpoint):
            key = (row.ref_date, row.msgid)
            about = {"msgid": row.msgid, "era": "active"} | published.get(row.msgid, {})
            day = days.setdefault(key, shared(row, marks) | about)
            for name in ("read_user", "share_user"):
                if hasattr(row.detail, name):
                    day[name] = getattr(row.detail, name)
    for row, marks in rows_of(warehouse, article.getarticlesummary):
        if not in_its_era(article.getarticlesummary, row):
            continue
        days[row.ref_date, row.msgid] = (
            shared(row, marks)
            | {"msgid": row.msgid, "era": "retired"}
            | published.get(row.msgid, {})
            | {
                "title": row.title,
                "read_user": row.int_page_read_user,
                "read_count": row.int_page_read_count,
                "share_user": row.share_user,
                "share_count": row.share_count,
                "redirect_ori_page_user": row.ori_page_read_user,
                "redirect_ori_page_count": row.ori_page_read_count,
                "collection_user": row.add_to_fav_user,
                "collection_count": row.add_to_fav_count,
            }
        )
    found = select(warehouse, "v_article_day")
    assert matches(found, list(days.values()))
    assert {row["era"] for row in found} == {"retired", "active"}


def test_the_curve_of_an_article_has_totals_by_days_since_publishing(warehouse: Warehouse) -> None:
    expected = []
    for row, marks in rows_of(warehouse, content.getarticletotaldetail):
        for stat in row.detail_list:
            figures = {name: getattr(stat, name) for name in stat.__struct_fields__}
            del figures["read_user_source"], figures["read_jump_position"]
            about = on_curve(row, stat, marks) | {"era": "active"}
            expected.append(about | figures | {"stat_date": about["stat_date"]})
    for row, marks in rows_of(warehouse, article.getarticletotal):
        if in_its_era(article.getarticletotal, row):
            for stat in row.details:
                figures = {
                    "target_user": stat.target_user,
                    "read_user": stat.int_page_read_user,
                    "read_count": stat.int_page_read_count,
                    "redirect_ori_page_user": stat.ori_page_read_user,
                    "redirect_ori_page_count": stat.ori_page_read_count,
                    "collection_user": stat.add_to_fav_user,
                    "collection_count": stat.add_to_fav_count,
                    "share_user": stat.share_user,
                    "share_count": stat.share_count,
                }
                expected.append(on_curve(row, stat, marks) | {"era": "retired"} | figures)
    assert matches(select(warehouse, "v_article_curve"), expected)


def on_curve(row: Any, stat: Any, marks: dict[str, str]) -> dict[str, Any]:
    return {
        "appid": APPID,
        "msgid": row.msgid,
        "title": row.title,
        "publish_date": row.ref_date.isoformat(),
        "days_since_publishing": (stat.stat_date - row.ref_date).days,
        "stat_date": stat.stat_date.isoformat(),
        "beijing_time": f"{stat.stat_date} 00:00:00",
        **marks,
    }


def test_messages_by_hour_have_the_beginning_of_the_hour(warehouse: Warehouse) -> None:
    expected = [
        shared(row, marks, row.ref_hour // 100)
        | {
            "ref_hour": row.ref_hour,
            "msg_type": row.msg_type,
            "msg_type_zh": TABLES["msg_type"][row.msg_type].zh,
            "msg_type_en": TABLES["msg_type"][row.msg_type].en,
            "msg_user": row.msg_user,
            "msg_count": row.msg_count,
        }
        for row, marks in rows_of(warehouse, message.getupstreammsghour)
    ]
    assert matches(select(warehouse, "v_message_hour"), expected)


def test_replies_by_day_have_their_mean(warehouse: Warehouse) -> None:
    expected = [
        shared(row, marks)
        | {name: getattr(row, name) for name in row.__struct_fields__ if name != "ref_date"}
        | {"mean_time_cost": row.total_time_cost / row.callback_count}
        for row, marks in rows_of(warehouse, interface.getinterfacesummary)
    ]
    assert matches(select(warehouse, "v_interface_day"), expected)


def test_channels_by_day_mark_the_row_of_all_channels(warehouse: Warehouse) -> None:
    expected = [
        *(
            channel(row, marks, user.getusersummary, "follow", row.user_source)
            | {"new_user": row.new_user, "cancel_user": row.cancel_user}
            for row, marks in rows_of(warehouse, user.getusersummary)
        ),
        *(
            channel(row, marks, content.getbizsummary, "read", source.scene_desc)
            | {"read_user": source.user_count}
            for row, marks in rows_of(warehouse, content.getbizsummary)
            for source in row.detail.read_user_source
        ),
        *(
            channel(row, marks, article.getuserread, "read", row.user_source)
            | {"read_user": row.int_page_read_user, "read_count": row.int_page_read_count}
            for row, marks in rows_of(warehouse, article.getuserread)
            if row.ref_date < SEAM
        ),
        *(
            channel(row, marks, article.getusershare, "share", row.share_scene)
            | {"share_user": row.share_user, "share_count": row.share_count}
            for row, marks in rows_of(warehouse, article.getusershare)
            if row.ref_date < SEAM
        ),
    ]
    assert matches(select(warehouse, "v_channel_day"), expected)


LABELS = {
    ("getusersummary", "follow"): ("user_source_follow", "关注", "follows"),
    ("getbizsummary", "read"): ("scene_desc", "阅读", "reading"),
    ("getuserread", "read"): ("user_source_read", "阅读", "reading"),
    ("getusershare", "share"): ("share_scene", "分享", "sharing"),
}


def channel(
    row: Any, marks: dict[str, str], endpoint: Endpoint[Any], activity: str, code: Any
) -> dict[str, Any]:
    table, zh, en = LABELS[endpoint.name, activity]
    return shared(row, marks) | {
        "activity": activity,
        "activity_zh": zh,
        "activity_en": en,
        "channel": str(code),
        "channel_zh": TABLES[table][code].zh,
        "channel_en": TABLES[table][code].en,
        "is_total": int(code in {99999999, "全部"}),
        "era": era(endpoint),
    }


# --- rules ---------------------------------------------------------------------------------------


def test_the_row_of_all_channels_is_not_the_sum_of_users(warehouse: Warehouse) -> None:
    by_day: dict[str, dict[int, int]] = {}
    for row in select(warehouse, "v_channel_day"):
        if row["activity"] == "read":
            day = by_day.setdefault(row["ref_date"], {0: 0, 1: 0})
            day[row["is_total"]] += row["read_user"]
    assert all(day[1] <= day[0] for day in by_day.values())
    assert any(day[1] < day[0] for day in by_day.values())


def test_channel_0_of_follows_is_not_a_total(warehouse: Warehouse) -> None:
    follows = [row for row in select(warehouse, "v_channel_day") if row["activity"] == "follow"]
    assert {row["is_total"] for row in follows} == {0}
    assert any(row["channel"] == "0" for row in follows)


def test_each_day_has_one_origin_and_one_era(warehouse: Warehouse) -> None:
    for view in ("v_follower_day", "v_article_day", "v_channel_day", "v_interface_day"):
        days: dict[str, set[tuple[str, str]]] = {}
        for row in select(warehouse, view):
            days.setdefault(row["ref_date"], set()).add((row["origin"], row.get("era", "")))
        of_seam = {"active"} if "era" in row else {""}
        assert {origin for origin, _ in days[COMPUTED_DAY.isoformat()]} == {"cube"}
        assert {origin for origin, _ in days[BOTH_DAY.isoformat()]} == {"wechat"}
        assert {e for _, e in days[SEAM.isoformat()]} == of_seam


def test_a_row_of_figures_that_differ_in_origin_or_state_says_so(database: Database) -> None:
    summary = user.getusersummary.row(ref_date=SEAM, user_source=0, new_user=3, cancel_user=1)
    total = user.getusercumulate.row(ref_date=SEAM, cumulate_user=10)
    store_rows(database, user.getusersummary, [summary])
    store_entries(database, user.getusersummary, [SEAM], state="final")
    store_rows(database, user.getusercumulate, [total], origin=Origin.CUBE)
    store_entries(database, user.getusercumulate, [SEAM], state="failed", origin=Origin.CUBE)
    with database.reading() as connection:
        columns = "origin, state, cumulate_user"
        (row,) = connection.exec_driver_sql(f"SELECT {columns} FROM v_follower_day")
    assert tuple(row) == ("mixed", "moving", 10)


def test_rows_of_a_withdrawn_article_are_withdrawn_in_every_view(warehouse: Warehouse) -> None:
    name = "v_article_total_detail"
    marks = "msgid, withdrawn_at"
    articles = dict(warehouse.query(f"SELECT {marks} FROM {name}").rows)
    assert any(articles.values())
    for part in ("__detail_list", "__detail_list__read_user_source"):
        rows = warehouse.query(f"SELECT {marks} FROM {name}{part}").rows
        assert all(withdrawn_at == articles[msgid] for msgid, withdrawn_at in rows)


# --- all views -----------------------------------------------------------------------------------


@each_view
def test_a_view_suits_other_databases(view: View) -> None:
    of_mysql = mysql.dialect()
    of_mysql._support_float_cast = True  # as for a connected server of version 8.0.17 or later
    for dialect in (postgresql.dialect(), of_mysql):  # type: ignore[no-untyped-call]
        statement = str(view.create.compile(dialect=dialect))
        assert statement.startswith(f"CREATE VIEW {view.name} AS SELECT ")
        assert "julianday" not in statement


@each_view
def test_a_view_has_a_date_a_time_and_its_origin_and_state(
    view: View, warehouse: Warehouse
) -> None:
    types = {column.name: type(column.expression.type) for column in view.columns}
    assert types["stat_date" if view.name == "v_article_curve" else "ref_date"] is Day
    assert types["beijing_time"] is sa.DateTime
    names = list(types)
    assert (names[0], names[-2:]) == ("appid", ["origin", "state"])
    assert warehouse.query(f"SELECT * FROM {view.name}").columns == tuple(names)


@each_view
def test_every_column_is_described(view: View, warehouse: Warehouse) -> None:
    described = warehouse.query(
        f"SELECT name, zh, en, unit, adding FROM columns WHERE view_name = '{view.name}'"
        " ORDER BY sort_order"
    ).rows
    assert [row[0] for row in described] == [column.name for column in view.columns]
    for name, zh, en, unit, adding in described:
        assert zh
        assert en
        if name.endswith("_user"):
            assert unit == "people"
        if name.endswith("_count"):
            assert adding in {Adding.SUM, Adding.LAST}


def test_names_are_those_of_no_table_or_other_view() -> None:
    names = [view.name for view in chain(views(), analysis_views())]
    assert len(names) == len(set(names))
    assert not set(names) & set(METADATA.tables)
