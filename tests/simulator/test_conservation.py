"""Rows of simulated accounts are consistent, for every account and day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from support.simulated import FIRST_DAY, LAST_DAY, accounts, batch
from wxcube.contract.article import (
    getarticlesummary,
    getarticletotal,
    getuserread,
    getuserreadhour,
    getusershare,
    getusersharehour,
)
from wxcube.contract.codes import ALL_CHANNELS, ALL_SCENES
from wxcube.contract.content import (
    getarticleread,
    getarticleshare,
    getarticletotaldetail,
    getbizsummary,
)
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Running, Times, Users, columns
from wxcube.contract.interface import getinterfacesummary, getinterfacesummaryhour
from wxcube.contract.message import (
    getupstreammsg,
    getupstreammsgdist,
    getupstreammsgdistmonth,
    getupstreammsgdistweek,
    getupstreammsghour,
    getupstreammsgmonth,
    getupstreammsgweek,
)
from wxcube.contract.user import getusercumulate, getusersummary
from wxcube.contract.window import Window
from wxcube.cube.compute import CUBE_ENDPOINTS, CubeRows, compute

COUNT = 4
DAYS = list(Window(FIRST_DAY, LAST_DAY))
Row = Any
each_account = pytest.mark.parametrize("place", range(COUNT))
CHANNELS = ("session", "hist_msg", "feed", "friends", "other")


@cache
def cube() -> CubeRows:
    return compute(batch(COUNT), LAST_DAY)


def rows(place: int, endpoint: Endpoint[Any]) -> list[Row]:
    return cube().rows(accounts(COUNT)[place].appid, endpoint)


def by(counts: Iterable[Row], *names: str) -> dict[Any, list[Row]]:
    groups = defaultdict(list)
    for row in counts:
        groups[tuple(getattr(row, name) for name in names)].append(row)
    return groups


def total(counts: Iterable[Row], name: str) -> int:
    return sum(getattr(row, name) or 0 for row in counts)


def assert_hours_add_up(
    hours: list[Row], days: list[Row], key: tuple[str, ...], names: Iterable[str]
) -> None:
    grouped, daily = by(hours, *key), by(days, *key)
    assert grouped.keys() == daily.keys()
    for label, (day,) in daily.items():
        for name in names:
            assert total(grouped[label], name) == getattr(day, name), (label, name)


def assert_people_of_a_day(
    hours: list[Row], days: list[Row], key: tuple[str, ...], name: str
) -> None:
    """Users of a day are at most the sum of its hours, and at least the maximum of its hours."""
    grouped = by(hours, *key)
    for label, (day,) in by(days, *key).items():
        people = [getattr(row, name) for row in grouped[label]]
        assert max(people) <= getattr(day, name) <= sum(people), (label, name)


@each_account
def test_every_endpoint_has_rows(place: int) -> None:
    assert all(rows(place, endpoint) for endpoint in CUBE_ENDPOINTS)


@each_account
def test_followers_are_those_of_the_day_before_and_new_less_cancelled(place: int) -> None:
    changes = by(rows(place, getusersummary), "ref_date")
    snapshots = {row.ref_date: row.cumulate_user for row in rows(place, getusercumulate)}
    assert list(snapshots) == DAYS
    before = accounts(COUNT)[place].character.followers
    for day in DAYS:
        before += total(changes[day,], "new_user") - total(changes[day,], "cancel_user")
        assert snapshots[day] == before


@each_account
def test_source_0_has_a_row_every_day(place: int) -> None:
    daily = by(rows(place, getusersummary), "user_source")
    assert [row.ref_date for row in daily[0,]] == DAYS


@each_account
def test_hours_of_messages_add_up_to_days(place: int) -> None:
    hours, days = rows(place, getupstreammsghour), rows(place, getupstreammsg)
    assert_hours_add_up(hours, days, ("ref_date", "msg_type"), ["msg_count"])
    assert_people_of_a_day(hours, days, ("ref_date", "msg_type"), "msg_user")


@each_account
def test_hours_of_replies_add_up_to_days(place: int) -> None:
    hours, days = rows(place, getinterfacesummaryhour), rows(place, getinterfacesummary)
    sums = ["callback_count", "fail_count", "total_time_cost"]
    assert_hours_add_up(hours, days, ("ref_date",), sums)
    slowest = {
        day: max(r.max_time_cost for r in counts) for day, counts in by(hours, "ref_date").items()
    }
    assert all(slowest[day.ref_date,] == day.max_time_cost for day in days)


@each_account
def test_columns_of_replies_are_consistent(place: int) -> None:
    for row in rows(place, getinterfacesummary) + rows(place, getinterfacesummaryhour):
        assert 0 <= row.fail_count <= row.callback_count
        assert row.max_time_cost <= row.total_time_cost <= row.max_time_cost * row.callback_count
        assert (row.fail_count > 0) == (row.max_time_cost > 5_000)


@each_account
def test_hours_of_reading_add_up_to_days(place: int) -> None:
    hours, days = rows(place, getuserreadhour), rows(place, getuserread)
    key = ("ref_date", "user_source")
    assert_hours_add_up(hours, days, key, ["int_page_read_count", "share_count"])
    assert_people_of_a_day(hours, days, key, "int_page_read_user")


@each_account
def test_hours_of_sharing_add_up_to_days(place: int) -> None:
    hours, days = rows(place, getusersharehour), rows(place, getusershare)
    assert_hours_add_up(hours, days, ("ref_date", "share_scene"), ["share_count"])
    assert_people_of_a_day(hours, days, ("ref_date", "share_scene"), "share_user")


def pairs(endpoint: Endpoint[Any]) -> Iterator[tuple[Callable[[Row], list[Row]], str, str]]:
    """Pairs of columns for users and counts, each with a function that returns the rows."""
    parts: list[tuple[Any, Callable[[Row], list[Row]]]] = [(endpoint.row, lambda row: [row])]
    if endpoint.running:
        name = endpoint.running.name
        parts.append((endpoint.running.row, lambda row: getattr(row, name)))
    for struct, reach in parts:
        names = {c.name for c in columns(struct) if isinstance(c.kind, Users | Times | Running)}
        for user in sorted(n for n in names if n.endswith("_user")):
            for times in {f"{user[:-5]}_count", f"{user[:-5]}_cnt"} & names:
                yield reach, user, times


PAIRED = [endpoint for endpoint in CUBE_ENDPOINTS if list(pairs(endpoint))]


def test_most_endpoints_have_users_and_counts() -> None:
    assert {len(list(pairs(e))) for e in (getarticletotal, getuserread, getupstreammsg)} == {
        14,
        4,
        1,
    }
    assert len(PAIRED) == 10


@pytest.mark.parametrize("endpoint", PAIRED, ids=str)
def test_users_never_exceed_counts(endpoint: Endpoint[Any]) -> None:
    for reach, user, times in pairs(endpoint):
        for place in range(COUNT):
            for row in rows(place, endpoint):
                for part in reach(row):
                    people, count = getattr(part, user) or 0, getattr(part, times) or 0
                    assert people <= count, (row, user)
                    assert (people > 0) == (count > 0), (row, user)


@each_account
@pytest.mark.parametrize("endpoint", [getuserread, getuserreadhour], ids=str)
def test_all_channels_are_at_most_the_sum_of_the_channels(
    endpoint: Endpoint[Any], place: int
) -> None:
    key = [name for name in endpoint.key if name != "user_source"]
    exceeds = 0
    for label, counts in by(rows(place, endpoint), *key).items():
        (whole,) = (row for row in counts if row.user_source == ALL_CHANNELS)
        channels = [row for row in counts if row.user_source != ALL_CHANNELS]
        for name in ("int_page_read_count", "share_count"):
            assert getattr(whole, name) == total(channels, name), (label, name)
        people = [row.int_page_read_user for row in channels]
        assert max(people) <= whole.int_page_read_user <= sum(people), label
        exceeds += sum(people) > whole.int_page_read_user
    assert exceeds > 0


@each_account
def test_only_the_row_of_all_channels_has_original_page_and_favourites(place: int) -> None:
    daily = rows(place, getuserread)
    names = ("ori_page_read_user", "ori_page_read_count", "add_to_fav_user", "add_to_fav_count")
    for row in [r for r in daily if r.user_source != ALL_CHANNELS] + rows(place, getuserreadhour):
        assert not any(getattr(row, name) for name in names)
    assert all(total((r for r in daily if r.user_source == ALL_CHANNELS), name) for name in names)


@each_account
@pytest.mark.parametrize("endpoint", [getarticletotal, getarticletotaldetail], ids=str)
def test_running_totals_never_fall(endpoint: Endpoint[Any], place: int) -> None:
    assert endpoint.running
    names = [c.name for c in columns(endpoint.running.row) if isinstance(c.kind, Running)]
    for row in rows(place, endpoint):
        for one, other in pairwise(getattr(row, endpoint.running.name)):
            assert other.stat_date == one.stat_date + timedelta(days=1)
            for name in names:
                assert (getattr(one, name) or 0) <= (getattr(other, name) or 0), (row.msgid, name)


@each_account
def test_running_totals_have_every_day(place: int) -> None:
    for endpoint, most in ((getarticletotal, 7), (getarticletotaldetail, 30)):
        for row in rows(place, endpoint):
            assert endpoint.running
            stats = getattr(row, endpoint.running.name)
            assert len(stats) == min(most, (LAST_DAY - row.ref_date).days + 1)
            assert stats[0].stat_date == row.ref_date


@each_account
def test_the_five_channels_of_the_totals_add_up(place: int) -> None:
    for row in rows(place, getarticletotal):
        for stat in row.details:
            counts = [getattr(stat, f"int_page_from_{c}_read_count") for c in CHANNELS]
            people = [getattr(stat, f"int_page_from_{c}_read_user") for c in CHANNELS]
            assert sum(counts) == stat.int_page_read_count
            assert max(people) <= stat.int_page_read_user <= sum(people)


@each_account
def test_daily_figures_of_an_article_add_up_to_its_totals(place: int) -> None:
    days = by(rows(place, getarticlesummary), "msgid")
    whole = 0
    for row in rows(place, getarticletotal):
        for stat in row.details:
            upto = [r for r in days[row.msgid,] if r.ref_date <= stat.stat_date]
            # A day without a row lies below the threshold: at most two readers, shares, favourites.
            left_out = (stat.stat_date - row.ref_date).days + 1 - len(upto)
            for name in ("share_count", "add_to_fav_count"):
                assert 0 <= getattr(stat, name) - total(upto, name) <= 2 * left_out, (row, name)
            unseen = stat.int_page_read_count - total(upto, "int_page_read_count")
            assert unseen == 0 or (left_out > 0 and unseen > 0), row
            assert stat.int_page_read_user <= total(upto, "int_page_read_user") + 2 * left_out
            whole += left_out == 0
    assert whole > 400


def scenes(part: Row) -> dict[str, int]:
    return {entry.scene_desc: entry.user_count for entry in part.read_user_source}


def contents(place: int) -> Iterator[Row]:
    yield from (row.detail for row in rows(place, getarticleread) + rows(place, getbizsummary))
    yield from (stat for row in rows(place, getarticletotaldetail) for stat in row.detail_list)


@each_account
def test_readers_of_all_scenes_are_at_most_the_sum_of_the_scenes(place: int) -> None:
    for part in contents(place):
        counts = scenes(part)
        assert counts.pop(ALL_SCENES, 0) == part.read_user
        people = list(counts.values()) or [0]
        assert max(people) <= part.read_user <= sum(people)


@each_account
def test_readers_of_an_article_on_its_first_day_are_the_first_running_total(place: int) -> None:
    daily = {(r.ref_date, r.msgid): r.detail.read_user for r in rows(place, getarticleread)}
    for row in rows(place, getarticletotaldetail):
        assert row.detail_list[0].read_user == daily.get((row.ref_date, row.msgid), 0)


@each_account
def test_the_account_has_at_most_the_readers_and_sharers_of_its_articles(place: int) -> None:
    readers, sharers = (by(rows(place, e), "ref_date") for e in (getarticleread, getarticleshare))
    for row in rows(place, getbizsummary):
        read = [article.detail.read_user for article in readers[row.ref_date,]] or [0]
        shared = [article.detail.share_user for article in sharers[row.ref_date,]] or [0]
        assert max(read) <= row.detail.read_user <= sum(read)
        assert max(shared) <= row.detail.share_user <= sum(shared)


@each_account
def test_old_and_new_endpoints_agree_about_a_day(place: int) -> None:
    old = {r.ref_date: r for r in rows(place, getuserread) if r.user_source == ALL_CHANNELS}
    for row in rows(place, getbizsummary):
        if row.ref_date in old:
            assert row.detail.read_user == old[row.ref_date].int_page_read_user
            assert row.detail.redirect_ori_page_user == old[row.ref_date].ori_page_read_user
            assert row.detail.collection_user == old[row.ref_date].add_to_fav_user


@each_account
def test_rates_are_from_0_to_1(place: int) -> None:
    for row in rows(place, getarticletotaldetail):
        for stat in row.detail_list:
            assert 0 <= stat.read_finish_rate <= 1
            assert stat.read_delivery_rate >= 0
            left = [entry.rate for entry in stat.read_jump_position]
            assert all(0 <= rate <= 1 for rate in left)
            assert not left or sum(left) == pytest.approx(1, abs=1e-5)
            assert 0 <= stat.read_avg_activetime <= 30


@each_account
@pytest.mark.parametrize("endpoint", [getupstreammsgweek, getupstreammsgmonth], ids=str)
def test_periods_of_messages_follow_from_days(endpoint: Endpoint[Any], place: int) -> None:
    daily = defaultdict(list)
    for row in rows(place, getupstreammsg):
        daily[endpoint.label(row.ref_date), row.msg_type].append(row)
    for row in rows(place, endpoint):
        days = daily[row.ref_date, row.msg_type]
        assert row.msg_count == total(days, "msg_count")
        assert max(d.msg_user for d in days) <= row.msg_user <= total(days, "msg_user")


@each_account
@pytest.mark.parametrize("endpoint", [getupstreammsgdistweek, getupstreammsgdistmonth], ids=str)
def test_senders_of_a_period_are_at_most_those_of_its_days(
    endpoint: Endpoint[Any], place: int
) -> None:
    daily: dict[date, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows(place, getupstreammsgdist):
        daily[endpoint.label(row.ref_date)][row.ref_date] += row.msg_user
    for (period,), counts in by(rows(place, endpoint), "ref_date").items():
        days = daily[period].values()
        assert max(days) <= total(counts, "msg_user") <= sum(days)


@each_account
def test_all_classes_of_senders_occur(place: int) -> None:
    assert {row.count_interval for row in rows(place, getupstreammsgdist)} == {1, 2, 3}


@each_account
def test_senders_by_number_are_at_most_senders_by_type(place: int) -> None:
    by_type = by(rows(place, getupstreammsg), "ref_date")
    for (day,), counts in by(rows(place, getupstreammsgdist), "ref_date").items():
        people = [row.msg_user for row in by_type[day,]]
        assert max(people) <= total(counts, "msg_user") <= sum(people)


def test_people_differ_from_times_in_every_action_on_articles() -> None:
    wholes = [row for row in rows(0, getuserread) if row.user_source == ALL_CHANNELS]
    for name in ("int_page_read", "ori_page_read", "share", "add_to_fav"):
        people = [getattr(row, f"{name}_user") for row in wholes]
        times = [getattr(row, f"{name}_count") for row in wholes]
        differing = sum(one < other for one, other in zip(people, times, strict=True))
        assert differing > len(wholes) // 2, name
