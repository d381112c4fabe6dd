"""Apps of the server, their tokens and their calls: shared by all processes with the database.

Every change of an app or a token has a number, so that a process reads only what is new.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, TypeVar

import sqlalchemy as sa

from wxcube.warehouse.app_tables import app_calls, app_state, app_tokens, wechat_token_requests
from wxcube.warehouse.app_tables import apps as app_table
from wxcube.warehouse.databases.database import Database, Watch

T = TypeVar("T")
LOCK = "apps"
"""The lock of whoever changes apps, tokens or calls."""
TOKENS_KEPT = timedelta(days=1)
"""How long an ended token is still known."""
CALLS_KEPT = timedelta(days=62)
REQUESTS_KEPT = timedelta(days=400)
FORGOTTEN = ""
"""In place of the check of a key that was forgotten."""
_LAST_CHANGE, _KEY_CHECK = "last_change", "key_check"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredApp:
    """An app that may call the server, with the hash of its secret."""

    appid: str
    account: str
    secret_hash: str
    permission_sets: tuple[int, ...]
    addresses: tuple[str, ...] = ()
    """Addresses and networks that it may call from; empty: any."""
    daily_limit: int | None = None
    """Calls per endpoint and Beijing day."""
    minute_limit: int | None = None
    """Calls per minute."""
    is_platform: bool = False
    """Whether it is treated as a third-party platform: 61007 instead of 48001."""
    gets_wechat_token: bool = False
    """Whether it is given WeChat's own token of its account."""
    created_at: datetime
    generation: int = 0
    """The number of its secret; tokens that it got with an earlier one are void."""
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredToken:
    """An issued token, without the token itself."""

    appid: str
    kind: str
    nonce: str
    issued_at: datetime
    ends_at: datetime
    is_replaced: bool = False
    is_forced: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """Apps and tokens that changed, up to the change with a number, and the key in use."""

    number: int
    key_check: str | None
    """As `AppStore.key_check`."""
    apps: tuple[StoredApp, ...] = ()
    tokens: tuple[StoredToken, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A request for WeChat's own token: who asked, for which account, and what came of it."""

    asked_at: datetime
    appid: str
    account: str
    client: str
    errcode: int


Rule = Callable[[StoredToken | None, Sequence[StoredToken]], Sequence[StoredToken]]
"""From the newest token of a kind, and the forced ones of today, to the new and changed ones."""
CallKey = tuple[str, str, str]
"""Appid, path and period."""


class AppStore:
    """Apps, tokens and calls in a database.

    Every method raises WarehouseError if the database cannot be used.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def is_read_only(self) -> bool:
        """Whether nothing can be changed."""
        return self._database.read_only

    def watch(self) -> Watch | None:
        """What tells at once whether anybody changed the database; None where nothing does."""
        return self._database.watch(is_logged=False)

    # --- apps ------------------------------------------------------------------------------------

    def apps(self) -> dict[str, StoredApp]:
        """All apps by appid, revoked ones included, in the order of their appids."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(app_table).order_by(app_table.c.appid))
            return {row.appid: _app(row) for row in rows}

    def add(self, new: Iterable[StoredApp]) -> list[str]:
        """Add apps, all or none; the appids that are taken already, and then none is added."""
        added = list(new)

        def work(connection: sa.Connection) -> list[str]:
            known = set(connection.execute(sa.select(app_table.c.appid)).scalars())
            if taken := [app.appid for app in added if app.appid in known]:
                return taken
            number = _next_change(connection)
            for app in added:
                connection.execute(app_table.insert().values(_app_values(app, number)))
            return []

        return self._database.write(work, LOCK)

    def change(self, appid: str, **values: Any) -> StoredApp | None:
        """Change fields of an app, and return it; None if there is none."""
        return self._database.write(lambda c: _change(c, appid, values), LOCK)

    def rotate(self, appid: str, secret_hash: str) -> StoredApp | None:
        """Give an app another secret, and end its tokens; None if there is no such app."""

        def work(connection: sa.Connection) -> StoredApp | None:
            app = _app_of(connection, appid)
            generation = app.generation + 1 if app else 0
            connection.execute(app_tokens.delete().where(app_tokens.c.appid == appid))
            values = {"secret_hash": secret_hash, "generation": generation}
            return _change(connection, appid, values)

        return self._database.write(work, LOCK)

    # --- tokens ----------------------------------------------------------------------------------

    def change_tokens(
        self, appid: str, kind: str, day_start: datetime, now: datetime, rule: Rule
    ) -> list[StoredToken]:
        """Store what a rule makes of an app's tokens of a kind, and return it.

        Whatever the rule raises ends the change.
        """

        def work(connection: sa.Connection) -> list[StoredToken]:
            of_kind = sa.and_(app_tokens.c.appid == appid, app_tokens.c.kind == kind)
            rows = sa.select(app_tokens).where(of_kind)
            # of two within a millisecond, the one that was not replaced
            order = (app_tokens.c.issued_at.desc(), app_tokens.c.is_replaced)
            newest = connection.execute(rows.order_by(*order).limit(1))
            forced = connection.execute(
                rows.where(app_tokens.c.is_forced, app_tokens.c.issued_at >= day_start)
            )
            current = next((_token(row) for row in newest), None)
            changed = list(rule(current, [_token(row) for row in forced]))
            _store_tokens(connection, changed, now)
            return changed

        return self._database.write(work, LOCK)

    def add_tokens(self, tokens: Sequence[StoredToken], now: datetime) -> None:
        """Store tokens that were issued while the database could not be written."""
        self._database.write(lambda connection: _store_tokens(connection, tokens, now), LOCK)

    def changes(self, since: int) -> Changes:
        """What changed after the change with a number; everything since 0."""
        with self._database.reading() as connection:
            number, key_check = _last_change(connection), _state(connection, _KEY_CHECK)
            if number == since:
                return Changes(number, key_check)
            new_apps = sa.select(app_table).where(app_table.c.changed > since)
            new_tokens = sa.select(app_tokens).where(app_tokens.c.changed > since)
            return Changes(
                number,
                key_check,
                tuple(map(_app, connection.execute(new_apps))),
                tuple(map(_token, connection.execute(new_tokens))),
            )

    def agree_on_key(self, check: str) -> bool:
        """Whether a check of the server's key is that of the key in use; the first one is."""
        known = self.key_check()
        if known or self.is_read_only:
            return known in {None, FORGOTTEN, check}

        def work(connection: sa.Connection) -> bool:
            known = _state(connection, _KEY_CHECK)
            if not known:
                _set_state(connection, _KEY_CHECK, check)
            return known in {None, FORGOTTEN, check}

        return self._database.write(work, LOCK)

    def key_check(self) -> str | None:
        """The check of the key in use; None before the first, FORGOTTEN after `forget_key`."""
        with self._database.reading() as connection:
            return _state(connection, _KEY_CHECK)

    def forget_key(self) -> None:
        """Forget the check of the server's key, and all tokens that it made."""

        def work(connection: sa.Connection) -> None:
            _set_state(connection, _KEY_CHECK, FORGOTTEN)
            connection.execute(app_tokens.delete())

        self._database.write(work, LOCK)

    # --- calls -----------------------------------------------------------------------------------

    def add_calls(self, calls: Mapping[CallKey, int]) -> None:
        """Add to the calls of apps; a negative number returns calls that were set aside."""

        def work(connection: sa.Connection) -> None:
            for key, number in calls.items():
                _set_calls(connection, key, max(_calls(connection, key) + number, 0))

        self._database.write(work, LOCK)

    def take_calls(self, key: CallKey, limit: int, wanted: int) -> tuple[int, int]:
        """Set calls aside, up to a limit: how many, and how many are used or set aside then."""

        def work(connection: sa.Connection) -> tuple[int, int]:
            used = _calls(connection, key)
            taken = max(min(wanted, limit - used), 0)
            if taken:
                _set_calls(connection, key, used + taken)
            return taken, used + taken

        return self._database.write(work, LOCK)

    def calls(self, key: CallKey) -> int:
        """The calls that are used or set aside."""
        with self._database.reading() as connection:
            return _calls(connection, key)

    def clear_calls(self, appid: str, period: str, path: str | None = None) -> None:
        """Remove the calls of a period, of one path or of all."""
        which = sa.and_(app_calls.c.appid == appid, app_calls.c.period == period)
        if path is not None:
            which = sa.and_(which, app_calls.c.path == path)
        self._database.write(
            lambda connection: connection.execute(app_calls.delete().where(which)), LOCK
        )

    # --- WeChat's tokens -------------------------------------------------------------------------

    def log_requests(self, requests: Sequence[TokenRequest]) -> None:
        """Store who asked for WeChat's own token."""

        def work(connection: sa.Connection) -> None:
            for one in requests:
                connection.execute(
                    wechat_token_requests.insert().values(
                        id=token_hex(16),
                        asked_at=one.asked_at,
                        appid=one.appid,
                        account=one.account,
                        client=one.client,
                        errcode=one.errcode,
                    )
                )

        self._database.write(work, LOCK)

    def requests(self, limit: int) -> list[TokenRequest]:
        """Who asked for WeChat's own token, the newest first."""
        table = wechat_token_requests
        with self._database.reading() as connection:
            rows = connection.execute(
                sa.select(table).order_by(table.c.asked_at.desc(), table.c.id).limit(limit)
            )
            return [
                TokenRequest(
                    asked_at=row.asked_at,
                    appid=row.appid,
                    account=row.account,
                    client=row.client,
                    errcode=row.errcode,
                )
                for row in rows
            ]

    def forget_old(self, now: datetime) -> None:
        """Remove ended tokens, calls of old periods and old requests."""

        def work(connection: sa.Connection) -> None:
            connection.execute(app_tokens.delete().where(app_tokens.c.ends_at < now - TOKENS_KEPT))
            minute = f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}"
            is_minute = app_calls.c.period.like("%T%")
            old = app_calls.c.period < f"{now - CALLS_KEPT:%Y-%m-%d}"
            connection.execute(app_calls.delete().where(old))
            connection.execute(app_calls.delete().where(is_minute, app_calls.c.period < minute))
            old_requests = wechat_token_requests.c.asked_at < now - REQUESTS_KEPT
            connection.execute(wechat_token_requests.delete().where(old_requests))

        self._database.write(work, LOCK)


# --- rows ----------------------------------------------------------------------------------------


def _app(row: Any) -> StoredApp:
    return StoredApp(
        appid=row.appid,
        account=row.account,
        secret_hash=row.secret_hash,
        permission_sets=tuple(json.loads(row.permission_sets)),
        addresses=tuple(json.loads(row.addresses)),
        daily_limit=row.daily_limit,
        minute_limit=row.minute_limit,
        is_platform=bool(row.is_platform),
        gets_wechat_token=bool(row.gets_wechat_token),
        created_at=row.created_at,
        generation=row.generation,
        revoked_at=row.revoked_at,
    )


def _app_values(app: StoredApp, number: int) -> dict[str, Any]:
    values = {name: getattr(app, name) for name in StoredApp.__slots__}
    return values | {
        "permission_sets": json.dumps(app.permission_sets),
        "addresses": json.dumps(app.addresses),
        "changed": number,
    }


def _app_of(connection: sa.Connection, appid: str) -> StoredApp | None:
    row = connection.execute(sa.select(app_table).where(app_table.c.appid == appid)).first()
    return _app(row) if row else None


def _change(connection: sa.Connection, appid: str, values: Mapping[str, Any]) -> StoredApp | None:
    app = _app_of(connection, appid)
    if app is None:
        return None
    changed = replace(app, **values)
    row = _app_values(changed, _next_change(connection))
    connection.execute(app_table.update().where(app_table.c.appid == appid).values(row))
    return changed


def _token(row: Any) -> StoredToken:
    return StoredToken(
        appid=row.appid,
        kind=row.kind,
        nonce=row.nonce,
        issued_at=row.issued_at,
        ends_at=row.ends_at,
        is_replaced=bool(row.is_replaced),
        is_forced=bool(row.is_forced),
    )


def _store_tokens(connection: sa.Connection, tokens: Sequence[StoredToken], now: datetime) -> None:
    if not tokens:
        return
    number = _next_change(connection)
    for one in tokens:
        values = {name: getattr(one, name) for name in StoredToken.__slots__} | {"changed": number}
        key = sa.and_(
            app_tokens.c.appid == one.appid,
            app_tokens.c.kind == one.kind,
            app_tokens.c.nonce == one.nonce,
        )
        if not connection.execute(app_tokens.update().where(key).values(values)).rowcount:
            connection.execute(app_tokens.insert().values(values))
    ended = sa.and_(app_tokens.c.appid == tokens[0].appid, app_tokens.c.ends_at < now - TOKENS_KEPT)
    connection.execute(app_tokens.delete().where(ended))


def _calls(connection: sa.Connection, key: CallKey) -> int:
    return connection.execute(sa.select(app_calls.c.calls).where(_is(key))).scalar() or 0


def _set_calls(connection: sa.Connection, key: CallKey, number: int) -> None:
    appid, path, period = key
    # MySQL counts a row that does not change as no row, so the row is looked for first
    known = connection.execute(sa.select(app_calls.c.calls).where(_is(key))).first()
    if known:
        connection.execute(app_calls.update().where(_is(key)).values(calls=number))
    else:
        connection.execute(
            app_calls.insert().values(appid=appid, path=path, period=period, calls=number)
        )


def _is(key: CallKey) -> sa.ColumnElement[bool]:
    appid, path, period = key
    return sa.and_(
        app_calls.c.appid == appid, app_calls.c.path == path, app_calls.c.period == period
    )


def _state(connection: sa.Connection, name: str) -> str | None:
    row = connection.execute(sa.select(app_state.c.content).where(app_state.c.name == name)).first()
    return row.content if row else None


def _set_state(connection: sa.Connection, name: str, content: str) -> None:
    row = app_state.c.name == name
    if _state(connection, name) is None:
        connection.execute(app_state.insert().values(name=name, content=content))
    else:
        connection.execute(app_state.update().where(row).values(content=content))


def _last_change(connection: sa.Connection) -> int:
    return int(_state(connection, _LAST_CHANGE) or 0)


def _next_change(connection: sa.Connection) -> int:
    """The number of the change that this transaction makes; it holds the lock."""
    number = _last_change(connection) + 1
    _set_state(connection, _LAST_CHANGE, str(number))
    return number
