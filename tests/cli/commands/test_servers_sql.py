"""`wxcube sql` and `wxcube database sql` on database servers: what a reader and a small role may do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from support.command_line import Site
from support.database import content, empty
from support.database_servers import (
    PASSWORD,
    Server,
    ThrowAway,
    environment_of,
    without_password,
)
from wxcube.beijing import BEIJING, ManualClock
from wxcube.testing import RunningEmulator
from wxcube.warehouse.databases import mysql, postgresql
from wxcube.warehouse.store import Warehouse

KINDS = ("postgresql", "mysql")
WRITES = {
    "postgresql": (
        "INSERT INTO builds VALUES ('x', 1)",
        "WITH new AS (INSERT INTO builds VALUES ('x', 1) RETURNING 1) SELECT * FROM new",
        "SELECT write_one()",
        "SELECT 1; INSERT INTO builds VALUES ('x', 1)",
        "SELECT 1; COMMIT; INSERT INTO builds VALUES ('x', 1)",
        "/* SELECT */ COPY builds TO PROGRAM 'cat > {file}'",
        "COPY (SELECT 1) TO '{file}'",
        "COPY builds FROM PROGRAM 'echo x'",
        "DO $$ BEGIN EXECUTE 'COPY builds TO PROGRAM ''cat > {file}'''; END $$",
        "SET default_transaction_read_only TO off",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SELECT * FROM builds FOR UPDATE",
        "SELECT * INTO other FROM builds",
        "SELECT setval('asks_id_seq', 99)",
        "EXPLAIN ANALYZE INSERT INTO builds VALUES ('x', 1)",
        "CALL write_one()",
        "TRUNCATE builds",
        "COMMIT",
        "/* nothing */",
    ),
    "mysql": (
        "INSERT INTO builds VALUES ('x', 1)",
        "WITH new AS (SELECT 1) DELETE FROM builds",
        "SELECT write_one()",
        "SELECT 1; INSERT INTO builds VALUES ('x', 1)",
        "/*! INSERT INTO builds VALUES ('x', 1) */",
        "/*M!100000 INSERT INTO builds VALUES ('x', 1) */",
        "SELECT 1 INTO OUTFILE '{file}'",
        "SELECT 1 INTO/**/OUTFILE '{file}'",
        "SELECT 1 INTO/*!50000OUTFILE*/ '{file}'",
        "SELECT 1 INTO Dumpfile '{file}'",
        "SET SESSION TRANSACTION READ WRITE",
        "SET GLOBAL read_only = 1",
        "SELECT * FROM builds FOR UPDATE; COMMIT",
        "CREATE TEMPORARY TABLE other (n int)",
        "ANALYZE FORMAT=JSON DELETE FROM builds",
        "CALL write_one()",
        "DO write_one()",
        "COMMIT",
        "/* nothing */",
    ),
}
SLOW = {
    "postgresql": "SELECT pg_sleep(30)",
    "mysql": "SELECT count(*) FROM information_schema.columns a, information_schema.columns b, "
    "information_schema.columns c WHERE a.column_name < b.table_name",
}
FUNCTIONS = {
    "postgresql": "CREATE OR REPLACE FUNCTION write_one() RETURNS int LANGUAGE sql AS "
    "$$ INSERT INTO builds VALUES ('x', 1) RETURNING 1 $$",
    "mysql": "CREATE OR REPLACE FUNCTION write_one() RETURNS int MODIFIES SQL DATA "
    "BEGIN INSERT INTO builds VALUES ('x', 1); RETURN 1; END",
}


def site_on(folder: Path, url: str) -> Site:
    """A folder whose settings are in the environment."""
    site = Site(folder, ManualClock(datetime(2026, 3, 10, 9, tzinfo=BEIJING)))
    site.environment |= environment_of(url)
    return site


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(kind: str, request: pytest.FixtureRequest) -> Server:
    running: Server = request.getfixturevalue(f"{kind}_server")
    return running


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest) -> str:
    """The URL of a database with tables and without rows."""
    url: str = request.getfixturevalue(kind)
    empty(url)
    return url


def test_a_reader_changes_nothing(kind: str, server: Server, url: str, tmp_path: Path) -> None:
    file = Path("/tmp") / f"{tmp_path.name}-written"
    server.execute_in(url, FUNCTIONS[kind])
    with Warehouse.open(url) as warehouse:
        warehouse.set_build_watermark("a cube", 1)
    before, site = content(url), site_on(tmp_path, url)
    for statement in WRITES[kind]:
        result = site.run("sql", statement.format(file=file))
        assert result.code in {1, 2}, (statement, result.text)
        assert "error" in result.err, statement
        assert not file.exists(), statement
    assert "a role that may only SELECT" in " ".join(
        site.run("sql", "INSERT INTO builds VALUES ('x', 1)").err.split()
    )
    with Warehouse.open(url) as warehouse:
        assert warehouse.build_watermark() == ("a cube", 1)
    assert content(url) == before
    assert site.run("sql", "(SELECT 'it is -- no /* comment' AS n)", "--json").code == 0


def test_a_slow_statement_is_ended(
    kind: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = {"postgresql": postgresql, "mysql": mysql}[kind]
    monkeypatch.setattr(module, "QUERY_SECONDS", 1)
    result = site_on(tmp_path, url).run("sql", SLOW[kind])
    assert result.code == 1
    assert "the statement took longer than" in " ".join(result.err.split())
    assert "ask for fewer rows" in " ".join(result.err.split())


@pytest.fixture
def new_url(server: Server) -> Iterator[str]:
    """A database without tables."""
    with server.database() as url:
        yield url


def test_a_role_that_may_not_create_tables_hands_over_the_sql(
    server: Server, new_url: str, tmp_path: Path
) -> None:
    if not isinstance(server, ThrowAway):
        pytest.skip("roles are created on throw-away servers only")
    with server.role(new_url) as limited, RunningEmulator(accounts=1, days=5) as wechat:
        site = site_on(tmp_path, limited)
        init = site.run("init", "--emulator", wechat.url)
        assert init.code == 0, init.text
        refused = site.run("sync")
        assert refused.code == 1
        text = " ".join(refused.err.split())
        assert "the role may not do this" in text
        assert "let its administrator run what `wxcube database sql` prints" in text
        script = site.run("database", "sql")
        assert (script.code, script.err) == (0, "")
        assert not Warehouse.has_tables(new_url)
        server.execute_in(new_url, *filter(None, script.out.split(";\n")))
        synced = site.run("sync", "--quiet")
        assert synced.code == 0, synced.text
        again = site.run("database", "sql")
        server.execute_in(new_url, *filter(None, again.out.split(";\n")))
        assert site.run("status").code == 0
        for result in (init, refused, script, synced, again):
            assert PASSWORD not in result.text


def test_the_sql_of_tables_is_for_servers(tmp_path: Path) -> None:
    site = Site(tmp_path)
    result = site.run("--database", "wxcube.db", "database", "sql")
    assert result.code == 1
    assert "wxcube.db is a file, whose tables wxcube creates" in " ".join(result.err.split())
    assert "--database" in result.err


def test_a_password_on_the_command_line_is_refused(url: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    parsed = sa.make_url(url)
    secret = str(parsed.password)
    for text in (url, f"{without_password(url)}?sslmode=disable&password={secret}"):
        for arguments in (("--database", text, "status"), ("copy", "--to", text)):
            result = site.run(*arguments)
            assert result.code == 1
            assert "a password on the command line can be seen" in " ".join(result.err.split())
            assert secret not in result.text


@pytest.mark.parametrize("is_wrong", [True, False])
def test_no_password_is_in_an_error_or_log(url: str, tmp_path: Path, *, is_wrong: bool) -> None:
    site = site_on(tmp_path, url)
    if is_wrong:
        site.environment["WXCUBE_DATABASE_PASSWORD"] = f"wrong-{tmp_path.name}"
    result = site.run("--log-level", "debug", "sql", "SELECT 1")
    assert result.code == (1 if is_wrong else 0), result.text
    assert site.environment["WXCUBE_DATABASE_PASSWORD"] not in result.text
