"""The contract agrees with the tables of WeChat's first three pages."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from support import evidence
from wxcube import beijing
from wxcube.contract import Window, named
from wxcube.contract.article import ArticleTotalStat
from wxcube.contract.codes import ALL_CHANNELS_SINCE, PERMISSION_SETS, TABLES
from wxcube.contract.endpoint import EARLIEST
from wxcube.contract.field import columns

PAGES: dict[str, dict[str, Any]] = evidence.seeds()
ENDPOINTS = [(page, name) for page, tables in PAGES.items() for name in tables["span"]]
HOST = "https://api.weixin.qq.com"


@pytest.mark.parametrize(("page", "name"), ENDPOINTS)
def test_span_and_url(page: str, name: str) -> None:
    endpoint = named(name)
    assert endpoint.span_days == PAGES[page]["span"][name]
    assert f"{HOST}{endpoint.path}?access_token=ACCESS_TOKEN" == PAGES[page]["url"][name]


@pytest.mark.parametrize(("page", "name"), ENDPOINTS)
def test_the_page_is_named_as_evidence(page: str, name: str) -> None:
    assert page in {e.source for e in named(name).evidence if e.status == "official"}


@pytest.mark.parametrize("page", PAGES)
def test_earliest_day(page: str) -> None:
    assert date.fromisoformat(PAGES[page]["first_date"]) == EARLIEST


@pytest.mark.parametrize(
    ("page", "name"), [(p, n) for p, tables in PAGES.items() for n in tables.get("rows", {})]
)
def test_columns_and_their_order(page: str, name: str) -> None:
    documented = PAGES[page]["rows"][name]
    assert [c.name for c in named(name).columns if c.kind.status == "official"] == documented


@pytest.mark.parametrize(
    ("page", "name"), [(p, n) for p in PAGES for n in PAGES[p].get("codes", {})]
)
def test_every_documented_code_is_known(page: str, name: str) -> None:
    for code, meaning in PAGES[page]["codes"][name].items():
        assert int(code) in TABLES[name]
        known = TABLES[name][int(code)]
        assert meaning in {known.zh, known.en} or alike(meaning, known.en)


def alike(documented: str, ours: str) -> bool:
    """Whether two English wordings of one meaning share their main word."""
    same = {"picture": "image", "link": "link", "0": "no", "1-5": "1 to 5", "6-10": "6 to 10"}
    return any(same.get(word.strip("()"), word) in ours for word in documented.split())


@pytest.mark.parametrize("page", [p for p in PAGES if "right" in PAGES[p]])
def test_the_permission_set(page: str) -> None:
    right = PAGES[page]["right"].replace("帐", "账")
    assert {PERMISSION_SETS[named(n).permission_set].zh for n in PAGES[page]["span"]} == {right}


def test_running_totals_are_documented_without_underscores() -> None:
    ours = {c.name.replace("_", ""): c.kind.zh for c in columns(ArticleTotalStat)}
    documented = PAGES["图文分析数据接口"]["totals"]
    assert {name: ours[name] for name in documented} == documented


def test_meanings_of_the_article_columns() -> None:
    documented = PAGES["图文分析数据接口"]["columns"]
    ours = {
        c.name: c.kind.zh
        for n in PAGES["图文分析数据接口"]["span"]
        for c in named(n).columns
        if c.kind.status == "official"
    }
    for name, meaning in ours.items():
        if name in documented and name != "ref_date":
            assert meaning.replace("的", "") in documented[name].replace("的", "")


def test_the_documented_hour_of_availability() -> None:
    hour = PAGES["图文分析数据接口"]["ready_hour"]
    assert hour == beijing.READY_AT.hour
    assert named("getuserread").ready_at(date(2020, 2, 18)) == datetime(
        2020, 2, 19, hour, tzinfo=beijing.BEIJING
    )


def test_running_totals_change_for_the_documented_days() -> None:
    assert named("getarticletotal").moves_days == PAGES["图文分析数据接口"]["total_days"]


def test_the_documented_first_day_of_all_channels() -> None:
    assert PAGES["图文分析数据接口"]["all_channels_since"] == ALL_CHANNELS_SINCE


def test_the_documented_threshold_of_daily_articles() -> None:
    rule = PAGES["图文分析数据接口"]["threshold"]
    note = next(n for n in named("getarticlesummary").notes if "3 or more" in n)
    assert [term for term in note.split() if "_" in term] == rule["terms"]


def test_the_documented_example_of_a_month() -> None:
    example = PAGES["消息分析数据接口"]["labels"]["example"]
    asked = Window.parse(f"2014-{example['begin_date']}..2014-{example['end_date']}")
    assert [f"{day:%m-%d}" for day in named("getupstreammsgmonth").labels(asked)] == [
        example["row"]
    ]
