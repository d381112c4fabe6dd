"""The service syncs at its start, every morning and on orders, and goes on after errors."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from wxcube import contract
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract.window import Window
from wxcube.emulator.emulator import Emulator
from wxcube.jobs.sync_service import SyncOrder, SyncProgress, SyncService, next_start
from wxcube.server.http import RunningServer
from wxcube.settings import AccountSettings, Settings, SyncSettings
from wxcube.warehouse.store import Warehouse

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=BEIJING)
WAIT = 120


class Service:
    """A service of an emulated account, and what it reported."""

    def __init__(self, folder: Path, emulator: Emulator, url: str, warehouse: Warehouse) -> None:
        app = emulator.accounts[0]
        secret = folder / "secret"
        secret.write_text(app.secret)
        secret.chmod(0o600)
        self.appid = app.appid
        self.clock = ManualClock(NOW)
        self.emulator = emulator
        self.ended: queue.Queue[SyncProgress] = queue.Queue()
        account = AccountSettings(
            appid=app.appid,
            secret_file=str(secret),
            base_url=url,
            endpoints=["user"],
        )
        self.settings = Settings(
            accounts=[account], sync=SyncSettings(since=date(2026, 3, 1), samples_per_week=0)
        )
        self.service = SyncService(
            lambda: self.settings, warehouse, self.clock, self.ended.put, check_seconds=0.01
        )

    def next_end(self) -> SyncProgress:
        return self.ended.get(timeout=WAIT)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Service]:
    emulator = Emulator(accounts=1, days=15, now=NOW)
    with (
        RunningServer(emulator.asgi) as server,
        Warehouse.open(tmp_path / "wxcube.db") as warehouse,
    ):
        running = Service(tmp_path, emulator, server.url, warehouse)
        running.service.start()
        yield running
        running.service.stop()


def test_it_syncs_at_the_start_and_at_times_of_the_day(running: Service) -> None:
    first = running.next_end()
    assert first.error is None
    assert first.last
    assert first.last.is_complete
    assert first.rows > 0
    assert first.next_at == datetime(2026, 3, 10, 10, 10, tzinfo=BEIJING)
    for clock in (running.clock, running.emulator.clock):
        clock.set(datetime(2026, 3, 11, 8, 10, tzinfo=BEIJING))
    second = running.next_end()
    assert second.last
    assert second.rows > 0
    assert second.next_at == datetime(2026, 3, 11, 10, 10, tzinfo=BEIJING)


def test_an_order_requests_the_days_of_an_endpoint_once_more(running: Service) -> None:
    running.next_end()
    day = date(2026, 3, 5)
    running.service.order(
        SyncOrder((running.appid,), (contract.user.getusersummary.name,), Window(day, day))
    )
    again = running.next_end()
    assert again.last
    assert again.last.report.calls == 1


def test_after_an_error_it_goes_on(running: Service) -> None:
    running.next_end()
    good = running.settings
    running.settings = Settings()
    running.service.order(SyncOrder())
    assert running.next_end().error
    running.settings = good
    running.service.order(SyncOrder())
    assert running.next_end().error is None


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ((10, 0, 0), (10, 8, 10)),
        ((10, 8, 9), (10, 8, 10)),
        ((10, 8, 10), (10, 10, 10)),
        ((10, 11, 0), (10, 12, 10)),
        ((10, 12, 10), (11, 8, 10)),
    ],
)
def test_when_the_next_sync_begins(
    now: tuple[int, int, int], expected: tuple[int, int, int]
) -> None:
    moment, wanted = (datetime(2026, 3, *parts, tzinfo=BEIJING) for parts in (now, expected))
    assert next_start(moment.astimezone(UTC)) == wanted
