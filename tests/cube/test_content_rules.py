"""The figures of the published-content endpoints, on examples that can be counted by hand."""

from __future__ import annotations

from typing import Any

import pytest

from support.story import ARTICLE, Story
from wxcube.contract.content import (
    getarticleread,
    getarticleshare,
    getarticletotaldetail,
    getbizsummary,
)
from wxcube.events.kinds import (
    Comment,
    Favourite,
    Follow,
    Like,
    Praise,
    Publish,
    Read,
    ReadOriginal,
    Share,
    Unfollow,
    Zaikan,
)


def scenes(detail: Any) -> list[tuple[str, int]]:
    return [(s.scene_desc, s.user_count) for s in detail.read_user_source]


def test_readers_are_counted_by_scene_and_the_total_comes_first(story: Story) -> None:
    for channel, users in enumerate(["a b", "a", "c", "d", "a", "d e", "f", "a"]):
        story.add("2026-03-02 09:00", Read, users, source=channel)
    [row] = story.rows(getarticleread, "2026-03-02")
    assert (row.msgid, row.detail.read_user) == (ARTICLE, 6)
    assert scenes(row.detail) == [
        ("全部", 6),
        ("公众号消息", 2),
        ("聊天会话", 1),
        ("朋友圈", 1),
        ("公众号主页", 1),
        ("推荐", 1),
        ("搜一搜", 1),
        ("其他", 2),
    ]


def test_every_article_with_readers_or_sharers_has_a_row_that_day(story: Story) -> None:
    story.add("2026-03-02 08:00", Publish, msgid="7_1", publish_type=1)
    story.add("2026-03-02 09:00", Read, "a", msgid="7_1")
    story.add("2026-03-02 09:00", Read, "a", msgid="8_2")
    story.add("2026-03-02 09:00", Share, "a a b", msgid="8_2")
    assert story.table(getarticleread, "2026-03-02", "msgid detail.read_user") == [
        ("7_1", 1),
        ("8_2", 1),
    ]
    assert story.table(getarticleshare, "2026-03-02", "msgid detail.share_user") == [("8_2", 2)]


def test_rows_are_ordered_by_msgid_as_text(story: Story) -> None:
    for msgid in ("9_1", "10_1", "10_12", "10_2"):
        story.add("2026-03-02 09:00", Read, "a", msgid=msgid)
    assert story.table(getarticleread, "2026-03-02", "msgid") == [
        ("10_1",),
        ("10_12",),
        ("10_2",),
        ("9_1",),
    ]


def test_content_figures_begin_on_2025_11_01(story: Story) -> None:
    story.add("2025-10-31 08:00", Publish)
    for day in ("2025-10-31", "2025-11-01"):
        story.add(f"{day} 09:00", Read, "a")
        story.add(f"{day} 09:00", Share, "a")
    first = [("2025-11-01",)]
    for endpoint in (getarticleread, getarticleshare, getbizsummary):
        assert story.table(endpoint, "2025-11-01", "ref_date") == first
    assert story.rows(getarticletotaldetail, "2025-11-01") == []


def test_the_summary_counts_each_user_once_over_all_articles(story: Story) -> None:
    story.add("2026-03-02 08:00", Publish, msgid="7_1")
    story.add("2026-03-02 08:00", Publish, msgid="7_2", publish_type=1)
    story.add("2026-03-02 09:00", Read, "a b", msgid="7_1", source=3)
    story.add("2026-03-02 09:00", Read, "a c", msgid="7_2", source=5)
    story.add("2026-03-02 09:00", Share, "a a b", msgid="7_1")
    story.add("2026-03-02 09:00", Like, "a b c", msgid="7_1")
    story.add("2026-03-02 09:00", Zaikan, "a a", msgid="7_2")
    story.add("2026-03-02 09:00", Comment, "a a b", msgid="7_2")
    story.add("2026-03-02 09:00", Favourite, "c c", msgid="7_2")
    story.add("2026-03-02 09:00", ReadOriginal, "b", msgid="7_2")
    [row] = story.rows(getbizsummary, "2026-03-02")
    detail = row.detail
    assert scenes(detail) == [("全部", 3), ("其他", 3)]
    assert (detail.share_user, detail.like_user, detail.zaikan_user) == (2, 3, 1)
    assert (detail.comment_count, detail.collection_user) == (3, 1)
    assert (detail.redirect_ori_page_user, detail.send_page_count) == (1, 2)


def test_a_day_without_readers_but_with_a_comment_has_a_summary_of_zero_readers(
    story: Story,
) -> None:
    story.add("2026-03-02 09:00", Comment, "a")
    [row] = story.rows(getbizsummary, "2026-03-02")
    assert row.detail.read_user == 0
    assert scenes(row.detail) == [("全部", 0)]
    assert row.detail.comment_count == 1


def test_a_day_with_only_uncounted_events_has_no_summary(story: Story) -> None:
    story.add("2026-03-02 09:00", Praise, "a", fen=100)
    assert story.rows(getbizsummary, "2026-03-02") == []


def published(story: Story, **members: Any) -> Story:
    return story.add("2026-03-02 08:00", Publish, title="题", **members)


def test_details_run_for_thirty_days_or_until_the_last_day(story: Story) -> None:
    published(story)
    story.add("2026-03-31 23:59", Read, "thirtieth")
    story.add("2026-04-01 00:00", Read, "late")
    [row] = story.rows(getarticletotaldetail, "2026-05-01")
    assert [str(row.detail_list[0].stat_date), str(row.detail_list[-1].stat_date)] == [
        "2026-03-02",
        "2026-03-31",
    ]
    assert len(row.detail_list) == 30
    assert [d.read_user for d in row.detail_list] == [0] * 29 + [1]
    assert len(story.rows(getarticletotaldetail, "2026-03-05")[0].detail_list) == 4


@pytest.mark.parametrize("publish_type", [0, 1])
def test_mass_sent_and_published_articles_have_details(story: Story, publish_type: int) -> None:
    published(story, publish_type=publish_type, content_url="http://mp.weixin.qq.com/s?idx=1")
    [row] = story.rows(getarticletotaldetail, "2026-03-02")
    assert (row.msgid, row.publish_type, row.title) == (ARTICLE, publish_type, "题")
    assert row.content_url == "http://mp.weixin.qq.com/s?idx=1"


def test_details_count_users_and_events_so_far(story: Story) -> None:
    published(story)
    story.add("2026-03-02 09:00", Read, "a", source=1)
    story.add("2026-03-02 09:00", Like, "a")
    story.add("2026-03-03 09:00", Read, "a b", source=2)
    for kind in (Share, Zaikan, Like, Comment, Favourite):
        story.add("2026-03-03 10:00", kind, "a a b")
    story.add("2026-03-03 11:00", Praise, "a b", fen=150)
    story.add("2026-03-03 11:00", Praise, "a", fen=1)
    first, second = story.rows(getarticletotaldetail, "2026-03-03")[0].detail_list
    assert scenes(first) == [("全部", 1), ("聊天会话", 1)]
    assert scenes(second) == [("全部", 2), ("聊天会话", 1), ("朋友圈", 2)]
    assert (first.like_user, first.praise_money, first.comment_count) == (1, 0, 0)
    assert (second.share_user, second.zaikan_user, second.like_user) == (2, 2, 2)
    assert (second.comment_count, second.collection_user, second.praise_money) == (3, 2, 301)


def test_a_scene_of_two_channels_counts_a_user_of_both_once(story: Story) -> None:
    published(story)
    story.add("2026-03-02 09:00", Read, "a", source=3)
    story.add("2026-03-03 09:00", Read, "a", source=5)
    second = story.rows(getarticletotaldetail, "2026-03-03")[0].detail_list[1]
    assert scenes(second) == [("全部", 1), ("其他", 1)]


def test_followers_from_an_article_are_distinct_users_whatever_they_unfollow_later(
    story: Story,
) -> None:
    published(story)
    story.add("2026-03-01 09:00", Follow, "early", msgid=ARTICLE)
    story.add("2026-03-02 09:00", Follow, "a b", msgid=ARTICLE)
    story.add("2026-03-02 09:30", Follow, "c")
    story.add("2026-03-02 10:00", Unfollow, "a")
    story.add("2026-03-03 09:00", Follow, "a", msgid=ARTICLE)
    stats = story.rows(getarticletotaldetail, "2026-03-03")[0].detail_list
    assert [d.read_subscribe_user for d in stats] == [2, 2]


def test_the_delivery_rate_counts_readers_from_the_account_message(story: Story) -> None:
    published(story, target_user=3)
    story.add("2026-03-02 09:00", Read, "a a", source=0)
    story.add("2026-03-02 09:00", Read, "b", source=1)
    story.add("2026-03-03 09:00", Read, "a b", source=0)
    stats = story.rows(getarticletotaldetail, "2026-03-03")[0].detail_list
    assert [d.read_delivery_rate for d in stats] == [0.3333333, 0.6666667]


def test_rates_with_a_denominator_of_zero_are_zero(story: Story) -> None:
    published(story, target_user=0)
    story.add("2026-03-02 09:00", Comment, "a")
    [stat] = story.rows(getarticletotaldetail, "2026-03-02")[0].detail_list
    assert (stat.read_delivery_rate, stat.read_finish_rate, stat.read_avg_activetime) == (0, 0, 0)
    assert stat.read_jump_position == []


def test_the_finish_rate_is_of_users_and_the_time_in_minutes_per_read(story: Story) -> None:
    published(story)
    story.add("2026-03-02 09:00", Read, "a", seconds=30, finished=True)
    story.add("2026-03-02 09:00", Read, "a", seconds=10, finished=True)
    story.add("2026-03-02 09:00", Read, "b c", seconds=0)
    [stat] = story.rows(getarticletotaldetail, "2026-03-02")[0].detail_list
    assert stat.read_finish_rate == 0.3333333
    assert stat.read_avg_activetime == 0.1666667


def test_jump_positions_are_fractions_of_the_reads_with_a_position(story: Story) -> None:
    published(story)
    for position, users in {0: "a b", 1: "a", 5: "a b"}.items():
        story.add("2026-03-02 09:00", Read, users, position=position)
    story.add("2026-03-03 09:00", Read, "c", position=3)
    first, second = story.rows(getarticletotaldetail, "2026-03-03")[0].detail_list
    assert [(j.position, j.rate) for j in first.read_jump_position] == [
        (1, 0.3333333),
        (5, 0.6666667),
    ]
    assert [(j.position, j.rate) for j in second.read_jump_position] == [
        (1, 0.25),
        (3, 0.25),
        (5, 0.5),
    ]
