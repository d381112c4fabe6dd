"""Who may call this server: apps, tokens and calls, kept in step with the database.

A thread reads what other processes changed, and reports the calls of this one, every second. So an
app or token that is revoked anywhere is refused everywhere after a second, or as soon as the
database answers again. When the key itself was given up, the server refuses all tokens until it is
started again with the new one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Self

import structlog

from wxcube.beijing import Clock, SystemClock
from wxcube.errors import SettingsError, WxcubeError
from wxcube.i18n import _
from wxcube.server.app_directory import AppDirectory
from wxcube.server.apps import LocalApp
from wxcube.server.call_quota import CallQuota
from wxcube.server.database_writes import DatabaseWrites
from wxcube.server.failures import Failures
from wxcube.server.shared_calls import SharedCalls
from wxcube.server.shared_tokens import SharedTokens
from wxcube.server.token_seal import TokenSeal
from wxcube.settings import Secret
from wxcube.warehouse.app_store import AppStore, Changes, TokenRequest

REFRESH_SECONDS = 1.0
"""How long a change made by another process goes unnoticed, at most, while the database answers."""
_FORGET_EVERY = timedelta(hours=1)

_log = structlog.get_logger()


class SharedAccess:
    """Apps, tokens, calls and failed logins of a server; inside its `with` block it stays in step.

    Raises:  SettingsError if the tokens in the database were made with another key;
        WarehouseError if it cannot be read.
    """

    def __init__(
        self, store: AppStore, key: Secret, clock: Clock, local: Iterable[LocalApp] = ()
    ) -> None:
        seal = TokenSeal(key.reveal().encode())
        if not store.agree_on_key(seal.check):
            raise _other_key()
        self._store = store
        # where nothing can be written, a key that was forgotten before the start remains so
        self._key_checks = {None, seal.check, store.key_check()}
        self._clock = clock
        self._writes = DatabaseWrites()
        self._refreshing = threading.Lock()
        self._seen = 0
        self._watch = store.watch()
        self._version: tuple[int, int] | None = None
        """The file and its last commit when changes were read."""
        self._forgot_at: datetime | None = None
        self.directory = AppDirectory(local)
        """Gives the app of an appid, from memory."""
        self.tokens = SharedTokens(store, seal, clock, self._writes)
        """Gives the appid of a token, from memory."""
        self.calls = (
            CallQuota(clock) if store.is_read_only else SharedCalls(store, clock, self._writes)
        )
        self.failures = Failures(SystemClock())
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wxcube-access", daemon=True)
        self.tokens.set_apps(self.directory.generations())
        self.refresh()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        if isinstance(self.calls, SharedCalls):
            self.calls.close()
        self.tokens.flush()
        self.close()

    def close(self) -> None:
        """Close what is open; where the `with` block is not used."""
        self._writes.close()
        if self._watch:
            self._watch.close()

    def set_local(self, local: Iterable[LocalApp]) -> None:
        """Replace the apps of the apps file."""
        self.directory.set_local(local)
        self.tokens.set_apps(self.directory.generations())

    def refresh(self) -> None:
        """Take in what other processes changed.

        Raises:  WarehouseError if the database cannot be read.
        """
        # a reload refreshes too: of two that overlap, the older one must not come last
        with self._refreshing:
            version = self._watch.version() if self._watch else None
            if version and version == self._version:
                return
            is_other = bool(version and self._version and version[0] != self._version[0])
            if is_other:
                _log.warning("apps.database_replaced", effect="apps and tokens are read anew")
            self._take_in(self._store.changes(0 if is_other else self._seen), is_other=is_other)
            self._version = version

    def _take_in(self, changes: Changes, *, is_other: bool) -> None:
        if changes.number < self._seen and not is_other:
            # an earlier copy of the database was restored
            changes, is_other = self._store.changes(0), True
        if changes.key_check not in self._key_checks:
            self.tokens.end_all()
        if changes.number != self._seen or is_other:
            self.directory.update(changes.apps, are_all=is_other)
            self.tokens.set_apps(self.directory.generations())
            self.tokens.update(changes.tokens)
        self._seen = changes.number

    def note(self, request: TokenRequest) -> None:
        """Store who asked for WeChat's own token, without waiting for it."""
        if not self._store.is_read_only:
            self._writes.later(lambda: self._store.log_requests([request]), _nothing)

    def _run(self) -> None:
        is_behind = False
        while not self._stopped.wait(REFRESH_SECONDS):
            try:
                self.refresh()
                self._report()
                is_behind = False
            except WxcubeError as error:
                # once, not every second
                if not is_behind:
                    _log.error("apps.not_refreshed", reason=str(error))
                is_behind = True
            except Exception:  # noqa: BLE001 - the thread must not end
                _log.exception("apps.not_refreshed")

    def _report(self) -> None:
        if isinstance(self.calls, SharedCalls):
            self.calls.flush()
        self.tokens.flush()
        now = self._clock.now()
        if self._forgot_at is None or abs(now - self._forgot_at) > _FORGET_EVERY:
            self._forgot_at = now
            self.tokens.forget_old()
            if not self._store.is_read_only:
                self._writes.later(lambda: self._store.forget_old(now), _nothing)


def _nothing() -> None:
    """What is done about a write that may be lost."""


def _other_key() -> SettingsError:
    return SettingsError(
        _("the tokens in the database were made with another server key"),
        hint=_(
            "copy the key file of the server that made them, or end them all with "
            "`wxcube app new-key`"
        ),
    )
