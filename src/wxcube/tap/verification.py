"""From a request to what WeChat pushed: signature, decryption, account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from wxcube.tap.accounts import TappedAccount, TappedAccounts
from wxcube.tap.document import Members, members_of, text
from wxcube.tap.refused import Reason, RefusedError
from wxcube.tap.signature import is_signed

MAX_QUERY = 2_048
"""Characters of a query that are looked at; WeChat's have about 250."""
_SIGNED = ("signature", "timestamp", "nonce")


@dataclass(frozen=True, slots=True)
class Push:
    """A callback that WeChat signed, or that a saved file has without a query."""

    account: TappedAccount
    members: Members = field(repr=False)
    timestamp: int = 0
    """When WeChat pushed it, in Unix seconds; 0 if unknown."""
    nonce: str = ""


def query_of(text_: str) -> dict[str, str]:
    """The parameters of a query string; none of one that is too long."""
    if len(text_) > MAX_QUERY:
        return {}
    return dict(parse_qsl(text_, keep_blank_values=True, errors="replace"))


def verify(
    accounts: TappedAccounts, query: Mapping[str, str] | None, body: bytes, limit: int
) -> Push:
    """The push in a request; without a query (None) no signature is checked.

    Raises:  RefusedError if it is not one that WeChat made for an account.
    """
    if len(body) > limit:
        raise RefusedError(Reason.TOO_LARGE, f"{len(body)} bytes")
    if query is not None and not all(query.get(name) for name in _SIGNED):
        raise RefusedError(Reason.UNSIGNED)
    members = members_of(body)
    account = accounts.get(text(members, "ToUserName"))
    if account is None:
        raise RefusedError(Reason.UNKNOWN_ACCOUNT)
    encrypted = text(members, "Encrypt")
    if query is not None:
        _check_signatures(account, query, encrypted)
    if account.key is None:
        if encrypted and not text(members, "MsgType"):
            raise RefusedError(Reason.NO_KEY, account.appid)
    elif not encrypted:
        raise RefusedError(Reason.NOT_ENCRYPTED, account.appid)
    else:
        members = members_of(account.key.decrypt(encrypted, account.appid))
        if text(members, "ToUserName") != account.original_id:
            raise RefusedError(Reason.UNKNOWN_ACCOUNT, "inside the encryption")
    return Push(account, members, *_sent(query))


def is_verification(accounts: TappedAccounts, query: Mapping[str, str]) -> bool:
    """Whether a request without a body is WeChat's check of a server's address (echostr)."""
    return "echostr" in query and bool(signers(accounts, query))


def signers(accounts: TappedAccounts, query: Mapping[str, str]) -> list[TappedAccount]:
    """The accounts whose token signed a query: several if they have the same token."""
    given, *parts = (query.get(name, "") for name in _SIGNED)
    return [one for one in accounts if is_signed(given, one.token.reveal(), *parts)]


def _check_signatures(account: TappedAccount, query: Mapping[str, str], encrypted: str) -> None:
    token = account.token.reveal()
    given, *parts = (query[name] for name in _SIGNED)
    if not is_signed(given, token, *parts):
        raise RefusedError(Reason.WRONG_SIGNATURE, account.appid)
    if (account.key or "msg_signature" in query) and encrypted:
        given = query.get("msg_signature", "")
        if not is_signed(given, token, *parts, encrypted):
            raise RefusedError(Reason.WRONG_SIGNATURE, f"msg_signature, {account.appid}")


def _sent(query: Mapping[str, str] | None) -> tuple[int, str]:
    if query is None:
        return 0, ""
    timestamp = query["timestamp"]
    if not timestamp.isdecimal() or len(timestamp) > 10 or not timestamp.isascii():  # noqa: PLR2004 - digits until 2286
        raise RefusedError(Reason.WRONG_MEMBER, "timestamp")
    return int(timestamp), query["nonce"]
