"""Explanations of the ledger in both languages."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.window import Window
from wxcube.i18n import verbatim
from wxcube.i18n.language import Language
from wxcube.warehouse.coverage import DayGroup, DayState, State
from wxcube.warehouse.explanation import (
    STATE_LABELS,
    explain_days,
    explain_empty_answer,
    explain_group,
    explain_no_rows,
    explain_skipped,
    explain_stop,
)
from wxcube.warehouse.sync.plan import Skipped, SkipReason
from wxcube.warehouse.sync.progress import StopReason

READ, WEEK, MONTH = (
    named("getarticleread"),
    named("getupstreammsgweek"),
    named("getupstreammsgmonth"),
)
RETIRED = named("getarticlesummary")
CHINESE = Language("zh")
MONDAY = date(2026, 3, 9)
NOW = datetime(2026, 3, 10, 7, 59, tzinfo=BEIJING)


@pytest.mark.parametrize(
    ("state", "days", "more", "english", "chinese"),
    [
        (
            State.WAITING,
            2,
            {},
            "2 days without data so far, which may still come",
            "2 天待数据，微信之后可能给出",
        ),
        (State.NEVER, 1, {}, "1 day not requested yet", "1 天未获取"),
        (
            State.REFUSED,
            120,
            {"errcode": 47009},
            "120 days refused by WeChat (47009 API retired; not requested again)",
            "120 天被微信拒绝（47009 接口已下线；不再请求）",
        ),
        (
            State.REFUSED,
            2,
            {"errcode": 99999},
            "2 days refused by WeChat (99999; requested again after 7 days)",
            "2 天被微信拒绝（99999；7 天后重新请求）",
        ),
        (
            State.FAILED,
            3,
            {"errcode": 99999},
            "3 days failed, the next sync requests them again (99999)",
            "3 天获取失败，下次同步会重试（99999）",
        ),
    ],
)
def test_days_in_a_state(
    state: State, days: int, more: dict[str, Any], english: str, chinese: str
) -> None:
    explained = explain_days(READ, state, days, **more)
    assert explained == english
    assert CHINESE(explained) == chinese


def test_weeks_and_months_are_named() -> None:
    assert explain_days(WEEK, State.FINAL, 2) == "2 weeks final"
    assert CHINESE(explain_days(WEEK, State.FINAL, 1)) == "1 周已定稿"
    assert CHINESE(explain_days(MONTH, State.FINAL, 2)) == "2 个月已定稿"


def test_days_that_are_not_available_yet_are_not_called_missing() -> None:
    group = DayGroup(State.NEVER, (date(2026, 3, 10),), is_ready=False)
    assert "08:00" in explain_group(READ, group)
    assert "not requested" not in explain_group(READ, group)


def test_everything_is_explained_in_chinese() -> None:
    messages = [
        *STATE_LABELS.values(),
        *(explain_days(READ, state, 4) for state in State),
        *(
            explain_skipped(Skipped("wx1", READ, reason, verbatim("card_id")))
            for reason in SkipReason
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
            ["1 day refused by WeChat (47009 API retired; not requested again)"],
        ),
        (
            READ,
            "2026-03-08..2026-03-09",
            [{MONDAY: entry(State.WAITING)}],
            ["1 day not requested yet", "1 day without data so far, which may still come"],
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
