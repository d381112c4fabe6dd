"""Every error wxcube raises, and what to do about each.

    WxcubeError
    ├─ ContractError            the request breaks WeChat's rules; nothing was sent     STOP
    │   ├─ WindowError          order, span, first day, last day (also a ValueError)
    │   └─ UnknownEndpointError no such endpoint, with close matches (also a KeyError)
    ├─ BudgetError              no calls are left today; nothing was sent                WAIT
    ├─ ReplyError               WeChat answered an errcode                              by code
    │   ├─ TokenError           40001 40014 42001 …                                     REFRESH
    │   ├─ QuotaError           45009                                                   WAIT
    │   ├─ PaceError            45011                                                   WAIT
    │   ├─ NotReadyError        61503                                                   WAIT
    │   ├─ AccessError          48001 48004 50002 …                                     SKIP
    │   ├─ RetiredError         47009                                                   SKIP
    │   ├─ DateError            61500 61501                                             STOP
    │   ├─ RequestError         41001 43002 44002 47001 …                               STOP
    │   ├─ CredentialError      40013 40125 40164 …                                     STOP
    │   └─ BusyError            -1 61504                                                RETRY
    ├─ TransportError           no complete reply arrived                               RETRY
    ├─ DeliveryError            a report or alert was not accepted                      RETRY
    ├─ ShapeError               a reply that does not match the contract                SKIP
    ├─ EventError               an event that does not match its structure              SKIP
    ├─ EventStoreError          the event store cannot be read or written               STOP
    ├─ WarehouseError           the database cannot be read or written                  STOP
    ├─ EngineError              an engine of the cube failed                            STOP
    │   └─ BuildRunningError    another process builds the same event store             STOP
    └─ SettingsError            the configuration is wrong or incomplete                STOP

`remedy` decides what a caller does next; no code reads the text. `wxcube.contract.errcodes` maps
errcodes to classes.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from wxcube.i18n import COLON, NOTHING, SEMICOLON, Meaning, Message, _, joined, verbatim


class Days(Protocol):
    """The days of a call, both ends included; `wxcube.contract.Window` is one."""

    @property
    def first(self) -> date:
        """The first day."""
        ...

    @property
    def last(self) -> date:
        """The last day."""
        ...


class Remedy(StrEnum):
    """What to do after an error."""

    RETRY = "retry"
    """Retry after a short wait, a limited number of times."""
    REFRESH = "refresh"
    """Renew the token and retry, once."""
    WAIT = "wait"
    """Retry later: in the next minute, after 08:00 or on the next day."""
    SKIP = "skip"
    """Skip this endpoint or day and continue with the others."""
    STOP = "stop"
    """Stop: the request, the settings or a permission must be changed first."""


class WxcubeError(Exception):
    """Base of all errors of wxcube; `remedy` is the next step."""

    remedy: Remedy = Remedy.STOP
    server_date: datetime | None = None
    """The time of the server's clock in the reply to a datacube call, if there was one."""

    def __init__(self, message: Message, *, hint: Message = NOTHING) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return str(self.as_message())

    def as_message(self) -> Message:
        """What happened, and what to do."""
        return joined((self.message, self.hint), SEMICOLON)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(
    class_: type[WxcubeError], args: tuple[Any, ...], state: dict[str, Any]
) -> WxcubeError:
    error = class_.__new__(class_)
    error.args = args
    error.__dict__.update(state)
    return error


class ContractError(WxcubeError):
    """The request violates the contract; nothing was sent."""


class WindowError(ContractError, ValueError):
    """The window's order, span, first day or last day is not allowed."""


class UnknownEndpointError(ContractError, KeyError):
    """No endpoint has that name."""


class BudgetError(WxcubeError):
    """No calls of an endpoint are left today; nothing was sent."""

    remedy = Remedy.WAIT

    def __init__(
        self, message: Message, *, hint: Message = NOTHING, is_quota: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.is_quota = is_quota
        """Whether WeChat allows no more (45009); otherwise the limit is that of the settings."""


class ReplyError(WxcubeError):
    """WeChat returned an errcode instead of rows."""

    def __init__(  # noqa: PLR0913 - the members of a reply, most by keyword
        self,
        errcode: int,
        errmsg: str,
        *,
        rid: str = "",
        endpoint: str = "",
        window: Days | None = None,
        meaning: Meaning | None = None,
        hint: Message = NOTHING,
        remedy: Remedy | None = None,
    ) -> None:
        days = verbatim(str(window) if window else "")
        call = joined((verbatim(endpoint), days), verbatim(" "))
        reply = _("errcode {errcode}, {errmsg}", errcode=errcode, errmsg=errmsg)
        super().__init__(joined((call, reply), COLON), hint=hint)
        self.meaning = meaning
        self.errcode = errcode
        self.errmsg = errmsg
        self.rid = rid
        self.endpoint = str(endpoint)
        self.window = window
        if remedy is not None:
            self.remedy = remedy

    def in_short(self) -> Message:
        """The errcode and its meaning; the whole message if the code is unknown."""
        if self.meaning is None:
            return self.as_message()
        return _("{errcode} {meaning}", errcode=self.errcode, meaning=self.meaning)


class TokenError(ReplyError):
    """The access token is invalid, replaced or expired."""

    remedy = Remedy.REFRESH


class QuotaError(ReplyError):
    """The endpoint's daily quota is used up until the next Beijing day."""

    remedy = Remedy.WAIT


class PaceError(ReplyError):
    """Too many calls within a minute."""

    remedy = Remedy.WAIT


class NotReadyError(ReplyError):
    """WeChat has not computed the figures yet."""

    remedy = Remedy.WAIT


class AccessError(ReplyError):
    """The account or platform has no permission for the endpoint."""

    remedy = Remedy.SKIP


class RetiredError(ReplyError):
    """WeChat has retired the endpoint."""

    remedy = Remedy.SKIP


class DateError(ReplyError):
    """WeChat refused the dates."""


class RequestError(ReplyError):
    """WeChat cannot read the request."""


class CredentialError(ReplyError):
    """WeChat refuses the AppID, the secret, the address of the caller or the authorization."""


class BusyError(ReplyError):
    """WeChat is temporarily busy."""

    remedy = Remedy.RETRY


class TransportError(WxcubeError):
    """No complete reply arrived: a connection error, timeout, HTTP status or truncated body."""

    remedy = Remedy.RETRY


class DeliveryError(WxcubeError):
    """A receiver did not accept a report or an alert."""

    remedy = Remedy.RETRY

    def __init__(
        self, message: Message, *, hint: Message = NOTHING, may_have_arrived: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.may_have_arrived = may_have_arrived
        """Whether it may have arrived all the same, such as when the answer was lost."""


class ShapeError(WxcubeError):
    """A reply that does not match the contract; `body` contains it."""

    remedy = Remedy.SKIP

    def __init__(self, message: Message, *, hint: Message = NOTHING, body: bytes = b"") -> None:
        super().__init__(message, hint=hint)
        self.body = body


class EventError(WxcubeError):
    """An event that does not match its structure."""

    remedy = Remedy.SKIP


class EventStoreError(WxcubeError):
    """The event store cannot be read or written; the message names the file."""


class WarehouseError(WxcubeError):
    """The database cannot be opened, read or written."""


class EngineError(WxcubeError):
    """An engine of the cube failed."""


class BuildRunningError(EngineError):
    """Another process builds the rows of the same event store."""


class SettingsError(WxcubeError):
    """A setting is missing, unknown or invalid."""
