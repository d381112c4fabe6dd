"""Client of an emulator's admin API: its time, its accounts and its first day."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from http import HTTPStatus
from typing import TypeVar

import msgspec

from wxcube.errors import SettingsError, TransportError
from wxcube.i18n import _
from wxcube.settings import emulator_password
from wxcube.wechat.transport import HttpTransport
from wxcube.wechat.wire import Reply, Request

_AnswerT = TypeVar("_AnswerT", bound=msgspec.Struct)


class EmulatedAccount(msgspec.Struct, frozen=True):
    """A simulated account and its credentials."""

    appid: str
    secret: str
    name: str
    original_id: str = ""
    """Empty if the emulator pushes no callbacks."""
    message_token: str = ""
    message_key: str = ""
    """Empty if callbacks are not encrypted."""

    def __repr__(self) -> str:
        return f"EmulatedAccount(appid={self.appid!r})"


class EmulatorState(msgspec.Struct, frozen=True):
    """The emulator's time and the first day of its figures."""

    now: datetime
    first_day: date


class _Clock(msgspec.Struct, frozen=True):
    now: datetime


class _Accounts(msgspec.Struct, frozen=True):
    accounts: list[EmulatedAccount]


def emulator_time(url: str) -> datetime:
    """The time of the emulator's clock.

    Raises:  TransportError if nothing answers; SettingsError if it is not an emulator.
    """
    return _get(url, "clock", _Clock).now


def emulator_state(url: str) -> EmulatorState:
    """The emulator's time and first day.

    Raises:  as `emulator_time`.
    """
    return _get(url, "state", EmulatorState)


def emulated_accounts(url: str) -> list[EmulatedAccount]:
    """The emulator's accounts.

    Raises:  as `emulator_time`.
    """
    return _get(url, "accounts", _Accounts).accounts


def _get(url: str, name: str, answer: type[_AnswerT]) -> _AnswerT:
    try:
        reply = asyncio.run(_send(url, _request(name)))
    except TransportError as error:
        raise TransportError(
            _("the emulator at {url} does not answer ({reason})", url=url, reason=error.message),
            hint=_("start it with `wxcube emulate`"),
        ) from None
    if reply.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise SettingsError(
            _("the emulator at {url} refuses requests from this machine", url=url),
            hint=_(
                "put the password that it printed into the environment variable "
                "WXCUBE_EMULATOR_PASSWORD, or run this command on the emulator's machine"
            ),
        )
    try:
        return msgspec.json.decode(reply.body, type=answer)
    except msgspec.DecodeError:
        raise SettingsError(
            _("there is no emulator of wxcube at {url}", url=url),
            hint=_("use the address that `wxcube emulate` prints"),
        ) from None


def _request(name: str) -> Request:
    password = emulator_password()
    headers = {"authorization": f"Bearer {password.reveal()}"} if password else {}
    return Request(f"/_wxcube/{name}", method="GET", headers=headers)


async def _send(url: str, request: Request) -> Reply:
    # the secrets of simulated accounts are not secret
    transport = HttpTransport(url, allow_http=True)
    try:
        return await transport.send(request)
    finally:
        await transport.close()
