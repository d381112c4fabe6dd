"""What a running server takes in anew: its apps, its certificate, its limits, its log level."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import structlog

from wxcube import log
from wxcube.beijing import Clock
from wxcube.errors import WxcubeError
from wxcube.jobs.token_giver import AccountTokens
from wxcube.server import apps
from wxcube.server.app_directory import accounts_of
from wxcube.server.backend import App
from wxcube.server.messages import Call
from wxcube.server.shared_access import SharedAccess
from wxcube.server.tls import certificate
from wxcube.server.wechat_tokens import TokenGiver
from wxcube.server.workers import has_terminal
from wxcube.settings import LimitSettings, Settings, needing_restart, serve_key
from wxcube.warehouse.app_store import StoredApp, TokenRequest
from wxcube.warehouse.store import Warehouse

_log = structlog.get_logger()


PUBLIC = "public"
"""The admin address that puts metrics on the address of everybody else."""


class Serving:
    """The settings of a server, and what follows from them while it runs.

    `accounts` get an app each in the apps file, unless they have one in the database. Where the
    database cannot be written, tokens are not kept (`keeps_tokens`). A process that `has_pages`
    too needs a restart for their settings.

    Raises:  SettingsError if the apps file, the key or the certificate cannot be used.
    """

    def __init__(
        self,
        load: Callable[[], Settings],
        accounts: Iterable[str],
        stored: Mapping[str, StoredApp],
        *,
        keeps_tokens: bool = True,
        has_pages: bool = False,
    ) -> None:
        self._load = load
        self._has_pages = has_pages
        self._lock = threading.Lock()
        self.settings = load()
        serve = self.settings.serve
        self.certificate = certificate(serve.tls_cert, serve.tls_key)
        self.apps_file = Path(serve.apps_file)
        self._local, self.change = self._ensure_apps(accounts, stored)
        self._key = serve_key(serve, is_kept=keeps_tokens)
        self.access: SharedAccess | None = None
        self.set_limits: Callable[[LimitSettings], None] = _nothing
        """Takes in changed limits of answers."""

    @contextmanager
    def access_by(self, warehouse: Warehouse, clock: Clock) -> Iterator[SharedAccess]:
        """Apps, tokens and calls in step with a database."""
        with SharedAccess(warehouse.apps, self._key, clock, self._local) as access:
            self.access = access
            yield access

    def _ensure_apps(
        self, accounts: Iterable[str], stored: Mapping[str, StoredApp]
    ) -> tuple[list[apps.LocalApp], apps.FileChange]:
        with_apps = accounts_of(stored)
        missing = [one for one in accounts if one not in with_apps]
        return apps.ensure(self.apps_file, missing, has_others=bool(stored))

    def add_accounts(self, accounts: Iterable[str], stored: Mapping[str, StoredApp]) -> None:
        """Give those of these accounts an app that have none yet.

        Raises:  SettingsError if the apps file cannot be used.
        """
        with self._lock:
            self._local, _change = self._ensure_apps(accounts, stored)
        if self.access:
            self.access.set_local(self._local)

    @property
    def accounts_of_file(self) -> set[str]:
        """The accounts of the apps in the apps file."""
        return {one.account for one in self._local}

    @property
    def app_count(self) -> int:
        """The number of apps that may call."""
        return len(self.access.directory) if self.access else 0

    def limits(self) -> LimitSettings:
        """The limits that hold for a new connection."""
        return self.settings.limits

    def trusted_proxies(self) -> Sequence[str]:
        """The proxies that name the caller now."""
        return self.settings.serve.trusted_proxies

    def has_access_log(self) -> bool:
        """Whether requests are logged now."""
        return self.settings.log_level in {"debug", "info"}

    def reload(self) -> None:
        """Take in changed settings, apps and certificates.

        Raises:  SettingsError if something is wrong with them, or WarehouseError.
        """
        needed = self.take_in()
        _log.warning("server.reloaded", apps=self.app_count)
        if needed:
            _log.warning("server.restart_needed", changed=", ".join(needed))

    def take_in(self) -> list[str]:
        """Reload without a message; the settings that changed and need a restart.

        Raises:  as `reload`.
        """
        with self._lock:
            settings = self._load()
            file = Path(settings.serve.apps_file)
            local = apps.read(file) if os.path.lexists(file) else []
            self.apps_file = file
            log.configure(settings.log_level, as_json=settings.log_json)
            if self.certificate:
                self.certificate.reload()
            if self.access:
                self.access.set_local(local)
                self.access.refresh()
            before, self.settings = self.settings, settings
            self.set_limits(settings.limits)
        return needing_restart(before, settings, with_pages=self._has_pages)


def _nothing(_limits: LimitSettings) -> None:
    """What takes in the limits of a server that has no answers yet."""


@contextmanager
def giver_of(serving: Serving, access: SharedAccess, clock: Clock) -> Iterator[TokenGiver]:
    """What hands WeChat's tokens of the accounts in the settings to apps, and notes who asked."""
    tokens = AccountTokens(lambda: serving.settings, clock)

    def note(call: Call, app: App, errcode: int) -> None:
        request = TokenRequest(
            asked_at=call.at,
            appid=app.appid,
            account=app.account,
            client=call.request.client,
            errcode=errcode,
        )
        access.note(request)

    try:
        yield TokenGiver(tokens, note)
    finally:
        tokens.close()


def reload_logged(serving: Serving, *, is_told: bool = True) -> None:
    """Reload; what is wrong with the settings is logged, and those before remain in use."""
    try:
        if is_told:
            serving.reload()
        else:
            serving.take_in()
    except WxcubeError as error:
        _log.error("server.not_reloaded", reason=str(error))
    except Exception:  # noqa: BLE001 - the server goes on
        _log.exception("server.not_reloaded")


@contextmanager
def reloading_on_hangup(serving: Serving) -> Iterator[None]:
    """Reload on SIGHUP; end as by SIGTERM if it means that the terminal was closed."""
    before = signal.getsignal(signal.SIGHUP)
    ends_with_terminal = before is not signal.SIG_IGN and has_terminal()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if ends_with_terminal and not has_terminal():
            signal.raise_signal(signal.SIGTERM)
            return
        threading.Thread(target=reload_logged, args=[serving], name="wxcube-reload").start()

    signal.signal(signal.SIGHUP, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Close what is open in the block before SIGTERM ends the process."""
    received = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, on_signal)
    try:
        yield
    except KeyboardInterrupt:
        if not received:
            raise
    finally:
        signal.signal(signal.SIGTERM, before)
    for number in received:
        signal.raise_signal(number)
