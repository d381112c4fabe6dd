"""The emulator's admin API under /_wxcube/: clock, faults, journal, accounts, tokens.

It is not part of WeChat's protocol; `wxcube.emulator.admin_access` says who may use it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from wxcube.beijing import ManualClock, day_of, parse_timestamp
from wxcube.emulator.admin_access import LOCAL, AdminAccess
from wxcube.emulator.faults import ActiveFault, Faults, fault_from
from wxcube.emulator.journal import Journal
from wxcube.emulator.quirks import Quirks
from wxcube.emulator.simulation import Simulation
from wxcube.server.backend import App
from wxcube.server.messages import Reply, Request
from wxcube.server.protocol import Api, Era
from wxcube.server.tokens import TokenStore

if TYPE_CHECKING:
    from wxcube.emulator.pushing import Pusher

ADMIN = "/_wxcube/"
FIGURE_DAYS = 1_000
"""The days of figures, over all accounts, to which the clock can be moved: seconds and 1 GiB."""
MONTH_DAYS = 31
"""The days beyond the newest figures to which it can be moved in any case."""
_JSON = "application/json"


class AdminTarget(Protocol):
    """The parts of an emulator that the admin API reads and changes."""

    api: Api
    tokens: TokenStore
    clock: ManualClock
    faults: Faults
    journal: Journal
    quirks: Quirks
    simulation: Simulation
    apps: dict[str, App]
    pusher: Pusher | None

    @property
    def accounts(self) -> tuple[App, ...]:
        """The accounts as apps."""
        ...

    @property
    def era(self) -> Era:
        """Whether the retired endpoints return rows."""
        ...

    @property
    def last_day(self) -> date:
        """The newest day with figures."""
        ...

    def name(self, appid: str) -> str:
        """The account's name."""
        ...


class ClockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A move of the clock: to a timestamp, by some hours, or both in this order."""

    now: str | None = None
    advance_hours: float = 0.0


class Expiry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The account whose tokens are invalidated; all accounts without an appid."""

    appid: str | None = None


class Admin:
    """Handles the calls under /_wxcube/ for an emulator."""

    def __init__(self, emulator: AdminTarget, access: AdminAccess = LOCAL) -> None:
        self._emulator = emulator
        self._access = access
        self._latest_day = _latest_day(emulator)
        self._handlers: dict[tuple[str, str], Callable[[Request], object]] = {
            ("GET", "state"): self._state,
            ("GET", "clock"): self._clock,
            ("PUT", "clock"): self._move_clock,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "journal"): self._journal,
            ("DELETE", "journal"): self._clear_journal,
            ("GET", "accounts"): self._accounts,
            ("GET", "pushes"): self._pushes,
            ("POST", "tokens/expire"): self._expire_tokens,
        }

    def handle(self, request: Request) -> Reply:
        """The reply to a request below /_wxcube/; never raises."""
        if refusal := self._access.refusal(request):
            return _reply(refusal.status, {"error": refusal.reason})
        name = request.path.removeprefix(ADMIN)
        handler = self._handlers.get((request.method, name)) or self._fault_handler(request, name)
        if handler is None:
            return self._unknown(name)
        try:
            return _reply(200, handler(request))
        except (ValueError, OverflowError, RecursionError) as error:
            return _reply(400, {"error": str(error)})

    def _unknown(self, name: str) -> Reply:
        methods = [method for method, known in self._handlers if known == name]
        if methods:
            return _reply(405, {"error": f"{ADMIN}{name} takes {', '.join(methods)}"})
        paths = sorted({f"{ADMIN}{known}" for _, known in self._handlers})
        return _reply(404, {"error": f"there are only {', '.join(paths)}"})

    def _state(self, _request: Request) -> object:
        emulator = self._emulator
        return {
            "now": emulator.clock.now(),
            "newest_day": emulator.last_day,
            "first_day": emulator.simulation.first_day,
            "seed": emulator.simulation.seed,
            "era": emulator.era,
            "quirks": emulator.quirks,
            "accounts": len(emulator.apps),
            "faults": len(emulator.faults),
            "calls": len(emulator.journal),
        }

    def _clock(self, _request: Request) -> object:
        return {"now": self._emulator.clock.now(), "newest_day": self._emulator.last_day}

    def _move_clock(self, request: Request) -> object:
        change = _read(request, ClockChange)
        clock = self._emulator.clock
        start = parse_timestamp(change.now) if change.now else clock.now()
        now = start + timedelta(hours=change.advance_hours)
        first = self._emulator.simulation.first_day
        if not first <= day_of(now) <= self._latest_day:
            raise ValueError(
                f"the clock goes from {first} to {self._latest_day}, because later figures would "
                "take minutes to simulate; start an emulator with another --now"
            )
        tokens = self._emulator.tokens
        tokens.notice_time()
        clock.set(now)
        tokens.notice_time()
        return self._clock(request)

    def _faults(self, _request: Request) -> object:
        return {"faults": [_as_json(fault) for fault in self._emulator.faults.active()]}

    def _add_fault(self, request: Request) -> object:
        return {"number": self._emulator.faults.add(fault_from(_read(request, dict[str, Any])))}

    def _clear_faults(self, _request: Request) -> object:
        self._emulator.faults.clear()
        return {}

    def _fault_handler(self, request: Request, name: str) -> Callable[[Request], object] | None:
        kind, _, number = name.partition("/")
        if kind != "faults" or request.method != "DELETE" or not number.isdecimal():
            return None
        return lambda _request: self._remove_fault(number)

    def _remove_fault(self, number: str) -> object:
        # int() refuses numbers with thousands of digits
        if len(number) > 18 or not self._emulator.faults.remove(int(number)):  # noqa: PLR2004
            raise ValueError(f"there is no fault {number[:18]}")
        return {}

    def _journal(self, request: Request) -> object:
        endpoint = request.parameter("endpoint") or "*"
        appid = request.parameter("appid") or "*"
        return {"calls": self._emulator.journal.calls(endpoint, appid)}

    def _clear_journal(self, _request: Request) -> object:
        self._emulator.journal.clear()
        return {}

    def _accounts(self, _request: Request) -> object:
        emulator = self._emulator
        return {
            "accounts": [
                {
                    "appid": app.appid,
                    "secret": app.secret,
                    "name": emulator.name(app.appid),
                    "permission_sets": sorted(app.permission_sets),
                    **self._callback_members(app),
                }
                for app in emulator.accounts
            ]
        }

    def _callback_members(self, app: App) -> dict[str, str]:
        """How callbacks of an account are addressed, signed and encrypted, if any are pushed."""
        pusher = self._emulator.pusher
        if pusher is None:
            return {}
        account = self._emulator.simulation.accounts[app.account]
        key = {"message_key": account.message_key} if pusher.target.is_encrypted else {}
        return {
            "original_id": account.original_id,
            "message_token": account.message_token,
            **key,
        }

    def _pushes(self, _request: Request) -> object:
        pusher = self._emulator.pusher
        return {"url": pusher.target.url, **asdict(pusher.state)} if pusher else {}

    def _expire_tokens(self, request: Request) -> object:
        expiry = _read(request, Expiry) if request.body.strip() else Expiry()
        return {"expired": self._emulator.tokens.expire(expiry.appid)}


def _read(request: Request, kind: type[Any]) -> Any:
    return msgspec.json.decode(request.body, type=kind)


def _reply(status: int, content: object) -> Reply:
    return Reply(msgspec.json.encode(content), status=status, content_type=_JSON)


def _as_json(active: ActiveFault) -> dict[str, Any]:
    counts = {"number": active.number, "seen": active.seen, "struck": active.hits}
    fault: dict[str, Any] = msgspec.to_builtins(active.fault)
    return counts | fault


def _latest_day(emulator: AdminTarget) -> date:
    """The last day to which the clock can be moved."""
    first, accounts = emulator.simulation.first_day, max(len(emulator.apps), 1)
    affordable = first + timedelta(days=FIGURE_DAYS // accounts)
    return max(affordable, emulator.last_day + timedelta(days=MONTH_DAYS))
