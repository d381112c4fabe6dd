"""Access tokens with WeChat's rules, on a clock. The two kinds are independent of each other.

`/cgi-bin/token`: each call issues a new token; the previous one stays valid for 5 minutes.
`/cgi-bin/stable_token`: the same token until its last 5 minutes, then a new one, while the old one
stays valid until it expires. `force_refresh` invalidates the old one immediately, 20 times per
Beijing day; within 30 seconds of a forced refresh it returns the current token.
"""

from __future__ import annotations

import random
import secrets
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from wxcube.beijing import Clock, day_of
from wxcube.server.messages import refusal
from wxcube.server.token_seal import TokenKind

LIFE = timedelta(seconds=7200)
OVERLAP = timedelta(minutes=5)
FORCED_REFRESH_PAUSE = timedelta(seconds=30)
FORCED_REFRESHES_A_DAY = 20
EXPIRED_RETENTION = timedelta(days=1)
"""How long an expired token is still distinguished from an unknown one."""
_LETTERS = string.ascii_letters + string.digits + "-_"
_LENGTH = 136


@dataclass(slots=True)
class Grant:
    """An issued token, its owner and its expiry."""

    token: str = field(repr=False)
    appid: str
    issued_at: datetime
    ends_at: datetime
    replaced: bool = False
    is_over: bool = False
    """It has expired, whatever time a clock that was moved back shows."""
    kind: TokenKind = TokenKind.NORMAL
    is_forced: bool = False
    """It came of `force_refresh`."""
    nonce: str = field(default="", repr=False)
    """The random number that makes it, where it is shared by processes."""

    def is_valid(self, now: datetime) -> bool:
        """Whether calls with the token are answered."""
        return not self.is_over and now < self.ends_at

    def is_current(self, now: datetime) -> bool:
        """Whether this is still the token to hand out: not replaced, nor in its last 5 minutes."""
        return self.is_valid(now) and not self.replaced and now < self.ends_at - OVERLAP

    def expires_in(self, now: datetime) -> int:
        """The seconds until the token expires."""
        return int((self.ends_at - now).total_seconds())

    def replace(self, ends_at: datetime) -> None:
        """End it at a time, unless it ends before."""
        if ends_at < self.ends_at:
            self.ends_at, self.replaced = ends_at, True


class Tokens(Protocol):
    """Issues tokens and finds their owners."""

    def issue(self, appid: str) -> Grant:
        """A new normal token; the previous one stays valid for 5 minutes."""
        ...

    def stable(self, appid: str, *, force: bool = False) -> Grant:
        """The stable token: the current one, or a new one if it is due.

        Raises:  ReplyError 45009 if the day's forced refreshes are used up.
        """
        ...

    def owner(self, token: str) -> str:
        """The appid a valid token belongs to; reads nothing but memory.

        Raises:  ReplyError 41001 without a token, 40001 for an unknown or replaced one, 42001 for
            an expired one.
        """
        ...

    def issued_to(self, token: str) -> str:
        """The appid a token was issued to, valid or not; empty for an unknown token."""
        ...


def renewed(
    current: Grant | None,
    forced_at: Sequence[datetime],
    now: datetime,
    create: Callable[[], Grant],
    *,
    force: bool = False,
) -> list[Grant]:
    """The token to hand out by WeChat's rules, and the one that it replaces, if any.

    `current` is the newest token of the kind, `forced_at` are the times of the last day's forced
    refreshes.

    Raises:  ReplyError 45009 if the day's forced refreshes are used up.
    """
    if force and current and _may_force_refresh(forced_at, now):
        new = create()
        new.is_forced = True
        current.replace(now)
        return [new, current]
    if current is None:
        return [create()]
    if current.kind is TokenKind.NORMAL:
        new = create()
        current.replace(now + OVERLAP)
        return [new, current]
    return [current] if current.is_current(now) else [create()]


def _may_force_refresh(forced_at: Sequence[datetime], now: datetime) -> bool:
    if forced_at and now - max(forced_at) < FORCED_REFRESH_PAUSE:
        return False
    today = day_of(now)
    if sum(day_of(one) == today for one in forced_at) >= FORCED_REFRESHES_A_DAY:
        raise refusal(45009)
    return True


class TokenStore:
    """Tokens in memory. A seed makes the tokens predictable: for tests only."""

    def __init__(self, clock: Clock, seed: int | None = None) -> None:
        self._clock = clock
        self._random = secrets.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - predictable on purpose
        self._grants: dict[str, Grant] = {}
        self._newest: dict[tuple[str, TokenKind], Grant] = {}
        self._forced: dict[str, list[datetime]] = {}
        self._latest = clock.now()

    def notice_time(self) -> datetime:
        """The current time. Tokens that expired before the clock was moved back stay expired."""
        now = self._clock.now()
        if now < self._latest:
            for grant in self._grants.values():
                grant.is_over = grant.is_over or grant.ends_at <= self._latest
        self._latest = now
        return now

    def issue(self, appid: str) -> Grant:
        """A new normal token; the previous one stays valid for 5 minutes."""
        return self._renew(appid, TokenKind.NORMAL)

    def stable(self, appid: str, *, force: bool = False) -> Grant:
        """The account's stable token: the current one, or a new one if it is due.

        Raises:  ReplyError 45009 if the day's forced refreshes are used up.
        """
        return self._renew(appid, TokenKind.STABLE, force=force)

    def owner(self, token: str) -> str:
        """The appid a valid token belongs to.

        Raises:  ReplyError 41001 without a token, 40001 for an unknown or replaced one, 42001 for
            an expired one.
        """
        return owner_of(token, self._grants.get(token), self.notice_time)

    def issued_to(self, token: str) -> str:
        """The appid a token was issued to, valid or not; empty for an unknown token."""
        grant = self._grants.get(token)
        return grant.appid if grant else ""

    def expire(self, appid: str | None = None) -> int:
        """Invalidate the tokens of one account or of all, as a refresh by another program would."""
        now = self.notice_time()
        valid = [
            grant
            for grant in self._grants.values()
            if appid in {None, grant.appid} and grant.is_valid(now)
        ]
        for grant in valid:
            grant.replace(now)
        return len(valid)

    def _renew(self, appid: str, kind: TokenKind, *, force: bool = False) -> Grant:
        now = self.notice_time()
        forced = self._forced.setdefault(appid, [])
        forced[:] = [one for one in forced if now - one < timedelta(days=1)]
        current = self._newest.get((appid, kind))
        grant, *_replaced = renewed(
            current, forced, now, lambda: self._new(appid, kind, now), force=force
        )
        if grant.is_forced and grant is not current:
            forced.append(now)
        self._newest[appid, kind] = grant
        return grant

    def _new(self, appid: str, kind: TokenKind, now: datetime) -> Grant:
        self._drop_expired(now)
        prefix = self._random.randrange(10, 100)
        token = f"{prefix}_{''.join(self._random.choices(_LETTERS, k=_LENGTH))}"
        grant = self._grants[token] = Grant(token, appid, now, now + LIFE, kind=kind)
        return grant

    def _drop_expired(self, now: datetime) -> None:
        """Drop the tokens that expired more than a day ago."""
        while self._grants:
            oldest = next(iter(self._grants.values()))
            if now - oldest.ends_at <= EXPIRED_RETENTION:
                return
            del self._grants[oldest.token]


def owner_of(token: str, grant: Grant | None, now: Callable[[], datetime]) -> str:
    """The appid of a token's grant, if it is valid.

    Raises:  ReplyError 41001, 40001 or 42001.
    """
    if grant is None:
        raise refusal(40001 if token else 41001)
    if not grant.is_valid(now()):
        raise refusal(40001 if grant.replaced else 42001)
    return grant.appid
