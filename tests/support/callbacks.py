"""Callbacks as WeChat sends them, and the servers and accounts around them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlencode

from wxcube.settings import Secret
from wxcube.tap.accounts import TappedAccount, TappedAccounts
from wxcube.tap.encryption import MessageKey
from wxcube.tap.signature import signature

TOKEN, KEY, APPID = "AAAAA", "A" * 43, "wxba5fad812f8e6fb9"
GH = "gh_97417a04a28d"
AT = 1_772_326_800
OPENID = "o6_bmjrPTlm6_2sgVt7hMZOPfL2M"
_numbers = count(6_012_345_678_901_234_567)


def account(*, key: str = "", appid: str = APPID, gh: str = GH, **rest: Any) -> TappedAccount:
    message_key = MessageKey(Secret(key)) if key else None
    return TappedAccount(gh, appid, Secret(TOKEN), message_key, **rest)


def accounts(*, key: str = "") -> TappedAccounts:
    return TappedAccounts([account(key=key)])


def xml(**members: Any) -> str:
    """The XML of a callback; by default a text message."""
    found = {
        "ToUserName": GH,
        "FromUserName": OPENID,
        "CreateTime": AT,
        "MsgType": "text",
        **members,
    }
    if found["MsgType"] != "event":
        found.setdefault("MsgId", next(_numbers))
    inside = "".join(_element(name, value) for name, value in found.items() if value is not None)
    return f"<xml>{inside}</xml>"


def event(name: str, **members: Any) -> str:
    return xml(MsgType="event", Event=name, **members)


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, one) for one in value)
    if isinstance(value, dict):
        value = "".join(_element(inner, one) for inner, one in value.items())
    elif isinstance(value, str):
        value = f"<![CDATA[{value}]]>"
    return f"<{name}>{value}</{name}>"


@dataclass(frozen=True)
class Callback:
    query: str
    body: bytes


def plain(body: str, *, timestamp: int = AT, nonce: str = "1", token: str = TOKEN) -> Callback:
    return Callback(urlencode(_signed(timestamp, nonce, token) | {"openid": OPENID}), body.encode())


def encrypted(
    body: str,
    *,
    timestamp: int = AT,
    nonce: str = "1",
    token: str = TOKEN,
    appid: str = APPID,
    key: str = KEY,
    gh: str = GH,
) -> Callback:
    content = MessageKey(Secret(key)).encrypt(body.encode(), appid, b"r" * 16)
    query = _signed(timestamp, nonce, token) | {
        "openid": OPENID,
        "encrypt_type": "aes",
        "msg_signature": signature(token, str(timestamp), nonce, content),
    }
    outer = f"<xml><ToUserName><![CDATA[{gh}]]></ToUserName><Encrypt><![CDATA[{content}]]></Encrypt></xml>"
    return Callback(urlencode(query), outer.encode())


def _signed(timestamp: int, nonce: str, token: str) -> dict[str, str]:
    return {
        "signature": signature(token, str(timestamp), nonce),
        "timestamp": str(timestamp),
        "nonce": nonce,
    }


def hash_user(openid: str) -> str:
    """A hash that is easy to recognise."""
    return f"#{sum(openid.encode()):016x}"
