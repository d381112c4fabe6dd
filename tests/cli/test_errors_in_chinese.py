"""Errors and damage reports of every command are completely in Chinese with `--lang zh`."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import msgspec
import pytest

from support import bad_files, bad_inputs
from support.bad_files import File
from support.bad_inputs import Command
from support.command_line import CommandResult, Site
from support.event_files import lines, sample_events
from support.private_files import write_private
from support.rows import sample_rows
from wxcube.beijing import BEIJING, ManualClock
from wxcube.cli.commands import doctor
from wxcube.contract import Window, named
from wxcube.contract.source import Answer, Origin
from wxcube.warehouse.store import Warehouse

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
WINDOW = Window(date(2026, 3, 1), date(2026, 3, 7))
APPID = "wx0123456789abcdef"
ENGLISH = re.compile(r"[A-Za-z][a-z']+(?: [a-z']{2,})+")
FOREIGN = re.compile(
    # of the system
    "No such file or directory|Is a directory|Permission denied|File exists|Address already in use"
    "|Name or service not known|Connect call failed|No space left on device|Invalid isoformat string"
    # of SQLite, DuckDB and of Python's reader of TOML
    "|file is not a database|有错误：[A-Z][^；]*|查询失败：[^；]*|查询不只是读取：[^；]*|不是正确的 TOML：[^；]*|(?<=有错：)[A-Z][^；]*"
    "|(?<=（)[A-Z][A-Za-z ]*(?:Error|Exception): .*?(?=）)|(?<=（)JSON is malformed: .*?(?=）)"
)
VERBATIM = re.compile(
    r"`[^`]*`|'[^']*'|\"[^\"]*\"|--[a-z]+ \S+|^(?:Usage|用法)[:：].*$|PATH 成员=值.*", re.MULTILINE
)
"""Commands, values and usages."""
HINTED = re.compile("^错误：.+[；。].+", re.MULTILINE)


def left_over(text: str) -> list[str]:
    """English sentences in what was printed."""
    return ENGLISH.findall(VERBATIM.sub("", FOREIGN.sub("", text)))


def assert_chinese(result: CommandResult, code: int) -> None:
    assert result.code == code, result.text
    assert (
        HINTED.search(result.err) if code == 1 else re.search("^错误：.+", result.err, re.MULTILINE)
    )
    assert not left_over(result.err), result.err
    assert not re.search("^[Ee]rror", result.err, re.MULTILINE)
    assert "s3cretp" not in result.text


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a week of an endpoint in it."""
    path = tmp_path_factory.mktemp("stored") / "wxcube.db"
    endpoint = named("getusersummary")
    rows = sample_rows(endpoint, WINDOW, 3)
    answer = Answer(endpoint, WINDOW, rows, msgspec.json.encode({"list": rows}), NOW)
    with Warehouse.open(path) as warehouse:
        warehouse.replace(APPID, Origin.WECHAT, answer)
    return path


@pytest.fixture
def site(tmp_path: Path, stored: Path) -> Site:
    """Valid settings and a valid database, with a Chinese locale."""
    environment = {"WXCUBE_SECRET_SHOP": "0" * 32, "TWO_WORDS": "a b", "LANG": "zh_CN.UTF-8"}
    site = Site(tmp_path, ManualClock(NOW), environment)
    site.settings.write_text(bad_files.ONE + 'base_url = "http://127.0.0.1:9"\n', "utf-8")
    shutil.copyfile(stored, site.database)
    return site


# --- command lines and files ---------------------------------------------------------------------


@pytest.mark.parametrize("case", bad_inputs.COMMANDS, ids=lambda case: case.id)
def test_a_bad_command_line(site: Site, case: Command) -> None:
    assert_chinese(site.run(*case.words), case.code)


@pytest.mark.parametrize("case", bad_files.SETTINGS, ids=lambda case: case.id)
def test_a_bad_settings_file(site: Site, case: File) -> None:
    site.settings.write_bytes(case.raw)
    if case.id == "no secret anywhere":
        del site.environment["WXCUBE_SECRET_SHOP"]
    assert_chinese(site.run(*case.words.split()), 1)


@pytest.mark.parametrize("case", bad_files.APPS, ids=lambda case: case.id)
def test_a_bad_apps_file(site: Site, case: File) -> None:
    write_private(site.folder / "wxcube-apps.toml", case.raw)
    assert_chinese(site.run("serve", "--port", "0"), 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("events ingest nope.jsonl", "nope.jsonl 无法读取（No such file or directory）"),
        ("events status", "events 里没有事件库；可用 `wxcube events ingest FILE` 建立"),
        ("events forget nope.parquet --yes", "没有事件库"),
        ("cube build", "没有事件库"),
        ("cube build --engine spark", "没有事件库|引擎 spark 缺少 master"),
        ("cube build --engine clickhouse --url https://me:secret@h:1", "URL 中有密码"),
        ("cube build --engine clickhouse --url here", "不是它的 HTTP 接口的 URL"),
        ("cube build --partitions 3", "--partitions 是引擎 spark 的选项，不能用于 duckdb"),
        ("cube build --memory much", "'much' 不是内存大小；请写成 2GB 或 512MiB 的样子"),
        ("cube build --memory 1MB", "1MB 内存太少"),
        ("explain evnts", "没有 'evnts' 这个接口或事件；是不是想写 events"),
        ("account check", "错误：/cgi-bin/stable_token：无法连接服务器（Connect call failed"),
    ],
)
def test_other_mistakes(site: Site, words: str, message: str) -> None:
    result = site.run(*words.split())
    assert_chinese(result, 1)
    assert re.search(message, result.err), result.err


def test_settings_that_keep_too_few_facts(site: Site) -> None:
    for given in (
        "retention_days_facts = 40",
        "retention_days_events = 9\nretention_days_facts = 9",
    ):
        site.settings.write_text(f"[events]\n{given}\n", "utf-8")
        result = site.run("events", "status")
        assert_chinese(result, 1)
        assert "迟到的事件" in result.err


def test_a_port_that_is_taken(site: Site) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        result = site.run("serve", "--port", str(taken.getsockname()[1]))
    assert_chinese(result, 1)
    assert "错误：无法监听 127.0.0.1:" in result.err


def _torn(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[:5000] + bytes(60_000) + raw[65_000:])


def _revised(path: Path, revision: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("update alembic_version set version_num = ?", (revision,))
        connection.commit()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "text",
            lambda path: path.write_bytes(b"no database\n" * 99),
            "wxcube.db：不是 SQLite 数据库",
        ),
        ("damaged", _torn, "wxcube.db：文件已损坏；请恢复备份"),
        (
            "empty",
            lambda path: path.write_bytes(b""),
            "wxcube.db 是空的；请用 `wxcube sync` 获取数据",
        ),
        ("newer", lambda path: _revised(path, "9999"), "wxcube.db 由更新版本的 wxcube 写入"),
        ("older", lambda path: _revised(path, "0000"), "wxcube.db 是旧版 wxcube 的数据库"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_database(
    site: Site, name: str, change: Callable[[Path], object], message: str
) -> None:
    change(site.database)
    result = site.run("status")
    assert_chinese(result, 1)
    assert message in result.err
    doctor = site.run("doctor")
    assert doctor.code == 1
    assert message.partition("；")[0] in doctor.out
    assert not left_over(doctor.text), doctor.text


def test_a_database_that_cannot_be_opened(site: Site) -> None:
    site.database.unlink()
    site.database.symlink_to("no/such/file.db")
    result = site.run("sync")
    assert_chinese(result, 1)
    assert "wxcube.db：文件无法打开；请检查目录是否存在，以及文件和目录是否可读写" in result.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_that_may_not_be_read(site: Site) -> None:
    for path in (site.settings, site.database):
        path.chmod(0)
        result = site.run("status")
        path.chmod(0o600)
        assert_chinese(result, 1)


# --- which language ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "settings", "environment", "chinese"),
    [
        ("--lang zh export nope", "", "C", True),
        ("--lang=zh export nope", "", "C", True),
        ("--lang en export nope", "", "zh_CN.UTF-8", False),
        ("export nope", 'language = "zh"', "C", True),
        ("export nope", 'language = "en"', "zh_CN.UTF-8", False),
        ("export nope", "", "zh_CN.UTF-8", True),
        ("export nope", "", "C", False),
        # the settings cannot be read: what else is known counts
        ("--lang zh plan", "database = ", "C", True),
        ("plan", "database = ", "zh_CN.UTF-8", True),
        ("plan", "database = ", "C", False),
        # and where the command line itself is wrong
        ("syncc --lang zh", "", "C", True),
        ("syncc", 'language = "zh"', "C", True),
        ("syncc", "", "C", False),
        ("--lang fr plan", "", "zh_CN.UTF-8", True),
    ],
)
def test_the_language_of_an_error(
    site: Site, words: str, settings: str, environment: str, chinese: bool
) -> None:
    site.settings.write_text(f"{settings}\n{bad_files.ONE}", "utf-8")
    site.environment["LANG"] = environment
    result = site.run(*words.split())
    assert result.code in {1, 2}
    assert ("错误：" in result.err) is chinese, result.err
    assert bool(re.search("^[Ee]rror: ", result.err, re.MULTILINE)) is not chinese


def test_help_is_no_error(site: Site) -> None:
    result = site.run("events")
    assert result.code == 2
    assert "错误" not in result.text
    assert "用法： wxcube events" in result.text


def test_a_fault_of_wxcube_itself(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("that should not happen")

    monkeypatch.setattr(doctor, "_warehouse", broken)
    result = site.run("doctor")
    assert result.code == 1
    assert result.err.startswith(
        "错误：wxcube 自身出错：ZeroDivisionError: that should not happen；"
    )
    assert "已存的数据不受影响；请附上 " in result.err
    Path(result.err.split("附上 ")[1].partition(" ")[0]).unlink()


# --- the event store and the cube ----------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an event store and facts of it."""
    folder = tmp_path_factory.mktemp("built")
    site = Site(folder, ManualClock(NOW), {"WXCUBE_EVENTS__GROUP_COUNT": "1"})
    (folder / "a.jsonl").write_bytes(lines(sample_events(200)))
    assert site.run("events", "ingest", "a.jsonl").code == 0
    assert site.run("cube", "build", "--quiet").code == 0
    return folder


@pytest.fixture
def shop(built: Path, tmp_path: Path) -> Iterator[Site]:
    """The same, for a Chinese reader to damage."""
    folder = tmp_path / "shop"
    shutil.copytree(built, folder)
    yield Site(folder, ManualClock(NOW), {"LANG": "zh_CN.UTF-8"})
    for path in folder.rglob("*"):
        path.chmod(0o700)


def _file(site: Site, pattern: str) -> Path:
    return min((site.folder / "events").glob(pattern))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def _flipped(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3] ^= 1
    path.write_bytes(raw)


DAMAGES: tuple[tuple[str, Callable[[Path], object], str], ...] = (
    ("days/*/*/*.parquet", _cut, "：无法读取（|文件被改动过"),
    ("days/*/*/*.parquet", Path.unlink, "：无法读取（"),
    ("days/*/*/*.parquet", lambda path: path.write_bytes(b"damaged"), "：无法读取（|文件被改动过"),
    ("days/*/*/*.parquet", _flipped, "校验和与写入时不同|无法读取"),
    ("facts/*/*/*.parquet", _cut, "：无法读取（|文件被改动过"),
    ("facts/*/*/*.parquet", Path.unlink, "：它不存在"),
    ("facts/cube.db", Path.unlink, "：它不存在，但有事实表"),
    (
        "facts/cube.db",
        lambda path: path.write_bytes(b"x" * 4096),
        "：无法读取（file is not a database）",
    ),
    ("FORMAT", Path.unlink, "文件夹里有事件，events/FORMAT 却不见了"),
    ("FORMAT", _flipped, "已损坏"),
    ("state.json", Path.unlink, "events/state.json 不见了：哪些事件文件有效，由它记录"),
    ("state.json", _flipped, "events/state.json 已损坏（校验和不符）"),
    ("accounts.jsonl", Path.unlink, "events/accounts.jsonl 不见了，或被截短"),
    ("accounts.jsonl", _flipped, "events/accounts.jsonl 已损坏（校验和不符）"),
    ("key", Path.unlink, "events/key 不见了"),
    ("key", lambda path: path.write_text("0" * 64), "用的是另一个密钥，与现在给出的不同"),
    ("key", lambda path: path.write_text("mine"), "events/key 已损坏（内容不是密钥）"),
    ("key-ids", lambda path: path.write_text("0" * 64), "events/key-ids 不是这个事件库的密钥"),
    ("wal", shutil.rmtree, "：日志文件夹不见了"),
)


@pytest.mark.parametrize(("pattern", "damage", "message"), DAMAGES)
def test_doctor_tells_damages(
    shop: Site, pattern: str, damage: Callable[[Path], object], message: str
) -> None:
    path = _file(shop, pattern)
    damage(path)
    result = shop.run("doctor", "--deep")
    assert re.search(message, result.out), result.out
    assert "  → " in result.out
    assert not left_over(result.text), result.text
    # what programs read stays as it was
    english = shop.run("doctor", "--deep", "--json").out
    shop.environment["LANG"] = "C"
    assert shop.run("doctor", "--deep", "--json").out == english
    assert not re.search("[\u4e00-\u9fff]", english)
    assert all(json.loads(line)["mend"] for line in english.splitlines())


@pytest.mark.parametrize(("pattern", "damage", "message"), DAMAGES)
def test_other_commands_report_damaged_files(
    shop: Site, pattern: str, damage: Callable[[Path], object], message: str
) -> None:
    damage(_file(shop, pattern))
    (shop.folder / "b.jsonl").write_bytes(lines(sample_events(200, seed=2)))
    for words in (
        "events ingest b.jsonl",
        "cube build --quiet",
        "cube status",
        "events status --exact",
    ):
        result = shop.run(*words.split())
        assert result.code in {0, 1, 3}, result.text
        assert not left_over(result.text), result.text
        assert result.code != 1 or HINTED.search(result.err), result.text


def test_a_log_that_was_cut(shop: Site) -> None:
    (shop.folder / "b.jsonl").write_bytes(lines(sample_events(50, seed=2)))
    assert shop.run("events", "ingest", "b.jsonl", "--no-compact").code == 0
    segment = _file(shop, "wal/*.seg")
    segment.write_bytes(segment.read_bytes()[:-1])
    result = shop.run("doctor")
    assert "字节不是完整的一批：写入进程在此被杀掉，或文件被截短" in result.out
    assert "`wxcube events compact` 会归档其余各批" in result.out
    assert not left_over(result.text), result.text
    result = shop.run("events", "compact")
    assert result.code == 3
    assert "里有些字节不是完整的一批，另存在 events/damaged/" in result.err
    assert not left_over(result.text), result.text
    assert "日志里不完整的批次" in shop.run("doctor").out


def test_an_older_state_is_reported(shop: Site) -> None:
    older = (shop.folder / "events" / "state.json").read_bytes()
    (shop.folder / "b.jsonl").write_bytes(lines(sample_events(50, seed=2)))
    assert shop.run("events", "ingest", "b.jsonl").code == 0
    (shop.folder / "events" / "state.json").write_bytes(older)
    result = shop.run("doctor")
    assert "它比 state.json 新，却没有列在里面：恢复的是旧的 state.json" in result.out
    result = shop.run("events", "compact")
    assert "个事件重新计入" in result.err
    assert not left_over(result.text), result.text


def test_a_clock_set_back_and_refused_lines_are_reported(shop: Site) -> None:
    (shop.folder / "b.jsonl").write_bytes(b"{}\n")
    assert shop.run("events", "ingest", "b.jsonl", "--on-error", "skip").code == 3
    shop.clock = ManualClock(datetime(2026, 3, 1, tzinfo=BEIJING))
    result = shop.run("doctor")
    assert "时钟被往回拨了：现在是 2026-03-01 00:00" in result.out
    assert "1 个死信文件里有被拒绝的行" in result.out
    assert not left_over(result.text), result.text


@pytest.mark.skipif(sys.platform == "win32", reason="locks of a POSIX system")
def test_a_build_beside_another(shop: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from wxcube.cli.commands import cube
    from wxcube.events.store.durable import try_locked

    monkeypatch.setattr(cube, "WAIT_SECONDS", 0.1)
    with try_locked(shop.folder / "events" / "facts" / "build.lock"):
        result = shop.run("cube", "build", "--quiet")
        assert_chinese(result, 1)
        assert "另有一个计算正在进行；请等它结束后再试" in result.err
        assert "有计算正在运行，没有检查它的文件" in shop.run("doctor").out
        assert_chinese(shop.run("cube", "build", "--quiet", "--account", "nobody"), 1)
