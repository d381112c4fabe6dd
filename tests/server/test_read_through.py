"""Days that a database lacks are asked of WeChat once, stored, and answered; or refused in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.gateway import LOCAL, GatewayCaller, gateway
from support.polling import eventually
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.answer_order import in_answer_order
from wxcube.contract.user import getusersummary
from wxcube.contract.window import Window
from wxcube.emulator.faults import Fault
from wxcube.errors import SettingsError
from wxcube.jobs.read_through import SettingsReadThrough
from wxcube.settings import AccountSettings, LimitSettings, Settings, SyncSettings
from wxcube.testing import RunningEmulator
from wxcube.warehouse.store import Warehouse

QUICK = LimitSettings(drain_seconds=1, read_through_seconds=2)
SHORT = SyncSettings(timeout_seconds=1, attempts=2, retry_pause_seconds=0.01)
SUMMARY = "/datacube/getusersummary"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningEmulator]:
    with RunningEmulator(accounts=1, days=40) as running:
        running.emulator.prepare()
        yield running


@pytest.fixture(autouse=True)
def _anew(running: RunningEmulator) -> None:
    running.emulator.faults.clear()
    running.emulator.journal.clear()


@contextmanager
def reading_through(
    database: Path,
    running: RunningEmulator,
    monkeypatch: pytest.MonkeyPatch,
    sync: SyncSettings = SHORT,
    base_url: str = "",
    accounts: bool = True,
) -> Iterator[GatewayCaller]:
    app = running.account()
    monkeypatch.setenv("UPSTREAM_SECRET", app.secret)
    account = AccountSettings(
        appid=app.appid, secret_env="UPSTREAM_SECRET", base_url=base_url or running.url
    )
    settings = Settings(sync=sync, accounts=[account] if accounts else [])
    local = msgspec.structs.replace(LOCAL, account=app.appid)
    clock = running.emulator.clock
    with Warehouse.open(database) as warehouse:
        source = SettingsReadThrough(lambda: settings, warehouse, clock)
        with gateway(database, app=local, clock=clock, limits=QUICK, read_through=source) as caller:
            yield caller


@pytest.fixture
def caller(
    tmp_path: Path, running: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GatewayCaller]:
    with reading_through(tmp_path / "wxcube.db", running, monkeypatch) as caller:
        yield caller


def week(running: RunningEmulator) -> Window:
    last = running.emulator.last_day
    return Window(last - timedelta(days=6), last)


def rows_of(running: RunningEmulator, name: str, window: Window) -> list[Any]:
    endpoint = named(name)
    rows = running.emulator.rows(running.account().appid, endpoint)
    of_window = [row for row in rows if row.ref_date in window]
    return list(msgspec.to_builtins(in_answer_order(endpoint, of_window)))


def asked(running: RunningEmulator) -> int:
    return len(running.emulator.journal.calls("/datacube/*"))


def stored(caller: GatewayCaller, database: Path) -> int:
    with Warehouse.open(database) as warehouse:
        window = Window.parse("2026-01-01..2026-03-09")
        return len(warehouse.read(caller.app.account, getusersummary, window))


def test_missing_days_are_asked_stored_and_answered(
    caller: GatewayCaller, running: RunningEmulator, tmp_path: Path
) -> None:
    window = week(running)
    expected = rows_of(running, "getusersummary", window)
    for _call in range(3):
        answered = caller.ask(getusersummary, window.first, window.last)
        assert answered.content == {"list": expected}
        assert answered.headers["x-wxcube-origin"] == "wechat"
    assert asked(running) == 1
    assert stored(caller, tmp_path / "wxcube.db") == len(expected)


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if not e.params], ids=str)
def test_every_endpoint(caller: GatewayCaller, running: RunningEmulator, endpoint: Any) -> None:
    label = endpoint.label(running.emulator.last_day - timedelta(days=35))
    answered = caller.ask(endpoint, label)
    assert answered.content["list"] == rows_of(running, str(endpoint), Window.day(label))


def test_only_what_is_missing_is_asked(caller: GatewayCaller, running: RunningEmulator) -> None:
    window = week(running)
    caller.ask(getusersummary, window.last - timedelta(days=2), window.last)
    answered = caller.ask(getusersummary, window.first, window.last)
    assert answered.content["list"] == rows_of(running, "getusersummary", window)
    second = running.emulator.journal.calls("/datacube/*")[1]
    assert (second.begin_date, second.end_date) == (window.first, window.last - timedelta(days=3))


def test_one_flight_however_many_ask(caller: GatewayCaller, running: RunningEmulator) -> None:
    running.emulator.faults.add(Fault(path="getusersummary", slow_seconds=0.5))
    window, token = week(running), caller.new_token()
    caller.token = token
    with ThreadPoolExecutor(24) as threads:
        answers = list(
            threads.map(
                lambda _n: caller.ask(getusersummary, window.first, window.last).body, range(24)
            )
        )
    assert len(set(answers)) == 1
    assert msgspec.json.decode(answers[0])["list"] == rows_of(running, "getusersummary", window)
    assert asked(running) == 1


def test_the_budget_holds(
    tmp_path: Path, running: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = msgspec.structs.replace(SHORT, daily_calls_per_endpoint=2)
    last = running.emulator.last_day
    with reading_through(tmp_path / "wxcube.db", running, monkeypatch, sync) as caller:
        codes = [
            caller.ask(getusersummary, last - timedelta(days=n)).errcode for n in (1, 3, 5, 7, 5)
        ]
    assert codes == [0, 0, 45009, 45009, 45009]
    assert asked(running) == 2


FAULTS = {
    "busy": (Fault(errcode=-1), -1),
    "quota": (Fault(errcode=45009), 45009),
    "permission": (Fault(errcode=48001), 48001),
    "retired": (Fault(errcode=47009), 47009),
    "not ready": (Fault(errcode=61503), 61503),
    "dates": (Fault(errcode=61501), -1),
    "secret": (Fault(errcode=40125), -1),
    "address": (Fault(errcode=40164), -1),
    "minute": (Fault(errcode=45011), -1),
    "http 500": (Fault(status=500), -1),
    "cut": (Fault(cut=0.5), -1),
    "broken": (Fault(broken=True), -1),
    "reset": (Fault(reset=True), -1),
    "slow": (Fault(slow_seconds=30), -1),
}


@pytest.mark.parametrize("case", FAULTS)
def test_every_fault_is_an_error_in_bounded_time_and_stores_nothing(
    caller: GatewayCaller, running: RunningEmulator, tmp_path: Path, case: str
) -> None:
    fault, errcode = FAULTS[case]
    running.emulator.faults.add(msgspec.structs.replace(fault, path="getusersummary"))
    window = week(running)
    started = time.monotonic()
    for _call in range(3):
        answered = caller.ask(getusersummary, window.first, window.last)
        assert answered.errcode == errcode, answered.content
        assert " rid: " in answered.content["errmsg"]
    # the first asks, the others are refused at once or wait for it
    assert time.monotonic() - started < 15
    assert stored(caller, tmp_path / "wxcube.db") == 0
    assert asked(running) <= 2 * SHORT.attempts


LIES = {
    "unreadable": Fault(unreadable=True),
    "other days": Fault(extra_rows=True),
    "nothing": Fault(empty=True),
    "an hour ahead": Fault(clock=3_600),
    "no date": Fault(no_date=True),
    "fewer rows": Fault(vanish=True),
}


@pytest.mark.parametrize("case", LIES)
def test_of_a_lie_nothing_wrong_is_stored(
    caller: GatewayCaller, running: RunningEmulator, tmp_path: Path, case: str
) -> None:
    running.emulator.faults.add(msgspec.structs.replace(LIES[case], path="getusersummary"))
    window = week(running)
    answered = caller.ask(getusersummary, window.first, window.last)
    assert answered.errcode in {0, 61503}
    true = rows_of(running, "getusersummary", window)
    assert all(row in true for row in answered.content.get("list", []))
    with Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        everything = Window.parse("2014-12-01..2026-03-09")
        rows = warehouse.read(caller.app.account, getusersummary, everything)
    assert all(row in true for row in msgspec.to_builtins(rows))
    calls = asked(running)
    for _call in range(3):
        caller.ask(getusersummary, window.first, window.last)
    assert asked(running) == calls


def test_a_server_that_is_down(
    tmp_path: Path, running: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "http://127.0.0.1:9"
    with reading_through(tmp_path / "wxcube.db", running, monkeypatch, base_url=url) as caller:
        assert caller.ask(getusersummary, running.emulator.last_day).errcode == -1


def test_an_account_that_is_not_in_the_settings_is_answered_from_the_database(
    tmp_path: Path, running: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading_through(tmp_path / "wxcube.db", running, monkeypatch, accounts=False) as caller:
        answered = caller.ask(getusersummary, running.emulator.last_day)
        assert answered.errcode == 61503
        assert "was never loaded" in answered.content["errmsg"]


def test_what_comes_too_late_for_its_caller_is_there_for_the_next(
    tmp_path: Path, running: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.emulator.faults.add(Fault(path="getusersummary", slow_seconds=3, times=1))
    patient = msgspec.structs.replace(SHORT, timeout_seconds=30)
    day = running.emulator.last_day
    with reading_through(tmp_path / "wxcube.db", running, monkeypatch, patient) as caller:
        assert caller.ask(getusersummary, day).errcode == -1
        eventually(lambda: caller.ask(getusersummary, day).errcode == 0)
    assert asked(running) == 1


def test_no_secret_and_no_token_is_in_an_error(
    caller: GatewayCaller, running: RunningEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    running.emulator.faults.add(Fault(path="*", status=500))
    answered = caller.ask(getusersummary, running.emulator.last_day)
    app = running.account()
    for text in (answered.body.decode(), caplog.text):
        assert app.secret not in text
        assert "access_token=" not in text


def test_why_nothing_is_read_through_is_logged_once_however_many_ask(
    caller: GatewayCaller, running: RunningEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    running.emulator.faults.add(Fault(path="getusersummary", errcode=45009))
    last = running.emulator.last_day
    for back in range(5):
        assert caller.ask(getusersummary, last - timedelta(days=back)).errcode == 45009
    assert caplog.text.count("api.not_read_through") == 1


def test_accounts_of_settings_that_were_read_again_are_asked(
    tmp_path: Path, running: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, day = running.account(), running.emulator.last_day
    monkeypatch.setenv("UPSTREAM_SECRET", app.secret)
    account = AccountSettings(appid=app.appid, secret_env="UPSTREAM_SECRET", base_url=running.url)
    settings = [Settings(sync=SHORT)]
    database = tmp_path / "wxcube.db"

    async def load(source: SettingsReadThrough, back: int) -> None:
        await source.load(app.appid, getusersummary, [day - timedelta(days=back)], {})

    async def loads(warehouse: Warehouse) -> None:
        source = SettingsReadThrough(lambda: settings[0], warehouse, running.emulator.clock)
        with pytest.raises(SettingsError, match="no account"):
            await load(source, 1)
        settings[0] = Settings(sync=SHORT, accounts=[account])
        running.emulator.faults.add(Fault(path="getusersummary", slow_seconds=0.3))
        slow = asyncio.create_task(load(source, 1))
        await asyncio.to_thread(eventually, lambda: asked(running))
        # the client of the settings before ends its call, and is closed then
        before = source._sources[app.appid]
        settings[0] = Settings(sync=SHORT, accounts=[account])
        await load(source, 2)
        await slow
        assert (before.is_old, source._sources[app.appid] is before) == (True, False)
        await source.close()

    with Warehouse.open(database) as warehouse:
        asyncio.run(loads(warehouse))
        window = Window(day - timedelta(days=2), day - timedelta(days=1))
        assert len(warehouse.read(app.appid, getusersummary, window)) > 0
    assert asked(running) == 2


@pytest.mark.parametrize("is_refused", [False, True])
def test_processes_that_need_the_same_days_ask_one_after_the_other(
    tmp_path: Path, running: RunningEmulator, monkeypatch: pytest.MonkeyPatch, is_refused: bool
) -> None:
    app, window = running.account(), week(running)
    monkeypatch.setenv("UPSTREAM_SECRET", app.secret)
    account = AccountSettings(appid=app.appid, secret_env="UPSTREAM_SECRET", base_url=running.url)
    settings = Settings(sync=SHORT, accounts=[account])
    fault = Fault(path="getusersummary", slow_seconds=0.3)
    if is_refused:
        fault = Fault(path="getusersummary", errcode=48001, times=1)
    running.emulator.faults.add(fault)

    async def both(*warehouses: Warehouse) -> list[object]:
        sources = [
            SettingsReadThrough(lambda: settings, one, running.emulator.clock) for one in warehouses
        ]
        loads = [one.load(app.appid, getusersummary, list(window), {}) for one in sources]
        try:
            return await asyncio.gather(*loads, return_exceptions=True)
        finally:
            for one in sources:
                await one.close()

    database = tmp_path / "wxcube.db"
    with Warehouse.open(database) as one, Warehouse.open(database) as other:
        outcomes = asyncio.run(both(one, other))
        assert len(one.read(app.appid, getusersummary, window)) > 0
    # who waited asks only for what the first did not get
    assert asked(running) == 1 + is_refused
    assert [isinstance(outcome, Exception) for outcome in outcomes].count(True) == is_refused
