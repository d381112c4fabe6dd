"""WeChat for tests: an emulator on a free port of this machine, as a class and a pytest fixture.

The fixture `wxcube_emulator` is available where wxcube and pytest are installed:

    from wxcube import named

    def test_growth(wxcube_emulator):
        with wxcube_emulator.client() as client:
            rows = client.fetch(named("getusersummary"), "2026-03-01", "2026-03-07")
        assert wxcube_emulator.emulator.journal.calls("getusersummary")

Every pytest run imports this module, so it imports other modules only when it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from wxcube.emulator.emulator import Emulator
    from wxcube.server.backend import App
    from wxcube.wechat.client import AsyncClient, Client

__all__ = ["RunningEmulator"]


class RunningEmulator:
    """An emulator that serves HTTP within a `with` block; `url` is its base URL.

    It has the options of `Emulator`, or serves the one given as `emulator`. It has its own tokens,
    faults, clock and journal; emulators with the same seed, accounts and days share computed rows.
    """

    def __init__(self, *, emulator: Emulator | None = None, **settings: Any) -> None:
        from wxcube.emulator.emulator import Emulator
        from wxcube.server.http import RunningServer

        self.emulator = emulator or Emulator(**settings)
        self._server = RunningServer(self.emulator.asgi)
        self.url = self._server.url

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def account(self, appid: str | None = None) -> App:
        """The account with an AppID; the first by default."""
        return self.emulator.apps[appid] if appid else self.emulator.accounts[0]

    def client(self, appid: str | None = None) -> Client:
        """A client of an account, by default the first; the caller closes it."""
        from wxcube.wechat.client import Client

        app = self.account(appid)
        return Client(app.appid, app.secret, base_url=self.url, clock=self.emulator.clock)

    def async_client(self, appid: str | None = None) -> AsyncClient:
        """`client` for async code."""
        from wxcube.wechat.client import AsyncClient

        app = self.account(appid)
        return AsyncClient(app.appid, app.secret, base_url=self.url, clock=self.emulator.clock)


# the class is useful without pytest too
with suppress(ImportError):
    import pytest

    @pytest.fixture
    def wxcube_emulator() -> Iterator[RunningEmulator]:
        """A running emulator with two accounts and 120 days, at 2026-03-10 09:00 Beijing."""
        with RunningEmulator() as running:
            yield running
