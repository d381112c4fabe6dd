"""Output of stored and fetched rows: fetch, export, sql, endpoints."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import msgspec
import openpyxl  # type: ignore[import-untyped]
import pytest

from support.command_line import MakeSite, Site, Synced
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.endpoint import Endpoint
from wxcube.testing import RunningEmulator
from wxcube.warehouse.store import Warehouse

SUMMARY, TOTAL = named("getusersummary"), named("getarticletotal")


def appid(synced: Synced) -> str:
    return synced.running.account().appid


def truth(synced: Synced, endpoint: Endpoint[Any]) -> list[Any]:
    if endpoint.name == "getcardmembercarddetail":
        card = _card(synced)
        return synced.running.emulator.rows(appid(synced), endpoint, {"card_id": card})
    return synced.running.emulator.rows(appid(synced), endpoint)


def _card(synced: Synced) -> str:
    cards = synced.running.emulator.simulation.accounts[appid(synced)].cards
    return next(card.card_id for card in cards if card.is_membership)


def table_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# --- export ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_json_exports_are_like_answers_of_wechat(synced: Synced, endpoint: Endpoint[Any]) -> None:
    words = ("export", endpoint.name, "--plain", "--account", "shop0", "--format")
    rows = truth(synced, endpoint)
    whole, lines = synced.site.run(*words, "json"), synced.site.run(*words, "jsonl")
    assert whole.code == lines.code == 0
    assert msgspec.json.decode(whole.raw) == msgspec.to_builtins({"list": rows})
    assert lines.lines == msgspec.to_builtins(rows)


def test_a_csv_export_has_one_record_per_row(synced: Synced) -> None:
    result = synced.site.run("export", "getusersummary", "--plain", "--account", appid(synced))
    rows = truth(synced, SUMMARY)
    assert table_of(result.out) == [
        {name: str(value) for name, value in msgspec.to_builtins(row).items()} for row in rows
    ]


def test_every_exported_row_has_its_origin_and_state(synced: Synced) -> None:
    result = synced.site.run("export", "getarticletotaldetail", "--account", "shop0")
    states = {(row["origin"], row["state"], row["revision"]) for row in table_of(result.out)}
    assert states == {("wechat", "moving", "0")}
    result = synced.site.run("export", "getusersummary", "--account", "shop0", "--format", "jsonl")
    assert {(row["origin"], row["state"]) for row in result.lines} == {("wechat", "final")}
    assert all("T09:0" in str(row["fetched_at"]) for row in result.lines)


def test_a_part_is_expanded_into_rows(synced: Synced) -> None:
    words = ("export", "getarticletotal", "--account", "shop0")
    details, rows = synced.site.run(*words), synced.site.run(*words, "--part", "")
    actual = truth(synced, TOTAL)
    assert len(table_of(rows.out)) == len(actual)
    assert len(table_of(details.out)) == sum(len(row.details) for row in actual)
    assert {"msgid", "stat_date", "target_user"} <= table_of(details.out)[0].keys()


def test_an_export_can_be_limited_to_a_window(synced: Synced) -> None:
    result = synced.site.run(
        "export", "getusersummary", "2026-03-01..2026-03-02", "--account=shop0"
    )
    assert {row["ref_date"] for row in table_of(result.out)} == {"2026-03-01", "2026-03-02"}


def test_a_file_for_excel_has_a_chinese_header_and_a_byte_order_mark(
    synced: Synced, tmp_path: Path
) -> None:
    target = tmp_path / "用户.csv"
    words = ("--header", "zh", "--excel", "--out", str(target), "--account", "shop0")
    result = synced.site.run("--lang", "zh", "export", "getusersummary", *words)
    raw = target.read_bytes()
    assert (result.code, result.out) == (0, "")
    assert raw.startswith(b"\xef\xbb\xbf")
    heads, *rows = raw.decode("utf-8-sig").splitlines()
    assert "数据" in heads or "日期" in heads
    assert "人" in heads
    assert len(rows) == len(truth(synced, SUMMARY))
    assert f"{len(rows)} 行" in result.err
    assert list(tmp_path.glob("*.part")) == []


def test_an_export_without_rows_has_only_a_header(synced: Synced) -> None:
    words = ("export", "getusersummary", "2026-01-01", "--account", "shop0")
    assert synced.site.run(*words).out.count("\n") == 1
    assert synced.site.run(*words, "--format", "jsonl").out == ""
    assert synced.site.run(*words, "--format", "json").out.strip() == '{"list":[]}'


# --- fetch ----------------------------------------------------------------------------------------


def test_fetch_prints_the_rows_of_the_answer(synced: Synced) -> None:
    words = ("fetch", "getusersummary", "2026-02-23..2026-03-09", "--account", "shop0")
    rows = truth(synced, SUMMARY)
    assert synced.site.run(*words, "--json").lines == msgspec.to_builtins(rows)
    whole = msgspec.json.decode(synced.site.run(*words, "--format", "json").raw)
    assert whole == msgspec.to_builtins({"list": rows})
    assert len(table_of(synced.site.run(*words, "--format", "csv").out)) == len(rows)
    assert synced.site.run(*words, "--out", "fetched.xlsx").code == 0
    book = openpyxl.load_workbook(synced.site.folder / "fetched.xlsx")
    assert book["getusersummary"].max_row == len(rows) + 1
    shown = synced.site.run(*words)
    assert "new_user" in shown.out
    assert "2026-03-09" in shown.out


def test_fetch_stores_answers_only_with_save(running: RunningEmulator, new_site: MakeSite) -> None:
    site = new_site(running)
    words = ("fetch", "getarticletotaldetail", "2026-03-01..2026-03-02", "--account", "shop0")
    assert site.run(*words).code == 0
    assert not site.database.exists()
    result = site.run(*words, "--save", "--json")
    assert result.code == 0
    assert result.lines
    account = running.account().appid
    with Warehouse.open(site.database, read_only=True) as warehouse:
        endpoint = named("getarticletotaldetail")
        extent = warehouse.extent(account, endpoint)
        assert extent
        assert msgspec.to_builtins(warehouse.read(account, endpoint, extent)) == result.lines


def test_fetched_rows_are_stored_under_their_parameters(
    running: RunningEmulator, new_site: MakeSite
) -> None:
    site, account = new_site(running), running.account()
    card = running.emulator.simulation.accounts[account.appid].cards[0].card_id
    for name, given in (
        ("getcardmembercarddetail", {"card_id": card}),
        ("getcardbizuininfo", {"cond_source": 0}),
    ):
        endpoint = named(name)
        params = [f"--param={key}={value}" for key, value in given.items()]
        days = "2026-03-01..2026-03-02"
        result = site.run("fetch", name, days, "--account=shop0", "--save", "--json", *params)
        assert result.code == 0, result.text
        with Warehouse.open(site.database, read_only=True) as warehouse:
            known = warehouse.coverage(account.appid, endpoint, params=given)
            assert sorted(map(str, known)) == ["2026-03-01", "2026-03-02"]


def test_titles_are_shown_unchanged(synced: Synced) -> None:
    """Brackets and colons of a title are not interpreted as markup or emoji."""
    query = "select '[bold]x[/nope] :smile:' || char(27) || '[31m' as title"
    assert "[bold]x[/nope] :smile:[31m" in synced.site.run("sql", query).out


# --- sql, endpoints -------------------------------------------------------------------------------


def test_sql_reads(synced: Synced) -> None:
    query = "select ref_date, cumulate_user from user_cumulate where appid=(select min(appid) from accounts) order by 1 limit 2"
    lines = synced.site.run("sql", query, "--json").lines
    rows = truth(synced, named("getusercumulate"))[:2]
    assert lines == [
        {"ref_date": str(row.ref_date), "cumulate_user": row.cumulate_user} for row in rows
    ]
    assert synced.site.run("sql", query, "--format", "csv").out.count("\n") == 3
    assert "cumulate_user" in synced.site.run("sql", query).out
    many = (
        "with recursive n(i) as (select 1 union all select i+1 from n where i<300) select i from n"
    )
    assert "100 more" in synced.site.run("sql", many).err
    assert "还有 100 行" in synced.site.run("--lang", "zh", "sql", many).err


@pytest.mark.parametrize(
    "query",
    [
        "delete from user_cumulate",
        "update coverage set state='final'",
        "drop table replies",
        "insert into accounts values ('x', 'y')",
        "create table t(a)",
        "attach 'other.db' as o",
        "vacuum",
        "pragma journal_mode=delete",
        "select 1; delete from coverage",
    ],
)
def test_sql_only_reads(copied: Site, query: str) -> None:
    before = copied.database.read_bytes()
    result = copied.run("sql", query)
    assert result.code == 1
    assert "give one SELECT" in result.err
    assert copied.database.read_bytes() == before
    assert list(copied.folder.glob("other.db")) == []


def test_endpoints_are_listed_and_explained(synced: Synced) -> None:
    listed = synced.site.run("--lang", "zh", "endpoints")
    assert all(endpoint.name in listed.out for endpoint in ENDPOINTS)
    assert "获取用户增减数据" in listed.out
    explained = synced.site.run("endpoints", "getarticletotal").out
    assert "details[].feed_share_from_session_cnt" in explained
    contract = msgspec.json.decode(synced.site.run("endpoints", "--json").raw)
    assert len(contract["endpoints"]) == len(ENDPOINTS)
