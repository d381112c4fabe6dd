"""A sync stores answers; errors stop an endpoint or an account, and the others continue."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
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
from wxcube.i18n import verbatim
from wxcube.warehouse.ask_log import Budgets
from wxcube.warehouse.coverage import State
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import Choices, Plan, SkipReason, plan
from wxcube.warehouse.sync.progress import (
    AccountPaused,
    CallAnswered,
    CallFailed,
    CallNotMade,
    Report,
    StopReason,
    SyncEvent,
)
from wxcube.warehouse.sync.run import ErrorLimits, sync
from wxcube.warehouse.sync.wanted import WantedDays

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
    **more: Any,
) -> Plan:
    chosen = endpoints or ENDPOINTS
    wanted = [WantedDays(appid, WINDOW, chosen, CARD) for appid in appids]
    return plan(wanted, warehouse, clock.now(), Choices(include_retired=True, **more))


async def run(warehouse: Warehouse, source: WrittenSource, sync_plan: Plan, **more: Any) -> Report:
    sources = {call.appid: source for call in sync_plan.calls}
    settings: dict[str, Any] = {
        "clock": source.clock,
        "limits": ErrorLimits(pause_seconds=0.01),
        **more,
    }
    return await sync(sync_plan, sources, warehouse, **settings)


def answers_of(errcode: int, *names: str) -> Callable[[Endpoint[Any], Window], None]:
    """A source's error: an errcode for some endpoints, or for all."""

    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        if not names or endpoint.name in names:
            raise reply_error(errcode, "said so", endpoint=endpoint.name, window=window)

    return trouble


def states(warehouse: Warehouse, endpoint: Endpoint[Any], appid: str = "wx1") -> set[State]:
    return {entry.state for entry in warehouse.coverage(appid, endpoint).values()}


async def test_all_answers_are_stored(warehouse: Warehouse, clock: ManualClock) -> None:
    source, seen = WrittenSource(clock), list[SyncEvent]()
    sync_plan = planned(warehouse, clock)
    report = await run(warehouse, source, sync_plan, on_progress=seen.append)
    assert report.is_complete
    assert report.calls == report.answered == len(sync_plan.calls) == len(source.asked)
    assert sorted(source.asked, key=repr) == sorted(
        ((c.endpoint.name, c.window) for c in sync_plan.calls), key=repr
    )
    for endpoint in ENDPOINTS:
        ready = [d for d in endpoint.labels(WINDOW) if endpoint.ready_at(d) <= NOW]
        rows = [row for day in ready for row in written(endpoint, day)]
        assert warehouse.read("wx1", endpoint, WINDOW) == rows
    assert report.rows == sum(event.rows for event in seen if isinstance(event, CallAnswered))
    assert sum(report.days.values()) == sync_plan.days
    assert not report.errors
    assert not report.not_made


async def test_a_second_sync_requests_only_days_that_can_still_change(
    warehouse: Warehouse, clock: ManualClock
) -> None:
    source = WrittenSource(clock)
    await run(warehouse, source, planned(warehouse, clock))
    second = planned(warehouse, clock)
    for call in second.calls:
        entries = warehouse.coverage("wx1", call.endpoint, params=call.params)
        assert {entries[day].state for day in call.labels} <= {State.WAITING, State.MOVING}
    assert second.days < 60


async def test_calls_in_parallel_are_limited(warehouse: Warehouse, clock: ManualClock) -> None:
    first, second = (WrittenSource(clock, barrier=asyncio.Barrier(4)) for _ in range(2))
    sync_plan = planned(warehouse, clock, SUMMARY, READ, TOTAL, appids=("wx1", "wx2"))
    calls = [
        call
        for appid in ("wx1", "wx2")
        for call in [c for c in sync_plan.calls if c.appid == appid][:36]
    ]
    await sync(
        replace(sync_plan, calls=tuple(calls)),
        {"wx1": first, "wx2": second},
        warehouse,
        clock=clock,
        concurrency=4,
    )
    assert first.most_in_parallel == second.most_in_parallel == 4


async def test_endpoints_take_turns(warehouse: Warehouse, clock: ManualClock) -> None:
    source = WrittenSource(clock)
    await run(warehouse, source, planned(warehouse, clock, READ, TOTAL, SUMMARY), concurrency=1)
    names = [name for name, _ in source.asked]
    assert all(set(names[n : n + 3]) == {str(READ), str(TOTAL), str(SUMMARY)} for n in (0, 3, 6))


async def test_an_account_that_never_answers_delays_no_other(
    warehouse: Warehouse, clock: ManualClock
) -> None:
    dead, alive = WrittenSource(clock, answers=0), WrittenSource(clock)
    sync_plan = planned(warehouse, clock, READ, TOTAL, appids=("wx1", "wx2"))
    sources = {"wx1": dead, "wx2": alive}
    answered, finished = Counter[str](), asyncio.Event()

    def on_progress(event: SyncEvent) -> None:
        if isinstance(event, CallAnswered):
            answered[event.call.appid] += 1
        if answered["wx2"] == 36:
            finished.set()

    task = asyncio.create_task(
        sync(sync_plan, sources, warehouse, clock=clock, concurrency=2, on_progress=on_progress)
    )
    await asyncio.wait_for(finished.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


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
    assert report.not_made == {("wx1", "getarticleread", StopReason.QUOTA): 17}
    assert [(t.endpoint, t.errcode, t.calls) for t in report.errors] == [
        ("getarticleread", 45009, 1)
    ]
    assert warehouse.coverage("wx1", READ) == {}
    assert len(warehouse.coverage("wx1", TOTAL)) == 18
    # no calls are made on the same day; on the next day they are
    again = WrittenSource(clock)
    assert [s.reason for s in planned(warehouse, clock, READ).skipped] == [SkipReason.QUOTA]
    earlier_plan = planned(warehouse, ManualClock(NOW + timedelta(days=1)), READ)
    report = await run(warehouse, again, earlier_plan, concurrency=1)
    assert (again.asked, report.not_made) == ([], {("wx1", "getarticleread", StopReason.QUOTA): 18})
    clock.advance(timedelta(days=1))
    assert (await run(warehouse, again, planned(warehouse, clock, READ))).is_complete


async def test_a_budget_holds_over_restarts(
    warehouse: Warehouse, url: str, clock: ManualClock
) -> None:
    budgets = Budgets(5, {"getarticletotaldetail": 7})
    source = WrittenSource(clock)
    report = await run(warehouse, source, planned(warehouse, clock, READ, TOTAL), budgets=budgets)
    assert (
        sorted(name for name, _ in source.asked)
        == ["getarticleread"] * 5 + ["getarticletotaldetail"] * 7
    )
    assert set(report.not_made) == {
        ("wx1", "getarticleread", StopReason.BUDGET),
        ("wx1", "getarticletotaldetail", StopReason.BUDGET),
    }
    with Warehouse.open(url) as reopened:
        again = WrittenSource(clock)
        await run(reopened, again, planned(reopened, clock, READ, TOTAL), budgets=budgets)
        assert again.asked == []
        clock.advance(timedelta(days=1))
        await run(reopened, again, planned(reopened, clock, READ), budgets=budgets)
        assert len(again.asked) == 5


@pytest.mark.parametrize("errcode", [48001, 47009, 61007])
async def test_a_refusal_of_an_endpoint_marks_the_days_that_were_asked_and_stops_it(
    warehouse: Warehouse, clock: ManualClock, errcode: int
) -> None:
    source = WrittenSource(clock, trouble=answers_of(errcode, "getarticleread"))
    report = await run(warehouse, source, planned(warehouse, clock, READ, SUMMARY), concurrency=1)
    entries = warehouse.coverage("wx1", READ)
    assert {(d.state, d.errcode) for d in entries.values()} == {(State.REFUSED, errcode)}
    assert list(entries) == [WINDOW.last]
    assert report.days[State.REFUSED] == 1
    assert report.not_made == {("wx1", "getarticleread", StopReason.REFUSED): 17}
    assert [name for name, _ in source.asked].count("getarticleread") == 1
    assert State.FINAL in states(warehouse, SUMMARY)
    skipped = planned(warehouse, clock, READ)
    assert [s.reason for s in skipped.skipped] == [SkipReason.REFUSED]
    assert planned(warehouse, clock, READ, retry_refused=True).days == 18


async def test_days_that_are_not_ready_are_requested_again(
    warehouse: Warehouse, clock: ManualClock
) -> None:
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
            raise errors.TransportError(verbatim("no answer within 30 s"))

    source = WrittenSource(clock, trouble=trouble)
    report = await run(warehouse, source, planned(warehouse, clock, READ))
    entries = warehouse.coverage("wx1", READ)
    assert {day for day, entry in entries.items() if entry.state is State.FAILED} == {bad}
    assert entries[bad].message == "no answer within 30 s"
    assert (report.answered, report.is_complete) == (17, False)
    again = planned(warehouse, clock, READ)
    assert bad in {day for call in again.calls for day in call.labels}


async def test_an_account_without_answers_is_stopped_after_some_calls(
    warehouse: Warehouse, clock: ManualClock
) -> None:
    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        raise errors.TransportError(verbatim("no route"))

    dead, alive = WrittenSource(clock, trouble=trouble), WrittenSource(clock)
    sync_plan = planned(warehouse, clock, READ, TOTAL, appids=("wx1", "wx2"))
    report = await sync(
        sync_plan, {"wx1": dead, "wx2": alive}, warehouse, clock=clock, concurrency=2
    )
    assert 10 <= len(dead.asked) <= 11
    assert len(alive.asked) == 36
    left = {(appid, why) for appid, _, why in report.not_made}
    assert left == {("wx1", StopReason.UNREACHABLE)}
    assert report.calls + report.not_made.total() == len(sync_plan.calls)


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
    assert not report.not_made
    assert report.answered >= 12


BAD_DAY = date(2026, 3, 5)


@pytest.mark.parametrize(
    "error",
    [
        errors.TransportError(verbatim("HTTP 503")),
        errors.BusyError(-1, "system error"),
        errors.ShapeError(verbatim("no list"), body=b"{}"),
        reply_error(61501, "date range error"),
    ],
)
@pytest.mark.parametrize("concurrency", [1, 8])
async def test_a_bad_day_costs_only_itself(
    warehouse: Warehouse, clock: ManualClock, error: errors.WxcubeError, concurrency: int
) -> None:
    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        if endpoint is SUMMARY and BAD_DAY in window:
            raise error

    source = WrittenSource(clock, trouble=trouble)
    sync_plan = planned(warehouse, clock, SUMMARY, READ)
    report = await run(warehouse, source, sync_plan, concurrency=concurrency)
    entries = warehouse.coverage("wx1", SUMMARY)
    assert list(entries) == list(WINDOW)
    assert [day for day, entry in entries.items() if entry.state is State.FAILED] == [BAD_DAY]
    assert len(warehouse.coverage("wx1", READ)) == len(WINDOW)
    assert len(source.asked) - len(sync_plan.calls) <= 2 * math.ceil(math.log2(7)) + 1
    assert not report.is_complete
    assert report.days[State.FAILED] == 1
    assert sum(report.days.values()) == sync_plan.days


async def test_a_passing_failure_is_healed_in_the_same_sync(
    warehouse: Warehouse, clock: ManualClock
) -> None:
    left = iter([True] * 3)

    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        if next(left, False):
            raise errors.TransportError(verbatim("HTTP 502"))

    source = WrittenSource(clock, trouble=trouble)
    sync_plan = planned(warehouse, clock, SUMMARY, READ)
    report = await run(warehouse, source, sync_plan)
    assert report.is_complete
    assert report.days[State.FAILED] == 0
    assert report.answered == report.planned + report.repeats
    assert {*warehouse.coverage("wx1", SUMMARY)} == {*WINDOW}


@pytest.mark.parametrize("concurrency", [1, 8, 32])
async def test_sick_endpoints_never_delay_healthy_ones(
    warehouse: Warehouse, clock: ManualClock, concurrency: int
) -> None:
    """The first 12 endpoints fail for ever; the others are finished in one run."""
    sick, healthy = ENDPOINTS[:12], ENDPOINTS[12:]
    source = WrittenSource(clock, trouble=answers_of(-1, *(str(e) for e in sick)))
    report = await run(warehouse, source, planned(warehouse, clock), concurrency=concurrency)
    for endpoint in healthy:
        ready = [d for d in endpoint.labels(WINDOW) if endpoint.ready_at(d) <= NOW]
        card = CARD.get(endpoint.name)
        assert {*ready} <= {*warehouse.coverage("wx1", endpoint, params=card)}
    calls = Counter(name for name, _ in source.asked)
    assert max(calls[str(endpoint)] for endpoint in sick) <= 8
    assert {reason for _, _, reason in report.not_made} == {StopReason.ERRORS}


@pytest.mark.parametrize(
    "error", [reply_error(40164, "invalid ip"), errors.SettingsError(verbatim("no secret"))]
)
async def test_credentials_stop_the_account_only(
    warehouse: Warehouse, clock: ManualClock, error: errors.WxcubeError
) -> None:
    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        raise error

    barred, other = WrittenSource(clock, trouble=trouble), WrittenSource(clock)
    sync_plan = planned(warehouse, clock, READ, SUMMARY, appids=("wx1", "wx2"))
    report = await sync(
        sync_plan, {"wx1": barred, "wx2": other}, warehouse, clock=clock, concurrency=1
    )
    assert len(barred.asked) == 1
    assert {why for _, _, why in report.not_made} == {StopReason.CREDENTIALS}
    assert len(warehouse.coverage("wx2", READ)) == 18


@pytest.mark.parametrize(
    ("error", "state", "errcode"),
    [
        (reply_error(47001, "data format error"), State.REFUSED, 47001),
        (reply_error(99999, "never seen"), State.REFUSED, 99999),
        (errors.WindowError(verbatim("too long")), State.FAILED, None),
    ],
)
async def test_an_endpoint_is_stopped_after_three_errors_that_a_retry_would_not_change(
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
    entries = warehouse.coverage("wx1", READ)
    assert [(d.state, d.errcode) for d in entries.values()] == [(state, errcode)] * 3
    assert report.not_made == {("wx1", "getarticleread", StopReason.ERRORS): 15}
    assert State.FINAL in states(warehouse, SUMMARY)


@pytest.mark.parametrize(
    ("error", "errcode"),
    [
        (reply_error(61501, "date range error"), 61501),
        (reply_error(40001, "invalid credential"), 40001),
        (errors.BusyError(-1, "system error"), -1),
        (errors.ShapeError(verbatim("no list"), body=b'{"lst":[]}'), None),
    ],
)
async def test_an_endpoint_is_stopped_after_eight_failures(
    warehouse: Warehouse, clock: ManualClock, error: errors.WxcubeError, errcode: int | None
) -> None:
    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        if endpoint is READ:
            raise error

    source = WrittenSource(clock, trouble=trouble)
    report = await run(warehouse, source, planned(warehouse, clock, READ, SUMMARY))
    assert [name for name, _ in source.asked].count("getarticleread") == 8
    entries = warehouse.coverage("wx1", READ)
    assert [(d.state, d.errcode) for d in entries.values()] == [(State.FAILED, errcode)] * 8
    assert report.not_made == {("wx1", "getarticleread", StopReason.ERRORS): 10}
    assert not report.is_complete
    assert State.FINAL in states(warehouse, SUMMARY)


async def test_unreadable_bodies_are_stored(warehouse: Warehouse, clock: ManualClock) -> None:
    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        raise errors.ShapeError(verbatim("no list"), body=b'{"lst":[]}')

    await run(warehouse, WrittenSource(clock, trouble=trouble), planned(warehouse, clock, SUMMARY))
    asked = warehouse.history("wx1", SUMMARY, WINDOW)
    assert {warehouse.reply(ask) for ask in asked} == {b'{"lst":[]}'}


async def test_after_a_minute_quota_the_account_pauses_and_resumes(
    warehouse: Warehouse, clock: ManualClock
) -> None:
    left = iter([True] * 4)

    def trouble(endpoint: Endpoint[Any], window: Window) -> None:
        if next(left, False):
            raise reply_error(45011, "must slower")

    source, seen = WrittenSource(clock, trouble=trouble), list[SyncEvent]()
    report = await run(
        warehouse, source, planned(warehouse, clock, READ), concurrency=2, on_progress=seen.append
    )
    assert report.is_complete
    assert not report.errors
    assert sum(isinstance(event, AccountPaused) for event in seen) == 4


async def test_a_lasting_minute_quota_stops_the_account_after_some_pauses(
    warehouse: Warehouse, clock: ManualClock
) -> None:
    source = WrittenSource(clock, trouble=answers_of(45011))
    report = await run(
        warehouse,
        source,
        planned(warehouse, clock, READ),
        concurrency=1,
        limits=ErrorLimits(pause_seconds=0.001, pauses=2, account_errors=4),
    )
    assert len(source.asked) == 4 * 3
    assert report.not_made == {("wx1", "getarticleread", StopReason.UNREACHABLE): 14}
    assert warehouse.coverage("wx1", READ) == {}


async def test_a_database_error_ends_the_sync(
    warehouse: Warehouse, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise errors.WarehouseError(verbatim("the disk is full"))

    source = WrittenSource(clock)
    monkeypatch.setattr(warehouse, "replace", full)
    with pytest.raises(errors.WarehouseError, match="the disk is full"):
        await run(warehouse, source, planned(warehouse, clock, READ), concurrency=2)
    assert len(source.asked) <= 4


async def test_a_plan_without_a_source_is_refused(warehouse: Warehouse, clock: ManualClock) -> None:
    with pytest.raises(errors.SettingsError, match="no source for account wx1"):
        await sync(planned(warehouse, clock, READ), {}, warehouse, clock=clock)


async def test_every_planned_call_has_one_event(warehouse: Warehouse, clock: ManualClock) -> None:
    source, seen = (
        WrittenSource(clock, trouble=answers_of(48001, "getarticleread")),
        list[SyncEvent](),
    )
    sync_plan = planned(warehouse, clock, READ, SUMMARY)
    await run(warehouse, source, sync_plan, on_progress=seen.append)
    reported_calls = [
        event.call for event in seen if isinstance(event, CallAnswered | CallFailed | CallNotMade)
    ]
    assert sorted(map(str, reported_calls)) == sorted(map(str, sync_plan.calls))


async def test_a_cancelled_sync_leaves_complete_answers_and_can_be_resumed(
    warehouse: Warehouse,
    url: str,
    clock: ManualClock,
    copy_to: Callable[[Path], Path],
    tmp_path: Path,
) -> None:
    first, stored = planned(warehouse, clock), asyncio.Event()

    def on_progress(_event: SyncEvent) -> None:
        stored.set()

    # the source never answers its last calls, so that the sync cannot end before it is cancelled
    source = WrittenSource(clock, answers=len(first.calls) // 2)
    task = asyncio.create_task(run(warehouse, source, first, on_progress=on_progress))
    await stored.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 0 < len(source.asked) < len(first.calls)
    source.answers = None
    assert (await run(warehouse, source, planned(warehouse, clock))).is_complete
    with Warehouse.open(copy_to(tmp_path / "other.db")) as undisturbed:
        await run(undisturbed, WrittenSource(clock), planned(undisturbed, clock))
    assert everything(url, but=("asks",)) == everything(tmp_path / "other.db", but=("asks",))
