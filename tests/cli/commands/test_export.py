"""Exports: format by file name, accounts, and the reason why there are no rows."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.command_line import Site
from support.rows import sample_rows
from support.scripted import Scripted
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import named
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.i18n import verbatim
from wxcube.server.http import RunningServer
from wxcube.warehouse.coverage import State
from wxcube.warehouse.store import Warehouse

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
WEEK = Window(date(2026, 3, 3), date(2026, 3, 9))
SUMMARY, TOTAL, RETIRED = named("getusersummary"), named("getarticletotal"), named("getuserread")
APPIDS = ("wx1", "wx2")


def stored_rows(appid: str) -> list[Any]:
    return sample_rows(SUMMARY, WEEK, int(appid[-1]))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A database with two accounts, without settings."""
    site = Site(tmp_path, ManualClock(NOW))
    with Warehouse.open(site.database) as warehouse:
        for appid in APPIDS:
            rows = stored_rows(appid)
            warehouse.replace(appid, Origin.WECHAT, Answer(SUMMARY, WEEK, rows, b"{}", NOW))
    return site


def export(site: Site, *words: str) -> Any:
    return site.run("export", "getusersummary", *words)


# --- format and file ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "start"),
    [("x.csv", "ref_date,"), ("x.CSV", "ref_date,"), ("x", "ref_date,"), ("x.json", '{"list":[')]
    + [(name, '{"ref_date":') for name in ("x.jsonl", "x.ndjson")],
)
def test_the_ending_selects_the_format(site: Site, name: str, start: str) -> None:
    assert export(site, "--account", "wx1", "--out", name).code == 0
    text = (site.folder / name).read_text(encoding="utf-8")
    assert text.startswith(start)
    option = {"ref_date,": "csv", '{"list":[': "json"}.get(start, "jsonl")
    assert text == export(site, "--account", "wx1", "--format", option).out


@pytest.mark.parametrize("name", ["x.xlsx", "x.parquet", "x.txt", "x.csv.gz"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_other_endings_are_an_error(site: Site, name: str, language: str) -> None:
    result = site.run(
        "--lang", language, *f"export getusersummary --account wx1 --out {name}".split()
    )
    assert result.code == 2
    assert ".csv" in result.err
    assert ".ndjson" in result.err
    assert not (site.folder / name).exists()


@pytest.mark.parametrize(
    ("form", "name"), [("json", "x.csv"), ("csv", "x.ndjson"), ("csv", "x.xlsx")]
)
def test_a_format_that_contradicts_the_ending_is_an_error(site: Site, form: str, name: str) -> None:
    result = export(site, "--account", "wx1", "--format", form, "--out", name)
    assert result.code == 2
    assert "contradicts" in result.err
    assert not (site.folder / name).exists()


def test_an_explicit_format_may_have_any_other_ending(site: Site) -> None:
    assert export(site, "--account", "wx1", "--format", "json", "--out", "x.txt").code == 0
    assert (site.folder / "x.txt").read_text(encoding="utf-8").startswith('{"list":[')


# --- accounts -------------------------------------------------------------------------------------


def test_several_accounts_have_an_account_column(site: Site) -> None:
    result = export(site, "--all-accounts")
    header, *rows = csv.reader(result.out.splitlines())
    assert header[:2] == ["appid", "ref_date"]
    assert [row[0] for row in rows] == [a for a in APPIDS for _ in stored_rows(a)]
    assert export(site, "--account", "wx1", "--account", "wx2").out == result.out
    lines = export(site, "--all-accounts", "--format", "jsonl").lines
    assert [line["appid"] for line in lines] == [row[0] for row in rows]
    whole = json.loads(export(site, "--all-accounts", "--format", "json").out)
    assert whole == {"list": lines}


def test_one_account_has_the_column_on_request(site: Site) -> None:
    plain = export(site, "--account", "wx1").out.splitlines()
    with_account = export(site, "--account", "wx1", "--with-account").out.splitlines()
    assert with_account == [f"appid,{plain[0]}", *(f"wx1,{line}" for line in plain[1:])]


def test_an_account_must_be_selected_if_there_are_several(site: Site) -> None:
    result = export(site)
    assert result.code == 1
    assert "wx1, wx2" in result.err
    assert "--account" in result.err
    unknown = export(site, "--account", "wx3")
    assert unknown.code == 1
    assert "'wx3'" in unknown.err


# --- nothing to export ----------------------------------------------------------------------------


def stderr_of_empty_export(site: Site, *words: str, language: str = "en") -> str:
    """Standard error of an export without rows."""
    result = site.run("--lang", language, "export", *words, "--account", "wx1")
    assert result.code == 0
    assert result.out.count("\n") <= 1
    return result.err


def test_a_retired_endpoint_that_was_never_requested(site: Site) -> None:
    assert "getuserread was never requested: WeChat has retired it" in stderr_of_empty_export(
        site, "getuserread"
    )
    assert "已下线" in stderr_of_empty_export(site, "getuserread", language="zh")


def test_days_that_were_not_requested(site: Site) -> None:
    message = stderr_of_empty_export(site, "getusersummary", "2026-02-01..2026-02-05")
    assert "5 days not requested yet" in message
    assert "rows of 2026-03-03..2026-03-09 are stored" in message


def test_days_that_were_refused_or_are_empty(site: Site) -> None:
    day, later = date(2026, 3, 1), NOW + timedelta(days=30)
    with Warehouse.open(site.database) as warehouse:
        warehouse.record_error(
            "wx1", Origin.WECHAT, RETIRED, [day], State.REFUSED, NOW, 47009, verbatim("retired")
        )
        for asked_at in (later, later + timedelta(days=1)):
            empty = Answer(TOTAL, Window.day(day), [], b"{}", asked_at)
            warehouse.replace("wx1", Origin.WECHAT, empty)
    assert "1 day refused by WeChat (47009" in stderr_of_empty_export(site, "getuserread")
    assert "1 day confirmed empty" in stderr_of_empty_export(site, "getarticletotal", "2026-03-01")


def test_an_origin_without_rows(site: Site) -> None:
    message = stderr_of_empty_export(site, "getusersummary", "--origin", "cube")
    assert "no rows of origin cube are stored" in message


def test_a_file_with_rows_has_no_reason(site: Site) -> None:
    assert "no rows" not in export(site, "--account", "wx1").err


# --- fetch ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hour", "reason"),
    [(7, "available from 2026-03-10 08:00 (Beijing time)"), (9, "it may still come")],
)
def test_fetch_explains_an_answer_without_rows(tmp_path: Path, hour: int, reason: str) -> None:
    site = Site(tmp_path, ManualClock(NOW.replace(hour=hour)), {"WXCUBE_SECRET_SHOP": "s" * 32})
    answer = {"access_token": "t", "expires_in": 7200, "list": []}
    with RunningServer(Scripted(lambda _request: answer)) as server:
        site.settings.write_text(
            f'[[accounts]]\nappid = "wx0123456789abcdef"\nname = "shop"\nbase_url = "{server.url}"\n'
        )
        result = site.run("fetch", "getusersummary", "2026-03-09")
        quiet = site.run("fetch", "getusersummary", "2026-03-09", "--json")
    assert (result.code, quiet.code) == (0, 0), result.text
    assert "no rows" in result.out
    assert reason in result.err
    assert quiet.out == ""
    assert reason in quiet.err


def test_a_fetch_that_fails_leaves_no_database(tmp_path: Path) -> None:
    site = Site(tmp_path, ManualClock(NOW), {"WXCUBE_SECRET_SHOP": "s" * 32})
    with RunningServer(Scripted(lambda _request: {"errcode": 40013, "errmsg": "no"})) as server:
        site.settings.write_text(
            f'[[accounts]]\nappid = "wx0123456789abcdef"\nname = "shop"\nbase_url = "{server.url}"\n'
        )
        assert site.run("fetch", "getusersummary", "2026-03-09", "--save").code == 1
    assert not site.database.exists()


# --- sql ------------------------------------------------------------------------------------------


def test_the_help_of_sql_explains_the_added_columns(tmp_path: Path) -> None:
    for language, words in (("en", "ORDER BY place restores it"), ("zh", "即还原顺序")):
        assert words in Site(tmp_path).run("--lang", language, "sql", "--help").out
