"""What a command starts from: settings, language, logging, and the warehouse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from wxcube import log
from wxcube.beijing import Clock, SystemClock
from wxcube.cli.help import Start
from wxcube.errors import SettingsError
from wxcube.i18n import Message, _
from wxcube.i18n.language import Language, language
from wxcube.settings import Settings, load

if TYPE_CHECKING:
    from wxcube.warehouse.ask_log import WarehouseAskLog
    from wxcube.warehouse.store import Warehouse


_URL_WITH_PASSWORD = re.compile(r"[\w+]+://([^@/]*:[^@]+@|.*[?&](ssl)?(password|passwd)=)")
_CONTEXT = "wxcube.context"


@dataclass
class Context:
    """Settings and the objects created from them, each when first needed."""

    flags: dict[str, Any]
    clock: Clock

    @cached_property
    def settings(self) -> Settings:
        """The settings, flags first.

        Raises:  SettingsError if they are wrong, or a flag has a password.
        """
        refuse_password(
            self.flags.get("database") or "",
            _(
                "put it into WXCUBE_DATABASE_PASSWORD, or into a file that "
                "database_password_file in the settings names"
            ),
        )
        settings = self.load_settings()
        log.configure(settings.log_level, as_json=settings.log_json)
        return settings

    def load_settings(self, **options: Any) -> Settings:
        """The settings as they are now, flags and options first.

        Raises:  SettingsError if they are wrong.
        """
        return load(
            self.flags.get("config"),
            database=self.flags.get("database"),
            language=self.flags.get("lang"),
            log_level=self.flags.get("log_level"),
            **options,
        )

    @cached_property
    def account_clock(self) -> Clock:
        """The clock of the accounts: the emulator's where the settings are for an emulator.

        Not for use inside an event loop before its first use outside.
        """
        from wxcube.jobs.account_clock import account_clock

        return account_clock(self.settings.accounts, self.clock)

    @cached_property
    def translate(self) -> Language:
        """The reader's language."""
        return language(self.settings.language)

    @cached_property
    def console(self) -> Console:
        """Where results are printed."""
        return _console()

    @cached_property
    def notes(self) -> Console:
        """Where progress and remarks are printed: standard error."""
        return _console(stderr=True)

    def shown(self, message: Message) -> str:
        """A message in the reader's language, without secrets that are part of it."""
        return log.redact(self.translate(message))

    def title(self, appid: str) -> str:
        """The name of an account in the settings, and its AppID; the AppID of any other."""
        name = self.account_names.get(appid)
        return f"{name} ({appid})" if name else appid

    @property
    def account_names(self) -> dict[str, str]:
        """The names of accounts in the settings by AppID, without those that have none."""
        return {one.appid: one.name for one in self.settings.accounts if one.name}

    def has_warehouse(self) -> bool:
        """Whether there is a warehouse already."""
        from wxcube.warehouse.databases.opening import is_file, path_of

        if is_file(self.settings.database):
            return path_of(self.settings.database).exists()
        from wxcube.warehouse.store import Warehouse

        return Warehouse.has_tables(self.settings.database, self.database_password)

    def require_private_warehouse(self) -> None:
        """Require that nobody else can read or change the file of the warehouse, if there is one.

        Raises:  SettingsError if somebody can, or it is a link.
        """
        from wxcube.settings import check_private_file
        from wxcube.warehouse.databases.opening import is_file, path_of

        if is_file(self.settings.database):
            path = path_of(self.settings.database)
            for one in (path, *(path.with_name(f"{path.name}-{side}") for side in ("wal", "shm"))):
                if one.exists():
                    check_private_file(one)

    def can_write_warehouse(self) -> bool:
        """Whether the warehouse may be written; one that does not exist is created."""
        from wxcube.warehouse.databases.opening import is_file, path_of
        from wxcube.warehouse.databases.sqlite_reading import can_write

        name = self.settings.database
        return not is_file(name) or not path_of(name).exists() or can_write(path_of(name))

    def warehouse(self, *, read_only: bool = False) -> Warehouse:
        """The warehouse of the settings, opened."""
        from wxcube.warehouse.store import Warehouse

        name, password = self.settings.database, self.database_password
        return Warehouse.open(name, read_only=read_only, password=password)

    @property
    def database_password(self) -> str:
        """The password of the database server; empty if the settings name none."""
        from wxcube import settings

        return settings.database_password(self.settings).reveal()

    def ask_log(self, warehouse: Warehouse, appid: str, sender: str) -> WarehouseAskLog:
        """The log of what a command sends for an account, with the budgets of the settings."""
        from wxcube.warehouse.ask_log import Budgets, WarehouseAskLog

        budgets = Budgets(self.settings.sync.daily_calls_per_endpoint)
        return WarehouseAskLog(warehouse, appid, self.account_clock, sender, budgets)


def refuse_password(url: str, hint: Message) -> None:
    """Refuse a URL on the command line that has a password.

    Raises:  SettingsError.
    """
    if _URL_WITH_PASSWORD.match(url):
        raise SettingsError(
            _("a password on the command line can be seen by every user of the machine"), hint=hint
        )


def context() -> Context:
    """The context of the command that is running."""
    root = click.get_current_context().find_root()
    if not isinstance(root.meta.get(_CONTEXT), Context):
        start: Start = root.obj
        root.meta[_CONTEXT] = Context(start.flags, start.clock or SystemClock())
    command_context: Context = root.meta[_CONTEXT]
    return command_context


def _console(*, stderr: bool = False) -> Console:
    # titles, names and WeChat's messages come from outside: no markup, no :emoji: in them
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def json_line(value: object) -> str:
    """A value as one line of JSON."""
    import msgspec

    return msgspec.json.encode(value).decode()
