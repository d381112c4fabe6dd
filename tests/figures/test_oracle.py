"""Figures equal those that plain Python computes from the rows of the database."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from statistics import median
from typing import Any

import pytest

from wxcube.contract import named
from wxcube.contract.codes import ALL_CHANNELS, ALL_SCENES
from wxcube.contract.endpoint import EARLIEST_CONTENT
from wxcube.contract.window import Window
from wxcube.figures.catalogue import FIGURES
from wxcube.figures.figure import Figure
from wxcube.figures.filter import Filter, Rolling, Versus
from wxcube.figures.reader import Reader

LAST = date(2026, 3, 9)
WINDOW = Window(LAST - timedelta(days=29), LAST)


def rows(reader: Reader, appid: str, endpoint: str, window: Window = WINDOW) -> list[Any]:
    return reader.warehouse.read(appid, named(endpoint), window)


def figure(reader: Reader, key: str, appid: str, **more: Any) -> Figure:
    return FIGURES[key](reader, Filter(accounts=(appid,), **more))


def by_day(found: list[Any], name: str) -> dict[date, int]:
    sums: Counter[date] = Counter()
    for row in found:
        sums[row.ref_date] += getattr(row, name)
    return dict(sums)


def test_gains_and_losses(reader: Reader, appid: str) -> None:
    found = rows(reader, appid, "getusersummary")
    new, lost = by_day(found, "new_user"), by_day(found, "cancel_user")
    answer = figure(reader, "followers/daily", appid)
    assert answer.rows == tuple(
        (appid, day, new[day], lost[day], new[day] - lost[day]) for day in WINDOW
    )
    total_new, total_lost, net = (total.value for total in answer.totals)
    assert (total_new, total_lost) == (sum(new.values()), sum(lost.values()))
    assert net == sum(new.values()) - sum(lost.values())


def test_gains_of_one_source(reader: Reader, appid: str) -> None:
    found = [row for row in rows(reader, appid, "getusersummary") if row.user_source == 30]
    new = by_day(found, "new_user")
    answer = figure(reader, "followers/daily", appid, source=30)
    assert answer.values("new_user") == [new.get(day, 0) for day in WINDOW]


def test_the_comparison_is_of_the_days_before(reader: Reader, appid: str) -> None:
    before = Window(WINDOW.first - timedelta(days=30), WINDOW.first - timedelta(days=1))
    new = sum(row.new_user for row in rows(reader, appid, "getusersummary"))
    new_before = sum(row.new_user for row in rows(reader, appid, "getusersummary", before))
    answer = figure(reader, "followers/daily", appid, versus=Versus.PREVIOUS)
    (change,) = answer.totals[0].changes
    assert change.before == new_before
    assert change.share == pytest.approx((new - new_before) / new_before)
    assert answer.versus is not None
    assert sum(answer.versus.values("new_user")) == new_before


def test_followers(reader: Reader, appid: str) -> None:
    found = rows(reader, appid, "getusercumulate")
    answer = figure(reader, "followers/total", appid)
    assert answer.values("cumulate_user") == [row.cumulate_user for row in found]
    assert answer.totals[0].value == found[-1].cumulate_user


def test_weeks_of_a_long_range_add_up_their_days(reader: Reader, appid: str) -> None:
    window = Window(LAST - timedelta(days=149), LAST)
    new = by_day(rows(reader, appid, "getusersummary", window), "new_user")
    answer = figure(reader, "followers/daily", appid, range=window)
    assert answer.rows[0][1] == date(2025, 10, 13), "the week in which the range begins is left out"
    for _appid, monday, value, *_rest in answer.rows:
        week = [monday + timedelta(days=n) for n in range(7)]
        assert value == sum(new[day] for day in week if day in new)
    assert answer.totals[0].value == sum(new.values()), "the total is of the range itself"


def test_sources(reader: Reader, appid: str) -> None:
    new, lost = Counter[int](), Counter[int]()
    for row in rows(reader, appid, "getusersummary"):
        new[row.user_source] += row.new_user
        lost[row.user_source] += row.cancel_user
    answer = figure(reader, "followers/sources", appid)
    assert {row[1]: row[2:] for row in answer.rows} == {one: (new[one], lost[one]) for one in new}
    assert answer.values("new_user") == sorted(answer.values("new_user"), reverse=True)


def test_unfollows_per_new_follower(reader: Reader, appid: str) -> None:
    found = rows(reader, appid, "getusersummary")
    share = sum(row.cancel_user for row in found) / sum(row.new_user for row in found)
    assert figure(reader, "followers/kept", appid).rows[0][-1] == pytest.approx(share)


def test_messages_and_people(reader: Reader, appid: str) -> None:
    counts = by_day(rows(reader, appid, "getupstreammsg"), "msg_count")
    people = by_day(rows(reader, appid, "getupstreammsgdist"), "msg_user")
    answer = figure(reader, "messages/volume", appid)
    assert answer.rows == tuple((appid, day, counts[day], people[day]) for day in WINDOW)
    assert answer.totals[1].value == median(people.values()), "people of days are not added up"


def test_types(reader: Reader, appid: str) -> None:
    counts, people = Counter[int](), defaultdict[int, list[int]](list)
    for row in rows(reader, appid, "getupstreammsg"):
        counts[row.msg_type] += row.msg_count
        people[row.msg_type].append(row.msg_user)
    answer = figure(reader, "messages/types", appid)
    assert {row[1]: row[2:] for row in answer.rows} == {
        one: (counts[one], median(people[one])) for one in counts
    }


def test_distribution(reader: Reader, appid: str) -> None:
    people: dict[int, dict[date, int]] = defaultdict(dict)
    for row in rows(reader, appid, "getupstreammsgdist"):
        people[row.count_interval][row.ref_date] = row.msg_user
    answer = figure(reader, "messages/distribution", appid)
    assert {row[1]: row[2] for row in answer.rows} == {
        one: median(of.get(day, 0) for day in WINDOW) for one, of in people.items()
    }


def test_messages_by_hour(reader: Reader, appid: str) -> None:
    sums = Counter[int]()
    for row in rows(reader, appid, "getupstreammsghour"):
        sums[row.ref_hour // 100] += row.msg_count
    answer = figure(reader, "messages/hours", appid)
    assert answer.values("mean") == pytest.approx([sums[hour] / 30 for hour in range(24)])


@pytest.mark.parametrize(
    ("key", "counts", "people"),
    [
        ("messages/weeks", "getupstreammsgweek", "getupstreammsgdistweek"),
        ("messages/months", "getupstreammsgmonth", "getupstreammsgdistmonth"),
    ],
)
def test_weeks_and_months(reader: Reader, appid: str, key: str, counts: str, people: str) -> None:
    window = Window(date(2025, 12, 1), LAST)
    count = by_day(rows(reader, appid, counts, window), "msg_count")
    senders = by_day(rows(reader, appid, people, window), "msg_user")
    answer = figure(reader, key, appid, range=window)
    assert answer.rows == tuple((appid, day, count[day], senders[day]) for day in sorted(count))
    assert count


def test_replies_of_the_server(reader: Reader, appid: str) -> None:
    found = rows(reader, appid, "getinterfacesummary")
    answer = figure(reader, "interface/callbacks", appid)
    assert answer.rows == tuple(
        (
            appid,
            row.ref_date,
            row.callback_count,
            row.fail_count,
            pytest.approx(row.fail_count / row.callback_count),
        )
        for row in found
    )
    rate = sum(row.fail_count for row in found) / sum(row.callback_count for row in found)
    assert answer.totals[2].value == pytest.approx(rate)
    times = figure(reader, "interface/latency", appid)
    assert times.values("mean_ms") == pytest.approx(
        [row.total_time_cost / row.callback_count for row in found]
    )
    assert times.totals[1].value == max(row.max_time_cost for row in found)


def test_replies_by_hour(reader: Reader, appid: str) -> None:
    calls, spent, largest = Counter[int](), Counter[int](), Counter[int]()
    for row in rows(reader, appid, "getinterfacesummaryhour"):
        hour = row.ref_hour // 100
        calls[hour] += row.callback_count
        spent[hour] += row.total_time_cost
        largest[hour] = max(largest[hour], row.max_time_cost)
    answer = figure(reader, "interface/hours", appid)
    known = [hour for hour in range(24) if calls[hour]]
    assert [answer.rows[hour][4] for hour in known] == pytest.approx(
        [spent[hour] / calls[hour] for hour in known]
    )
    assert [answer.rows[hour][5] for hour in known] == [largest[hour] for hour in known]


def test_reading_rhythm(reader: Reader, appid: str) -> None:
    reads: dict[tuple[int, int], dict[date, int]] = defaultdict(dict)
    for row in rows(reader, appid, "getuserreadhour"):
        if row.user_source == ALL_CHANNELS:
            cell = (row.ref_date.weekday(), row.ref_hour // 100)
            reads[cell][row.ref_date] = row.int_page_read_count
    answer = figure(reader, "rhythm/week", appid)
    for _appid, weekday, hour, value, n in answer.rows:
        days = [day for day in WINDOW if day.weekday() == weekday]
        assert n == len(days)
        assert value == median(reads[weekday, hour].get(day, 0) for day in days)
    best = figure(reader, "rhythm/best_hours", appid)
    assert best.rows[0][3] == max(row[3] for row in answer.rows if row[4] >= 4)


def test_readers_of_both_eras(reader: Reader, appid: str) -> None:
    window = Window(EARLIEST_CONTENT - timedelta(days=5), EARLIEST_CONTENT + timedelta(days=5))
    old = {
        row.ref_date: (row.int_page_read_user, row.share_user)
        for row in rows(reader, appid, "getuserread", window)
        if row.user_source == ALL_CHANNELS and row.ref_date < EARLIEST_CONTENT
    }
    new = {
        row.ref_date: (row.detail.read_user, row.detail.share_user)
        for row in rows(reader, appid, "getbizsummary", window)
    }
    answer = figure(reader, "content/readers", appid, range=window)
    assert {row[1]: row[2:] for row in answer.rows} == {**old, **new}
    assert [seam.day for seam in answer.seams] == [EARLIEST_CONTENT]


def test_articles(reader: Reader, appid: str) -> None:
    newest = {
        row.msgid: row.detail_list[-1]
        for row in rows(reader, appid, "getarticletotaldetail")
        if row.detail_list
    }
    answer = figure(reader, "content/articles", appid, sort="-read_user")
    places = [answer.place(name) for name in ("read_user", "share_user", "read_finish_rate")]
    assert {row[2]: tuple(row[at] for at in places) for row in answer.rows} == {
        msgid: (stat.read_user, stat.share_user, stat.read_finish_rate)
        for msgid, stat in newest.items()
    }
    readers = answer.values("read_user")
    assert readers == sorted(readers, reverse=True)


def test_the_median_is_of_final_articles_of_the_same_era(reader: Reader, appid: str) -> None:
    since = Window(EARLIEST_CONTENT, LAST)
    final = [
        row.detail_list[-1].read_user
        for row in rows(reader, appid, "getarticletotaldetail", since)
        if row.detail_list and row.detail_list[-1].stat_date == row.ref_date + timedelta(days=29)
    ]
    answer = figure(reader, "content/articles", appid, range=since)
    for row in answer.rows:
        against = row[answer.place("against_median")]
        assert against == pytest.approx(row[answer.place("read_user")] / median(final))


def test_articles_are_searched_by_title(reader: Reader, appid: str) -> None:
    title = figure(reader, "content/articles", appid).rows[0][3]
    answer = figure(reader, "content/articles", appid, search=title[:4])
    assert answer.rows
    assert all(title[:4] in row[3] for row in answer.rows)


def test_the_life_of_an_article(reader: Reader, appid: str) -> None:
    articles = figure(reader, "content/articles", appid, sort="-read_user")
    msgid = articles.rows[0][2]
    published = articles.rows[0][1]
    answer = figure(reader, "content/curve", appid, article=msgid)
    around = Window(published - timedelta(days=90), min(published + timedelta(days=90), LAST))
    ages: dict[int, list[int]] = defaultdict(list)
    own: dict[int, int] = {}
    for row in rows(reader, appid, "getarticletotaldetail", around):
        for stat in row.detail_list:
            age = (stat.stat_date - row.ref_date).days + 1
            if row.msgid == msgid:
                own[age] = stat.read_user
            else:
                ages[age].append(stat.read_user)
    assert own
    for age, value, middle, n in answer.rows:
        assert value == own.get(age)
        assert n == len(ages[age])
        assert middle == (median(ages[age]) if n >= 5 else None)


def test_channels_and_exits_of_an_article(reader: Reader, appid: str) -> None:
    article = figure(reader, "content/articles", appid, sort="-read_user").rows[0]
    stat = next(
        row.detail_list[-1]
        for row in rows(reader, appid, "getarticletotaldetail", Window.day(article[1]))
        if row.msgid == article[2]
    )
    channels = figure(reader, "content/channels", appid, article=article[2])
    assert {row[1]: row[2] for row in channels.rows} == {
        one.scene_desc: one.user_count
        for one in stat.read_user_source
        if one.scene_desc != ALL_SCENES
    }
    exits = figure(reader, "content/exits", appid, article=article[2])
    assert [row[1:] for row in exits.rows] == [
        (one.position, one.rate) for one in stat.read_jump_position
    ]


def test_yesterday(reader: Reader, appid: str) -> None:
    answer = figure(reader, "overview/yesterday", appid)
    totals = {total.key: total for total in answer.totals}
    new = by_day(rows(reader, appid, "getusersummary", Window(LAST - timedelta(days=30), LAST)),
                 "new_user")  # fmt: skip
    assert totals["new_user"].value == new[LAST]
    assert [change.before for change in totals["new_user"].changes] == [
        new[LAST - timedelta(days=ago)] for ago in (1, 7, 30)
    ]


def test_every_figure_answers_for_every_range(reader: Reader) -> None:
    for of in (
        Filter(range=Rolling.YESTERDAY),
        Filter(range=Rolling.ALL, versus=Versus.PREVIOUS),
        Filter(range=Rolling.LAST_MONTH, versus=Versus.YEAR),
        Filter(range=Window(date(2014, 12, 1), date(2014, 12, 2))),
    ):
        for key, answer in FIGURES.items():
            found = answer(reader, of)
            assert found.key == key
            assert all(len(row) == len(found.columns) for row in found.rows), key
