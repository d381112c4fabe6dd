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
from wxcube.figures import numbers
from wxcube.figures.catalogue import FIGURES
from wxcube.figures.figure import Figure
from wxcube.figures.filter import Filter, Rolling, Versus, earlier
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


def test_the_median_is_of_other_articles_at_the_same_age(reader: Reader, appid: str) -> None:
    since = Window(EARLIEST_CONTENT, LAST)
    totals = [
        (row.msgid, row.ref_date, (stat.stat_date - row.ref_date).days, stat.read_user)
        for row in rows(reader, appid, "getarticletotaldetail", since)
        for stat in row.detail_list
    ]
    answer = figure(reader, "content/articles", appid, range=since)
    ages = set()
    for row in answer.rows:
        one = dict(zip((column.name for column in answer.columns), row, strict=True))
        age = (one["stat_date"] - one["ref_date"]).days
        others = [
            readers
            for msgid, published, of_age, readers in totals
            if of_age == age
            and msgid != one["msgid"]
            and abs((published - one["ref_date"]).days) <= 90
        ]
        ages.add(age)
        assert one["n"] == len(others)
        assert one["median"] == (median(others) if len(others) >= 5 else None)
        if others:
            assert one["against_median"] == pytest.approx(one["read_user"] / median(others))
    assert len(ages) > 10, "articles that can still change are compared too"


def test_an_article_has_one_median_and_one_count(reader: Reader, appid: str) -> None:
    """The table, whatever its range, the table of one day, and the life curve say the same."""
    newest = figure(reader, "content/articles", appid)
    for range_ in (Rolling.DAYS_7, Rolling.DAYS_30, Rolling.ALL):
        for row in figure(reader, "content/articles", appid, range=range_).rows:
            msgid, place = row[2], newest.place("median")
            same = [other for other in newest.rows if other[2] == msgid]
            assert all(other[place : place + 3] == row[place : place + 3] for other in same)
    for row in newest.rows[:8]:
        one = dict(zip((column.name for column in newest.columns), row, strict=True))
        curve = figure(reader, "content/curve", appid, article=one["msgid"])
        age = (one["stat_date"] - one["ref_date"]).days + 1
        assert curve.n == one["n"]
        assert curve.rows[age - 1] == (age, one["read_user"], one["median"], one["n"])
        assert f"median of {one['n']} other articles" in str(curve.sentence)


def test_sharers_per_reader(reader: Reader, appid: str) -> None:
    answer = figure(reader, "content/articles", appid, range=Rolling.ALL, sort="-share_rate")
    rates = answer.values("share_rate")
    known = [rate for rate in rates if rate is not None]
    assert known
    assert rates == sorted(known, reverse=True) + [None] * (len(rates) - len(known))
    both = zip(answer.values("share_user"), answer.values("read_user"), rates, strict=True)
    for sharers, readers, rate in both:
        assert rate == (pytest.approx(sharers / readers) if readers >= 30 else None)


def test_articles_that_nobody_was_sent_have_no_read_rate(reader: Reader, appid: str) -> None:
    stored = {
        row.msgid: (row.publish_type, row.detail_list[-1].read_delivery_rate)
        for row in rows(reader, appid, "getarticletotaldetail")
        if row.detail_list
    }
    assert {kind for kind, _rate in stored.values()} == {0, 1}
    answer = figure(reader, "content/articles", appid)
    for msgid, shown in zip(
        answer.values("msgid"), answer.values("read_delivery_rate"), strict=True
    ):
        kind, rate = stored[msgid]
        assert shown == (None if kind == 1 and not rate else rate)


def test_an_unknown_article_has_no_figures_of_the_account(reader: Reader, appid: str) -> None:
    for key in ("content/curve", "content/channels", "content/exits"):
        answer = figure(reader, key, appid, article="1_1")
        assert answer.rows == ()
        assert str(answer.refusal) == "There is no article 1_1."


def test_articles_change_until_their_day_is_final(reader: Reader, appid: str) -> None:
    articles = figure(reader, "content/articles", appid)
    (row, *_rest) = (row for row in articles.rows if row[articles.place("is_moving")])
    published = row[articles.place("ref_date")]
    final = named("getarticletotaldetail").final_at(published)
    notes = figure(reader, "content/curve", appid, article=row[2]).notes
    assert f"can still change until {final:%Y-%m-%d %H:%M}." in str(notes[-1])


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


@pytest.mark.parametrize(
    ("key", "window", "first"),
    [
        ("messages/months", Window(LAST - timedelta(days=29), LAST), date(2026, 2, 1)),
        ("messages/weeks", Window(LAST - timedelta(days=6), LAST), date(2026, 3, 2)),
        ("messages/months", Window(date(2026, 3, 2), LAST), date(2026, 2, 1)),
        ("messages/weeks", Window(date(2026, 3, 5), date(2026, 3, 6)), date(2026, 2, 23)),
    ],
)
def test_a_range_shows_the_weeks_and_months_that_end_in_it_or_the_last_before(
    reader: Reader, appid: str, key: str, window: Window, first: date
) -> None:
    answer = figure(reader, key, appid, range=window)
    assert [row[1] for row in answer.rows] == [first]
    assert answer.rows[0][2] > 0
    period = f"{first:%Y-%m}" if key == "messages/months" else f"Week from {first}"
    assert str(answer.sentence).startswith(f"{period}: ")
    is_before = answer.window.last < window.first
    assert is_before == any("No whole" in str(note) for note in answer.notes)


@pytest.mark.parametrize(
    ("window", "endpoint"),
    [
        (Window(date(2026, 2, 1), date(2026, 2, 28)), "getupstreammsgdistmonth"),
        (Window(date(2026, 3, 2), date(2026, 3, 8)), "getupstreammsgdistweek"),
    ],
)
def test_people_of_a_whole_month_are_those_that_wechat_counted(
    reader: Reader, appid: str, window: Window, endpoint: str
) -> None:
    people = sum(row.msg_user for row in rows(reader, appid, endpoint, Window.day(window.first)))
    total = figure(reader, "messages/volume", appid, range=window).totals[1]
    assert total.value == people > 0
    several = FIGURES["messages/volume"](reader, Filter(range=window))
    assert len(several.accounts) > 1
    assert several.totals[1].value is None
    assert f"{appid} {people:,}" in str(several.totals[1].each)
    assert f"{appid} {people:,}" in str(several.sentence)


@pytest.mark.parametrize(
    ("key", "name", "start"),
    [
        ("interface/callbacks", "failure_rate", "highest failure rate: "),
        ("interface/latency", "mean_ms", "slowest: "),
        ("messages/volume", "people", "most people: "),
    ],
)
def test_the_sentence_names_the_worst_day(
    reader: Reader, appid: str, key: str, name: str, start: str
) -> None:
    for accounts in ((appid,), reader.all_accounts(Filter())):
        answer = FIGURES[key](reader, Filter(accounts=accounts))
        values = answer.values(name)
        worst = answer.rows[values.index(max(value for value in values if value is not None))]
        account = f"{worst[0]}: " if len(accounts) > 1 else ""
        assert f"{account}{start}{worst[1]}, " in str(answer.sentence)


def test_what_moved_says_which_numbers_are_medians(reader: Reader, appid: str) -> None:
    answer = figure(reader, "overview/moved", appid, range=Rolling.DAYS_7)
    kinds = {"readers", "sharers", "people who sent messages"}
    titles = [str(title) for title in answer.values("figure")]
    assert titles
    for title in titles:
        plain = title.removesuffix(" (daily median)")
        assert (plain in kinds) == (plain != title)
    assert all(
        str(title) in str(words)
        for title, words in zip(titles, answer.values("words"), strict=True)
    )


def test_sentences_about_one_of_several_accounts_name_it(reader: Reader) -> None:
    for key in ("rhythm/week", "data/calendar", "data/quota", "content/articles"):
        answer = FIGURES[key](reader, Filter(range=Window(LAST - timedelta(days=60), LAST)))
        assert len(reader.all_accounts(Filter())) > 1
        assert "wxdemo" in str(answer.sentence), key


def test_calls_have_their_limit(reader: Reader, appid: str) -> None:
    limited = Reader(reader.warehouse, reader.now, daily_calls=500)
    answer = figure(limited, "data/quota", appid)
    assert answer.rows
    for row in answer.rows:
        one = dict(zip((column.name for column in answer.columns), row, strict=True))
        assert one["limit"] == 500
        assert one["remaining"] == (0 if one["is_exhausted"] else 500 - one["calls"])
    assert figure(reader, "data/quota", appid).values("limit") == [None] * len(answer.rows)


def test_readers_leave_before_the_last_fifth(reader: Reader, appid: str) -> None:
    article = figure(reader, "content/articles", appid, sort="-read_user").rows[0][2]
    exits = figure(reader, "content/exits", appid, article=article)
    early = max((row for row in exits.rows if row[1] != 5), key=lambda row: row[2])
    place = ("0–20%", "20–40%", "40–60%", "60–80%")[early[1] - 1]
    assert f"most readers leave at {place} of the article" in str(exits.sentence)


def test_articles_have_the_followers_that_they_brought(reader: Reader, appid: str) -> None:
    answer = figure(reader, "content/articles", appid)
    newest = {
        row.msgid: max(row.detail_list or [], key=lambda one: one.stat_date).read_subscribe_user
        for row in rows(reader, appid, "getarticletotaldetail")
    }
    brought = dict(zip(answer.values("msgid"), answer.values("read_subscribe_user"), strict=True))
    assert brought == {msgid: newest[msgid] for msgid in brought}
    most = max(brought.values())
    assert f"most followers gained: {_title(answer, most)}, {most}" in str(answer.sentence)


def _title(answer: Figure, followers: int) -> str:
    place = answer.values("read_subscribe_user").index(followers)
    return str(answer.values("title")[place])


def test_sentences_say_which_numbers_are_medians_and_what_they_were(
    reader: Reader, appid: str
) -> None:
    known = figure(reader, "content/readers", appid, range=Rolling.DAYS_7, versus=Versus.PREVIOUS)
    (total, _sharers), words = known.totals, str(known.sentence)
    before = numbers.exact(total.changes[0].before)
    value = numbers.exact(total.value)
    assert f"readers {value} (daily median), before {before} ({total.changes[0].text})" in words
    one_day = figure(reader, "content/readers", appid, range=Rolling.YESTERDAY)
    assert "median" not in str(one_day.sentence)


def test_people_of_several_accounts_stand_beside_each_other(reader: Reader) -> None:
    accounts = reader.all_accounts(Filter())
    several = FIGURES["content/readers"](reader, Filter(range=Rolling.DAYS_7))
    assert several.totals[0].value is None
    for appid in accounts:
        own = figure(reader, "content/readers", appid, range=Rolling.DAYS_7).totals[0].value
        assert f"{appid} {numbers.exact(own)}" in str(several.totals[0].each)
        assert f"{appid} {numbers.exact(own)}" in str(several.sentence)


def test_channels_have_what_they_were_before(reader: Reader, appid: str) -> None:
    now = figure(reader, "content/channels", appid, range=Window(date(2026, 3, 2), LAST))
    answer = figure(
        reader,
        "content/channels",
        appid,
        range=Window(date(2026, 3, 2), LAST),
        versus=Versus.PREVIOUS,
    )
    before = figure(
        reader, "content/channels", appid, range=earlier(answer.window, Versus.PREVIOUS)
    )
    assert [row[:3] for row in answer.rows] == list(now.rows)
    expected = dict(zip(before.values("channel"), before.values("readers"), strict=True))
    assert {row[1]: row[3] for row in answer.rows} == {one: expected[one] for one in expected}


def test_unfollows_beside_new_followers_are_of_the_chosen_source(
    reader: Reader, appid: str
) -> None:
    of_source = figure(reader, "followers/kept", appid, source=30)
    days = figure(reader, "followers/daily", appid, source=30)
    assert of_source.rows[0][1:3] == (days.totals[0].value, days.totals[1].value)
    assert of_source.rows != figure(reader, "followers/kept", appid).rows
    assert any("Only this source" in str(note) for note in of_source.notes)
