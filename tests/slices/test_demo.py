"""`wxcube demo`: it verifies what it shows, and finds every difference."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import termios
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Self

import pytest

from support.command_line import CommandResult, Site
from support.expected_calls import ExpectedCalls
from wxcube.cli import demo
from wxcube.contract import ENDPOINTS
from wxcube.emulator.emulator import Emulator
from wxcube.server.http import listen
from wxcube.warehouse.store import Warehouse

DAYS = 15
FIRST, LAST = date(2026, 2, 23), date(2026, 3, 9)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
NAMES_AND_TITLES = re.compile(r".*（演示）.*|.*《.*")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def result(folder: Path) -> CommandResult:
    return Site(folder).run("demo", "--once", "--days", str(DAYS))


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    return Emulator(days=DAYS)


@pytest.fixture
def stored(folder: Path, result: CommandResult, tmp_path: Path) -> Path:
    """A copy of the demo's database, to be changed."""
    assert result.code == 0
    path = tmp_path / "wxcube.db"
    shutil.copyfile(folder / "demo" / "wxcube.db", path)
    return path


def test_it_verifies_every_row_and_the_number_of_calls(
    result: CommandResult, emulator: Emulator
) -> None:
    assert result.code == 0, result.text
    rows = re.search(r"✓ all ([\d,]+) rows in the database equal the emulator's", result.out)
    assert rows
    assert int(rows[1].replace(",", "")) > 9_000
    calls = re.search(
        r"counted ([\d,]+) calls; the spans permit no fewer than ([\d,]+)", result.out
    )
    assert calls
    assert calls[1] == calls[2] == str(fewest(emulator))
    assert "wxcube init" in result.out


def fewest(emulator: Emulator) -> int:
    """The fewest calls by the fact sheet; an endpoint without permission needs one call."""
    calls = 0
    for app in emulator.accounts:
        cards = emulator.simulation.accounts[app.appid].cards
        for endpoint in ENDPOINTS:
            one_by_one = endpoint.name == "getcardmembercarddetail"
            times = sum(card.is_membership for card in cards) if one_by_one else 1
            granted = endpoint.permission_set in app.permission_sets
            calls += times * (
                ExpectedCalls(endpoint.name).fewest_calls_of_window(FIRST, LAST) if granted else 1
            )
    return calls


def test_output_is_english_except_for_names_and_titles(result: CommandResult) -> None:
    plain = [line for line in result.out.splitlines() if not NAMES_AND_TITLES.match(line)]
    assert not [line for line in plain if CHINESE.search(line)]


def test_output_in_chinese(tmp_path: Path) -> None:
    result = Site(tmp_path).run("--lang", "zh", "demo", "--once", "--days", str(DAYS))
    assert result.code == 0
    assert re.search(r"✓ 库中 [\d,]+ 行与模拟器逐行相同", result.out)
    for head in ("模拟公众号", "同步到数据库", "核对", "接下来", "定稿", "读者最多的文章"):
        assert head in result.out
    prose = re.sub(r"wxcube .*|http://\S+|\b(get|wxdemo|pDEMO)\w+|《.*》", "", result.out)
    assert not re.findall(r"[A-Za-z]{5,}", prose)


@pytest.mark.parametrize(
    "change",
    [
        "update user_cumulate set cumulate_user = cumulate_user + 1 where rowid_of = 1",
        "update article_total__details set share_user = share_user + 1 where rowid_of = 1",
        "update article_total_detail set title = title || '!' where rowid_of = 1",
        "delete from upstream_msg_hour where rowid_of = 1",
        "delete from interface_summary",
        "update card_bizuin_info set ref_date = '2026-03-20' where ref_date = '2026-03-09'",
        "insert into user_cumulate select appid, origin, '2026-03-10', 1, 0, 1, null from user_cumulate limit 1",
    ],
    ids=lambda change: " ".join(str(change).split()[:3]),
)
def test_any_change_of_the_database_is_found(stored: Path, emulator: Emulator, change: str) -> None:
    with Warehouse.open(stored) as warehouse:
        assert demo.compare(emulator, warehouse).differing == ()
    table = change.split()[2 if change.startswith(("delete", "insert")) else 1]
    _change(stored, change, table)
    with Warehouse.open(stored) as warehouse:
        differing = demo.compare(emulator, warehouse).differing
    assert differing
    tables = {e.name: e.table for e in ENDPOINTS}
    assert {tables[name.split()[1]] for name in differing} == {table.split("__")[0]}


def _change(path: Path, change: str, table: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        columns = connection.execute(f"pragma table_info({table})").fetchall()
        keys = [name for _, name, _, _, _, key in columns if key]
        first = connection.execute(f"select {', '.join(keys)} from {table} limit 1").fetchone()
        where = " and ".join(f"{key} = '{value}'" for key, value in zip(keys, first, strict=True))
        count = connection.execute(change.replace("rowid_of = 1", where)).rowcount
        connection.commit()
    assert count > 0


def test_it_replaces_the_database_of_an_earlier_demo(stored: Path) -> None:
    words = ("demo", "--once", "--days", str(DAYS), "--accounts", "1")
    again = Site(stored.parent).run(*words, "--folder", str(stored.parent))
    assert again.code == 0, again.text


def test_it_keeps_a_database_with_accounts_of_yours(tmp_path: Path) -> None:
    path = tmp_path / "wxcube.db"
    Warehouse.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "insert into accounts values ('wx0123456789abcdef', '2026-03-10T09:00:00+08:00')"
        )
        connection.commit()
    before = path.read_bytes()
    result = Site(tmp_path).run("demo", "--once", "--folder", str(tmp_path))
    assert result.code == 1
    assert "accounts of yours" in result.err
    assert "--folder" in result.err
    assert path.read_bytes() == before


# --- calls that a missing permission makes unnecessary ----------------------------------------------


def test_it_explains_why_fewer_calls_are_made_than_planned(tmp_path: Path) -> None:
    """An account without the permission for cards is refused on its first call of each endpoint."""
    result = Site(tmp_path).run("demo", "--once", "--days", "70")
    assert result.code == 0, result.text
    planned, made, counted = (
        int(re.search(pattern, result.out)[1].replace(",", ""))  # type: ignore[index]
        for pattern in (
            r"([\d,]+) calls planned",
            r"([\d,]+) calls made",
            r"counted ([\d,]+) calls",
        )
    )
    skipped = re.search(r"(\d+) planned calls were skipped: .*getcardbizuininfo", result.out)
    assert skipped
    assert made == counted == planned - int(skipped[1])


# --- on a terminal --------------------------------------------------------------------------------


def test_on_a_terminal_it_announces_that_it_serves_and_takes_a_free_port(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as busy:
        port = busy.getsockname()[1]
        words = ("--days", "10", "--accounts", "1", "--port", str(port), "--folder", str(tmp_path))
        with Terminal("demo", *words) as terminal:
            start = terminal.read_until("Ctrl-C")
            free = re.search(rf"port {port} is in use, so (\d+) is used instead", start)
            assert free
            assert f"http://127.0.0.1:{free[1]}" in start
            rest = terminal.read_until("press Ctrl-C to stop")
            assert f"http://127.0.0.1:{free[1]}" in rest
            assert terminal.interrupt() == 0


class Terminal:
    """A process of the command line on a terminal of its own."""

    def __init__(self, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (50, 200))
        command = [sys.executable, "-c", "from wxcube.cli.main import main; main()", *words]
        environment = os.environ | {"LC_ALL": "C.UTF-8", "TERM": "dumb"}
        self._process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        )
        os.close(theirs)
        self._read = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def read_until(self, text: str) -> str:
        """What the process printed up to a text, which is read."""
        while text not in self._read:
            try:
                self._read += os.read(self._ours, 4096).decode(errors="replace")
            except OSError:
                raise AssertionError(f"{text!r} was not printed: {self._read}") from None
        before, _, self._read = self._read.partition(text)
        return before + text

    def interrupt(self) -> int:
        """The exit code after Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait()
