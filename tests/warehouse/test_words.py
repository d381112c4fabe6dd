"""The ledger in words a reader understands, in both languages."""

from __future__ import annotations

from datetime import date
from itertools import product
from typing import Any, get_args

import pytest

from wxcube.contract import named
from wxcube.warehouse.coverage import State, Stretch
from wxcube.warehouse.sync.plan import Reason, Skipped
from wxcube.warehouse.sync.progress import Why
from wxcube.warehouse.words import Language, explain, explain_left, explain_skipped, explain_stretch

READ, WEEK = named("getarticleread"), named("getupstreammsgweek")


@pytest.mark.parametrize(
    ("state", "days", "more", "english", "chinese"),
    [
        (
            State.WAITING,
            2,
            {},
            "2 days without figures so far, too early to say whether there are any",
            "2 天暂无数据，时间尚早，还不能断定有没有",
        ),
        (State.NEVER, 1, {}, "1 day not asked yet", "1 天尚未获取"),
        (
            State.REFUSED,
            120,
            {"errcode": 47009},
            "120 days refused by WeChat (47009 API retired; not asked again)",
            "120 天被微信拒绝（47009 接口已下线；不再查询）",
        ),
        (
            State.FAILED,
            3,
            {"errcode": 99999},
            "3 days failed, the next sync asks again (99999)",
            "3 天获取失败，下次同步会重试（99999）",
        ),
    ],
)
def test_days_in_words(
    state: State, days: int, more: dict[str, Any], english: str, chinese: str
) -> None:
    assert explain(READ, state, days, **more) == english
    assert explain(READ, state, days, **more, language="zh") == chinese


def test_weeks_are_called_weeks() -> None:
    assert explain(WEEK, State.FINAL, 2) == "2 weeks final"
    assert explain(WEEK, State.FINAL, 1, language="zh") == "1 周已定稿"
    assert explain(named("getupstreammsgmonth"), State.FINAL, 2, language="zh") == "2 个月已定稿"


def test_days_that_are_not_ready_are_not_called_missing() -> None:
    stretch = Stretch(State.NEVER, (date(2026, 3, 10),), is_ready=False)
    assert "08:00" in explain_stretch(READ, stretch)
    assert "not asked yet" not in explain_stretch(READ, stretch)


def test_everything_has_words_in_both_languages() -> None:
    for language, state in product(get_args(Language), State):
        assert "4" in explain(READ, state, 4, language=language)
    for language, reason in product(get_args(Language), Reason):
        assert explain_skipped(Skipped("wx1", READ, reason, "card_id"), language)
    for language, why in product(get_args(Language), Why):
        assert explain_left(why, language)
    chinese = [explain_left(why, "zh") for why in Why] + [
        explain(READ, s, 1, language="zh") for s in State
    ]
    assert all(any("一" <= letter <= "鿿" for letter in text) for text in chinese)
