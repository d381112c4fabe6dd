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
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from wxcube import beijing
from wxcube.beijing import Clock
from wxcube.server.messages import refusal

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
    ends_at: datetime
    replaced: bool = False
    is_over: bool = False
    """It has expired, whatever time a clock that was moved back shows."""

    def is_valid(self, now: datetime) -> bool:
        """Whether calls with the token are answered."""
        return not self.is_over and now < self.ends_at

    def is_current(self, now: datetime) -> bool:
        """Whether this is still the token to hand out: not replaced, nor in its last 5 minutes."""
        return self.is_valid(now) and not self.replaced and now < self.ends_at - OVERLAP

    def expires_in(self, now: datetime) -> int:
        """The seconds until the token expires."""
        return int((self.ends_at - now).total_seconds())


@dataclass(slots=True)
class _ForcedRefreshes:
    """The forced refreshes of one account on one day."""

    day: date
    count: int = 0
    last: datetime | None = None


class TokenStore:
    """Issues tokens and finds their owners. A seed makes the tokens predictable: for tests only."""

    def __init__(self, clock: Clock, seed: int | None = None) -> None:
        self._clock = clock
        self._random = secrets.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - predictable on purpose
        self._grants: dict[str, Grant] = {}
        self._normal: dict[str, Grant] = {}
        self._stable: dict[str, Grant] = {}
        self._forced: dict[str, _ForcedRefreshes] = {}
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
        now = self.notice_time()
        if old := self._normal.get(appid):
            _replace(old, now + OVERLAP)
        self._normal[appid] = self._new(appid, now)
        return self._normal[appid]

    def stable(self, appid: str, *, force: bool = False) -> Grant:
        """The account's stable token: the current one, or a new one if it is due.

        Raises:  ReplyError 45009 if the day's forced refreshes are used up.
        """
        now = self.notice_time()
        current = self._stable.get(appid)
        if force and current and self._may_force_refresh(appid, now):
            _replace(current, now)
            current = None
        if current is None or not current.is_current(now):
            current = self._stable[appid] = self._new(appid, now)
        return current

    def owner(self, token: str) -> str:
        """The appid a valid token belongs to.

        Raises:  ReplyError 41001 without a token, 40001 for an unknown or replaced one, 42001 for
            an expired one.
        """
        if not token:
            raise refusal(41001)
        grant = self._grants.get(token)
        if grant is None:
            raise refusal(40001)
        if not grant.is_valid(self.notice_time()):
            raise refusal(40001 if grant.replaced else 42001)
        return grant.appid

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
            _replace(grant, now)
        return len(valid)

    def _may_force_refresh(self, appid: str, now: datetime) -> bool:
        today = beijing.day_of(now)
        forces = self._forced.get(appid)
        if forces is None or forces.day != today:
            last = forces.last if forces else None
            forces = self._forced[appid] = _ForcedRefreshes(today, last=last)
        if forces.last is not None and now - forces.last < FORCED_REFRESH_PAUSE:
            return False
        if forces.count >= FORCED_REFRESHES_A_DAY:
            raise refusal(45009)
        forces.count, forces.last = forces.count + 1, now
        return True

    def _new(self, appid: str, now: datetime) -> Grant:
        self._drop_expired(now)
        prefix = self._random.randrange(10, 100)
        token = f"{prefix}_{''.join(self._random.choices(_LETTERS, k=_LENGTH))}"
        grant = self._grants[token] = Grant(token, appid, now + LIFE)
        return grant

    def _drop_expired(self, now: datetime) -> None:
        """Drop the tokens that expired more than a day ago."""
        while self._grants:
            oldest = next(iter(self._grants.values()))
            if now - oldest.ends_at <= EXPIRED_RETENTION:
                return
            del self._grants[oldest.token]


def _replace(grant: Grant, ends_at: datetime) -> None:
    if ends_at < grant.ends_at:
        grant.ends_at, grant.replaced = ends_at, True
