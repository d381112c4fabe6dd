"""More than a hundred bad inputs: each gives an error with a hint, and no stored data is lost."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from support import bad_files, bad_inputs
from support.bad_files import File
from support.bad_inputs import Asked, Command
from support.command_line import CommandResult, Site, site_of
from support.database import content
from support.private_files import write_private
from support.rows import sample_rows
from wxcube import log
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import Window, named
from wxcube.contract.source import Answer, Origin
from wxcube.server import apps
from wxcube.server.gateway import Gateway
from wxcube.server.messages import Request
from wxcube.server.protocol import Api
from wxcube.testing import RunningEmulator
from wxcube.warehouse.store import Warehouse

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
WINDOW = Window(date(2026, 3, 1), date(2026, 3, 7))
APPID = "wx0123456789abcdef"
HINTED = re.compile(r"error: .+[;.] .+", re.DOTALL)
"""An error states the problem, and then what to do."""
PLANTED = "s3cretp"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a week of two endpoints in it."""
    path = tmp_path_factory.mktemp("stored") / "wxcube.db"
    with Warehouse.open(path) as warehouse:
        for name in ("getusersummary", "getarticletotal"):
            endpoint = named(name)
            for window in WINDOW.split(endpoint.span_days):
                rows = sample_rows(endpoint, window, 3)
                body = msgspec.json.encode({"list": rows})
                answer = Answer(endpoint, window, rows, body, NOW)
                warehouse.replace(APPID, Origin.WECHAT, answer)
    return path


@pytest.fixture
def site(tmp_path: Path, stored: Path) -> Site:
    """Valid settings and a valid database, but no server at base_url."""
    site = Site(tmp_path, ManualClock(NOW), {"WXCUBE_SECRET_SHOP": "0" * 32, "TWO_WORDS": "a b"})
    site.settings.write_text(bad_files.ONE + 'base_url = "http://127.0.0.1:9"\n', "utf-8")
    shutil.copyfile(stored, site.database)
    return site


def assert_error(result: CommandResult, code: int, expected: tuple[str, ...]) -> None:
    text = " ".join(result.text.split())
    assert result.code == code, text
    for words in expected:
        assert words in text
    assert "Traceback" not in text
    assert "wxcube itself failed" not in text
    assert PLANTED not in text
    if code == 1:
        assert HINTED.search(result.err), text
        assert result.err.count("\n") == 1
    else:
        assert "Usage: " in text or "Error: " in text


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def test_there_are_more_than_a_hundred() -> None:
    tables = (
        bad_inputs.COMMANDS,
        bad_files.SETTINGS,
        bad_files.APPS,
        bad_inputs.REQUESTS,
        DATABASES,
    )
    assert sum(len(table) for table in tables) > 150


# --- command lines --------------------------------------------------------------------------------


@pytest.mark.parametrize("case", bad_inputs.COMMANDS, ids=lambda case: case.id)
def test_a_bad_command_line(site: Site, case: Command) -> None:
    before, settings = digest(site.database), site.settings.read_bytes()
    assert_error(site.run(*case.words), case.code, case.expected)
    assert digest(site.database) == before
    assert site.settings.read_bytes() == settings


# --- settings and apps ----------------------------------------------------------------------------


@pytest.mark.parametrize("case", bad_files.SETTINGS, ids=lambda case: case.id)
def test_a_bad_settings_file(site: Site, case: File) -> None:
    before = digest(site.database)
    site.settings.write_bytes(case.raw)
    if case.id == "no secret anywhere":
        site.environment.clear()
    assert_error(site.run(*case.words.split()), 1, case.expected)
    assert digest(site.database) == before


@pytest.mark.parametrize("case", bad_files.APPS, ids=lambda case: case.id)
def test_a_bad_apps_file(site: Site, case: File) -> None:
    before = digest(site.database)
    write_private(site.folder / "wxcube-apps.toml", case.raw)
    assert_error(site.run("serve", "--port", "0"), 1, case.expected)
    assert digest(site.database) == before


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("WXCUBE_SYNC__CONCURRENCY", "many", "sync.concurrency: expected integer"),
        ("WXCUBE_LOG_JSON", "maybe", "log_json: expected boolean"),
        ("WXCUBE_LOG_LEVEL", "loud", "use one of debug"),
        ("WXCUBE_CONFIG", "nope.toml", "wxcube init"),
        ("WXCUBE_DATABASE", "oracle://me:s3cretpw@host", "give a path like wxcube.db"),
        ("WXCUBE_SYNC__SINCE", "2026-13-01", "write a date as 2026-03-01"),
    ],
)
def test_a_bad_environment(site: Site, variable: str, value: str, words: str) -> None:
    site.environment[variable] = value
    assert_error(site.run("plan"), 1, (words,))


# --- databases ------------------------------------------------------------------------------------


def _sql(*statements: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return change


def _bytes(start: int, put: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        raw = path.read_bytes()
        path.write_bytes(raw[:start] + put + raw[start + len(put) :])

    return change


def _link_to(target: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.unlink()
        path.symlink_to(target)

    return change


def _foreign(path: Path) -> None:
    path.unlink()
    _sql("create table mine (a)", "insert into mine values (1)")(path)


ANOTHER = "name another file"
BadDatabase = tuple[str, Callable[[Path], None], tuple[str, ...]]
"""What it is, how it becomes so, and the words of the error."""
DATABASES: tuple[BadDatabase, ...] = (
    ("text", lambda path: _write(path, b"no database\n" * 99), ("not an SQLite database", ANOTHER)),
    ("another header", _bytes(0, b"x" * 16), ("not an SQLite database", ANOTHER)),
    ("damaged", _bytes(5_000, os.urandom(60_000)), ("is damaged", "restore a backup")),
    ("cut off", lambda path: _write(path, path.read_bytes()[:40_000]), ("is damaged", "restore")),
    ("newer", _sql("update alembic_version set version_num = '9999'"), ("newer", "update wxcube")),
    ("unknown", _sql("update alembic_version set version_num = '0000'"), ("0000", "migrate it")),
    ("of something else", _foreign, ("the database of another program", "name another one")),
    ("empty", lambda path: _write(path, b""), ("is empty", "fetch data with `wxcube sync`")),
    ("a loop of links", _link_to("wxcube.db"), ("there is no database", "fetch data")),
    ("a link to nowhere", _link_to("no/such/file.db"), ("there is no database", "fetch data")),
)


def _write(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)


@pytest.mark.parametrize(
    "words",
    [("status",), ("export", "getusersummary"), ("sql", "select 1")],
    ids=lambda words: str(words[0]),
)
@pytest.mark.parametrize("case", DATABASES, ids=lambda case: str(case[0]))
def test_a_bad_database_is_not_read(site: Site, case: BadDatabase, words: tuple[str, ...]) -> None:
    _, change, expected = case
    change(site.database)
    before = site.database.read_bytes() if site.database.is_file() else b""
    assert_error(site.run(*words), 1, expected)
    assert not before or site.database.read_bytes() == before


@pytest.mark.parametrize(
    "case",
    [case for case in DATABASES if case[0] not in {"empty", "unknown"} and "link" not in case[0]],
    ids=lambda case: str(case[0]),
)
def test_a_bad_database_is_not_written(site: Site, case: BadDatabase) -> None:
    _, change, expected = case
    change(site.database)
    before = site.database.read_bytes()
    assert_error(site.run("sync"), 1, expected)
    assert_error(site.run("serve", "--port", "0"), 1, expected)
    assert site.database.read_bytes() == before


def test_tables_of_an_unknown_revision_are_not_changed(site: Site) -> None:
    _sql("update alembic_version set version_num = '0000'")(site.database)
    before = content(site.database)
    assert_error(site.run("sync"), 1, ("of an unknown revision", "restore a backup"))
    assert content(site.database) == before


@pytest.mark.parametrize("target", ["no/such/file.db", "wxcube.db"])
def test_a_dangling_symlink_is_not_written(site: Site, target: str) -> None:
    _link_to(target)(site.database)
    assert_error(site.run("sync"), 1, ("cannot be opened", "check that its directory exists"))


# --- what happens while it works ------------------------------------------------------------------


@pytest.fixture
def running() -> Iterator[RunningEmulator]:
    with RunningEmulator(days=15, accounts=1) as emulator:
        yield emulator


SYNC = ("sync", "--quiet", "--only", "getarticletotaldetail", "--only", "getupstreammsghour")


def test_a_full_disk(running: RunningEmulator, tmp_path: Path) -> None:
    site = site_of(tmp_path, running)

    def limit(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count=195")

    event.listen(sa.Engine, "connect", limit)
    try:
        assert_error(
            site.run(*SYNC),
            1,
            ("the disk is full", "free some space", "stored data is not affected"),
        )
    finally:
        event.remove(sa.Engine, "connect", limit)
    half = content(site.database)
    assert half["upstream_msg_hour"]
    assert site.run(*SYNC).code == 0
    whole = content(site.database)
    assert half != whole
    assert all(set(rows) <= set(whole[name]) for name, rows in half.items())


def test_a_file_that_may_only_be_read(site: Site) -> None:
    """SQLite takes a file of a later format for one that may be read, not written."""
    _bytes(18, b"\x03")(site.database)
    before = digest(site.database)
    assert site.run("status").code == 0
    assert site.run("plan").code == 0
    assert_error(site.run("sync", "--quiet"), 1, ("it is read-only", "change the permissions"))
    assert digest(site.database) == before


def test_an_export_onto_a_full_disk_leaves_the_old_file(site: Site) -> None:
    target = site.folder / "users.csv"
    words = ("export", "getusersummary", "--out", str(target))
    assert site.run(*words).code == 0
    before = digest(target)
    if Path("/dev/full").exists():
        assert_error(
            site.run("export", "getusersummary", "--out", "/dev/full"),
            1,
            ("No space left on device", "the free space on the disk"),
        )
    draft = target.with_name("users.csv.part")
    draft.mkdir()
    assert_error(site.run(*words), 1, ("users.csv.part", "check that"))
    assert digest(target) == before


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("secret", "0" * 32, ("40125", "copy the current one from mp.weixin.qq.com")),
        ("appid", "wxdemo000000000000", ("40013", "compare the appid")),
        ("token", "68_a-token-of-nobody-at-all", ("40001", "get a new token")),
    ],
)
def test_unknown_credentials(
    running: RunningEmulator, tmp_path: Path, setting: str, value: str, words: tuple[str, ...]
) -> None:
    site, app = site_of(tmp_path, running), running.account()
    text = site.settings.read_text(encoding="utf-8")
    if setting == "appid":
        text = text.replace(app.appid, value)
    elif setting == "token":
        text += 'token = "fixed"\ntoken_env = "FIXED"\n'
    site.environment |= {"FIXED": value} if setting == "token" else {}
    site.environment |= {"SECRET_OF_0": value} if setting == "secret" else {}
    site.settings.write_text(text, encoding="utf-8")
    result = site.run("account", "check")
    assert_error(result, 1, words)
    assert setting == "appid" or value not in result.text


def test_a_port_that_is_taken(running: RunningEmulator, site: Site) -> None:
    port = running.url.rpartition(":")[2]
    for command in ("serve", "emulate"):
        days = ("--days", "1", "--accounts", "1") if command == "emulate" else ()
        result = site.run(command, "--port", port, *days)
        assert_error(result, 1, ("cannot listen", "choose another --host or --port"))


# --- requests to the server -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def api(stored: Path) -> Iterator[tuple[Api, str]]:
    """The server of the stored week, and a token for it."""
    local = apps.LocalApp(appid="local1", secret="0123456789abcdef", account=APPID)
    with Warehouse.open(stored, read_only=True) as warehouse:
        api = Api(Gateway(warehouse, [local]), ManualClock(NOW))
        yield api, api.tokens.issue("local1").token


@pytest.mark.parametrize("case", bad_inputs.REQUESTS, ids=lambda case: case.id)
def test_a_bad_request(api: tuple[Api, str], stored: Path, case: Asked) -> None:
    server, token = api
    before = digest(stored)
    query = case.query.replace("TOKEN", token)
    reply = server.handle(Request(case.method, case.path, query, case.body))
    if case.answer == 404:
        assert (reply.status, reply.body) == (404, b"")
        return
    refused = msgspec.json.decode(reply.body)
    assert (reply.status, refused["errcode"]) == (200, case.answer)
    assert re.search(r" rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$", refused["errmsg"])
    assert token not in refused["errmsg"]
    assert digest(stored) == before


def test_a_database_that_breaks_under_the_server_is_one_line_in_the_log(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure("warning")
    local = apps.LocalApp(appid="local1", secret="0123456789abcdef", account=APPID)
    with Warehouse.open(site.database, read_only=True) as warehouse:
        server = Api(Gateway(warehouse, [local]), ManualClock(NOW))
        token = server.tokens.issue("local1").token
        _bytes(4_096, os.urandom(site.database.stat().st_size - 4_096))(site.database)
        asked = Asked("", -1)
        query = asked.query.replace("TOKEN", token)
        reply = server.handle(Request(asked.method, asked.path, query, asked.body))
    assert msgspec.json.decode(reply.body)["errcode"] == asked.answer
    result = capsys.readouterr().err
    assert "the file is damaged" in result
    assert result.count("\n") == 1
    assert token not in result
