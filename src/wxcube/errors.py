"""Every error wxcube raises, and what to do about each.

    WxcubeError
    ├─ ContractError            the request breaks WeChat's rules; nothing was sent     STOP
    │   ├─ WindowError          order, span, first day, last day (also a ValueError)
    │   └─ UnknownEndpointError no such endpoint, with close matches (also a KeyError)
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
    ├─ TransportError           no whole answer came                                    RETRY
    ├─ ShapeError               an answer that does not fit the contract                SKIP
    ├─ EventError               an event that does not fit the event structs            SKIP
    ├─ EventStoreError          the event store cannot be read or written               STOP
    ├─ WarehouseError           the database cannot be read or written                  STOP
    ├─ EngineError              the cube's engine failed                                STOP
    └─ SettingsError            the configuration is wrong or incomplete                STOP

`remedy` decides what a caller does next; nothing ever reads the text. Which class an errcode
belongs to stands in `wxcube.contract.errcodes`.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any, Protocol


class Days(Protocol):
    """The days a call asked for, both ends included; `wxcube.contract.Window` is one."""

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
    """Ask again after a short wait, a bounded number of times."""
    REFRESH = "refresh"
    """Get a new token once and ask once more."""
    WAIT = "wait"
    """Ask again later: the next minute, after 08:00 or the next day."""
    SKIP = "skip"
    """Leave this endpoint or day out and go on with the others."""
    STOP = "stop"
    """Somebody must change the request, the settings or a right first."""


class WxcubeError(Exception):
    """Any error of wxcube; `remedy` says what to do next."""

    remedy: Remedy = Remedy.STOP

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[WxcubeError], args: tuple[Any, ...], state: dict[str, Any]) -> WxcubeError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class ContractError(WxcubeError):
    """The request breaks a rule of the contract; nothing was sent."""


class WindowError(ContractError, ValueError):
    """The window's order, span, first day or last day is not allowed."""


class UnknownEndpointError(ContractError, KeyError):
    """No endpoint has that name."""


class ReplyError(WxcubeError):
    """WeChat answered an errcode instead of rows."""

    def __init__(  # noqa: PLR0913 - the fields of one answer, all keyword-only
        self,
        errcode: int,
        errmsg: str,
        *,
        rid: str = "",
        endpoint: str = "",
        window: Days | None = None,
        hint: str = "",
        remedy: Remedy | None = None,
    ) -> None:
        about = " ".join(part for part in (endpoint, str(window) if window else "") if part)
        super().__init__(f"{about + ': ' if about else ''}errcode {errcode}, {errmsg}", hint=hint)
        self.errcode = errcode
        self.errmsg = errmsg
        self.rid = rid
        self.endpoint = endpoint
        self.window = window
        if remedy is not None:
            self.remedy = remedy


class TokenError(ReplyError):
    """The access token is wrong, replaced or over its time."""

    remedy = Remedy.REFRESH


class QuotaError(ReplyError):
    """The endpoint's calls of the day are used up; the next Beijing day has new ones."""

    remedy = Remedy.WAIT


class PaceError(ReplyError):
    """Too many calls within a minute."""

    remedy = Remedy.WAIT


class NotReadyError(ReplyError):
    """The figures are not computed yet."""

    remedy = Remedy.WAIT


class AccessError(ReplyError):
    """The account or platform lacks the right to this endpoint."""

    remedy = Remedy.SKIP


class RetiredError(ReplyError):
    """WeChat has switched the endpoint off."""

    remedy = Remedy.SKIP


class DateError(ReplyError):
    """WeChat refused the dates."""


class RequestError(ReplyError):
    """WeChat could not read the request."""


class CredentialError(ReplyError):
    """AppID, secret, caller address or authorization is not accepted."""


class BusyError(ReplyError):
    """WeChat is busy for a moment."""

    remedy = Remedy.RETRY


class TransportError(WxcubeError):
    """No whole answer came: connection, time limit, HTTP status or a cut-off body."""

    remedy = Remedy.RETRY


class ShapeError(WxcubeError):
    """An answer that does not fit the contract; the answer is kept in `body`."""

    remedy = Remedy.SKIP

    def __init__(self, message: str, *, hint: str = "", body: bytes = b"") -> None:
        super().__init__(message, hint=hint)
        self.body = body


class EventError(WxcubeError):
    """An event that does not fit the event structs."""

    remedy = Remedy.SKIP


class EventStoreError(WxcubeError):
    """The event store cannot be read or written; the message names the file."""


class WarehouseError(WxcubeError):
    """The database cannot be opened, read or written."""


class EngineError(WxcubeError):
    """The cube's engine could not run a step."""


class SettingsError(WxcubeError):
    """A setting is missing, unknown or wrong."""
