"""The clock that decides which figures of the accounts are available."""

from __future__ import annotations

from collections.abc import Iterable

from wxcube.beijing import Clock, ManualClock
from wxcube.errors import SettingsError
from wxcube.i18n import Listing, _
from wxcube.jobs.emulator_admin import emulator_time
from wxcube.settings import AccountSettings


def account_clock(accounts: Iterable[AccountSettings], machine: Clock) -> Clock:
    """The machine's clock, or the emulator's if these are accounts of an emulator.

    Raises:  SettingsError if they have several clocks; TransportError if their emulator does not
        answer.
    """
    emulators: dict[str, list[str]] = {}
    for account in accounts:
        emulator = account.base_url.rstrip("/") if account.emulator else ""
        emulators.setdefault(emulator, []).append(account.title)
    if len(emulators) > 1:
        raise SettingsError(
            _(
                "accounts of one settings file need the same clock; these differ: {names}",
                names=Listing(titles[0] for titles in emulators.values()),
            ),
            hint=_(
                "move the accounts of each emulator to a settings file of their own, and select it "
                "with --config"
            ),
        )
    emulator = next(iter(emulators), "")
    return ManualClock(emulator_time(emulator), running=True) if emulator else machine
