"""Access tokens as WeChat hands them out, on a clock: two kinds that know nothing of each other.

`/cgi-bin/token`: each call gives a new token; the one before still works for 5 minutes.
`/cgi-bin/stable_token`: the same token until its last 5 minutes, then a new one while the old one
runs out; `force_refresh` ends the old one at once, 20 times a Beijing day, and gives the old one
back when asked again within 30 seconds.
"""

from __future__ import annotations

import random
import secrets
import string
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from wxcube import beijing
from wxcube.beijing import Clock
from wxcube.server.messages import refuse

LIFE = timedelta(seconds=7200)
OVERLAP = timedelta(minutes=5)
FORCE_PAUSE = timedelta(seconds=30)
FORCES_A_DAY = 20
REMEMBERED = timedelta(days=1)
"""So long after its end a token is still told apart from one that never was."""
_LETTERS = string.ascii_letters + string.digits + "-_"
_LENGTH = 136


@dataclass(slots=True)
class Grant:
    """A token, whose it is and until when it works."""

    token: str = field(repr=False)
    appid: str
    ends_at: datetime
    replaced: bool = False

    def expires_in(self, now: datetime) -> int:
        """Whole seconds the token still works."""
        return int((self.ends_at - now).total_seconds())


@dataclass(slots=True)
class _Forces:
    """Forced refreshes of one account on one day."""

    day: date
    count: int = 0
    last: datetime | None = None


class TokenDesk:
    """Hands out tokens and says whose a token is. A seed makes the tokens guessable: tests only."""

    def __init__(self, clock: Clock, seed: int | None = None) -> None:
        self._clock = clock
        self._dice = secrets.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - a seed asks for it
        self._grants: dict[str, Grant] = {}
        self._normal: dict[str, Grant] = {}
        self._stable: dict[str, Grant] = {}
        self._forces: dict[str, _Forces] = {}

    def issue(self, appid: str) -> Grant:
        """A new normal token; the one before works for 5 minutes more."""
        now = self._clock.now()
        if old := self._normal.get(appid):
            _end(old, now + OVERLAP)
        self._normal[appid] = self._new(appid, now)
        return self._normal[appid]

    def stable(self, appid: str, *, force: bool = False) -> Grant:
        """The account's stable token: the present one, or a new one when its time has come.

        Raises:  ReplyError 45009 when the day's forced refreshes are used up.
        """
        now = self._clock.now()
        present = self._stable.get(appid)
        if force and present and self._may_force(appid, now):
            _end(present, now)
            present = None
        if present is None or present.replaced or now >= present.ends_at - OVERLAP:
            present = self._stable[appid] = self._new(appid, now)
        return present

    def owner(self, token: str) -> str:
        """The appid a token belongs to.

        Raises:  ReplyError 41001 without a token, 40001 for an unknown or replaced one, 42001 for
            one over its time.
        """
        if not token:
            raise refuse(41001)
        grant = self._grants.get(token)
        if grant is None:
            raise refuse(40001)
        if self._clock.now() >= grant.ends_at:
            raise refuse(40001 if grant.replaced else 42001)
        return grant.appid

    def peek(self, token: str) -> str:
        """The appid a token was given to, working or not; empty for an unknown token."""
        grant = self._grants.get(token)
        return grant.appid if grant else ""

    def expire(self, appid: str | None = None) -> int:
        """End working tokens at once, of one account or all, as a second refresher would."""
        now = self._clock.now()
        ended = [
            grant
            for grant in self._grants.values()
            if appid in {None, grant.appid} and grant.ends_at > now
        ]
        for grant in ended:
            _end(grant, now)
        return len(ended)

    def _may_force(self, appid: str, now: datetime) -> bool:
        today = beijing.day_of(now)
        forces = self._forces.get(appid)
        if forces is None or forces.day != today:
            last = forces.last if forces else None
            forces = self._forces[appid] = _Forces(today, last=last)
        if forces.last is not None and now - forces.last < FORCE_PAUSE:
            return False
        if forces.count >= FORCES_A_DAY:
            raise refuse(45009)
        forces.count, forces.last = forces.count + 1, now
        return True

    def _new(self, appid: str, now: datetime) -> Grant:
        self._forget(now)
        token = (
            f"{self._dice.randrange(10, 100)}_{''.join(self._dice.choices(_LETTERS, k=_LENGTH))}"
        )
        grant = self._grants[token] = Grant(token, appid, now + LIFE)
        return grant

    def _forget(self, now: datetime) -> None:
        """Drop the oldest tokens once they have been of no use for a day."""
        while self._grants:
            oldest = next(iter(self._grants.values()))
            if now - oldest.ends_at <= REMEMBERED:
                return
            del self._grants[oldest.token]


def _end(grant: Grant, moment: datetime) -> None:
    if moment < grant.ends_at:
        grant.ends_at, grant.replaced = moment, True
