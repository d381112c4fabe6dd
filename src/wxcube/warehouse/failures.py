"""What an attempt without rows means for its days. Pure."""

from __future__ import annotations

from wxcube.contract.codes import ERRCODES
from wxcube.errors import (
    BusyError,
    CredentialError,
    DateError,
    NotReadyError,
    PaceError,
    QuotaError,
    ReplyError,
    ShapeError,
    TokenError,
    WxcubeError,
)
from wxcube.warehouse.asks import Outcome, Result
from wxcube.warehouse.coverage import State

_UNCHANGED = (QuotaError, PaceError)
_WAITING = (NotReadyError,)
# the dates are checked before a call, so a refusal of them is a fault of the service
_FAILED = (BusyError, CredentialError, DateError, TokenError)


def state_after(outcome: Outcome, errcode: int | None) -> State | None:
    """The state of the days of an attempt; None: it does not change."""
    if outcome is not Outcome.REFUSED:
        return State.FAILED
    known = ERRCODES.get(errcode or 0)
    error: type[WxcubeError] = known.error if known else ReplyError
    if issubclass(error, _UNCHANGED):
        return None
    if issubclass(error, _WAITING):
        return State.WAITING
    return State.FAILED if issubclass(error, _FAILED) else State.REFUSED


def state_of(error: WxcubeError) -> State | None:
    """The state of the days of an attempt that gave an error; None: it does not change."""
    result = result_of(error)
    return state_after(result.outcome, result.errcode)


def is_about_credentials(errcode: int | None) -> bool:
    """Whether an errcode is about the account's secret, token or address, not about a call."""
    known = ERRCODES.get(errcode) if errcode else None
    return known is not None and issubclass(known.error, CredentialError | TokenError)


def result_of(error: WxcubeError, sha256: str | None = None) -> Result:
    """The outcome of an attempt that gave an error."""
    if isinstance(error, ReplyError):
        outcome = Outcome.REFUSED
    else:
        outcome = Outcome.UNREADABLE if isinstance(error, ShapeError) else Outcome.UNANSWERED
    return Result(
        outcome=outcome,
        server_date=error.server_date,
        errcode=error.errcode if isinstance(error, ReplyError) else None,
        sha256=sha256,
        message=error.as_message(),
    )
