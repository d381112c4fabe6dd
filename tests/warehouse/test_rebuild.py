"""Rows and ledger come back from asks and replies alone."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from datetime import date, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.rows import sample_rows
from support.written_source import everything
from wxcube.beijing import BEIJING
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.codes import reply_error
from wxcube.contract.decoding import read
from wxcube.contract.encoding import encode_answer
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.errors import ShapeError
from wxcube.i18n import verbatim
from wxcube.warehouse import stored_answer
from wxcube.warehouse.coverage import State
from wxcube.warehouse.replaying import ReplayResult
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.stored_days import StoredDays

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
DAYS = Window(date(2026, 2, 23), date(2026, 3, 1))
SUMMARY, TOTAL = named("getusersummary"), named("getarticletotaldetail")
PARAMS = {"getcardmembercarddetail": {"card_id": "p1"}}


def answer(
    endpoint: Endpoint[Any],
    window: Window,
    *,
    seed: int = 0,
    hours: int = 0,
    empty: bool = False,
    is_delay: bool = False,
) -> Answer[Any]:
    rows = [] if empty else sample_rows(endpoint, window, seed)
    body = encode_answer(endpoint, rows, is_delay=is_delay)
    return read(endpoint, window, body, NOW + timedelta(hours=hours))


def fill(warehouse: Warehouse) -> None:
    """Every endpoint once, and one day with a story."""
    for endpoint in ENDPOINTS:
        for window in endpoint.calls(endpoint.labels_over(DAYS)):
            actual = answer(endpoint, window)
            warehouse.replace("wx1", Origin.WECHAT, actual, PARAMS.get(endpoint.name))
    day = Window.day(DAYS.first)
    for story in (
        answer(TOTAL, day, seed=1, hours=24),
        answer(TOTAL, day, empty=True, hours=48),
        answer(TOTAL, day, seed=2, hours=72, is_delay=True),
        answer(TOTAL, day, seed=1, hours=96),
    ):
        warehouse.replace("wx1", Origin.WECHAT, story)
    later = NOW + timedelta(hours=120)
    warehouse.record_error("wx1", Origin.WECHAT, TOTAL, day, reply_error(-1, "busy"), later)
    newest, delayed = Window.day(date(2026, 3, 9)), reply_error(61503, "not ready")
    warehouse.record_error("wx1", Origin.WECHAT, SUMMARY, newest, delayed, later)


def spoil(warehouse: Warehouse) -> None:
    """Make every figure wrong."""
    with warehouse._database.transaction() as connection:
        connection.exec_driver_sql("UPDATE user_summary SET new_user = -1")
        connection.exec_driver_sql(
            "DELETE FROM article_total_detail__detail_list__read_user_source"
        )
        connection.exec_driver_sql("DELETE FROM upstream_msg")


def replies_of(tables: dict[str, list[tuple[Any, ...]]], warehouse: Warehouse) -> int:
    """The number of asks that have a reply."""
    ((count,),) = warehouse.query("SELECT count(sha256) FROM asks").rows
    assert 0 < count < len(tables["asks"])
    return int(count)


def test_a_rebuilt_warehouse_is_the_same(warehouse: Warehouse, url: str) -> None:
    fill(warehouse)
    before = everything(url)
    spoil(warehouse)
    assert everything(url) != before
    rebuilt = warehouse.rebuild()
    assert everything(url) == before
    assert rebuilt.unreadable == 0
    assert rebuilt.replies == replies_of(before, warehouse)
    assert warehouse.rebuild() == rebuilt
    assert everything(url) == before


def test_unreadable_replies_are_stored_for_a_later_version(warehouse: Warehouse) -> None:
    day = Window.day(DAYS.first)
    body = encode_answer(SUMMARY, sample_rows(SUMMARY, day))
    error = ShapeError(verbatim("no list"), body=body)
    warehouse.record_error("wx1", Origin.WECHAT, SUMMARY, day, error, NOW)
    assert warehouse.read("wx1", SUMMARY, day) == []
    assert warehouse.rebuild().replies == 1
    assert warehouse.read("wx1", SUMMARY, day) == sample_rows(SUMMARY, day)
    assert warehouse.coverage("wx1", SUMMARY)[day.first].state is State.FINAL


def refuse(*_: object) -> Answer[Any]:
    raise ShapeError(verbatim("no list"))


def test_rows_remain_if_their_replies_cannot_be_read_any_more(
    warehouse: Warehouse, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(warehouse)
    before = everything(url)
    monkeypatch.setattr(stored_answer, "read", refuse)
    assert warehouse.rebuild() == ReplayResult(unreadable=replies_of(before, warehouse))
    assert everything(url) == before


def test_rows_without_replies_remain(warehouse: Warehouse, url: str) -> None:
    rows = sample_rows(SUMMARY, Window(DAYS.first, DAYS.last - timedelta(days=1)))
    warehouse.replace("wx1", Origin.CUBE, Answer(SUMMARY, DAYS, rows, b"", NOW))
    newest = Window.day(date(2026, 3, 9))
    warehouse.replace("wx1", Origin.CUBE, Answer(SUMMARY, newest, [], b"", NOW))
    before = everything(url)
    assert warehouse.rebuild() == ReplayResult()
    assert everything(url) == before


def test_a_rebuild_that_fails_changes_nothing(
    warehouse: Warehouse, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(warehouse)
    before = everything(url)
    turns = iter(range(1000))

    def broken(*given: Any) -> Answer[Any]:
        if next(turns) >= 3:
            raise KeyError("a fault of the decoder")
        return read(*given)

    monkeypatch.setattr(stored_answer, "read", broken)
    with pytest.raises(KeyError):
        warehouse.rebuild()
    assert everything(url) == before


def test_a_rebuild_that_is_killed_changes_nothing_and_can_be_repeated(
    warehouse: Warehouse, url: str
) -> None:
    fill(warehouse)
    before = everything(url)
    spoil(warehouse)
    spoiled = everything(url)
    context = multiprocessing.get_context("spawn")
    written, never = context.Event(), context.Event()
    process = context.Process(target=rebuild_and_stop, args=(url, written, never))
    process.start()
    assert written.wait(60)
    process.kill()
    process.join()
    assert everything(url) == spoiled
    warehouse.rebuild()
    assert everything(url) == before


def rebuild_and_stop(url: str, written: Event, never: Event) -> None:
    """Rebuild, and stop for ever when the rows of some series are written."""
    turns, write = iter(range(1000)), StoredDays.write

    def write_and_stop(*given: Any) -> None:
        write(*given)
        if next(turns) == 10:
            written.set()
            never.wait()

    StoredDays.write = write_and_stop  # type: ignore[method-assign, assignment]
    with Warehouse.open(url) as warehouse:
        warehouse.rebuild()


def test_an_unknown_column_is_filled_once_the_contract_has_it(
    warehouse: Warehouse, copy_to: Callable[[Path], Path]
) -> None:
    cumulate, day = named("getusercumulate"), Window.day(DAYS.first)
    body = msgspec.json.encode(
        {"list": [{"ref_date": str(day.first), "cumulate_user": 5, "user_source": 0}]}
    )
    actual = read(cumulate, day, body, NOW)
    without = msgspec.structs.replace(actual.rows[0], user_source=None)
    warehouse.replace("wx1", Origin.WECHAT, Answer(cumulate, day, [without], body, NOW))
    assert warehouse.read("wx1", cumulate, day) == [without]
    warehouse.rebuild()
    assert warehouse.read("wx1", cumulate, day) == actual.rows
