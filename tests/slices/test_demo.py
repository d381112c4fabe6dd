"""`wxcube demo`: it proves what it shows, and its proof can fail."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from support.command_line import Said, Site
from support.promised import Promised
from wxcube.cli import demo
from wxcube.contract import ENDPOINTS
from wxcube.emulator.emulator import Emulator
from wxcube.warehouse.store import Warehouse

DAYS = 15
FIRST, LAST = date(2026, 2, 23), date(2026, 3, 9)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
NAMES_AND_TITLES = re.compile(r".*（演示）.*|.*《.*")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def said(folder: Path) -> Said:
    return Site(folder).run("demo", "--once", "--days", str(DAYS))


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    return Emulator(days=DAYS)


@pytest.fixture
def stored(folder: Path, said: Said, tmp_path: Path) -> Path:
    """The demo's database, to be tampered with."""
    assert said.code == 0
    path = tmp_path / "wxcube.db"
    shutil.copyfile(folder / "demo" / "wxcube.db", path)
    return path


def test_it_proves_every_row_and_counts_the_calls(said: Said, emulator: Emulator) -> None:
    assert said.code == 0, said.text
    rows = re.search(r"✓ all ([\d,]+) rows in the database equal the emulator's", said.out)
    assert rows
    assert int(rows[1].replace(",", "")) > 9_000
    calls = re.search(r"✓ ([\d,]+) calls.*no fewer than ([\d,]+)", " ".join(said.out.split()))
    assert calls
    assert calls[1] == calls[2] == str(fewest(emulator))
    assert "wxcube init" in said.out


def fewest(emulator: Emulator) -> int:
    """By the evidence; a call that is refused is made once."""
    found = 0
    for app in emulator.accounts:
        cards = emulator.simulation.accounts[app.appid].cards
        for endpoint in ENDPOINTS:
            one_by_one = endpoint.name == "getcardmembercarddetail"
            times = sum(card.is_membership for card in cards) if one_by_one else 1
            granted = endpoint.permission_set in app.permission_sets
            found += times * (
                Promised(endpoint.name).fewest_in_a_row(FIRST, LAST) if granted else 1
            )
    return found


def test_it_speaks_english_but_for_names_and_titles(said: Said) -> None:
    plain = [line for line in said.out.splitlines() if not NAMES_AND_TITLES.match(line)]
    assert not [line for line in plain if CHINESE.search(line)]


def test_it_speaks_chinese(tmp_path: Path) -> None:
    said = Site(tmp_path).run("--lang", "zh", "demo", "--once", "--days", str(DAYS))
    assert said.code == 0
    assert re.search(r"✓ 库中 [\d,]+ 行与模拟器逐行相同", said.out)
    for head in ("模拟公众号", "同步到数据库", "核对", "接下来", "定稿", "读者最多的文章"):
        assert head in said.out
    told = re.sub(r"wxcube .*|http://\S+|\b(get|wxdemo|pDEMO)\w+|《.*》", "", said.out)
    assert not re.findall(r"[A-Za-z]{5,}", told)


@pytest.mark.parametrize(
    "change",
    [
        "update user_cumulate set cumulate_user = cumulate_user + 1 where rowid_of = 1",
        "update article_total__details set share_user = share_user + 1 where rowid_of = 1",
        "update article_total_detail set title = title || '!' where rowid_of = 1",
        "delete from upstream_msg_hour where rowid_of = 1",
        "delete from interface_summary",
        "update card_bizuin_info set ref_date = '2026-03-20' where ref_date = '2026-03-09'",
        "insert into user_cumulate select appid, origin, '2026-03-10', 1, 0, 1 from user_cumulate limit 1",
    ],
    ids=lambda change: " ".join(str(change).split()[:3]),
)
def test_a_tampered_database_is_found_out(stored: Path, emulator: Emulator, change: str) -> None:
    with Warehouse.open(stored) as warehouse:
        assert demo.compare(emulator, warehouse).differing == ()
    table = change.split()[2 if change.startswith(("delete", "insert")) else 1]
    _tamper(stored, change, table)
    with Warehouse.open(stored) as warehouse:
        differing = demo.compare(emulator, warehouse).differing
    assert differing
    tables = {e.name: e.table for e in ENDPOINTS}
    assert {tables[found.split()[1]] for found in differing} == {table.split("__")[0]}


def _tamper(path: Path, change: str, table: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        columns = connection.execute(f"pragma table_info({table})").fetchall()
        keys = [name for _, name, _, _, _, key in columns if key]
        first = connection.execute(f"select {', '.join(keys)} from {table} limit 1").fetchone()
        where = " and ".join(f"{key} = '{value}'" for key, value in zip(keys, first, strict=True))
        count = connection.execute(change.replace("rowid_of = 1", where)).rowcount
        connection.commit()
    assert count > 0


def test_it_begins_anew_each_time(stored: Path) -> None:
    """What an earlier demo left is no reason to prove anything else."""
    words = ("demo", "--once", "--days", str(DAYS), "--accounts", "1")
    again = Site(stored.parent).run(*words, "--folder", str(stored.parent))
    assert again.code == 0, again.text


def test_it_removes_no_database_of_your_own(tmp_path: Path) -> None:
    path = tmp_path / "wxcube.db"
    Warehouse.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "insert into accounts values ('wx0123456789abcdef', '2026-03-10T09:00:00+08:00')"
        )
        connection.commit()
    before = path.read_bytes()
    said = Site(tmp_path).run("demo", "--once", "--folder", str(tmp_path))
    assert said.code == 1
    assert "accounts of your own" in said.err
    assert "--folder" in said.err
    assert path.read_bytes() == before
