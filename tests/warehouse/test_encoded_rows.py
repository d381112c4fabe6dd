"""Rows that SQLite itself writes as JSON: byte for byte those that are made of records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.damage import on_wire, removable, without
from support.rows import rows_strategy, sample_rows
from support.warehouses import NOW, YESTERDAY, new_followers
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.decoding import read
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.warehouse import served
from wxcube.warehouse.encoded_rows import can_encode
from wxcube.warehouse.served import ServedWindow
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.tables import ROW_TABLES

LATER = NOW + timedelta(days=40)
WEEK = Window.parse("2026-03-02..2026-03-08")


@pytest.fixture
def warehouse(tmp_path: Path) -> Any:
    with Warehouse.open(tmp_path / "wxcube.db") as opened:
        yield opened


def encodable(warehouse: Warehouse) -> list[Endpoint[Any]]:
    dialect = warehouse._database.engine.dialect
    return [endpoint for endpoint in ENDPOINTS if can_encode(dialect, endpoint)]


def put(
    warehouse: Warehouse,
    endpoint: Endpoint[Any],
    window: Window,
    rows: Sequence[dict[str, Any]],
    origin: Origin = Origin.WECHAT,
    at: Any = NOW,
) -> None:
    body = msgspec.json.encode({"list": rows})
    params = {param.name: param.default or "p1" for param in endpoint.params}
    answer = read(endpoint, window, body, at)
    warehouse.replace("wx1", origin, answer, params)


def both(
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: Endpoint[Any],
    window: Window,
    **how: Any,
) -> tuple[ServedWindow, ServedWindow]:
    """What is served, as SQLite writes it and as it is made of records."""
    params = {param.name: param.default or "p1" for param in endpoint.params}
    by_sqlite = warehouse.served_window("wx1", endpoint, window, params, **how)
    with monkeypatch.context() as patch:
        patch.setattr(served, "can_encode", lambda *_: False)
        return by_sqlite, warehouse.served_window("wx1", endpoint, window, params, **how)


def window_of(endpoint: Endpoint[Any]) -> Window:
    labels = endpoint.labels(Window.parse("2026-02-01..2026-03-08"))
    return Window(labels[-3 if not endpoint.has_labels else -1], labels[-1])


def test_most_endpoints_are_written_by_sqlite(warehouse: Warehouse) -> None:
    assert len(encodable(warehouse)) >= 18
    for endpoint in encodable(warehouse):
        assert not ROW_TABLES[endpoint.name].lists


@pytest.mark.parametrize("with_withdrawn", [True, False], ids=["all", "strict"])
def test_rows_of_every_endpoint(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, with_withdrawn: bool
) -> None:
    """With members missing, rows withdrawn, several origins, and in no order."""
    for endpoint in encodable(warehouse):
        window = window_of(endpoint)
        rows = on_wire(sample_rows(endpoint, window))
        for number, path in enumerate(removable(endpoint)):
            rows[number % len(rows)] = without(rows[number % len(rows)], path)
        put(warehouse, endpoint, window, rows[::-1])
        first = Window.day(window.first)
        put(warehouse, endpoint, first, rows[:1], at=LATER)
        put(warehouse, endpoint, first, on_wire(sample_rows(endpoint, first, 9)), Origin.IMPORT)
        later = Window(window.first, window.last + timedelta(days=7))
        computed = on_wire(sample_rows(endpoint, later, 7))
        put(warehouse, endpoint, later, computed, Origin.CUBE, LATER)
        for answered_at in (None, NOW, LATER):
            how: dict[str, Any] = {"with_withdrawn": with_withdrawn, "answered_at": answered_at}
            by_sqlite, by_records = both(warehouse, monkeypatch, endpoint, later, **how)
            assert by_sqlite == by_records, endpoint
            assert msgspec.json.decode(by_sqlite.rows)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_texts_and_numbers(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    endpoint = named(data.draw(st.sampled_from(["getarticlesummary", "getcardcardinfo"])))
    window = Window(WEEK.first, WEEK.first)
    rows = data.draw(rows_strategy(endpoint, window))
    put(warehouse, endpoint, window, on_wire(data.draw(st.permutations(rows))))
    by_sqlite, by_records = both(warehouse, monkeypatch, endpoint, window)
    assert by_sqlite == by_records


def test_every_character(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = named("getarticlesummary")
    window = Window.day(WEEK.first)
    texts = [
        "".join(map(chr, range(256))),
        '","title":null',
        ',"title":null,',
        "\x1d\x1e\x1f%s%d\\u0000",
        "\ud7ff\ue000\uffff\U0001f600",
    ]
    (row,) = on_wire(sample_rows(endpoint, window)[:1])
    rows = [row | {"msgid": f"{n}_1", "title": text} for n, text in enumerate(texts)]
    put(warehouse, endpoint, window, rows)
    by_sqlite, by_records = both(warehouse, monkeypatch, endpoint, window)
    assert by_sqlite.rows == by_records.rows
    assert [row["title"] for row in msgspec.json.decode(by_sqlite.rows)] == texts


def test_no_rows(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    by_sqlite, by_records = both(warehouse, monkeypatch, named("getusersummary"), WEEK)
    assert by_sqlite == by_records
    assert (by_sqlite.rows, by_sqlite.count) == (b"[]", 0)


def test_another_file_in_its_place_is_read_by_the_next_statement(tmp_path: Path) -> None:
    def followers(warehouse: Warehouse) -> bytes:
        return warehouse.served_window(
            "wx1", named("getusersummary"), Window.day(YESTERDAY), {}
        ).rows

    path, other = tmp_path / "first.db", tmp_path / "other.db"
    for file, count in ((path, 111), (other, 222)):
        with Warehouse.open(file) as warehouse:
            new_followers(warehouse, [count])
    with Warehouse.open(path, read_only=True) as warehouse:
        assert b'"new_user":111' in followers(warehouse)
        other.replace(path)
        assert b'"new_user":222' in followers(warehouse)
        assert b'"new_user":222' in followers(warehouse)
