"""The emulator's own calls under /_wxcube/: clock, faults, journal, accounts, tokens.

They are answered to callers on the loopback interface only, and are no part of WeChat's protocol.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Protocol

import msgspec

from wxcube.beijing import ManualClock, moment_of
from wxcube.emulator.faults import Faults, Planted, fault_of
from wxcube.emulator.journal import Journal
from wxcube.emulator.quirks import Quirks
from wxcube.emulator.simulation import Simulation
from wxcube.server.backend import App
from wxcube.server.messages import Reply, Request
from wxcube.server.protocol import Api, Era

ADMIN = "/_wxcube/"
_JSON = "application/json"
_YEARS = 10


class Emulated(Protocol):
    """What the calls read and change of an emulator."""

    api: Api
    clock: ManualClock
    faults: Faults
    journal: Journal
    quirks: Quirks
    simulation: Simulation
    apps: dict[str, App]

    @property
    def accounts(self) -> tuple[App, ...]:
        """The accounts as apps."""
        ...

    @property
    def era(self) -> Era:
        """Whether the retired calls are answered."""
        ...

    @property
    def last_day(self) -> date:
        """The newest day with data."""
        ...

    def name(self, appid: str) -> str:
        """The account's name."""
        ...


class ClockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to move the clock: to a moment, on by some hours, or both in that order."""

    now: str | None = None
    advance_hours: float = 0.0


class Expiry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose tokens end; all accounts' when no appid is given."""

    appid: str | None = None


class Admin:
    """Answers the calls under /_wxcube/ for an emulator."""

    def __init__(self, emulator: Emulated) -> None:
        self._emulator = emulator
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
            ("POST", "tokens/expire"): self._expire_tokens,
        }

    def answer(self, request: Request) -> Reply:
        """The reply to a request below /_wxcube/; never raises."""
        if not _is_loopback(request.client):
            return _reply(403, {"error": "only callers on this machine may use this"})
        name = request.path.removeprefix(ADMIN)
        handler = self._handlers.get((request.method, name)) or self._one_fault(request, name)
        if handler is None:
            return self._no_such(name)
        try:
            return _reply(200, handler(request))
        except (ValueError, OverflowError, RecursionError) as fault:
            return _reply(400, {"error": str(fault)})

    def _no_such(self, name: str) -> Reply:
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
        start = moment_of(change.now) if change.now else clock.now()
        moment = start + timedelta(hours=change.advance_hours)
        first = self._emulator.simulation.first_day
        if not 0 <= moment.year - first.year <= _YEARS:
            raise ValueError(f"the clock goes from {first.year} to {first.year + _YEARS}")
        clock.set(moment)
        return self._clock(request)

    def _faults(self, _request: Request) -> object:
        return {"faults": [_shown(planted) for planted in self._emulator.faults.planted()]}

    def _add_fault(self, request: Request) -> object:
        return {"number": self._emulator.faults.add(fault_of(_read(request, dict[str, Any])))}

    def _clear_faults(self, _request: Request) -> object:
        self._emulator.faults.clear()
        return {}

    def _one_fault(self, request: Request, name: str) -> Callable[[Request], object] | None:
        kind, _, number = name.partition("/")
        if kind != "faults" or request.method != "DELETE" or not number.isdecimal():
            return None
        return lambda _request: self._remove_fault(number)

    def _remove_fault(self, number: str) -> object:
        # more digits than any fault's number, and more than int() takes
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
                }
                for app in emulator.accounts
            ]
        }

    def _expire_tokens(self, request: Request) -> object:
        expiry = _read(request, Expiry) if request.body.strip() else Expiry()
        return {"expired": self._emulator.api.tokens.expire(expiry.appid)}


def _read(request: Request, kind: type[Any]) -> Any:
    return msgspec.json.decode(request.body, type=kind)


def _reply(status: int, content: object) -> Reply:
    return Reply(msgspec.json.encode(content), status=status, content_type=_JSON)


def _shown(planted: Planted) -> dict[str, Any]:
    counts = {"number": planted.number, "seen": planted.seen, "struck": planted.struck}
    fault: dict[str, Any] = msgspec.to_builtins(planted.fault)
    return counts | fault


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
