"""Accounts of the warehouse, selected by name or appid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wxcube.errors import WarehouseError
from wxcube.i18n import Listing, _
from wxcube.settings import AccountSettings


def stored_account(
    name_or_appid: str, stored: Iterable[str], accounts: Iterable[AccountSettings] = ()
) -> str:
    """The appid of an account in the warehouse, by its appid or by its name in the settings.

    Raises:  WarehouseError if the warehouse has no such account.
    """
    names = {account.name: account.appid for account in accounts if account.name}
    appid = names.get(name_or_appid, name_or_appid)
    appids = sorted(stored)
    if appid in appids:
        return appid
    _require_any(appids)
    raise WarehouseError(
        _("no data of account {account!r} is stored", account=name_or_appid),
        hint=_("accounts with stored data: {appids}", appids=Listing(appids)),
    )


def only_account(stored: Iterable[str]) -> str:
    """The appid of the only account in the warehouse.

    Raises:  WarehouseError if there is none or more than one.
    """
    appids: Sequence[str] = sorted(stored)
    _require_any(appids)
    if len(appids) == 1:
        return appids[0]
    raise WarehouseError(
        _("data of several accounts is stored: {appids}", appids=Listing(appids)),
        hint=_("select one with --account"),
    )


def _require_any(appids: Sequence[str]) -> None:
    if not appids:
        raise WarehouseError(
            _("the database has no data yet"), hint=_("fetch data with `wxcube sync`")
        )
