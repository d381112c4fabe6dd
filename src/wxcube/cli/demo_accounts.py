"""Simulated accounts that run in this process, with a database and syncs of their own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from wxcube.beijing import Clock, ManualClock
from wxcube.emulator.emulator import Emulator
from wxcube.jobs.sync_service import SyncProgress, SyncService
from wxcube.pages.site import Source
from wxcube.server.http import RunningServer
from wxcube.settings import AccountSettings, Settings, SyncSettings, write_private_file
from wxcube.warehouse.store import Warehouse


class DemoAccounts:
    """Starts the accounts when they are wanted; they end with the `with` block."""

    def __init__(
        self,
        clock: Clock,
        folder: Path = Path("demo"),
        *,
        on_end: Callable[[SyncProgress], None] = lambda _progress: None,
    ) -> None:
        self._clock = clock
        self._on_end = on_end
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self) -> Source:
        """The accounts, whose first sync has begun."""
        self._folder.mkdir(parents=True, exist_ok=True)
        emulator = Emulator(clock=ManualClock(self._clock.now(), running=True))
        emulator.prepare()
        server = self._stack.enter_context(RunningServer(emulator.asgi))
        database = self._folder / "pages.db"
        settings = self._settings(emulator, server.url, database)
        warehouse = self._stack.enter_context(Warehouse.open(database))
        sync = SyncService(lambda: settings, warehouse, self._clock, self._on_end)
        self._stack.callback(sync.stop)
        sync.start()
        names = {app.appid: emulator.name(app.appid) for app in emulator.accounts}
        return Source(
            warehouse,
            emulator.clock,
            lambda: names,
            sync,
            is_demo=True,
            daily_calls=settings.sync.daily_calls_per_endpoint,
        )

    def _settings(self, emulator: Emulator, url: str, database: Path) -> Settings:
        accounts = []
        for app in emulator.accounts:
            file = self._folder / f"{app.appid}.secret"
            write_private_file(file, app.secret)
            accounts.append(
                AccountSettings(appid=app.appid, secret_file=str(file), base_url=url, emulator=True)
            )
        first = emulator.simulation.first_day
        return Settings(
            database=str(database),
            accounts=accounts,
            sync=SyncSettings(since=first, include_retired=True),
        )
