"""WeChat on localhost: simulated accounts served over WeChat's protocol, with a clock and faults.

Everything happens in this process; nothing opens a connection, unless callbacks are pushed.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from wxcube import beijing
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract.answer_order import in_answer_order
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.window import Window
from wxcube.emulator.admin import ADMIN, Admin
from wxcube.emulator.admin_access import LOCAL, AdminAccess
from wxcube.emulator.faults import Faults
from wxcube.emulator.journal import Journal
from wxcube.emulator.own_calls import emulator_description
from wxcube.emulator.quirks import NO_QUIRKS, Quirks, encode_with_quirks, reply_with_quirks
from wxcube.emulator.simulation import Simulation, shared_simulation
from wxcube.errors import SettingsError
from wxcube.i18n import _
from wxcube.server.access import MemoryAccess
from wxcube.server.backend import App, RowSet
from wxcube.server.call_quota import CallQuota
from wxcube.server.documentation import with_documentation
from wxcube.server.front_page import EMULATOR_PAGE
from wxcube.server.http import AsgiApp, asgi
from wxcube.server.messages import Call, Reply, Request
from wxcube.server.protocol import Api, Era, Hooks, encode_rows
from wxcube.server.tokens import TokenStore

if TYPE_CHECKING:
    from wxcube.emulator.pushing import Pusher, Target

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=BEIJING)
"""The default time of a new emulator's clock."""
DAILY_LIMIT = 10_000
"""Calls per endpoint and day. WeChat publishes no number; this one is our choice."""


class Emulator:
    """A WeChat server with simulated accounts.

    `clock` can be moved, `faults` added and `journal` read. `asgi` is the ASGI application,
    `handle` the same without HTTP. `days` is the age of the accounts: full days before `now`. Rows
    are computed on first use and shared by emulators with the same seed, accounts and days.

    Raises:  SettingsError if accounts or days are less than 1.
    """

    def __init__(  # noqa: PLR0913 - the settings of `wxcube emulate`, all keyword-only
        self,
        *,
        seed: int = 7,
        accounts: int = 2,
        days: int = 120,
        now: datetime = NOW,
        era: Era | str = Era.DOCUMENTED,
        quirks: Quirks = NO_QUIRKS,
        clock: ManualClock | None = None,
        daily_limit: int | None = DAILY_LIMIT,
        tokens_seed: int | None = None,
        admin_access: AdminAccess = LOCAL,
    ) -> None:
        if accounts < 1 or days < 1:
            raise SettingsError(
                _("{accounts} accounts and {days} days are too few", accounts=accounts, days=days),
                hint=_("choose at least 1 of each"),
            )
        self.clock = clock or ManualClock(now)
        self.quirks = _quirks_of(Era(era), quirks)
        self.simulation = _simulation(seed, accounts, self.clock.now(), days)
        self.apps = _apps(self.simulation, daily_limit)
        self.journal = Journal()
        self.faults = Faults(self.clock, random.Random(seed))  # noqa: S311 - reproducible faults
        self.tokens = TokenStore(self.clock, tokens_seed)
        self.api = Api(
            _Backend(self),
            self.clock,
            era=Era(era),
            hooks=self._hooks(),
            seed=tokens_seed,
            front_page=EMULATOR_PAGE,
            access=MemoryAccess(self.tokens, CallQuota(self.clock)),
        )
        self.asgi: AsgiApp = with_documentation(
            asgi(self, self.clock), emulator_description(), self.clock
        )
        self.pusher: Pusher | None = None
        self._admin = Admin(self, admin_access)
        self._lock = threading.RLock()

    @property
    def accounts(self) -> tuple[App, ...]:
        """The accounts as apps: appid, secret and permission sets."""
        return tuple(self.apps.values())

    @property
    def era(self) -> Era:
        """Whether the retired endpoints return rows."""
        return self.api.era

    def rows(
        self, appid: str, endpoint: Endpoint[RowT], params: Mapping[str, object] | None = None
    ) -> list[RowT]:
        """All rows of an account that can be fetched now: the result of a complete sync.

        Raises:  ContractError if the endpoint does not accept the params.
        """
        complete, app = endpoint.complete_params(params or {}), self.apps[appid]
        retired = self.era is Era.CURRENT and endpoint.is_retired
        if retired or endpoint.permission_set not in app.permission_sets:
            return []
        return self.simulation.all_rows(app.account, endpoint, self.last_day, complete)

    @property
    def last_day(self) -> date:
        """The newest day with figures."""
        return beijing.latest_ready_day(self.clock.now())

    def handle(self, request: Request) -> Reply:
        """The reply to a request; never raises."""
        with self._lock:
            if request.path.startswith(ADMIN):
                return self._admin.handle(request)
            return self._answer(Call(request, self.clock.now()))

    def name(self, appid: str) -> str:
        """The account's name."""
        return self.simulation.accounts[self.apps[appid].account].name

    def prepare(self) -> None:
        """Compute all rows available now, so that the first call need not wait for them."""
        self.simulation.prepare(self.last_day)

    def push_to(self, target: Target) -> Pusher:
        """A context manager that pushes callbacks meanwhile, as WeChat does.

        What it measures replaces the simulated figures of replies of this emulator alone.

        Raises:  SettingsError if the URL is none.
        """
        from wxcube.emulator.pushing import Pusher

        shared = self.simulation
        self.simulation = Simulation(shared.seed, len(shared.accounts), shared.first_day)
        self.pusher = Pusher(self.simulation, self.clock, target)
        return self.pusher

    def set_permissions(self, appid: str, permission_sets: frozenset[int]) -> None:
        """Replace the permission sets of an account."""
        self.apps[appid] = replace(self.apps[appid], permission_sets=permission_sets)

    def _answer(self, call: Call) -> Reply:
        started = perf_counter()
        path, owner = call.request.path, self.tokens.issued_to(call.request.token)
        if owner and self.faults.expires_tokens(path, owner):
            self.tokens.expire(owner)
        reply = self.api.reply_to(call)
        appid = call.app.appid if call.app else owner
        reply = self.faults.alter_reply(reply, path, appid, call.window)
        reply = reply_with_quirks(self.quirks, reply)
        self.journal.record(call, reply, appid, (perf_counter() - started) * 1000)
        return reply

    def _hooks(self) -> Hooks:
        has_quirks = self.quirks != NO_QUIRKS
        encode = partial(encode_with_quirks, self.quirks) if has_quirks else encode_rows
        return Hooks(encode, self._gate)

    def _gate(self, call: Call) -> None:
        appid = call.app.appid if call.app else ""
        self.faults.refuse(call.request.path, appid, call.window)


@dataclass(frozen=True, slots=True)
class _Backend:
    """The emulator as a backend of the protocol server."""

    emulator: Emulator

    def app(self, appid: str) -> App | None:
        return self.emulator.apps.get(appid)

    def rows(
        self, app: App, endpoint: Endpoint[RowT], window: Window, params: Mapping[str, object]
    ) -> RowSet[RowT]:
        simulation, last_day = self.emulator.simulation, self.emulator.last_day
        rows = simulation.rows(app.account, endpoint, window, last_day, params)
        is_delay = endpoint.has_delay_flag and window.last > last_day
        row_set = RowSet(in_answer_order(endpoint, rows), is_delay)
        return self.emulator.faults.alter_rows(row_set, endpoint, window, app.appid)


def _quirks_of(era: Era, quirks: Quirks) -> Quirks:
    """The quirks, with those of the era."""
    if era is not Era.LAST_DOCUMENTED:
        return quirks
    return msgspec.structs.replace(quirks, later_columns=True)


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
