"""What WeChat pushes when simulated people write, follow or unfollow: bodies and signed URLs."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from wxcube.contract.codes import QR_CODE_FOLLOW_SOURCE
from wxcube.events.columns import Batch
from wxcube.settings import Secret
from wxcube.simulator.account import SimulatedAccount
from wxcube.tap.encryption import MessageKey
from wxcube.tap.mapping import MSG_TYPES
from wxcube.tap.signature import signature

# of several kinds with the same code, the first
_KINDS = {code: kind for kind, code in reversed(MSG_TYPES.items())}
_INSIDE = {
    "text": "<Content><![CDATA[hello]]></Content>",
    "image": "<PicUrl><![CDATA[https://example.com/1]]></PicUrl><MediaId><![CDATA[m]]></MediaId>",
    "voice": "<MediaId><![CDATA[m]]></MediaId><Format><![CDATA[amr]]></Format>",
    "video": "<MediaId><![CDATA[m]]></MediaId><ThumbMediaId><![CDATA[t]]></ThumbMediaId>",
    "link": "<Title><![CDATA[tea]]></Title><Url><![CDATA[https://example.com/]]></Url>",
}
_FIRST_MSGID = 6 * 10**18


@dataclass(frozen=True, slots=True)
class Callback:
    """Something to push: the same for every attempt."""

    appid: str
    at: int
    """CreateTime, in simulated Unix seconds."""
    user: int
    body: str = field(repr=False)


def callbacks(batch: Batch, accounts: Sequence[SimulatedAccount]) -> list[Callback]:
    """The callbacks of a batch's messages, followers and unfollowings, by time."""
    by_appid = {account.appid: account for account in accounts}
    owners = [by_appid[appid] for appid in batch.accounts]
    found = [*_messages(batch, owners), *_follows(batch, owners)]
    return sorted(found, key=lambda one: one.at)


def openid(user: int) -> str:
    """The openid of a simulated user: as long as a real one."""
    return f"oDEMO{user & 2**64 - 1:023d}"


def url_query(
    account: SimulatedAccount,
    sent_at: int,
    *,
    user: int = 0,
    encrypted: str = "",
    echostr: str = "",
) -> str:
    """The signed query of one attempt."""
    token, timestamp, nonce = account.message_token, str(sent_at), str(secrets.randbelow(10**10))
    query = {
        "signature": signature(token, timestamp, nonce),
        "timestamp": timestamp,
        "nonce": nonce,
    }
    if echostr:
        return urlencode(query | {"echostr": echostr})
    query["openid"] = openid(user)
    if encrypted:
        query["encrypt_type"] = "aes"
        query["msg_signature"] = signature(token, timestamp, nonce, encrypted)
    return urlencode(query)


def encrypted_body(account: SimulatedAccount, body: str) -> tuple[str, str]:
    """The body in safe mode, and its member `Encrypt`."""
    key = MessageKey(Secret(account.message_key))
    text = key.encrypt(body.encode(), account.appid, secrets.token_bytes(16))
    to = f"<ToUserName><![CDATA[{account.original_id}]]></ToUserName>"
    return f"<xml>{to}<Encrypt><![CDATA[{text}]]></Encrypt></xml>", text


def _messages(batch: Batch, owners: Sequence[SimulatedAccount]) -> Iterator[Callback]:
    columns = batch.message
    rows = zip(
        *(columns[name].tolist() for name in ("account", "at", "user", "msg_type")), strict=True
    )
    numbers = [0] * len(owners)
    for place, at, user, msg_type in rows:
        numbers[place] += 1
        kind = _KINDS[msg_type]
        inside = f"{_INSIDE[kind]}<MsgId>{_FIRST_MSGID + numbers[place]}</MsgId>"
        yield _callback(owners[place], at, user, kind, inside)


def _follows(batch: Batch, owners: Sequence[SimulatedAccount]) -> Iterator[Callback]:
    columns = batch.follow
    names = ("account", "at", "user", "change", "source")
    for place, at, user, change, source in zip(
        *(columns[name].tolist() for name in names), strict=True
    ):
        name = "subscribe" if change > 0 else "unsubscribe"
        key = "qrscene_demo" if change > 0 and source == QR_CODE_FOLLOW_SOURCE else ""
        inside = f"<Event><![CDATA[{name}]]></Event><EventKey><![CDATA[{key}]]></EventKey>"
        yield _callback(owners[place], at, user, "event", inside)


def _callback(account: SimulatedAccount, at: int, user: int, kind: str, inside: str) -> Callback:
    body = (
        f"<xml><ToUserName><![CDATA[{account.original_id}]]></ToUserName>"
        f"<FromUserName><![CDATA[{openid(user)}]]></FromUserName>"
        f"<CreateTime>{at}</CreateTime><MsgType><![CDATA[{kind}]]></MsgType>{inside}</xml>"
    )
    return Callback(account.appid, at, user, body)
