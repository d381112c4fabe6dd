"""A sync stores what it gets, stops what cannot go on, and goes on with the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.written_source import WrittenSource, everything, written
from wxcube import errors
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.codes import reply_error
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.warehouse.coverage import State
from wxcube.warehouse.replies import series_with_replies, stored
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import Plan, Reason, Wanted, plan
from wxcube.warehouse.sync.progress import Answered, Failed, Left, Paused, Progress, Report, Why
from wxcube.warehouse.sync.run import Budgets, Patience, sync

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
WINDOW = Window(date(2026, 2, 20), date(2026, 3, 9))
CARD = {"getcardmembercarddetail": {"card_id": "p1"}}
SUMMARY, READ, TOTAL = (
    named("getusersummary"),
    named("getarticleread"),
    named("getarticletotaldetail"),
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


def planned(
    warehouse: Warehouse,
    clock: ManualClock,
    *endpoints: Endpoint[Any],
    appids: tuple[str, ...] = ("wx1",),
    **more: bool,
) -> Plan:
    chosen = endpoints or ENDPOINTS
    wanted = [Wanted(appid, WINDOW, chosen, CARD) for appid in appids]
    return plan(wanted, warehouse.coverage, clock.now(), include_retired=True, **more)


async def run(warehouse: Warehouse, source: WrittenSource, found: Plan, **more: Any) -> Report:
    sources = {call.appid: source for call in found.calls}
    settings: dict[str, Any] = {
        "clock": source.clock,
        "patience": Patience(pause_seconds=0.01),
        **more,
    }
    return await sync(found, sources, warehouse, **settings)


def answers_of(errcode: int, *names: str) -> Callable[[Endpoint[Any], Window], None]:
    """Trouble that answers an errcode for some endpoints, or for all."""

    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        if not names or endpoint.name in names:
            raise reply_error(errcode, "said so", endpoint=endpoint.name, window=window)

    return trouble


def states(warehouse: Warehouse, endpoint: Endpoint[Any], appid: str = "wx1") -> set[State]:
    return {line.state for line in warehouse.coverage(appid, endpoint).values()}


async def test_everything_asked_is_stored(warehouse: Warehouse, clock: ManualClock) -> None:
    source, seen = WrittenSource(clock), list[Progress]()
    found = planned(warehouse, clock)
    report = await run(warehouse, source, found, on_progress=seen.append)
    assert report.is_complete
    assert report.calls == report.answered == len(found.calls) == len(source.asked)
    assert sorted(source.asked, key=repr) == sorted(
        ((c.endpoint.name, c.window) for c in found.calls), key=repr
    )
    for endpoint in ENDPOINTS:
        ready = [d for d in endpoint.labels(WINDOW) if endpoint.ready_at(d) <= NOW]
        rows = [row for day in ready for row in written(endpoint, day)]
        assert warehouse.read("wx1", endpoint, WINDOW) == rows
    assert report.rows == sum(event.rows for event in seen if isinstance(event, Answered))
    assert sum(report.days.values()) == found.days
    assert not report.troubles
    assert not report.left


async def test_a_second_sync_right_after_asks_only_what_can_still_move(
    warehouse: Warehouse, clock: ManualClock
) -> None:
    source = WrittenSource(clock)
    await run(warehouse, source, planned(warehouse, clock))
    second = planned(warehouse, clock)
    for call in second.calls:
        lines = warehouse.coverage("wx1", call.endpoint, params=call.params)
        assert {lines[day].state for day in call.labels} <= {State.WAITING, State.MOVING}
    assert second.days < 60


async def test_no_more_calls_at_once_than_allowed(warehouse: Warehouse, clock: ManualClock) -> None:
    source = WrittenSource(clock, delay_seconds=0.002)
    found = planned(warehouse, clock, SUMMARY, READ, TOTAL, appids=("wx1", "wx2", "wx3"))
    await run(warehouse, source, found, concurrency=4)
    assert source.most_at_once == 4


async def test_newest_days_come_first(warehouse: Warehouse, clock: ManualClock) -> None:
    source = WrittenSource(clock)
    await run(warehouse, source, planned(warehouse, clock, READ, TOTAL), concurrency=1)
    last = [window.last for _, window in source.asked]
    assert last == sorted(last, reverse=True)


# --- errors ------------------------------------------------------------------------------------------


async def test_quota_stops_the_endpoint_for_the_day_only(
    warehouse: Warehouse, clock: ManualClock
) -> None:
    source = WrittenSource(clock, trouble=answers_of(45009, "getarticleread"))
    report = await run(warehouse, source, planned(warehouse, clock, READ, TOTAL), concurrency=1)
    assert [name for name, _ in source.asked].count("getarticleread") == 1
    assert report.left == {("wx1", "getarticleread", Why.QUOTA): 17}
    assert [(t.endpoint, t.errcode, t.calls) for t in report.troubles] == [
        ("getarticleread", 45009, 1)
    ]
    assert warehouse.coverage("wx1", READ) == {}
    assert len(warehouse.coverage("wx1", TOTAL)) == 18
    # started again on the same day, nothing of it is asked; the next day it is
    again = WrittenSource(clock)
    report = await run(warehouse, again, planned(warehouse, clock, READ))
    assert (again.asked, report.left) == ([], {("wx1", "getarticleread", Why.QUOTA): 18})
    clock.advance(timedelta(days=1))
    assert (await run(warehouse, again, planned(warehouse, clock, READ))).is_complete


async def test_a_budget_holds_over_restarts(
    warehouse: Warehouse, path: Path, clock: ManualClock
) -> None:
    budgets = Budgets(5, {"getarticletotaldetail": 7})
    source = WrittenSource(clock)
    report = await run(warehouse, source, planned(warehouse, clock, READ, TOTAL), budgets=budgets)
    assert (
        sorted(name for name, _ in source.asked)
        == ["getarticleread"] * 5 + ["getarticletotaldetail"] * 7
    )
    assert set(report.left) == {
        ("wx1", "getarticleread", Why.BUDGET),
        ("wx1", "getarticletotaldetail", Why.BUDGET),
    }
    with Warehouse.open(path) as reopened:
        again = WrittenSource(clock)
        await run(reopened, again, planned(reopened, clock, READ, TOTAL), budgets=budgets)
        assert again.asked == []
        clock.advance(timedelta(days=1))
        await run(reopened, again, planned(reopened, clock, READ), budgets=budgets)
        assert len(again.asked) == 5


@pytest.mark.parametrize("errcode", [48001, 47009, 61007])
async def test_a_refusal_covers_every_planned_day(
    warehouse: Warehouse, clock: ManualClock, errcode: int
) -> None:
    source = WrittenSource(clock, trouble=answers_of(errcode, "getarticleread"))
    report = await run(warehouse, source, planned(warehouse, clock, READ, SUMMARY), concurrency=1)
    lines = warehouse.coverage("wx1", READ)
    assert {(d.state, d.errcode) for d in lines.values()} == {(State.REFUSED, errcode)}
    assert list(lines) == list(WINDOW)
    assert report.days[State.REFUSED] == 18
    assert [name for name, _ in source.asked].count("getarticleread") == 1
    assert State.FINAL in states(warehouse, SUMMARY)
    skipped = planned(warehouse, clock, READ)
    assert [s.reason for s in skipped.skipped] == [Reason.REFUSED]
    assert planned(warehouse, clock, READ, retry_refused=True).days == 18


async def test_not_ready_waits_and_is_asked_again(warehouse: Warehouse, clock: ManualClock) -> None:
    source = WrittenSource(clock, trouble=answers_of(61503))
    report = await run(warehouse, source, planned(warehouse, clock, SUMMARY))
    assert states(warehouse, SUMMARY) == {State.WAITING}
    assert report.days == {State.WAITING: 18}
    assert (
        await run(warehouse, WrittenSource(clock), planned(warehouse, clock, SUMMARY))
    ).is_complete


async def test_a_failed_call_does_not_stop_the_others(
    warehouse: Warehouse, clock: ManualClock
) -> None:
    bad = date(2026, 3, 5)

    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        if window.first == bad:
            raise errors.TransportError("no answer within 30 s")

    source = WrittenSource(clock, trouble=trouble)
    report = await run(warehouse, source, planned(warehouse, clock, READ))
    lines = warehouse.coverage("wx1", READ)
    assert {day for day, line in lines.items() if line.state is State.FAILED} == {bad}
    assert lines[bad].message == "no answer within 30 s"
    assert (report.answered, report.is_complete) == (17, False)
    again = planned(warehouse, clock, READ)
    assert bad in {day for call in again.calls for day in call.labels}


async def test_a_dead_account_is_left_after_some_calls(
    warehouse: Warehouse, clock: ManualClock
) -> None:
    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        raise errors.TransportError("no route")

    dead, alive = WrittenSource(clock, trouble=trouble), WrittenSource(clock)
    found = planned(warehouse, clock, READ, TOTAL, appids=("wx1", "wx2"))
    report = await sync(found, {"wx1": dead, "wx2": alive}, warehouse, clock=clock, concurrency=2)
    assert 10 <= len(dead.asked) <= 11
    assert len(alive.asked) == 36
    left = {(appid, why) for appid, _, why in report.left}
    assert left == {("wx1", Why.UNREACHABLE)}
    assert report.calls + report.left.total() == len(found.calls)


async def test_answers_between_failures_keep_an_account_going(
    warehouse: Warehouse, clock: ManualClock
) -> None:
    turn = iter(range(1000))

    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        if next(turn) % 3:
            raise errors.BusyError(-1, "system error")

    report = await run(
        warehouse, WrittenSource(clock, trouble=trouble), planned(warehouse, clock, READ, TOTAL)
    )
    assert not report.left
    assert report.answered == 12


@pytest.mark.parametrize(
    "error", [reply_error(40164, "invalid ip"), errors.SettingsError("no secret")]
)
async def test_credentials_stop_the_account_only(
    warehouse: Warehouse, clock: ManualClock, error: errors.WxcubeError
) -> None:
    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        raise error

    barred, other = WrittenSource(clock, trouble=trouble), WrittenSource(clock)
    found = planned(warehouse, clock, READ, SUMMARY, appids=("wx1", "wx2"))
    report = await sync(found, {"wx1": barred, "wx2": other}, warehouse, clock=clock, concurrency=1)
    assert len(barred.asked) == 1
    assert {why for _, _, why in report.left} == {Why.CREDENTIALS}
    assert len(warehouse.coverage("wx2", READ)) == 18


@pytest.mark.parametrize(
    ("error", "state", "errcode"),
    [
        (reply_error(61501, "date range error"), State.REFUSED, 61501),
        (reply_error(47001, "data format error"), State.REFUSED, 47001),
        (reply_error(99999, "never seen"), State.REFUSED, 99999),
        (errors.ShapeError("no list", body=b'{"lst":[]}'), State.FAILED, None),
        (errors.WindowError("too long"), State.FAILED, None),
    ],
)
async def test_errors_that_would_come_again_end_the_endpoint_after_three(
    warehouse: Warehouse,
    clock: ManualClock,
    error: errors.WxcubeError,
    state: State,
    errcode: int | None,
) -> None:
    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        if endpoint is READ:
            raise error

    source = WrittenSource(clock, trouble=trouble)
    report = await run(warehouse, source, planned(warehouse, clock, READ, SUMMARY), concurrency=1)
    assert [name for name, _ in source.asked].count("getarticleread") == 3
    lines = warehouse.coverage("wx1", READ)
    assert [(d.state, d.errcode) for d in lines.values()] == [(state, errcode)] * 3
    assert report.left == {("wx1", "getarticleread", Why.ERRORS): 15}
    assert State.FINAL in states(warehouse, SUMMARY)


async def test_bodies_that_cannot_be_read_are_kept(
    warehouse: Warehouse, clock: ManualClock
) -> None:
    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        raise errors.ShapeError("no list", body=b'{"lst":[]}')

    await run(warehouse, WrittenSource(clock, trouble=trouble), planned(warehouse, clock, SUMMARY))
    with warehouse._reading() as connection:
        [series] = series_with_replies(connection)
        assert {reply.body for reply in stored(connection, series)} == {b'{"lst":[]}'}


async def test_a_minute_quota_pauses_the_account_and_goes_on(
    warehouse: Warehouse, clock: ManualClock
) -> None:
    left = iter([True] * 4)

    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        if next(left, False):
            raise reply_error(45011, "must slower")

    source, seen = WrittenSource(clock, trouble=trouble), list[Progress]()
    report = await run(
        warehouse, source, planned(warehouse, clock, READ), concurrency=2, on_progress=seen.append
    )
    assert report.is_complete
    assert not report.troubles
    assert sum(isinstance(event, Paused) for event in seen) == 4


async def test_a_minute_quota_that_stays_ends_after_some_pauses(
    warehouse: Warehouse, clock: ManualClock
) -> None:
    source = WrittenSource(clock, trouble=answers_of(45011))
    report = await run(
        warehouse,
        source,
        planned(warehouse, clock, READ),
        concurrency=1,
        patience=Patience(pause_seconds=0.001, pauses=2, account_errors=4),
    )
    assert len(source.asked) == 4 * 3
    assert report.left == {("wx1", "getarticleread", Why.UNREACHABLE): 14}
    assert {line.errcode for line in warehouse.coverage("wx1", READ).values()} == {45011}


async def test_a_database_that_fails_ends_everything(
    warehouse: Warehouse, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise errors.WarehouseError("there is no room left")

    source = WrittenSource(clock, delay_seconds=0.001)
    monkeypatch.setattr(warehouse, "replace", full)
    with pytest.raises(errors.WarehouseError, match="no room"):
        await run(warehouse, source, planned(warehouse, clock, READ), concurrency=2)
    assert len(source.asked) <= 4


async def test_a_plan_without_a_source_is_refused(warehouse: Warehouse, clock: ManualClock) -> None:
    with pytest.raises(errors.SettingsError, match="no source for account wx1"):
        await sync(planned(warehouse, clock, READ), {}, warehouse, clock=clock)


async def test_every_planned_call_is_told_once(warehouse: Warehouse, clock: ManualClock) -> None:
    source, seen = (
        WrittenSource(clock, trouble=answers_of(48001, "getarticleread")),
        list[Progress](),
    )
    found = planned(warehouse, clock, READ, SUMMARY)
    await run(warehouse, source, found, on_progress=seen.append)
    told = [event.call for event in seen if isinstance(event, Answered | Failed | Left)]
    assert sorted(map(str, told)) == sorted(map(str, found.calls))


async def test_a_cancelled_sync_leaves_whole_answers_and_goes_on_later(
    warehouse: Warehouse,
    path: Path,
    clock: ManualClock,
    copy_to: Callable[[Path], Path],
    tmp_path: Path,
) -> None:
    source = WrittenSource(clock, delay_seconds=0.001)
    first = planned(warehouse, clock)
    task = asyncio.create_task(run(warehouse, source, first))
    await asyncio.sleep(0.15)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 0 < len(source.asked) < len(first.calls)
    assert (await run(warehouse, source, planned(warehouse, clock))).is_complete
    with Warehouse.open(copy_to(tmp_path / "other.db")) as undisturbed:
        await run(undisturbed, WrittenSource(clock), planned(undisturbed, clock))
    assert everything(path, but=("calls",)) == everything(tmp_path / "other.db", but=("calls",))
