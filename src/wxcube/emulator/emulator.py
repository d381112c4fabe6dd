"""WeChat on your own machine: simulated accounts behind WeChat's protocol, with a clock and faults.

Everything happens in this process; nothing here opens a connection to anywhere.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from time import perf_counter

from wxcube import beijing
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.window import Window
from wxcube.emulator import quirks as oddities
from wxcube.emulator.admin import ADMIN, Admin
from wxcube.emulator.faults import Faults
from wxcube.emulator.journal import Journal
from wxcube.emulator.quirks import Quirks
from wxcube.emulator.simulation import Simulation, shared_simulation
from wxcube.errors import SettingsError
from wxcube.server.backend import App, Found
from wxcube.server.http import AsgiApp, asgi
from wxcube.server.messages import Call, Reply, Request
from wxcube.server.protocol import PLAIN, Api, Era, Hooks

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=BEIJING)
"""The time a new emulator shows unless told otherwise."""
DAILY_LIMIT = 10_000
"""Calls per endpoint and day. WeChat publishes no number; this one is ours."""


class Emulator:
    """A WeChat of simulated accounts.

    `clock` can be moved, `faults` set, `journal` read; `asgi` is the server, `answer` the same
    without HTTP. `days` are the full days before `now` in which the accounts existed. Rows are
    computed when first asked for and shared by emulators with the same seed, accounts and days.

    Raises:  SettingsError if accounts or days are not above 0.
    """

    def __init__(  # noqa: PLR0913 - the settings of `wxcube emulate`, all keyword-only
        self,
        *,
        seed: int = 7,
        accounts: int = 2,
        days: int = 120,
        now: datetime = NOW,
        era: Era | str = Era.DOCUMENTED,
        quirks: Quirks = oddities.PLAIN,
        clock: ManualClock | None = None,
        daily_limit: int | None = DAILY_LIMIT,
        tokens_seed: int | None = None,
    ) -> None:
        if accounts < 1 or days < 1:
            raise SettingsError(
                f"{accounts} accounts and {days} days were asked for", hint="give 1 or more of each"
            )
        self.clock = clock or ManualClock(now)
        self.quirks = quirks
        self.simulation = _simulation(seed, accounts, self.clock.now(), days)
        self.apps = _apps(self.simulation, daily_limit)
        self.journal = Journal()
        self.faults = Faults(self.clock, random.Random(seed))  # noqa: S311 - dice for faults
        self.api = Api(
            _Backend(self), self.clock, era=Era(era), hooks=self._hooks(), seed=tokens_seed
        )
        self.asgi: AsgiApp = asgi(self)
        self._admin = Admin(self)
        self._lock = threading.RLock()

    @property
    def accounts(self) -> tuple[App, ...]:
        """The accounts as apps: appid, secret and permission sets."""
        return tuple(self.apps.values())

    @property
    def era(self) -> Era:
        """Whether the retired calls are answered."""
        return self.api.era

    def rows(
        self, appid: str, endpoint: Endpoint[RowT], params: Mapping[str, object] | None = None
    ) -> list[RowT]:
        """All rows an account can be asked for by now: what a full sync must end with.

        Raises:  ContractError if the params do not fit the endpoint.
        """
        asked, app = endpoint.complete_params(params or {}), self.apps[appid]
        retired = self.era is Era.CURRENT and endpoint.is_retired
        if retired or endpoint.permission_set not in app.permission_sets:
            return []
        return self.simulation.all_rows(app.account, endpoint, self.last_day, asked)

    @property
    def last_day(self) -> date:
        """The newest day figures can be asked of now."""
        return beijing.latest_ready_day(self.clock.now())

    def answer(self, request: Request) -> Reply:
        """The reply to a request; never raises."""
        with self._lock:
            if request.path.startswith(ADMIN):
                return self._admin.answer(request)
            return self._answer(Call(request, self.clock.now()))

    def name(self, appid: str) -> str:
        """What the account calls itself."""
        return self.simulation.accounts[self.apps[appid].account].name

    def prepare(self) -> None:
        """Compute all rows known by now, which otherwise the first call waits for."""
        self.simulation.compute(self.last_day)

    def grant(self, appid: str, permission_sets: frozenset[int]) -> None:
        """Give an account exactly these permission sets from now on."""
        self.apps[appid] = replace(self.apps[appid], permission_sets=permission_sets)

    def _answer(self, call: Call) -> Reply:
        started = perf_counter()
        path, owner = call.request.path, self.api.tokens.peek(call.request.token)
        if owner and self.faults.expires(path, owner):
            self.api.tokens.expire(owner)
        reply = self.api.take(call)
        appid = call.app.appid if call.app else owner
        reply = self.faults.spoil(reply, path, appid)
        self.journal.record(call, reply, appid, (perf_counter() - started) * 1000)
        return reply

    def _hooks(self) -> Hooks:
        plain = self.quirks == oddities.PLAIN
        encode = PLAIN.encode if plain else partial(oddities.encode_oddly, self.quirks)
        return Hooks(encode, self._gate)

    def _gate(self, call: Call) -> None:
        self.faults.refuse(call.request.path, call.app.appid if call.app else "")


@dataclass(frozen=True, slots=True)
class _Backend:
    """The emulator as the protocol server sees it."""

    emulator: Emulator

    def app(self, appid: str) -> App | None:
        return self.emulator.apps.get(appid)

    def rows(
        self, app: App, endpoint: Endpoint[RowT], window: Window, params: Mapping[str, object]
    ) -> Found[RowT]:
        faults, last_day = self.emulator.faults, self.emulator.last_day
        hidden = faults.hides(endpoint.path, app.appid)
        late = endpoint.has_delay_flag and faults.delays(endpoint.path, app.appid)
        if hidden:
            return Found((), late)
        rows = self.emulator.simulation.rows(app.account, endpoint, window, last_day, params)
        return Found(rows, late)


def _simulation(seed: int, accounts: int, now: datetime, days: int) -> Simulation:
    return shared_simulation(seed, accounts, beijing.day_of(now) - timedelta(days=days))


def _apps(simulation: Simulation, daily_limit: int | None) -> dict[str, App]:
    return {
        account.appid: App(
            appid=account.appid,
            secret=account.secret,
            account=account.appid,
            permission_sets=account.permission_sets,
            daily_limit=daily_limit,
        )
        for account in simulation.accounts.values()
    }
