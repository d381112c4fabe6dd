"""A database opened from Python, to read its rows as frames."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Self

from wxcube import contract
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import WarehouseError
from wxcube.export.flat import default_part
from wxcube.export.frame import Frame
from wxcube.export.marked import marked_table, plain
from wxcube.export.stored_rows import StoredRows
from wxcube.export.table import Header
from wxcube.i18n import Listing, _
from wxcube.settings import load
from wxcube.warehouse.store import Warehouse


class Database:
    """A database that is open for reading; a context manager."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def accounts(self) -> list[str]:
        """The AppIDs of the accounts with stored data."""
        return sorted(self._warehouse.accounts())

    def frame(  # noqa: PLR0913 - what selects rows
        self,
        endpoint: Endpoint[Any] | str,
        first: date | str | None = None,
        last: date | str | None = None,
        *,
        account: str | None = None,
        part: str | None = None,
        origin: Origin | str | None = None,
        header: Header = "wire",
    ) -> Frame:
        """The rows of an endpoint from `first` to `last`, both included, as a file has them.

        Without days all stored days are read, with `first` alone the one day. The columns are those
        of `wxcube export --with-account`: `appid`, WeChat's, and origin, state, fetched_at,
        revision and withdrawn_at. Withdrawn rows are left out. `account` is an AppID (default: all
        accounts), `part` a nested list (default: running totals, if there are any), `origin` that
        of all rows (default: the best one of each day), `header` as in files.

        Raises:  UnknownEndpointError, WindowError; ContractError if there is no such part;
            WarehouseError if no data of the account is stored, or the file cannot be read.
        """
        known = contract.named(endpoint) if isinstance(endpoint, str) else endpoint
        window = None if first is None else Window.parse(f"{first}..{last or first}")
        only = None if origin is None else Origin(origin)
        stored = StoredRows(self._warehouse, known, self._appids(account), window, only)
        of_part = default_part(known) if part is None else part
        return Frame.of(
            marked_table(known, plain(stored.days()), of_part, with_account=True), header
        )

    def close(self) -> None:
        """Close the file."""
        self._warehouse.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _appids(self, account: str | None) -> tuple[str, ...]:
        stored = self.accounts()
        if account is None:
            return tuple(stored)
        if account not in stored:
            raise WarehouseError(
                _("no data of account {account!r} is stored", account=account),
                hint=_("accounts with stored data: {appids}", appids=Listing(stored)),
            )
        return (account,)


def open(database: str | Path | None = None) -> Database:  # noqa: A001 - used as wxcube.open
    """Open a database for reading: a file, or the one of the settings.

    Raises:  WarehouseError if the file cannot be used; SettingsError.
    """
    return Database(Warehouse.open(database or load().database, read_only=True))
