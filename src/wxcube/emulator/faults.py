"""Fault injection: errors of WeChat for chosen calls, accounts and times.

A fault has one effect, which is applied at one of four stages: before a call is processed
(`expire_tokens`), after it has passed all checks (`errcode`), when its rows are read (`is_delay`,
`ROW_EFFECTS`), or when the reply is sent (all others). Only calls that reach the stage count for
`after` and `times`; effects on rows other than `empty` count only calls whose rows they change.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fnmatch import fnmatchcase
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from wxcube.beijing import Clock, in_beijing, parse_timestamp
from wxcube.contract.codes import ERRCODES
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.emulator import altered_rows
from wxcube.errors import SettingsError
from wxcube.i18n import Listing, Message, _, verbatim
from wxcube.i18n.mismatch import mismatch
from wxcube.server.backend import RowSet
from wxcube.server.messages import Reply, refusal

ROW_EFFECTS = (
    "empty",
    "partial",
    "vanish",
    "revise",
    "missing",
    "null",
    "unreadable",
    "extra_rows",
)
"""The effects on rows, in the order in which they are applied."""
EFFECTS = (
    "errcode",
    "is_delay",
    *ROW_EFFECTS,
    "expire_tokens",
    "slow_seconds",
    "reset",
    "cut",
    "broken",
    "status",
    "clock",
    "no_date",
)
_CENTURY = 3_155_760_000
_Count = Annotated[int, Meta(ge=0)]
_Seconds = Annotated[float, Meta(ge=0, le=3600)]
_Fraction = Annotated[float, Meta(ge=0, le=1)]
_Status = Annotated[int, Meta(ge=400, le=599)]
_ClockError = Annotated[float, Meta(ge=-_CENTURY, le=_CENTURY)]
_Change = Annotated[int, Meta(ge=-(10**12), le=10**12)]


class Fault(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A fault: the calls it affects, when, and exactly one effect."""

    path: str = "/datacube/*"
    """Pattern for the path or the endpoint's name: `getuser*`, `/cgi-bin/stable_token`."""
    appid: str = "*"
    after: _Count = 0
    """The number of calls that pass before the first affected one."""
    times: Annotated[int, Meta(ge=1)] | None = None
    """The number of affected calls; None means all."""
    until: datetime | None = None
    """The end of the fault by the server's clock."""
    probability: _Fraction = 1.0
    """The probability that a call is affected; random numbers come from the server's seed."""
    day: date | None = None
    """Only calls whose window has this day, and only its rows; None means all."""

    errcode: int | None = None
    """Refuse the call with this errcode, one that WeChat has."""
    forced: bool = False
    """Accept an errcode that WeChat is not known to have."""
    is_delay: bool = False
    """Report that figures are still being computed (content endpoints)."""
    empty: bool = False
    """Return no rows."""
    partial: bool = False
    """Leave out the newest stat_date of running totals."""
    vanish: bool = False
    """Leave out the last row of each day that has several."""
    revise: _Change | None = None
    """Return a figure of every row that is higher by this number."""
    missing: bool = False
    """Leave out a figure of every row."""
    null: bool = False
    """Return a figure of every row as null."""
    unreadable: bool = False
    """Return a figure of the first row as a text."""
    extra_rows: bool = False
    """Add the first row again, for the day, week or month before the window."""
    expire_tokens: bool = False
    """Invalidate all tokens of the account, as a refresh by another program does: 40001."""
    slow_seconds: _Seconds | None = None
    """Delay the reply."""
    reset: bool = False
    """Close the connection without a reply."""
    cut: _Fraction | None = None
    """Close the connection after this fraction of the body."""
    broken: bool = False
    """Return JSON that lacks its first colon."""
    status: _Status | None = None
    """Return this HTTP status with an HTML page, as a gateway does."""
    clock: _ClockError | None = None
    """The Date header is ahead by so many seconds."""
    no_date: bool = False
    """Leave out the Date header."""

    def __post_init__(self) -> None:
        if len(self._effects()) != 1 or self.errcode == 0:
            raise ValueError(_("a fault has exactly one of {effects}", effects=Listing(EFFECTS)))
        if self.errcode is not None and self.errcode not in ERRCODES and not self.forced:
            raise ValueError(
                _(
                    "WeChat has no errcode {errcode}; add forced to use it all the same",
                    errcode=self.errcode,
                )
            )
        if self.expire_tokens and self.day:
            raise ValueError(_("expire_tokens has no day: tokens are checked before the dates"))

    @property
    def effect(self) -> str:
        """The name of its effect."""
        return self._effects()[0]

    def matches(self, path: str, appid: str, now: datetime, window: Window | None = None) -> bool:
        """Whether the fault applies to a call, apart from counts and probability."""
        name = path.rpartition("/")[2]
        return (
            (fnmatchcase(path, self.path) or fnmatchcase(name, self.path))
            and fnmatchcase(appid, self.appid)
            and (self.until is None or now < in_beijing(self.until))
            and (self.day is None or (window is not None and self.day in window))
        )

    def _effects(self) -> list[str]:
        values = ((name, getattr(self, name)) for name in EFFECTS)
        return [name for name, value in values if value is not None and value is not False]


def fault_from(members: Mapping[str, object], *, strict: bool = True) -> Fault:
    """The fault with these members; `until` is written as 2026-03-10T09:00 (Beijing time).

    Raises:  ValueError that names the invalid member.
    """
    return msgspec.convert(_with_time(members), Fault, strict=strict)


def _with_time(members: Mapping[str, object]) -> dict[str, object]:
    """The members with `until` as a timestamp."""
    until = members.get("until")
    return {**members, "until": parse_timestamp(until)} if isinstance(until, str) else {**members}


def parse_fault(text: str) -> Fault:
    """The fault written as `PATH member=value …`, such as `getuser* errcode=61503 times=2`.

    Raises:  SettingsError if the text is not a fault.
    """
    words = text.split()
    path = {"path": words.pop(0)} if words and "=" not in words[0] else {}
    pairs = (word.partition("=") for word in words)
    members = {**path, **{name: value if sign else True for name, sign, value in pairs}}
    try:
        return fault_from(members, strict=False)
    except ValueError as error:
        raise SettingsError(
            _("{text!r} is not a fault: {reason}", text=text, reason=_reason(members, error)),
            hint=_("write PATH member=value …, as in: getuser* errcode=61503 times=2"),
        ) from error


def _reason(members: Mapping[str, object], error: ValueError) -> Message:
    """Why the members are not a fault, as a message."""
    cause = error.__cause__ or error
    text = cause.args[0] if cause.args else ""
    if isinstance(text, Message):
        return text
    if isinstance(error, msgspec.ValidationError):
        return mismatch(_with_time(members), Fault, strict=False) or verbatim(str(error))
    return verbatim(str(error))


@dataclass(slots=True)
class ActiveFault:
    """An active fault, with the numbers of calls it matched and affected."""

    number: int
    fault: Fault
    seen: int = 0
    hits: int = 0


@dataclass(slots=True)
class Faults:
    """The active faults of a server."""

    clock: Clock
    rng: random.Random
    _active: list[ActiveFault] = field(default_factory=list)
    _next: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __len__(self) -> int:
        return len(self._active)

    def add(self, fault: Fault) -> int:
        """Activate a fault; returns the number to remove it by."""
        with self._lock:
            number, self._next = self._next, self._next + 1
            self._active.append(ActiveFault(number, fault))
        return number

    def remove(self, number: int) -> bool:
        """Remove a fault; False if no fault has this number."""
        with self._lock:
            others = [fault for fault in self._active if fault.number != number]
            is_removed = len(others) < len(self._active)
            self._active = others
        return is_removed

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._active = []

    def active(self) -> list[ActiveFault]:
        """The active faults, oldest first."""
        with self._lock:
            return [replace(fault) for fault in self._active]

    def expires_tokens(self, path: str, appid: str) -> bool:
        """Whether the account's tokens are invalidated before this call."""
        return self._trigger("expire_tokens", path, appid) is not None

    def refuse(self, path: str, appid: str, window: Window | None = None) -> None:
        """Refuse a call that has passed all checks, if a fault applies to it.

        Raises:  ReplyError with the fault's errcode.
        """
        fault = self._trigger("errcode", path, appid, window)
        if fault and fault.errcode is not None:
            raise refusal(fault.errcode)

    def alter_rows(
        self, row_set: RowSet[Any], endpoint: Endpoint[Any], window: Window, appid: str
    ) -> RowSet[Any]:
        """The rows to return, and whether they are reported as still being computed."""
        rows, path = list(row_set.rows), endpoint.path
        has_delay = endpoint.has_delay_flag and self._trigger("is_delay", path, appid, window)
        for effect in ROW_EFFECTS:
            alter = partial(_altered, endpoint, window, rows)
            if fault := self._trigger(effect, path, appid, window, alter):
                rows = alter(fault) or []
        return RowSet(rows, row_set.is_delay or bool(has_delay))

    def alter_reply(
        self, reply: Reply, path: str, appid: str, window: Window | None = None
    ) -> Reply:
        """The reply to send: the same one, delayed, damaged, or an error page."""
        for effect, alter in _REPLY_EFFECTS.items():
            if fault := self._trigger(effect, path, appid, window):
                reply = alter(fault, reply)
        return reply

    def _trigger(
        self,
        effect: str,
        path: str,
        appid: str,
        window: Window | None = None,
        alter: Callable[[Fault], object] = bool,
    ) -> Fault | None:
        """The first fault with an effect that affects a call; all matching faults count it.

        A fault for which `alter` is None does not match.
        """
        # PERF: nearly every call has no fault
        if not self._active:
            return None
        now = self.clock.now()
        with self._lock:
            affecting = [
                active.fault
                for active in self._active
                if active.fault.effect == effect
                and active.fault.matches(path, appid, now, window)
                and alter(active.fault) is not None
                and self._count(active)
            ]
        return affecting[0] if affecting else None

    def _count(self, active: ActiveFault) -> bool:
        """Count a matching call; whether the fault affects it."""
        fault = active.fault
        active.seen += 1
        is_used_up = fault.times is not None and active.hits >= fault.times
        if active.seen <= fault.after or is_used_up or self.rng.random() >= fault.probability:
            return False
        active.hits += 1
        return True


# --- rows ----------------------------------------------------------------------------------------

_ALTER: Mapping[str, altered_rows.Alter] = {
    "empty": altered_rows.without_rows,
    "partial": altered_rows.without_newest_totals,
    "vanish": altered_rows.without_last_rows,
    "missing": altered_rows.with_missing_figures,
    "null": altered_rows.with_null_figures,
    "unreadable": altered_rows.with_unreadable_row,
    "extra_rows": altered_rows.with_extra_row,
}


def _altered(
    endpoint: Endpoint[Any], window: Window, rows: list[Any], fault: Fault
) -> list[Any] | None:
    """The rows with a fault; None if it has no effect on them."""
    day = fault.day
    affected = [row for row in rows if day in {None, row.ref_date}]
    if fault.revise is not None:
        alter: altered_rows.Alter = partial(altered_rows.with_revised_figures, fault.revise)
    else:
        alter = _ALTER[fault.effect]
    altered = list(alter(endpoint, window, affected))
    if altered == affected and not fault.empty:
        return None
    if day is None:
        return altered
    before = [row for row in rows if row.ref_date < day]
    return [*before, *altered, *(row for row in rows if row.ref_date > day)]


# --- replies -------------------------------------------------------------------------------------


def _gateway_page(fault: Fault, _reply: Reply) -> Reply:
    status = fault.status or 502
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
    return Reply(page.encode(), status=status, content_type="text/html")


def _broken(_fault: Fault, reply: Reply) -> Reply:
    return replace(reply, body=reply.body.replace(b":", b"", 1))


def _cut(fault: Fault, reply: Reply) -> Reply:
    sent = int(len(reply.body) * (fault.cut or 0.0))
    return replace(reply, sent_bytes=min(sent, max(len(reply.body) - 1, 0)))


def _reset(_fault: Fault, reply: Reply) -> Reply:
    return replace(reply, is_reset=True)


def _delayed(fault: Fault, reply: Reply) -> Reply:
    return replace(reply, delay_seconds=fault.slow_seconds or 0.0)


def _with_wrong_date(fault: Fault, reply: Reply) -> Reply:
    return replace(reply, clock_error_seconds=fault.clock)


def _without_date(_fault: Fault, reply: Reply) -> Reply:
    return replace(reply, clock_error_seconds=None)


_REPLY_EFFECTS: Mapping[str, Callable[[Fault, Reply], Reply]] = {
    "status": _gateway_page,
    "broken": _broken,
    "cut": _cut,
    "reset": _reset,
    "slow_seconds": _delayed,
    "clock": _with_wrong_date,
    "no_date": _without_date,
}
