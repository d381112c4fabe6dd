"""Impossible figures are found and named with their account, day, cause and remedy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from support import evidence
from support.rows import sample_rows
from support.stored_rows import APPID, FETCHED, store_entries, store_rows
from wxcube.contract import ENDPOINTS, Endpoint, Window, named
from wxcube.contract.article import ArticleTotal, ArticleTotalStat, UserRead, UserReadHour
from wxcube.contract.content import BizSummary, BizSummaryDetail, ReadUserSource
from wxcube.contract.field import Row
from wxcube.contract.interface import InterfaceSummary, InterfaceSummaryHour
from wxcube.contract.message import UpstreamMsg, UpstreamMsgHour, UpstreamMsgWeek
from wxcube.contract.source import Origin
from wxcube.contract.user import UserCumulate, UserSummary
from wxcube.warehouse.checks import check
from wxcube.warehouse.databases.database import Database
from wxcube.warehouse.finding import Finding
from wxcube.warehouse.rules import Rule, limits
from wxcube.warehouse.tables import ROW_TABLES

DAY = date(2026, 3, 2)
NEXT = DAY + timedelta(days=1)


def stored(
    database: Database, rows: Iterable[Row], *, state: str = "final", origin: Origin = Origin.WECHAT
) -> None:
    """Store rows of one type, with the entries of their days."""
    rows = list(rows)
    endpoint = next(e for e in ENDPOINTS if e.row is type(rows[0]))
    store_rows(database, endpoint, rows, origin=origin)
    days = sorted({row.ref_date for row in rows})  # type: ignore[attr-defined]
    store_entries(database, endpoint, days, state=state, origin=origin)


def found(database: Database, name: str, window: Window | None = None) -> list[Finding]:
    with database.reading() as connection:
        return list(check(connection, APPID, named(name), window))


def found_rules(database: Database, name: str) -> list[tuple[Rule, str, bool]]:
    return [(one.rule, one.column, one.is_note) for one in found(database, name)]


def messages(msg_type: int, users: int, count: int, day: date = DAY) -> UpstreamMsg:
    return UpstreamMsg(ref_date=day, msg_type=msg_type, msg_user=users, msg_count=count)


def hourly(hour: int, users: int, count: int) -> UpstreamMsgHour:
    return UpstreamMsgHour(ref_date=DAY, ref_hour=hour, msg_type=1, msg_user=users, msg_count=count)


def followers(count: int, day: date = DAY) -> UserCumulate:
    return UserCumulate(ref_date=day, cumulate_user=count)


# --- inside a row --------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", Origin)
def test_negative_followers_are_named_with_account_day_cause_and_remedy(
    database: Database, origin: Origin
) -> None:
    stored(database, [followers(-2)], origin=origin)
    (finding,) = found(database, "getusercumulate")
    assert (finding.appid, finding.endpoint, finding.origin) == (APPID, "getusercumulate", origin)
    assert (finding.day, finding.rule, finding.is_note) == (DAY, Rule.NEGATIVE, False)
    assert finding.what == "cumulate_user is -2, below 0"
    assert finding.cause
    assert finding.remedy
    if origin is Origin.CUBE:
        assert "an unfollow was sent again" in finding.cause
        assert "wxcube explain open" in finding.remedy


def test_more_users_than_times(database: Database) -> None:
    stored(database, [messages(1, 3, 2), messages(2, 2, 2), messages(3, 1, 2)])
    (finding,) = found(database, "getupstreammsg")
    assert finding.what == "msg_user is 3, more than msg_count with 2"
    assert (finding.rule, finding.key) == (Rule.USERS_ABOVE_TIMES, {"msg_type": 1})


def test_a_missing_figure_breaks_no_rule(database: Database) -> None:
    stored(database, [messages(1, 3, 2)])
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE upstream_msg SET msg_count = NULL")
    assert found(database, "getupstreammsg") == []


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_every_figure_has_its_limits(database: Database, endpoint: Endpoint[Any]) -> None:
    row = sample_rows(endpoint, Window.day(endpoint.label(DAY)))[0]
    store_rows(database, endpoint, [row])
    for part in ROW_TABLES[endpoint.name].walk():
        names = [limit.column for limit in limits(part) if limit.rule is Rule.NEGATIVE]
        assert all(column.name in names for column in part.columns if _is_figure(column.column))
        for name in names:
            with database.transaction() as connection:
                connection.execute(part.table.update().values({name: -1}))
            broken = {
                (one.rule, one.column)
                for one in found(database, endpoint.name)
                if one.column == name
            }
            assert (Rule.NEGATIVE, name) in broken


def _is_figure(column: Any) -> bool:
    return bool(column.kind.unit) and column.kind.unit not in {"day", "hour"}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_the_documented_answers_break_no_rule(database: Database, endpoint: Endpoint[Any]) -> None:
    rows = msgspec.json.decode(evidence.documented(endpoint.name))["list"]
    store_rows(database, endpoint, [msgspec.convert(row, endpoint.row) for row in rows])
    serious = [one for one in found(database, endpoint.name) if not one.is_note]
    assert {one.rule for one in serious} <= {Rule.NO_ENTRY}


# --- rows against each other ---------------------------------------------------------------------


def reading(source: int, users: int, **more: int) -> UserRead:
    figures = {"int_page_read_count": 99, "share_user": 0, "share_count": 0}
    return UserRead(ref_date=DAY, user_source=source, int_page_read_user=users, **figures, **more)


def test_more_readers_from_one_channel_than_from_all(database: Database) -> None:
    stored(database, [reading(99999999, 10), reading(0, 11), reading(1, 10), reading(2, 1)])
    (finding,) = found(database, "getuserread")
    assert (finding.rule, finding.column) == (Rule.PART_ABOVE_WHOLE, "int_page_read_user")
    assert finding.what == "int_page_read_user is 11; user_source 99999999, which covers it, has 10"
    assert finding.key == {"user_source": 0}


def test_channels_without_a_row_of_all_are_not_compared(database: Database) -> None:
    stored(database, [reading(0, 11), reading(1, 10)])
    assert found(database, "getuserread") == []


def test_more_readers_from_one_scene_than_from_all(database: Database) -> None:
    scenes = [("全部", 5), ("聊天会话", 6)]
    sources = [ReadUserSource(user_count=count, scene_desc=name) for name, count in scenes]
    names = [name for name in BizSummaryDetail.__struct_fields__ if name != "read_user_source"]
    detail = BizSummaryDetail(**dict.fromkeys(names, 5), read_user_source=sources)
    stored(database, [BizSummary(ref_date=DAY, detail=detail)])
    (finding,) = found(database, "getbizsummary")
    assert (finding.rule, finding.key) == (Rule.PART_ABOVE_WHOLE, {"scene_desc": "聊天会话"})


def totals(*readers: int, favourites: tuple[int, ...] = ()) -> ArticleTotal:
    names = [n for n in ArticleTotalStat.__struct_fields__ if n != "stat_date"]
    stats = []
    for number, count in enumerate(readers):
        figures = dict.fromkeys(names, 50) | {"int_page_read_user": count}
        if favourites:
            figures["add_to_fav_user"] = favourites[number]
        stats.append(ArticleTotalStat(stat_date=DAY + timedelta(days=number), **figures))
    return ArticleTotal(ref_date=DAY, msgid="100_1", title="t", details=stats)


def test_a_running_total_that_falls(database: Database) -> None:
    stored(database, [totals(10, 12, 11, 12)])
    (finding,) = found(database, "getarticletotal")
    assert (finding.rule, finding.column, finding.is_note) == (
        Rule.FALLING,
        "int_page_read_user",
        False,
    )
    assert finding.what == "int_page_read_user falls from 12 to 11 at stat_date 2026-03-04"


def test_what_users_can_undo_may_fall(database: Database) -> None:
    stored(database, [totals(10, 10, favourites=(5, 4))])
    assert found_rules(database, "getarticletotal") == [(Rule.FALLING, "add_to_fav_user", True)]


def test_hours_that_do_not_add_up_to_their_day(database: Database) -> None:
    stored(database, [messages(1, 3, 10)])
    stored(database, [hourly(0, 1, 4), hourly(900, 3, 5)])
    (finding,) = found(database, "getupstreammsghour")
    assert finding.what == "msg_count of the hours adds up to 9; getupstreammsg has 10"
    assert (finding.rule, finding.key) == (Rule.HOURS_DIFFER, {"msg_type": 1})


def test_more_users_in_an_hour_than_on_the_day(database: Database) -> None:
    stored(database, [messages(1, 3, 10)])
    stored(database, [hourly(0, 1, 5), hourly(900, 4, 5)])
    assert found_rules(database, "getupstreammsghour") == [
        (Rule.PART_ABOVE_WHOLE, "msg_user", False)
    ]


def test_users_of_hours_need_not_add_up(database: Database) -> None:
    stored(database, [messages(1, 3, 10)])
    stored(database, [hourly(0, 3, 5), hourly(900, 3, 5)])
    assert found(database, "getupstreammsghour") == []


def test_hours_of_days_that_may_still_change_are_not_compared(database: Database) -> None:
    stored(database, [messages(1, 3, 10)], state="moving")
    stored(database, [hourly(0, 1, 4)])
    assert found(database, "getupstreammsghour") == []


def test_a_day_without_hours_although_it_has_messages(database: Database) -> None:
    stored(database, [messages(1, 3, 10)])
    store_entries(database, named("getupstreammsghour"), [DAY], state="empty")
    assert found_rules(database, "getupstreammsghour") == [(Rule.HOURS_DIFFER, "msg_count", False)]


def test_the_peak_of_the_hours_is_not_above_that_of_the_day(database: Database) -> None:
    names = ("callback_count", "fail_count", "total_time_cost")
    same = dict.fromkeys(names, 6)
    stored(database, [InterfaceSummary(ref_date=DAY, max_time_cost=5, **same)])
    one = InterfaceSummaryHour(ref_date=DAY, ref_hour=0, max_time_cost=7, **same)
    stored(database, [one])
    assert found_rules(database, "getinterfacesummaryhour") == [
        (Rule.PART_ABOVE_WHOLE, "max_time_cost", False)
    ]


def test_favourites_of_hours_are_not_compared(database: Database) -> None:
    # hours lack them since 2020-02-28
    stored(database, [reading(99999999, 10, add_to_fav_user=5, add_to_fav_count=5)])
    names = ("int_page_read_user", "share_user", "share_count")
    figures = dict(zip(names, (10, 0, 0), strict=True))
    hour = UserReadHour(
        ref_date=DAY, ref_hour=900, user_source=99999999, int_page_read_count=99, **figures
    )
    stored(database, [hour])
    assert found(database, "getuserreadhour") == []


def test_followers_that_differ_from_their_changes_are_a_note(database: Database) -> None:
    last = date(2026, 4, 20)
    days = list(Window(DAY, last))
    stored(database, [followers(100 + number, day) for number, day in enumerate(days)])
    changes = [
        UserSummary(ref_date=day, user_source=0, new_user=2, cancel_user=1 + (day == last))
        for day in days
        if day != days[5]
    ]
    stored(database, changes)
    store_entries(database, named("getusersummary"), [days[5]], state="empty")
    balances = [(one.day, one.is_note) for one in found(database, "getusersummary")]
    assert balances == [(days[5], True), (last, True)]
    (first, _) = found(database, "getusersummary")
    assert first.what == (
        "cumulate_user of getusercumulate changes from 104 to 105; new_user less cancel_user is 0"
    )


# --- rows against the ledger ---------------------------------------------------------------------


def test_a_final_day_without_rows(database: Database) -> None:
    store_entries(database, named("getupstreammsg"), [DAY])
    store_entries(database, named("getupstreammsg"), [NEXT], state="empty")
    (finding,) = found(database, "getupstreammsg")
    assert (finding.rule, finding.day) == (Rule.NO_ROWS, DAY)


def test_rows_without_an_entry(database: Database) -> None:
    store_rows(database, named("getupstreammsg"), [messages(1, 1, 1), messages(2, 1, 1)])
    (finding,) = found(database, "getupstreammsg")
    assert (finding.rule, finding.what) == (Rule.NO_ENTRY, "2 rows of a day that has no state")


def test_withdrawn_rows_are_a_note_and_break_no_other_rule(database: Database) -> None:
    stored(database, [messages(1, 3, 2), messages(2, 1, 1)])
    with database.transaction() as connection:
        table = ROW_TABLES["getupstreammsg"].table
        marked = table.update().where(table.c.msg_type == 1).values(withdrawn_at=FETCHED)
        connection.execute(marked)
    (finding,) = found(database, "getupstreammsg")
    assert (finding.rule, finding.is_note) == (Rule.WITHDRAWN, True)
    assert finding.what == (
        "1 row of upstream_msg is withdrawn: the answer of 2026-03-20 lacked it"
    )


# --- selection -----------------------------------------------------------------------------------


def test_only_the_days_of_the_window_are_checked(database: Database) -> None:
    stored(database, [messages(1, 3, 2), messages(1, 4, 2, NEXT)])
    assert [one.day for one in found(database, "getupstreammsg", Window.day(NEXT))] == [NEXT]


def test_origins_are_checked_separately(database: Database) -> None:
    stored(database, [messages(1, 3, 10)], origin=Origin.CUBE)
    stored(database, [hourly(0, 1, 4)])
    store_entries(database, named("getupstreammsg"), [DAY], state="empty")
    assert {one.origin for one in found(database, "getupstreammsghour")} == {Origin.WECHAT}
    with database.reading() as connection:
        cube = check(connection, APPID, named("getupstreammsghour"), origins=[Origin.CUBE])
        assert list(cube) == []


# --- computed rows against WeChat's ---------------------------------------------------------------


def replies(count: int, fails: int, total: int, largest: int = 900) -> InterfaceSummary:
    return InterfaceSummary(
        ref_date=DAY,
        callback_count=count,
        fail_count=fails,
        total_time_cost=total,
        max_time_cost=largest,
    )


def both(database: Database, wechat: Iterable[Row], computed: Iterable[Row]) -> list[Finding]:
    wechat = list(wechat)
    stored(database, wechat)
    stored(database, computed, origin=Origin.CUBE)
    name = next(e.name for e in ENDPOINTS if e.row is type(wechat[0]))
    return [one for one in found(database, name) if one.rule is Rule.ORIGINS_DIFFER]


def test_messages_that_were_not_recorded_are_explained_with_their_number(
    database: Database,
) -> None:
    users, counts = both(
        database,
        [messages(1, 40, 90), messages(2, 7, 9)],
        [messages(1, 38, 80), messages(2, 7, 9)],
    )
    assert (counts.column, counts.day, counts.is_note) == ("msg_count", DAY, True)
    assert counts.what == (
        "msg_count is 99 at WeChat and 89 from your events: -10 (msg_type 1: 90 and 80)"
    )
    assert counts.cause.startswith("10 of 99 were not recorded")
    assert (
        users.what == "msg_user is 40 at WeChat and 38 from your events: -2 (msg_type 1: 40 and 38)"
    )
    assert "wxcube check --only message" in counts.remedy


def test_the_days_of_a_week_are_to_be_compared_not_its_monday_alone(database: Database) -> None:
    def week(count: int) -> UpstreamMsgWeek:
        return UpstreamMsgWeek(ref_date=DAY, msg_type=1, msg_user=2, msg_count=count)

    (finding,) = both(database, [week(9)], [week(8)])
    assert "--only message --from 2026-03-02 --to 2026-03-08" in finding.remedy


def test_messages_that_wechat_does_not_count_are_explained(database: Database) -> None:
    found = both(database, [messages(1, 4, 9)], [messages(1, 4, 9), messages(4, 1, 2)])
    assert [one.column for one in found] == ["msg_user", "msg_count"]
    assert found[1].cause.startswith("2 more were recorded than WeChat counts")


def test_the_way_to_the_tap_is_explained_in_milliseconds(database: Database) -> None:
    times, largest = both(database, [replies(200, 1, 9_000, 910)], [replies(200, 1, 8_700)])
    assert times.column == "total_time_cost"
    assert times.what == "total_time_cost is 9000 at WeChat and 8700 from your events: -300"
    assert "both count 200 calls" in times.cause
    assert "1.5 ms for each call" in times.cause
    assert largest.column == "max_time_cost"


def test_failures_that_only_wechat_sees(database: Database) -> None:
    (finding,) = both(database, [replies(9, 2, 90)], [replies(9, 1, 90)])
    assert finding.what == "fail_count is 2 at WeChat and 1 from your events: -1"
    assert "too late" in finding.cause


def test_equal_rows_and_other_groups_are_not_compared(database: Database) -> None:
    assert not both(database, [messages(1, 4, 9)], [messages(1, 4, 9)])
    assert not both(database, [followers(9)], [followers(8)])


def test_days_that_may_still_change_are_not_compared(database: Database) -> None:
    stored(database, [messages(1, 4, 9)], state="moving")
    stored(database, [messages(1, 4, 8)], origin=Origin.CUBE)
    assert found(database, "getupstreammsg") == []
