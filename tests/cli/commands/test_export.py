"""Exports: format by file name, accounts, and the reason why there are no rows."""

from __future__ import annotations

import csv
import gc
import io
import json
import os
import subprocess
import warnings
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import msgspec
import openpyxl  # type: ignore[import-untyped]
import pytest

from support.command_line import Site
from support.full_disk import files_no_larger_than
from support.rows import sample_rows
from support.scripted import Scripted
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import named
from wxcube.contract.codes import TABLES
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.errors import RetiredError
from wxcube.server.http import RunningServer
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


@pytest.mark.parametrize("name", ["x.xls", "x.ods", "x.txt", "x.csv.gz"])
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
    ("form", "name"),
    [("json", "x.csv"), ("csv", "x.ndjson"), ("csv", "x.xlsx"), ("xlsx", "x.parquet")],
)
def test_a_format_that_contradicts_the_ending_is_an_error(site: Site, form: str, name: str) -> None:
    result = export(site, "--account", "wx1", "--format", form, "--out", name)
    assert result.code == 2
    assert "contradicts" in result.err
    assert not (site.folder / name).exists()


def test_a_dash_is_standard_output(site: Site) -> None:
    shown = export(site, "--account", "wx1")
    assert shown.out
    assert export(site, "--account", "wx1", "--out", "-").raw == shown.raw
    assert not (site.folder / "-").exists()


@pytest.mark.parametrize("name", ["old", "old/", "new/"])
def test_a_directory_is_not_a_file(site: Site, name: str) -> None:
    (site.folder / "old").mkdir()
    result = export(site, "--account", "wx1", "--out", name)
    assert result.code == 2
    assert "is a directory" in result.err
    assert not (site.folder / "new").exists()


def test_an_explicit_format_may_have_any_other_ending(site: Site) -> None:
    assert export(site, "--account", "wx1", "--format", "json", "--out", "x.txt").code == 0
    assert (site.folder / "x.txt").read_text(encoding="utf-8").startswith('{"list":[')


# --- workbooks, labels and several endpoints ------------------------------------------------------


def sheets(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The sheets of a workbook with their rows."""
    book = openpyxl.load_workbook(path)
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}


def test_a_workbook_has_the_rows_and_the_labels_of_the_reader(site: Site) -> None:
    assert export(site, "--account", "wx1", "--out", "x.xlsx").code == 0
    rows = sheets(site.folder / "x.xlsx")["getusersummary"]
    assert rows[0][:4] == ("Date", "Source", "Source, in words", "New users (people)")
    stored = stored_rows("wx1")
    assert [row[1] for row in rows[1:]] == [row.user_source for row in stored]
    assert [row[0].date() for row in rows[1:]] == [row.ref_date for row in stored]
    words = ("--lang", "zh", "export", "getusersummary", "--account", "wx1", "--out", "x.xlsx")
    assert site.run(*words).code == 0
    in_chinese = sheets(site.folder / "x.xlsx")
    assert list(in_chinese) == ["用户增减数据", "字段说明"]
    assert in_chinese["用户增减数据"][0][0] == "数据的日期"
    assert export(site, "--account", "wx1", "--header", "wire", "--out", "x.xlsx").code == 0
    assert sheets(site.folder / "x.xlsx")["getusersummary"][0][0] == "ref_date"


def test_a_workbook_has_a_sheet_for_each_endpoint(site: Site) -> None:
    words = ("export", "user", "getarticletotal", "2026-03-03..2026-03-04", "--all-accounts")
    result = site.run(*words, "--header", "wire", "--out", "x.xlsx")
    assert result.code == 0
    book = sheets(site.folder / "x.xlsx")
    assert list(book) == ["getusersummary", "getusercumulate", "getarticletotal", "Columns"]
    days = {row[1].date() for row in book["getusersummary"][1:]}
    assert days == {date(2026, 3, 3), date(2026, 3, 4)}
    assert {row[0] for row in book["getusersummary"][1:]} == set(APPIDS)
    assert "no rows: getusercumulate: wx1: " in result.err
    assert "no rows: getusersummary" not in result.err


def test_other_formats_have_one_endpoint(site: Site) -> None:
    result = site.run("export", "user", "--account", "wx1", "--out", "x.csv")
    assert result.code == 2
    assert "a csv file has one endpoint, not 2" in result.err
    assert ".xlsx" in result.err
    assert not (site.folder / "x.csv").exists()


def test_a_bom_is_for_csv(site: Site) -> None:
    result = export(site, "--account", "wx1", "--excel", "--out", "x.xlsx")
    assert result.code == 2
    assert "--excel cannot be combined with xlsx" in result.err


def test_labels_bring_the_meaning_of_codes(site: Site) -> None:
    result = export(site, "--account", "wx1", "--header", "zh", "--plain")
    header, *rows = csv.reader(result.out.splitlines())
    assert header[1:3] == ["用户的渠道", "用户的渠道（名称）"]
    known = TABLES["user_source_follow"]
    assert [row[2] for row in rows] == [known[int(row[1])].zh for row in rows]


def test_a_parquet_file_has_typed_columns(site: Site) -> None:
    assert export(site, "--account", "wx1", "--out", "x.parquet").code == 0
    with duckdb.connect() as connection:
        file = str(site.folder / "x.parquet")
        types = connection.execute("DESCRIBE FROM read_parquet(?)", [file]).fetchall()
    by_name = {name: type_ for name, type_, *_ in types}
    assert by_name["ref_date"] == "DATE"
    assert by_name["new_user"] == "BIGINT"
    assert by_name["fetched_at"] == "TIMESTAMP WITH TIME ZONE"


@pytest.fixture
def terminal() -> Iterator[tuple[int, Callable[[], str]]]:
    """A terminal to write to, and what it shows."""
    shown, written = os.openpty()
    yield written, lambda: os.read(shown, 100_000).decode()
    os.close(shown)
    os.close(written)


def test_a_terminal_does_not_show_a_workbook(
    site: Site, terminal: tuple[int, Callable[[], str]]
) -> None:
    words = ("export", "getusersummary", "--account", "wx1", "--format", "xlsx")
    command = site.launch("2026-03-10T09:00", *words)
    result = subprocess.run(
        command, cwd=site.folder, stdout=terminal[0], stderr=subprocess.PIPE, check=False
    )
    assert result.returncode == 2
    assert b"name a file with --out" in result.stderr


def test_a_terminal_shows_the_progress(site: Site, terminal: tuple[int, Callable[[], str]]) -> None:
    words = ("export", "getusersummary", "--account", "wx1", "--out", "x.xlsx")
    command = site.launch("2026-03-10T09:00", *words)
    subprocess.run(command, cwd=site.folder, stdout=subprocess.PIPE, stderr=terminal[0], check=True)
    shown = terminal[1]()
    assert "getusersummary" in shown
    assert "100%" in shown


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


# --- an export that ends early -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x.csv", "File too large"),
        ("x.json", "File too large"),
        ("x.xlsx", "File too large"),
        ("x.parquet", "too large"),
    ],
)
def test_a_full_disk_leaves_no_half_file(site: Site, name: str, reason: str) -> None:
    target = site.folder / name
    target.write_text("before", encoding="utf-8")
    with Warehouse.open(site.database) as warehouse:
        window = Window(WEEK.first - timedelta(days=400), WEEK.last)
        answer = Answer(SUMMARY, window, sample_rows(SUMMARY, window, 1), b"{}", NOW)
        warehouse.replace("wx1", Origin.WECHAT, answer)
    with warnings.catch_warnings():
        # XlsxWriter leaves its temporary files open
        warnings.simplefilter("ignore", ResourceWarning)
        with Warehouse.open(site.database, read_only=True), files_no_larger_than(40_000):
            result = export(site, "--account", "wx1", "--out", target.name)
        gc.collect()
    assert result.code == 1
    assert reason in result.err.replace("\n", " ")
    assert "check" in result.err
    assert target.read_text(encoding="utf-8") == "before"
    assert not list(site.folder.glob("*.part"))


def test_an_interrupted_export_leaves_no_half_file(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(target: BinaryIO, *_more: object) -> list[int]:
        target.write(b"half")
        raise KeyboardInterrupt

    target = site.folder / "x.csv"
    target.write_text("before", encoding="utf-8")
    monkeypatch.setattr("wxcube.cli.commands.export.write_days", interrupted)
    assert export(site, "--account", "wx1", "--out", target.name).code == 130
    assert target.read_text(encoding="utf-8") == "before"
    assert not list(site.folder.glob("*.part"))


# --- what is remarkable about the rows -----------------------------------------------------------


def test_a_link_at_the_name_of_the_draft_is_not_followed(site: Site) -> None:
    precious = site.folder / "precious"
    precious.write_text("mine", encoding="utf-8")
    (site.folder / "x.csv.part").symlink_to(precious)
    assert export(site, "--account", "wx1", "--out", "x.csv").code == 0
    assert precious.read_text(encoding="utf-8") == "mine"
    assert not (site.folder / "x.csv").is_symlink()
    assert (site.folder / "x.csv").read_bytes().count(b"\n") > 1


@pytest.fixture
def changed(site: Site) -> Site:
    """The site with a revised day and a withdrawn row of wx1, and a day of another origin."""
    asked_at, last = NOW + timedelta(days=20), WEEK.last
    as_before = [row for row in stored_rows("wx1") if row.ref_date == last]
    rows = [msgspec.structs.replace(as_before[0], new_user=7)]
    with Warehouse.open(site.database) as warehouse:
        for step, of_day in enumerate((as_before, rows)):
            answer = Answer(
                SUMMARY, Window.day(last), of_day, b"{}", asked_at + timedelta(days=step)
            )
            warehouse.replace("wx1", Origin.WECHAT, answer)
        before = Window.day(WEEK.first - timedelta(days=1))
        answer = Answer(SUMMARY, before, sample_rows(SUMMARY, before, 5), b"{}", NOW)
        warehouse.replace("wx1", Origin.CUBE, answer)
    return site


def test_a_change_of_origin_is_reported_and_in_the_column(changed: Site) -> None:
    result = export(changed, "--account", "wx1", "--out", "x.csv")
    assert "from 2026-03-03 on the rows are of origin wechat, before of cube" in result.err
    rows = list(csv.DictReader((changed.folder / "x.csv").read_text("utf-8").splitlines()))
    origins = {row["ref_date"]: row["origin"] for row in rows}
    assert origins["2026-03-02"] == "cube"
    assert {origin for day, origin in origins.items() if day > "2026-03-02"} == {"wechat"}
    chinese = changed.run("--lang", "zh", "export", "getusersummary", "--account", "wx1")
    assert "从 2026-03-03 起，数据来源为 wechat，此前为 cube" in chinese.err
    everything = export(changed, "--all-accounts")
    assert "wx1: from 2026-03-03 on" in everything.err
    assert "on the rows are of" not in export(changed, "--account=wx1", "--origin=wechat").err


def test_revised_days_and_withdrawn_rows_are_counted(changed: Site) -> None:
    result = export(changed, "--account", "wx1")
    rows = list(csv.DictReader(result.out.splitlines()))
    revised = {row["ref_date"] for row in rows if row["revision"] not in {"", "0"}}
    gone = [row for row in rows if row["withdrawn_at"]]
    assert revised == {"2026-03-09"}
    assert {(row["ref_date"], row["withdrawn_at"][:10]) for row in gone} == {
        ("2026-03-09", "2026-03-31")
    }
    assert "1 day has figures that changed after it was final" in result.err
    assert f"{len(gone)} rows were withdrawn" in result.err
    plain = export(changed, "--account", "wx1", "--plain")
    assert len(plain.out.splitlines()) == len(rows) + 1 - len(gone)
    assert plain.out.splitlines()[0] == "ref_date,user_source,new_user,cancel_user"
    assert f"{len(gone)} rows are left out" in plain.err


# --- as of a moment -------------------------------------------------------------------------------


@pytest.fixture
def restated(tmp_path: Path) -> Site:
    """A database with two answers for the same day, of 2026-03-10 and the day after."""
    site = Site(tmp_path, ManualClock(NOW + timedelta(days=5)))
    day = Window.day(WEEK.last)
    with Warehouse.open(site.database) as warehouse:
        for step in (0, 1):
            rows = sample_rows(SUMMARY, day, 7 + step)
            body = msgspec.json.encode({"list": rows})
            answer = Answer(SUMMARY, day, rows, body, NOW + timedelta(days=step))
            warehouse.replace("wx1", Origin.WECHAT, answer)
    return site


def test_an_export_as_of_a_moment(restated: Site) -> None:
    latest = export(restated, "--plain", "--format", "jsonl").lines
    assert latest == msgspec.to_builtins(sample_rows(SUMMARY, Window.day(WEEK.last), 8))
    for moment in ("2026-03-10", "2026-03-10T09:00", "2026-03-10T01:30Z"):
        result = export(restated, "--plain", "--format", "jsonl", "--as-of", moment)
        assert result.lines == msgspec.to_builtins(sample_rows(SUMMARY, Window.day(WEEK.last), 7))
    today = export(restated, "--plain", "--format", "jsonl", "--as-of", "2026-03-11")
    assert today.lines == latest


def test_sql_as_of_a_moment(restated: Site) -> None:
    query = "select count(*) as asks, max(fetched_at) as at from asks, coverage"
    [line] = restated.run("sql", query, "--json", "--as-of", "2026-03-10").lines
    assert line == {"asks": 1, "at": "2026-03-10T09:00:00+08:00"}
    [line] = restated.run("sql", query, "--json").lines
    assert line == {"asks": 2, "at": "2026-03-11T09:00:00+08:00"}


@pytest.mark.parametrize(
    ("moment", "code", "words"),
    [
        ("2026-03-10T08:59", 1, "nothing was stored yet at 2026-03-10 08:59"),
        ("2026-03-16", 1, "2026-03-16 23:59 is in the future; it is 2026-03-15 09:00"),
        ("yesterday", 2, "'yesterday' is not a moment"),
        ("2026-02-30", 2, "'2026-02-30' is not a moment"),
        ("9999-12-31", 1, "is in the future"),
        ("0001-01-01", 1, "nothing was stored yet"),
    ],
)
def test_a_moment_that_cannot_be(restated: Site, moment: str, code: int, words: str) -> None:
    for command in (("export", "getusersummary"), ("sql", "select 1")):
        result = restated.run(*command, "--as-of", moment)
        assert (result.code, result.out) == (code, "")
        assert words in result.err
        assert code == 2 or result.err.count("\n") == 1


def test_days_without_a_log_are_reported(restated: Site) -> None:
    with Warehouse.open(restated.database) as warehouse:
        for number, step in enumerate((0, 0, 1)):
            day = Window.day(WEEK.first + timedelta(days=number))
            rows, asked_at = sample_rows(SUMMARY, day, 1), NOW + timedelta(days=step)
            warehouse.replace("wx1", Origin.CUBE, Answer(SUMMARY, day, rows, b"", asked_at))
    result = export(restated, "--as-of", "2026-03-10")
    assert "2 days of origin cube have no log: they are as they are now" in result.err
    assert "1 day of origin cube was stored later and is left out" in result.err
    assert "from 2026-03-09 on the rows are of origin wechat, before of cube" in result.err
    chinese = restated.run("--lang", "zh", "sql", "select 1", "--as-of", "2026-03-10")
    assert "来源为 cube 的 2 天没有请求记录，按现在的数据给出" in chinese.err


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
        retired = RetiredError(47009, "this api is offline")
        warehouse.record_error("wx1", Origin.WECHAT, RETIRED, Window.day(day), retired, NOW)
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


@pytest.mark.parametrize("file_format", ["csv", "json", "jsonl"])
def test_planted_titles_of_a_fetch_are_text(tmp_path: Path, file_format: str) -> None:
    site = Site(tmp_path, ManualClock(NOW), {"WXCUBE_SECRET_SHOP": "s" * 32})
    [row, *_others] = sample_rows(named("getarticlesummary"), Window.day(WEEK.last), 1)
    titles = ["=1+1", "half \ud83d", "a\rb"]
    rows = [
        {**msgspec.to_builtins(row), "title": t, "msgid": f"{n}_1"} for n, t in enumerate(titles)
    ]
    token = {"access_token": "t", "expires_in": 7200}
    reply = Scripted(lambda request: token if "token" in request.path else {"list": rows})
    with RunningServer(reply) as server:
        site.settings.write_text(
            f'[[accounts]]\nappid = "wx0123456789abcdef"\nname = "shop"\nbase_url = "{server.url}"\n'
        )
        words = ("fetch", "getarticlesummary", "2026-03-09", "--format", file_format)
        result = site.run(*words)
    assert result.code == 0, result.err
    text = result.raw.decode()
    if file_format == "csv":
        shown = [r["title"] for r in csv.DictReader(io.StringIO(text, newline=""))]
        assert shown == ["'=1+1", "half \ufffd", "a\rb"]
    else:
        lines = text.splitlines() if file_format == "jsonl" else [text]
        read = [json.loads(line) for line in lines]
        of_rows = read if file_format == "jsonl" else read[0]["list"]
        assert [r["title"] for r in of_rows] == ["=1+1", "half \ufffd", "a\rb"]


# --- sql ------------------------------------------------------------------------------------------


def test_the_help_of_sql_explains_the_added_columns(tmp_path: Path) -> None:
    for language, words in (("en", "state of the row's day"), ("zh", "该日的数据状态")):
        assert words in Site(tmp_path).run("--lang", language, "sql", "--help").out
