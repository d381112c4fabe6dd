"""The accounts whose callbacks are recorded: by the ToUserName of their callbacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from wxcube.errors import SettingsError
from wxcube.i18n import Listing, _
from wxcube.settings import AccountSettings, Secret, message_key, message_token
from wxcube.tap.encryption import MessageKey


@dataclass(frozen=True, slots=True)
class TappedAccount:
    """An account, and what its callbacks are signed and encrypted with."""

    original_id: str
    appid: str
    token: Secret
    key: MessageKey | None = field(default=None, repr=False)
    is_simulated: bool = False
    """Whether an emulator pushes, whose time is that of its callbacks' Date header."""


class TappedAccounts:
    """Accounts by original id."""

    def __init__(self, accounts: Iterable[TappedAccount]) -> None:
        self._by_id = {one.original_id: one for one in accounts}

    def __iter__(self) -> Iterator[TappedAccount]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, original_id: str) -> TappedAccount | None:
        """The account with an original id; None if there is none."""
        return self._by_id.get(original_id)


def tapped_accounts(accounts: Iterable[AccountSettings]) -> TappedAccounts:
    """The accounts of the settings that have an original id.

    Raises:  SettingsError if none has one, two have the same, or a token or key is wrong.
    """
    tapped = [
        TappedAccount(
            original_id=one.original_id,
            appid=one.appid,
            token=message_token(one),
            key=MessageKey(key) if (key := message_key(one)) else None,
            is_simulated=one.emulator,
        )
        for one in accounts
        if one.original_id
    ]
    if not tapped:
        raise SettingsError(
            _("no account in the settings has an original_id"),
            hint=_(
                'add original_id = "gh_…" to its [[accounts]] section: it is on mp.weixin.qq.com '
                "under Account Information, and is the ToUserName of callbacks"
            ),
        )
    found = TappedAccounts(tapped)
    if len(found) < len(tapped):
        raise SettingsError(
            _(
                "two accounts have the same original_id: {accounts}",
                accounts=Listing(one.appid for one in tapped),
            ),
            hint=_("give each [[accounts]] section its own"),
        )
    return found
