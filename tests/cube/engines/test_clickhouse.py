"""ClickHouse over HTTP: the statements its engine sends, and its errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from support.clickhouse_server import PASSWORD, USER, Server, clickhouse_server
from support.simulated import batch as simulated
from wxcube.contract.article import getarticletotal
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.message import getupstreammsgdist
from wxcube.cube.compute import compute
from wxcube.cube.engines import clickhouse
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.engines.clickhouse import ClickHouseEngine
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.steps import Step
from wxcube.errors import EngineError, SettingsError

DAY = date(2025, 11, 20)
CHOSEN: list[Endpoint[Any]] = [getupstreammsgdist, getarticletotal]


@pytest.fixture
def server(clickhouse_engine: OpenEngine) -> Iterator[Server]:
    with clickhouse_server() as running:
        yield running


def with_password(server: Server) -> str:
    return server.url.replace("://", f"://{USER}:{quote(PASSWORD, safe='')}@")


def test_rows_computed_over_http_equal_duckdbs(
    server: Server, duckdb_engine: DuckDbEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse, "ROWS_PER_REQUEST", 500)
    batch = simulated(count=1, through=DAY)
    with ClickHouseEngine(with_password(server)) as engine:
        computed = compute(batch, DAY, engine=engine, endpoints=CHOSEN)
    expected = compute(batch, DAY, engine=duckdb_engine, endpoints=CHOSEN)
    for endpoint in CHOSEN:
        rows = computed.rows(batch.accounts[0], endpoint)
        assert rows
        assert rows == expected.rows(batch.accounts[0], endpoint)
    assert sum(s.startswith("INSERT INTO message") for s in server.statements) > 1


def test_tables_are_in_a_database_that_is_dropped_at_the_end(server: Server) -> None:
    with ClickHouseEngine(with_password(server)) as engine:
        engine.load("numbers", {"acct": np.arange(3, dtype="i4")})
    create, drop = (
        next(s for s in server.statements if s.startswith(word)) for word in ("CREATE", "DROP")
    )
    database = create.removeprefix("CREATE DATABASE ").strip()
    assert database.startswith("wxcube_")
    assert database in drop
    table = next(s for s in server.statements if s.startswith("CREATE TABLE numbers"))
    assert "MergeTree" in table


def test_every_statement_has_the_settings_that_results_depend_on(server: Server) -> None:
    with ClickHouseEngine(with_password(server), memory_limit=10**9) as engine:
        server.settings.clear()
        engine.load("numbers", {"acct": np.arange(3, dtype="i4")})
        engine.run(Step("more", ("numbers",), "SELECT acct FROM numbers"))
        assert engine.fetch("more", ["acct"])["acct"].tolist() == [0, 1, 2]
    wanted = {
        "prefer_column_name_to_alias": "1",
        "join_use_nulls": "1",
        "session_timezone": "UTC",
        "max_memory_usage": "1000000000",
        "max_bytes_before_external_group_by": "500000000",
    }
    assert all(wanted.items() <= settings.items() for settings in server.settings)


def test_a_wrong_password_is_an_error_that_does_not_show_it(server: Server) -> None:
    wrong = "not-this-one"
    with pytest.raises(EngineError, match="does not answer") as caught:
        ClickHouseEngine(server.url.replace("://", f"://{USER}:{wrong}@"))
    assert wrong not in str(caught.value)
    ClickHouseEngine(server.url.replace("://", f"://{USER}@"), password=PASSWORD).close()


def test_a_missing_server_is_an_engine_error(server: Server) -> None:
    with pytest.raises(EngineError, match="does not answer"):
        ClickHouseEngine("http://127.0.0.1:9")


@pytest.mark.parametrize("url", ["localhost:8123", "clickhouse://localhost", "http://", ""])
def test_an_address_that_is_not_an_http_url_is_refused(
    url: str, clickhouse_engine: OpenEngine
) -> None:
    with pytest.raises(SettingsError, match="HTTP"):
        ClickHouseEngine(url)


def test_a_step_that_exceeds_its_memory_limit_is_an_engine_error(
    clickhouse_engine: OpenEngine,
) -> None:
    by_number = "SELECT acct, COUNT(*) AS n FROM numbers GROUP BY acct"
    with ClickHouseEngine("chdb:", memory_limit=10_000_000) as engine:
        engine.load("numbers", {"acct": np.arange(2_000_000, dtype="i8")})
        with pytest.raises(EngineError, match=r"computing grouped failed: .*memory"):
            engine.run(Step("grouped", ("numbers",), by_number))


def test_without_the_driver_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "clickhouse_connect", None)
    with pytest.raises(SettingsError, match=r"wxcube\[clickhouse\]"):
        ClickHouseEngine("http://localhost:8123")


@pytest.mark.skipif(find_spec("clickhouse_connect") is None, reason="needs clickhouse-connect")
def test_without_chdb_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chdb", None)
    monkeypatch.delitem(sys.modules, "clickhouse_connect.driver._chdbclient", raising=False)
    monkeypatch.delitem(
        sys.modules, "clickhouse_connect.driver._backend.chdb_backend", raising=False
    )
    with pytest.raises(SettingsError, match="pip install chdb"):
        ClickHouseEngine("chdb:")
