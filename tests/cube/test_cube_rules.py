"""The figures of the cube, on small examples that can be counted by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from support.story import ARTICLE, Story
from wxcube.contract.article import (
    getarticlesummary,
    getarticletotal,
    getuserread,
    getuserreadhour,
    getusershare,
    getusersharehour,
)
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
from wxcube.events.kinds import (
    Favourite,
    Follow,
    Message,
    Open,
    Publish,
    Read,
    ReadOriginal,
    Reply,
    Share,
    Unfollow,
)

# ---------------------------------------------------------------- followers


def test_channel_0_has_a_row_every_day_and_others_only_with_changes(story: Story) -> None:
    story.add("2026-03-02 10:00", Open, followers=100)
    story.add("2026-03-04 10:00", Follow, "a b", source=30)
    story.add("2026-03-04 11:00", Unfollow, "a", source=30)
    assert story.table(
        getusersummary, "2026-03-05", "ref_date user_source new_user cancel_user"
    ) == [
        ("2026-03-02", 0, 0, 0),
        ("2026-03-03", 0, 0, 0),
        ("2026-03-04", 0, 0, 0),
        ("2026-03-04", 30, 2, 1),
        ("2026-03-05", 0, 0, 0),
    ]


def test_follows_and_unfollows_are_counted_per_event_not_per_user(story: Story) -> None:
    for minute in (1, 3, 5):
        story.add(f"2026-03-02 10:0{minute}", Follow, "a", source=0)
        story.add(f"2026-03-02 10:0{minute + 1}", Unfollow, "a", source=1)
    assert story.table(getusersummary, "2026-03-02", "user_source new_user cancel_user") == [
        (0, 3, 0),
        (1, 0, 3),
    ]


def test_followers_at_the_end_of_a_day_are_the_opening_number_and_all_changes_since(
    story: Story,
) -> None:
    story.add("2026-03-02 10:00", Open, followers=100)
    story.add("2026-03-02 23:59", Follow, "a b c")
    story.add("2026-03-04 00:00", Unfollow, "z")
    assert story.table(getusercumulate, "2026-03-05", "ref_date cumulate_user user_source") == [
        ("2026-03-02", 103, None),
        ("2026-03-03", 103, None),
        ("2026-03-04", 102, None),
        ("2026-03-05", 102, None),
    ]


def test_an_account_begins_with_its_first_event_of_any_kind(story: Story) -> None:
    story.add("2026-03-03 00:00", Reply, ms=1)
    assert story.table(getusercumulate, "2026-03-04", "ref_date cumulate_user") == [
        ("2026-03-03", 0),
        ("2026-03-04", 0),
    ]


# ----------------------------------------------------------------- messages


def test_a_day_is_a_beijing_day(story: Story) -> None:
    story.add("2026-03-02 00:00:00", Message, "a", msg_type=1)
    story.add("2026-03-02 23:59:59", Message, "a", msg_type=1)
    story.add("2026-03-03 00:00:00", Message, "a", msg_type=1)
    assert story.table(getupstreammsg, "2026-03-03", "ref_date msg_count") == [
        ("2026-03-02", 2),
        ("2026-03-03", 1),
    ]


def test_users_are_counted_once_per_type_and_messages_always(story: Story) -> None:
    story.add("2026-03-02 10:00", Message, "a a b", msg_type=1)
    story.add("2026-03-02 11:00", Message, "a", msg_type=6)
    assert story.table(getupstreammsg, "2026-03-02", "msg_type msg_user msg_count") == [
        (1, 2, 3),
        (6, 1, 1),
    ]


def test_hours_are_multiples_of_100_and_each_counts_its_users(story: Story) -> None:
    story.add("2026-03-02 00:59:59", Message, "a", msg_type=2)
    story.add("2026-03-02 01:00:00", Message, "a a", msg_type=2)
    story.add("2026-03-02 23:00:00", Message, "a b", msg_type=2)
    assert story.table(getupstreammsghour, "2026-03-02", "ref_hour msg_user msg_count") == [
        (0, 1, 1),
        (100, 1, 2),
        (2300, 2, 2),
    ]


def test_a_week_counts_each_user_once_and_has_the_date_of_its_monday(story: Story) -> None:
    story.add("2026-03-01 23:59", Message, "a", msg_type=1)
    story.add("2026-03-02 00:00", Message, "a", msg_type=1)
    story.add("2026-03-08 23:59", Message, "a b", msg_type=1)
    assert story.table(getupstreammsgweek, "2026-03-08", "ref_date msg_user msg_count") == [
        ("2026-02-23", 1, 1),
        ("2026-03-02", 2, 3),
    ]


def test_a_week_appears_on_its_sunday(story: Story) -> None:
    story.add("2026-03-02 10:00", Message, "a", msg_type=1)
    for endpoint in (getupstreammsgweek, getupstreammsgdistweek):
        assert story.table(endpoint, "2026-03-07", "ref_date") == []
        assert story.table(endpoint, "2026-03-08", "ref_date") == [("2026-03-02",)]


@pytest.mark.parametrize("last", ["2026-02-28", "2024-02-29", "2025-12-31"])
def test_a_month_appears_on_its_last_day_with_the_date_of_its_1st(story: Story, last: str) -> None:
    first = last[:8] + "01"
    story.add(f"{first} 00:00", Message, "a", msg_type=1)
    story.add(f"{last} 23:59", Message, "a b", msg_type=1)
    before = str(date.fromisoformat(last) - timedelta(days=1))
    columns = "ref_date msg_user msg_count"
    assert story.rows(getupstreammsgmonth, before) == []
    assert story.table(getupstreammsgmonth, last, columns) == [(first, 2, 3)]
    assert story.rows(getupstreammsgdistmonth, before) == []
    assert story.table(getupstreammsgdistmonth, last, "ref_date msg_user") == [(first, 2)]


def test_the_first_week_and_month_with_figures_begin_on_the_first_day(story: Story) -> None:
    story.add("2014-12-01 00:00", Message, "a", msg_type=1)
    assert story.table(getupstreammsgweek, "2014-12-31", "ref_date") == [("2014-12-01",)]
    assert story.table(getupstreammsgmonth, "2014-12-31", "ref_date") == [("2014-12-01",)]


def test_intervals_count_all_messages_of_a_user_of_any_type(story: Story) -> None:
    for user, number in {"a": 5, "b": 6, "c": 10, "d": 11, "e": 1}.items():
        for n in range(number):
            story.add(f"2026-03-02 {n:02}:00", Message, user, msg_type=1 + n % 2)
    assert story.table(getupstreammsgdist, "2026-03-02", "count_interval msg_user") == [
        (1, 2),
        (2, 2),
        (3, 1),
    ]


def test_the_intervals_of_a_week_add_up_the_days_of_a_user(story: Story) -> None:
    for day in ("02", "04", "06"):
        story.add(f"2026-03-{day} 10:00", Message, "a a a a", msg_type=1)
    assert story.table(getupstreammsgdist, "2026-03-08", "ref_date count_interval msg_user") == [
        ("2026-03-02", 1, 1),
        ("2026-03-04", 1, 1),
        ("2026-03-06", 1, 1),
    ]
    assert story.table(getupstreammsgdistweek, "2026-03-08", "count_interval msg_user") == [(3, 1)]


# ------------------------------------------------------------------ replies


def test_replies_have_a_count_a_sum_and_a_maximum(story: Story) -> None:
    story.add("2026-03-02 10:00", Reply, ms=100)
    story.add("2026-03-02 10:30", Reply, ms=5_042, ok=False)
    story.add("2026-03-02 11:00", Reply, ms=7)
    columns = "callback_count fail_count total_time_cost max_time_cost"
    assert story.table(getinterfacesummary, "2026-03-02", columns) == [(3, 1, 5_149, 5_042)]
    assert story.table(getinterfacesummaryhour, "2026-03-02", f"ref_hour {columns}") == [
        (1000, 2, 1, 5_142, 5_042),
        (1100, 1, 0, 7, 7),
    ]


# ----------------------------------------------------- article, day by day


@pytest.mark.parametrize(
    ("actions", "appears"),
    [
        ([(Read, "a b")], False),
        ([(Read, "a a a a")], False),
        ([(Read, "a b c")], True),
        ([(Share, "a")], False),
        ([(Share, "a a")], True),
        ([(Share, "a"), (Read, "b")], True),
        ([(Favourite, "a a a")], True),
        ([(Favourite, "a a"), (ReadOriginal, "a a")], True),
        ([(ReadOriginal, "a a a")], False),
    ],
)
def test_a_daily_row_of_an_article_needs_five_figures_with_a_sum_of_three(
    story: Story, actions: list[tuple[Any, str]], appears: bool
) -> None:
    story.add("2026-03-02 08:00", Publish, title="题")
    for kind, users in actions:
        story.add("2026-03-03 09:00", kind, users)
    assert bool(story.rows(getarticlesummary, "2026-03-03")) is appears


def test_a_daily_row_of_an_article_counts_users_once_and_events_always(story: Story) -> None:
    story.add("2026-03-02 08:00", Publish, title="题")
    story.add("2026-03-03 09:00", Read, "a a b", source=4)
    story.add("2026-03-03 10:00", ReadOriginal, "a a")
    story.add("2026-03-03 11:00", Share, "b b b")
    story.add("2026-03-03 12:00", Favourite, "c")
    [row] = story.rows(getarticlesummary, "2026-03-03")
    assert (str(row.ref_date), row.msgid, row.title) == ("2026-03-03", ARTICLE, "题")
    assert (row.int_page_read_user, row.int_page_read_count) == (2, 3)
    assert (row.ori_page_read_user, row.ori_page_read_count) == (1, 2)
    assert (row.share_user, row.share_count) == (1, 3)
    assert (row.add_to_fav_user, row.add_to_fav_count) == (1, 1)


def test_only_mass_sent_articles_with_a_publish_event_have_daily_rows_and_totals(
    story: Story,
) -> None:
    story.add("2026-03-02 08:00", Publish, msgid="5_1", publish_type=1)
    for msgid in ("5_1", "6_1"):
        story.add("2026-03-02 09:00", Read, "a b c d", msgid=msgid)
    assert story.rows(getarticlesummary, "2026-03-02") == []
    assert story.rows(getarticletotal, "2026-03-02") == []


# ------------------------------------------------------ article, in total


def test_totals_count_a_user_once_over_all_days(story: Story) -> None:
    story.add("2026-03-02 08:00", Publish, title="题", target_user=9)
    story.add("2026-03-02 09:00", Read, "a")
    story.add("2026-03-04 09:00", Read, "a b")
    story.add("2026-03-04 10:00", Share, "b b")
    [row] = story.rows(getarticletotal, "2026-03-05")
    assert (str(row.ref_date), row.msgid, row.title, row.url) == ("2026-03-02", ARTICLE, "题", None)
    assert [
        (str(d.stat_date), d.target_user, d.int_page_read_user, d.int_page_read_count, d.share_user)
        for d in row.details
    ] == [
        ("2026-03-02", 9, 1, 1, 0),
        ("2026-03-03", 9, 1, 1, 0),
        ("2026-03-04", 9, 2, 3, 1),
        ("2026-03-05", 9, 2, 3, 1),
    ]


def test_totals_end_after_seven_days_and_begin_with_the_send_day(story: Story) -> None:
    story.add("2026-03-02 23:00", Publish)
    story.add("2026-03-01 09:00", Read, "early")
    story.add("2026-03-02 09:00", Read, "morning")
    story.add("2026-03-08 23:59", Read, "seventh")
    story.add("2026-03-09 00:00", Read, "eighth")
    [row] = story.rows(getarticletotal, "2026-03-20")
    assert len(row.details) == 7
    assert [d.int_page_read_user for d in row.details] == [1, 1, 1, 1, 1, 1, 2]


def test_the_first_publish_event_of_an_article_counts(story: Story) -> None:
    story.add("2026-03-04 08:00", Publish, title="again")
    story.add("2026-03-02 08:00", Publish, title="first")
    [row] = story.rows(getarticletotal, "2026-03-05")
    assert (str(row.ref_date), row.title, len(row.details)) == ("2026-03-02", "first", 4)


def test_the_five_channels_of_totals_add_up_for_reads_but_not_for_users(story: Story) -> None:
    story.add("2026-03-02 08:00", Publish)
    for channel in range(8):
        story.add("2026-03-02 09:00", Read, "a", source=channel)
    [row] = story.rows(getarticletotal, "2026-03-02")
    [stat] = row.details
    places = ("session", "hist_msg", "feed", "friends", "other")
    users = [getattr(stat, f"int_page_from_{p}_read_user") for p in places]
    reads = [getattr(stat, f"int_page_from_{p}_read_count") for p in places]
    assert (stat.int_page_read_user, stat.int_page_read_count) == (1, 8)
    assert users == [1, 1, 1, 1, 1]
    assert reads == [1, 1, 1, 1, 4]
    assert stat.int_page_from_kanyikan_read_user is None
    assert stat.int_page_from_souyisou_read_count is None


def test_shares_to_moments_are_counted_by_the_channel_of_the_sharer(story: Story) -> None:
    story.add("2026-03-02 08:00", Publish)
    story.add("2026-03-02 09:00", Share, "a a", scene=2, source=0)
    story.add("2026-03-02 09:00", Share, "b", scene=2, source=2)
    story.add("2026-03-02 09:00", Share, "a", scene=2, source=6)
    story.add("2026-03-03 09:00", Share, "a", scene=2, source=1)
    story.add("2026-03-02 09:00", Share, "a", scene=1, source=0)
    stat = story.rows(getarticletotal, "2026-03-03")[0].details[-1]
    assert (stat.feed_share_from_session_user, stat.feed_share_from_session_cnt) == (1, 2)
    assert (stat.feed_share_from_feed_user, stat.feed_share_from_feed_cnt) == (1, 1)
    assert (stat.feed_share_from_other_user, stat.feed_share_from_other_cnt) == (1, 2)
    assert (stat.share_user, stat.share_count) == (2, 6)


# --------------------------------------------- reading and sharing by channel

READ_COLUMNS = (
    "user_source int_page_read_user int_page_read_count ori_page_read_user ori_page_read_count"
    " share_user share_count add_to_fav_user add_to_fav_count"
)


def with_reads_and_shares(story: Story, day: str) -> Story:
    """Two articles; a reads from two channels, b shares what came from channels 2 and 4."""
    story.add(f"{day} 09:00", Read, "a a", source=0)
    story.add(f"{day} 09:10", Read, "a b", source=2, msgid="7_1")
    story.add(f"{day} 09:20", ReadOriginal, "a a")
    story.add(f"{day} 09:30", Share, "b", source=2, scene=1)
    story.add(f"{day} 09:40", Share, "b", source=4, scene=2)
    return story.add(f"{day} 09:50", Favourite, "c")


def test_from_2020_02_28_a_row_counts_all_channels(story: Story) -> None:
    with_reads_and_shares(story, "2020-02-28")
    assert story.table(getuserread, "2020-02-28", READ_COLUMNS) == [
        (0, 1, 2, 0, 0, 0, 0, 0, 0),
        (2, 2, 2, 0, 0, 1, 1, 0, 0),
        (4, 0, 0, 0, 0, 1, 1, 0, 0),
        (99999999, 2, 4, 1, 2, 1, 2, 1, 1),
    ]


def test_until_2020_02_27_figures_other_than_reads_are_in_channel_0(story: Story) -> None:
    with_reads_and_shares(story, "2020-02-27")
    expected = [(0, 1, 2, 1, 2, 1, 2, 1, 1), (2, 2, 2, 0, 0, 0, 0, 0, 0)]
    assert story.table(getuserread, "2020-02-27", READ_COLUMNS) == expected
    assert story.table(getuserreadhour, "2020-02-27", READ_COLUMNS) == expected


def test_from_2020_02_28_hours_have_no_original_or_favourite_figures(story: Story) -> None:
    with_reads_and_shares(story, "2020-02-28")
    story.add("2020-02-28 10:00", Favourite, "c")
    assert story.table(getuserreadhour, "2020-02-28", f"ref_hour {READ_COLUMNS}") == [
        (900, 0, 1, 2, 0, 0, 0, 0, 0, 0),
        (900, 2, 2, 2, 0, 0, 1, 1, 0, 0),
        (900, 4, 0, 0, 0, 0, 1, 1, 0, 0),
        (900, 99999999, 2, 4, 0, 0, 1, 2, 0, 0),
    ]


@pytest.mark.parametrize(("day", "source"), [("2020-02-27", 0), ("2020-02-28", 99999999)])
def test_a_day_with_a_favourite_only_has_one_row(story: Story, day: str, source: int) -> None:
    story.add(f"{day} 10:00", Favourite, "c")
    assert story.table(getuserread, day, "user_source add_to_fav_user") == [(source, 1)]


def test_shares_are_counted_by_scene_even_an_unknown_one(story: Story) -> None:
    story.add("2026-03-02 09:00", Share, "a a b", scene=1)
    story.add("2026-03-02 10:00", Share, "a", scene=1)
    story.add("2026-03-02 10:00", Share, "a", scene=4_711)
    assert story.table(getusershare, "2026-03-02", "share_scene share_user share_count") == [
        (1, 2, 4),
        (4_711, 1, 1),
    ]
    assert story.table(
        getusersharehour, "2026-03-02", "ref_hour share_scene share_user share_count"
    ) == [(900, 1, 2, 3), (1000, 1, 1, 1), (1000, 4_711, 1, 1)]
