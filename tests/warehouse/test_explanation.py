"""Explanations of the ledger in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.window import Window
from wxcube.i18n import verbatim
from wxcube.i18n.language import Language
from wxcube.warehouse.coverage import DayState, State
from wxcube.warehouse.day_groups import DayGroup, day_groups
from wxcube.warehouse.explanation import (
    STATE_LABELS,
    explain_empty_answer,
    explain_group,
    explain_no_rows,
    explain_skipped,
    explain_stop,
)
from wxcube.warehouse.next_ask import NOTHING_STANDING, NextAsk, Refusal, Standing, Why
from wxcube.warehouse.sync.plan import Skipped, SkipReason
from wxcube.warehouse.sync.progress import StopReason

READ, WEEK, MONTH = (
    named("getarticleread"),
    named("getupstreammsgweek"),
    named("getupstreammsgmonth"),
)
RETIRED, TOTAL = named("getarticlesummary"), named("getarticletotal")
LATE = named("getusersummary")
CHINESE = Language("zh")
MONDAY = date(2026, 3, 9)
NOW = datetime(2026, 3, 10, 7, 59, tzinfo=BEIJING)


def days_of(
    endpoint: Any, count: int, entry: DayState | None, standing: Standing = NOTHING_STANDING
) -> DayGroup:
    """The last days that are over, with the same entry, as a group."""
    days = Window(date(2026, 1, 1), date(2026, 3, 8))
    labels = [day for day in days if endpoint.label(day) == day]
    [group] = day_groups(endpoint, dict.fromkeys(labels[-count:], entry), NOW, standing)
    return group


@pytest.mark.parametrize(
    ("days", "entry", "standing", "english", "chinese"),
    [
        (
            2,
            DayState(State.WAITING, NOW),
            NOTHING_STANDING,
            "2 days without data so far, which may still come; requested again by the next sync",
            "2 天待数据，微信之后可能给出；下次同步时再次请求",
        ),
        (
            1,
            DayState(State.WAITING, NOW, doubts=1),
            NOTHING_STANDING,
            (
                "1 day without data in one answer; requested again from 2026-03-11 00:00, a second "
                "such answer confirms that they are empty"
            ),
            "1 天有一次返回为空；2026-03-11 00:00 起再次请求，再次为空即确认为空",
        ),
        (
            1,
            DayState(State.MOVING, NOW, NOW, doubts=1),
            NOTHING_STANDING,
            (
                "1 day stored, but the last answer lacked rows or figures; requested again from "
                "2026-03-11 00:00 to confirm"
            ),
            "1 天已存储，但最近一次返回缺少部分行或数值；2026-03-11 00:00 起再次请求以确认",
        ),
        (
            1,
            DayState(State.WAITING, NOW, doubts=9),
            NOTHING_STANDING,
            (
                "1 day of which WeChat's answers lack data that must exist, since 9 days or more; "
                "compare with mp.weixin.qq.com; requested again from 2026-03-17 07:59"
            ),
            (
                "1 天的返回结果连续 9 天以上缺少必有的数据；请与 mp.weixin.qq.com 核对；"
                "2026-03-17 07:59 起再次请求"
            ),
        ),
        (3, None, NOTHING_STANDING, "3 days not requested yet", "3 天未获取"),
        (
            120 - 60,
            DayState(State.REFUSED, NOW, errcode=47009),
            NOTHING_STANDING,
            "60 days refused by WeChat (47009 API retired); not requested again",
            "60 天被微信拒绝（47009 接口已下线）；不再请求",
        ),
        (
            2,
            DayState(State.REFUSED, NOW, errcode=99999),
            NOTHING_STANDING,
            "2 days refused by WeChat (99999); requested again from 2026-03-17",
            "2 天被微信拒绝（99999），2026-03-17 后再次请求",
        ),
        (
            2,
            None,
            Standing(refusal=Refusal(48001, NOW)),
            "2 days refused by WeChat (48001 the account has no right to this API); requested again from 2026-03-17",
            "2 天被微信拒绝（48001 api 功能未授权），2026-03-17 后再次请求",
        ),
        (
            2,
            None,
            Standing(exhausted_on=NOW.date()),
            (
                "2 days left: WeChat allows no more calls today (45009); requested from "
                "2026-03-11 00:00"
            ),
            "还剩 2 天：微信今天的调用次数已用完（45009）；2026-03-11 00:00 起请求",
        ),
        (
            3,
            DayState(State.FAILED, NOW, errcode=99999),
            NOTHING_STANDING,
            "3 days failed (99999); requested again by the next sync",
            "3 天获取失败（99999）；下次同步时再次请求",
        ),
        (
            3,
            DayState(State.FINAL, NOW + timedelta(days=38), NOW),
            NOTHING_STANDING,
            (
                "3 days recorded by a clock that was ahead; check the clock of this machine; "
                "requested again by the next sync"
            ),
            "3 天的记录时间晚于现在；请检查本机时钟；下次同步时再次请求",
        ),
    ],
)
def test_days_with_the_same_reason(
    days: int, entry: DayState | None, standing: Standing, english: str, chinese: str
) -> None:
    explained = explain_group(LATE, days_of(LATE, days, entry, standing))
    assert explained == english
    assert CHINESE(explained) == chinese


def test_moving_days_have_the_time_of_their_last_change() -> None:
    moving = DayState(State.MOVING, NOW, NOW)
    days = {date(2026, 3, day): moving for day in (4, 5, 6)}
    [group] = day_groups(TOTAL, days, NOW)
    assert explain_group(TOTAL, group) == (
        "3 days stored, may still change until 2026-03-13 08:00; requested again from "
        "2026-03-10 08:00"
    )


def test_retired_endpoints_are_not_requested() -> None:
    off = Standing(is_switched_off=True)
    assert explain_group(RETIRED, days_of(RETIRED, 5, None, off)) == (
        "5 days not requested yet: retired by WeChat (2026); only `wxcube sync --retired` requests "
        "it"
    )


def test_weeks_and_months_are_named() -> None:
    final = DayState(State.FINAL, NOW, NOW)
    assert explain_group(WEEK, days_of(WEEK, 2, final)) == "2 weeks final"
    assert CHINESE(explain_group(WEEK, days_of(WEEK, 1, final))) == "1 周已定稿"
    assert CHINESE(explain_group(MONTH, days_of(MONTH, 2, final))) == "2 个月已定稿"


def test_days_that_are_not_available_yet_are_not_called_missing() -> None:
    [group] = day_groups(READ, {MONDAY: None}, NOW)
    assert explain_group(READ, group) == (
        "1 day not available yet: WeChat has the data from 2026-03-10 08:00"
    )


def test_days_with_different_reasons_are_in_different_groups() -> None:
    days = {
        date(2026, 3, 5): DayState(State.FINAL, NOW, NOW),
        date(2026, 3, 6): None,
        date(2026, 3, 7): DayState(State.FAILED, NOW),
        date(2026, 3, 8): None,
    }
    groups = day_groups(READ, days, NOW)
    assert [(group.why, len(group)) for group in groups] == [
        (Why.NOT_ASKED, 2),
        (Why.FAILED, 1),
        (Why.SETTLED, 1),
    ]
    assert groups[0].window == Window(date(2026, 3, 6), date(2026, 3, 8))


def every_group(why: Why) -> Iterator[DayGroup]:
    for has_rows, is_due, errcode in product((True, False), (True, False), (None, 48001)):
        yield DayGroup(
            why,
            (MONDAY,),
            State.FINAL,
            has_rows=has_rows,
            errcode=errcode,
            is_due=is_due,
            first_ask=NOW,
            last_ask=NOW,
            until=NOW,
        )


def test_everything_is_explained_in_chinese() -> None:
    later = [NextAsk(NOW, why, errcode=48001) for why in Why]
    messages = [
        *STATE_LABELS.values(),
        *(explain_group(READ, group) for why in Why for group in every_group(why)),
        *(
            explain_skipped(Skipped("wx1", READ, reason, verbatim("card_id"), ask))
            for reason in SkipReason
            for ask in (None, *later)
        ),
        *map(explain_stop, StopReason),
    ]
    assert all(any("一" <= letter <= "鿿" for letter in CHINESE(m)) for m in messages)


# --- nothing to show ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "window", "now", "expected"),
    [
        (READ, "2026-03-09", NOW, "data for 2026-03-09 is available from 2026-03-10 08:00"),
        (READ, "2026-03-09", NOW.replace(hour=8), "so far; it may still come"),
        (READ, "2026-03-01", NOW, "WeChat has no data for 2026-03-01"),
        (WEEK, "2026-03-03..2026-03-08", NOW, "includes no Monday"),
        (MONTH, "2026-02-02..2026-02-28", NOW, "includes no 1st"),
        (WEEK, "2026-03-02", NOW.replace(day=9), "is available from 2026-03-09 08:00"),
    ],
)
def test_an_answer_without_rows(endpoint: Any, window: str, now: datetime, expected: str) -> None:
    assert expected in explain_empty_answer(endpoint, Window.parse(window), now)


def entry(state: State, errcode: int | None = None) -> DayState:
    return DayState(state, NOW, None, errcode)


@pytest.mark.parametrize(
    ("endpoint", "window", "entries", "expected"),
    [
        (READ, None, [], ["getarticleread was never requested; `wxcube sync` requests it"]),
        (
            RETIRED,
            None,
            [{}],
            [
                (
                    "getarticlesummary was never requested: WeChat has retired it (2026), and only "
                    "`wxcube sync --retired` requests it"
                ),
            ],
        ),
        (
            RETIRED,
            None,
            [{MONDAY: entry(State.REFUSED, 47009)}],
            ["1 day refused by WeChat (47009 API retired); not requested again"],
        ),
        (
            READ,
            "2026-03-08..2026-03-09",
            [{MONDAY: entry(State.WAITING)}],
            [
                "1 day not requested yet",
                (
                    "1 day without data so far, which may still come; requested again by the next "
                    "sync"
                ),
            ],
        ),
        (
            READ,
            "2026-03-01",
            [{date(2026, 3, 1): entry(State.EMPTY)}],
            [
                (
                    "1 day confirmed empty: no data 3 days or more later, in two answers or with proof from "
                    "other rows"
                )
            ],
        ),
        (
            READ,
            "2024-01-01",
            [{MONDAY: entry(State.FINAL)}],
            ["getarticleread has no data before 2025-11-01"],
        ),
        (
            WEEK,
            "2026-03-03",
            [{MONDAY: entry(State.FINAL)}],
            ["2026-03-03 includes no Monday, the date of a week's rows"],
        ),
        # two cards with the same state are one reason
        (
            READ,
            "2026-03-01",
            [{date(2026, 3, 1): entry(State.EMPTY)}] * 2,
            [
                (
                    "1 day confirmed empty: no data 3 days or more later, in two answers or with proof from "
                    "other rows"
                )
            ],
        ),
    ],
)
def test_a_window_without_stored_rows(
    endpoint: Any, window: str | None, entries: list[dict[date, DayState]], expected: list[str]
) -> None:
    actual = explain_no_rows(endpoint, Window.parse(window) if window else None, entries, NOW)
    assert actual == expected
