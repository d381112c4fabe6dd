"""Tokens that survive a restart, and are shared by all processes with the database and the key.

A check reads nothing but memory. A new token is stored before it is handed out; while the database
does not answer, it is handed out anyway, and stored later.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import structlog

from wxcube.beijing import BEIJING, Clock, day_of
from wxcube.server.database_writes import DatabaseWrites
from wxcube.server.messages import refusal
from wxcube.server.token_seal import NONCE_BYTES, TokenKind, TokenSeal
from wxcube.server.tokens import (
    EXPIRED_RETENTION,
    FORCED_REFRESH_PAUSE,
    LIFE,
    Grant,
    owner_of,
    renewed,
)
from wxcube.warehouse.app_store import AppStore, StoredToken

WAIT_SECONDS = 2.0
"""How long a new token waits for the database."""
_INVALID, _SYSTEM_ERROR = 40001, -1

_log = structlog.get_logger()


class SharedTokens:
    """Issues tokens and finds their owners; threads may share it."""

    def __init__(
        self, store: AppStore, seal: TokenSeal, clock: Clock, writes: DatabaseWrites
    ) -> None:
        self._store = store
        self._seal = seal
        self._clock = clock
        self._writes = writes
        self._lock = threading.Lock()
        self._grants: dict[str, Grant] = {}
        self._newest: dict[tuple[str, TokenKind], Grant] = {}
        self._appids: dict[bytes, str] = {}
        self._tags: dict[str, bytes] = {}
        self._unstored: dict[tuple[str, str, str], StoredToken] = {}
        """Issued or replaced while the database did not answer."""
        self._is_over = False
        """Whether the key was given up: no token of it is good any more."""

    # --- checks ----------------------------------------------------------------------------------

    def owner(self, token: str) -> str:
        """The appid a valid token belongs to; reads nothing but memory.

        Raises:  ReplyError 41001 without a token, 40001 for an unknown or replaced one, 42001 for
            an expired one.
        """
        if self._is_over and token:
            raise refusal(_INVALID)
        grant = self._grants.get(token)
        if grant is None and token:
            grant = self._recognized(token)
        return owner_of(token, grant, self._clock.now)

    def issued_to(self, token: str) -> str:
        """The appid a token was issued to, valid or not; empty for an unknown token."""
        grant = self._grants.get(token) or self._recognized(token)
        return grant.appid if grant else ""

    def _recognized(self, token: str) -> Grant | None:
        """The grant of a genuine token that another process has just issued."""
        sealed = self._seal.opened(token)
        appid = self._appids.get(sealed.tag) if sealed else None
        if sealed is None or appid is None:
            return None
        grant = Grant(
            token,
            appid,
            sealed.issued_at,
            sealed.issued_at + LIFE,
            kind=sealed.kind,
            nonce=sealed.nonce,
        )
        if grant.is_valid(self._clock.now()):
            with self._lock:
                return self._grants.setdefault(token, grant)
        return grant

    # --- new tokens ------------------------------------------------------------------------------

    def issue(self, appid: str) -> Grant:
        """A new normal token; the previous one stays valid for 5 minutes."""
        return self._renew(appid, TokenKind.NORMAL)

    def stable(self, appid: str, *, force: bool = False) -> Grant:
        """The app's stable token: the current one, or a new one if it is due.

        Raises:  ReplyError 45009 if the day's forced refreshes are used up.
        """
        current = self._newest.get((appid, TokenKind.STABLE))
        if not (force or self._is_over) and current and current.is_current(self._clock.now()):
            return current
        return self._renew(appid, TokenKind.STABLE, force=force)

    def _renew(self, appid: str, kind: TokenKind, *, force: bool = False) -> Grant:
        if self._is_over:
            raise refusal(_SYSTEM_ERROR)
        now = _to_millisecond(self._clock.now())
        proposal = self._create(appid, kind, now)

        def rule(
            current: StoredToken | None, forced: Sequence[StoredToken]
        ) -> Sequence[StoredToken]:
            changed = renewed(
                self._grant(current) if current else None,
                [one.issued_at for one in forced],
                now,
                lambda: proposal,
                force=force,
            )
            return [_stored(one) for one in changed]

        day_start = _midnight(now) - FORCED_REFRESH_PAUSE
        if self._store.is_read_only:
            changed = None
        else:
            changed = self._writes.result(
                lambda: self._store.change_tokens(appid, kind, day_start, now, rule), WAIT_SECONDS
            )
        if changed is None:
            return self._renew_alone(proposal, now, force=force)
        self.update(changed)
        return self._grants[self._token(changed[0])]

    def _renew_alone(self, proposal: Grant, now: datetime, *, force: bool) -> Grant:
        """The token that this process decides on while the database does not answer."""
        current = self._newest.get((proposal.appid, proposal.kind))
        with self._lock:
            forced = [
                one.issued_at
                for one in self._grants.values()
                if one.appid == proposal.appid and one.is_forced
            ]
        changed = renewed(current, forced, now, lambda: proposal, force=force)
        tokens = [_stored(one) for one in changed]
        self.update(tokens)
        if not self._store.is_read_only:
            self._add_unstored(tokens)
            self.flush()
        return self._grants[changed[0].token]

    def flush(self) -> None:
        """Store the tokens that could not be stored when they were issued, all together."""
        now = self._clock.now()
        with self._lock:
            tokens = [one for one in self._unstored.values() if one.issued_at + LIFE > now]
            self._unstored.clear()
        if tokens:
            self._writes.later(
                lambda: self._store.add_tokens(tokens, now), lambda: self._add_unstored(tokens)
            )

    def _add_unstored(self, tokens: Iterable[StoredToken]) -> None:
        with self._lock:
            for one in tokens:
                key = (one.appid, one.kind, one.nonce)
                if one.is_replaced or key not in self._unstored:
                    self._unstored[key] = one

    def _create(self, appid: str, kind: TokenKind, now: datetime) -> Grant:
        nonce = secrets.token_hex(NONCE_BYTES)
        token = self._seal.token(self._tag(appid), kind, nonce, now)
        return Grant(token, appid, now, now + LIFE, kind=kind, nonce=nonce)

    # --- what other processes did ----------------------------------------------------------------

    def update(self, tokens: Iterable[StoredToken]) -> None:
        """Take in tokens that were issued or replaced."""
        with self._lock:
            for stored in tokens:
                self._put(self._grant(stored))

    def _put(self, grant: Grant) -> None:
        known = self._grants.get(grant.token)
        if known is None:
            known = self._grants[grant.token] = grant
        else:
            known.ends_at, known.replaced = grant.ends_at, grant.replaced
            known.is_forced = grant.is_forced
        newest = self._newest.get((known.appid, known.kind))
        if newest is None or _age(newest) <= _age(known):
            self._newest[known.appid, known.kind] = known

    def end_all(self) -> None:
        """Refuse all tokens, and issue none, from now on: the key was given up."""
        if not self._is_over:
            _log.error("tokens.key_given_up", remedy="start the server again with the new key")
        self._is_over = True

    def set_apps(self, generations: Mapping[str, int]) -> None:
        """Set the apps whose tokens are recognized, with the numbers of their secrets.

        The tokens that an app got with an earlier secret have ended. What is known of the tokens of
        apps that may not call now is kept: they may call again.
        """
        tags = {appid: self._seal.tag(appid, number) for appid, number in generations.items()}
        with self._lock:
            ended = {appid for appid, tag in tags.items() if self._tags.get(appid, tag) != tag}
            self._tags = self._tags | tags
            self._appids = {tag: appid for appid, tag in tags.items()}
            if ended:
                self._grants = {t: g for t, g in self._grants.items() if g.appid not in ended}
                self._newest = {k: g for k, g in self._newest.items() if k[0] not in ended}

    def _tag(self, appid: str) -> bytes:
        return self._tags.get(appid) or self._seal.tag(appid, 0)

    def forget_old(self) -> None:
        """Forget the tokens that ended more than a day ago."""
        limit = self._clock.now() - EXPIRED_RETENTION
        with self._lock:
            self._grants = {t: grant for t, grant in self._grants.items() if grant.ends_at > limit}

    def _grant(self, stored: StoredToken) -> Grant:
        return Grant(
            self._token(stored),
            stored.appid,
            stored.issued_at,
            stored.ends_at,
            replaced=stored.is_replaced,
            kind=TokenKind(stored.kind),
            is_forced=stored.is_forced,
            nonce=stored.nonce,
        )

    def _token(self, stored: StoredToken) -> str:
        kind = TokenKind(stored.kind)
        return self._seal.token(self._tag(stored.appid), kind, stored.nonce, stored.issued_at)


def _age(grant: Grant) -> tuple[datetime, bool]:
    """What sorts grants, the newest last."""
    return grant.issued_at, not grant.replaced


def _stored(grant: Grant) -> StoredToken:
    return StoredToken(
        appid=grant.appid,
        kind=grant.kind.value,
        nonce=grant.nonce,
        issued_at=grant.issued_at,
        ends_at=grant.ends_at,
        is_replaced=grant.replaced,
        is_forced=grant.is_forced,
    )


def _to_millisecond(time: datetime) -> datetime:
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _midnight(time: datetime) -> datetime:
    return datetime.combine(day_of(time), datetime.min.time(), BEIJING)
