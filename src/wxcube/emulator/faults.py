"""Faults on demand: what can go wrong at WeChat, when, for whom and how often.

A fault has one effect. It meets calls at one of four places: before they are answered
(`expire_tokens`), when they have passed all checks (`errcode`), when rows are looked up (`empty`,
`is_delay`), or when the answer is sent (`slow_seconds`, `cut`, `status`). Only calls that come as
far as that place count for `after` and `times`.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec
from msgspec import Meta

from wxcube.beijing import Clock, in_beijing, moment_of
from wxcube.errors import SettingsError
from wxcube.server.messages import Reply, refuse

EFFECTS = ("errcode", "empty", "is_delay", "expire_tokens", "slow_seconds", "cut", "status")
_Count = Annotated[int, Meta(ge=0)]
_Seconds = Annotated[float, Meta(ge=0, le=3600)]
_Fraction = Annotated[float, Meta(ge=0, le=1)]
_Status = Annotated[int, Meta(ge=400, le=599)]


class Fault(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One thing that goes wrong: which calls it meets, when, and exactly one effect."""

    path: str = "/datacube/*"
    """Pattern for the path or the endpoint's name: `getuser*`, `/cgi-bin/stable_token`."""
    appid: str = "*"
    after: _Count = 0
    """So many calls are let through first."""
    times: Annotated[int, Meta(ge=1)] | None = None
    """So many calls are met, then no more; None is all."""
    until: datetime | None = None
    """The fault ends at this time of the server's clock."""
    probability: _Fraction = 1.0
    """Each call is met with this probability, by dice with the server's seed."""

    errcode: int | None = None
    """The call is refused with this errcode."""
    empty: bool = False
    """The answer is an empty list."""
    is_delay: bool = False
    """The answer says that figures are still being computed (content endpoints)."""
    expire_tokens: bool = False
    """All tokens of the account are replaced, as by a second refresher: 40001."""
    slow_seconds: _Seconds | None = None
    """The answer is held back so long."""
    cut: _Fraction | None = None
    """The connection breaks after this fraction of the body."""
    status: _Status | None = None
    """The answer is this HTTP status with an HTML page, as from a gateway."""

    def __post_init__(self) -> None:
        if len(self._effects()) != 1 or self.errcode == 0:
            raise ValueError(f"a fault has exactly one of {', '.join(EFFECTS)}")

    @property
    def effect(self) -> str:
        """Which of the effects it has."""
        return self._effects()[0]

    def meets(self, path: str, appid: str, now: datetime) -> bool:
        """Whether it concerns a call at all."""
        name = path.rpartition("/")[2]
        return (
            (fnmatchcase(path, self.path) or fnmatchcase(name, self.path))
            and fnmatchcase(appid, self.appid)
            and (self.until is None or now < in_beijing(self.until))
        )

    def _effects(self) -> list[str]:
        values = ((name, getattr(self, name)) for name in EFFECTS)
        return [name for name, value in values if value is not None and value is not False]


def fault_of(members: Mapping[str, object], *, strict: bool = True) -> Fault:
    """The fault with these members, `until` written as 2026-03-10T09:00 (Beijing time).

    Raises:  ValueError that names the wrong member.
    """
    until = members.get("until")
    told = {"until": moment_of(until)} if isinstance(until, str) else {}
    return msgspec.convert({**members, **told}, Fault, strict=strict)


def parse_fault(text: str) -> Fault:
    """The fault written as `PATH member=value …`, such as `getuser* errcode=61503 times=2`.

    Raises:  SettingsError that says what is wrong.
    """
    words = text.split()
    first = {"path": words.pop(0)} if words and "=" not in words[0] else {}
    pairs = (word.partition("=") for word in words)
    others = {name: value if sign else True for name, sign, value in pairs}
    try:
        return fault_of({**first, **others}, strict=False)
    except ValueError as fault:
        raise SettingsError(
            f"{text!r} is not a fault: {fault}",
            hint="write PATH member=value …, as in: getuser* errcode=61503 times=2",
        ) from fault


@dataclass(slots=True)
class Planted:
    """A fault at work: how many calls it has seen and how many it has met."""

    number: int
    fault: Fault
    seen: int = 0
    struck: int = 0


@dataclass(slots=True)
class Faults:
    """The faults of a server. Everything that goes wrong on demand goes wrong here."""

    clock: Clock
    dice: random.Random
    _planted: list[Planted] = field(default_factory=list)
    _next: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __len__(self) -> int:
        return len(self._planted)

    def add(self, fault: Fault) -> int:
        """Put a fault to work; its number serves to remove it."""
        with self._lock:
            number, self._next = self._next, self._next + 1
            self._planted.append(Planted(number, fault))
        return number

    def remove(self, number: int) -> bool:
        """Take a fault away; False if there is none with that number."""
        with self._lock:
            kept = [planted for planted in self._planted if planted.number != number]
            found = len(kept) < len(self._planted)
            self._planted = kept
        return found

    def clear(self) -> None:
        """Take all faults away."""
        with self._lock:
            self._planted = []

    def planted(self) -> list[Planted]:
        """The faults at work, oldest first."""
        with self._lock:
            return [replace(planted) for planted in self._planted]

    def expires(self, path: str, appid: str) -> bool:
        """Whether the account's tokens end before this call."""
        return self._strike("expire_tokens", path, appid) is not None

    def refuse(self, path: str, appid: str) -> None:
        """Stop a call that has passed all checks.

        Raises:  ReplyError with the fault's errcode.
        """
        fault = self._strike("errcode", path, appid)
        if fault and fault.errcode is not None:
            raise refuse(fault.errcode)

    def hides(self, path: str, appid: str) -> bool:
        """Whether the rows of this call are not there yet."""
        return self._strike("empty", path, appid) is not None

    def delays(self, path: str, appid: str) -> bool:
        """Whether the rows of this call are still being computed."""
        return self._strike("is_delay", path, appid) is not None

    def spoil(self, reply: Reply, path: str, appid: str) -> Reply:
        """The reply as it goes over the wire: late, cut off, or another one."""
        if fault := self._strike("status", path, appid):
            reply = _gateway_page(fault.status or 502)
        if fault := self._strike("cut", path, appid):
            sent = int(len(reply.body) * (fault.cut or 0.0))
            reply = replace(reply, sent_bytes=min(sent, max(len(reply.body) - 1, 0)))
        if fault := self._strike("slow_seconds", path, appid):
            reply = replace(reply, delay_seconds=fault.slow_seconds or 0.0)
        return reply

    def _strike(self, effect: str, path: str, appid: str) -> Fault | None:
        """The first fault with the effect that meets a call; all that see it count it."""
        now = self.clock.now()
        with self._lock:
            met = [
                planted.fault
                for planted in self._planted
                if planted.fault.effect == effect
                and planted.fault.meets(path, appid, now)
                and self._hits(planted)
            ]
        return met[0] if met else None

    def _hits(self, planted: Planted) -> bool:
        fault = planted.fault
        planted.seen += 1
        over = fault.times is not None and planted.struck >= fault.times
        if planted.seen <= fault.after or over or self.dice.random() >= fault.probability:
            return False
        planted.struck += 1
        return True


def _gateway_page(status: int) -> Reply:
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
    return Reply(page.encode(), status=status, content_type="text/html")
