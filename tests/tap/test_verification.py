import json
from typing import Any
from urllib.parse import urlencode

import pytest

from support.callbacks import (
    APPID,
    GH,
    KEY,
    OPENID,
    Callback,
    account,
    accounts,
    encrypted,
    plain,
    xml,
)
from support.evidence import webhook
from wxcube.errors import SettingsError
from wxcube.settings import Secret
from wxcube.tap.accounts import TappedAccounts
from wxcube.tap.document import MAX_DEPTH, MAX_ELEMENTS, members_of
from wxcube.tap.encryption import MessageKey
from wxcube.tap.refused import Reason, RefusedError
from wxcube.tap.signature import is_signed, signature
from wxcube.tap.verification import Push, is_verification, query_of, verify

LIMIT = 1 << 16
VERIFY, PLAIN, SECURE = webhook()["test_vectors"]


def opened(callback: Callback, known: TappedAccounts | None = None) -> Push:
    return verify(known or accounts(), query_of(callback.query), callback.body, LIMIT)


def reason(callback: Callback, known: TappedAccounts | None = None) -> Reason:
    with pytest.raises(RefusedError) as caught:
        opened(callback, known)
    assert OPENID not in str(caught.value)
    return caught.value.reason


# --- WeChat's own vectors ------------------------------------------------------------------------


@pytest.mark.parametrize("vector", webhook()["test_vectors"], ids=lambda one: one["kind"])
def test_documented_signatures(vector: dict[str, str]) -> None:
    parts = vector["token"], vector["timestamp"], vector["nonce"]
    assert signature(*parts) == vector["signature"]
    assert is_signed(vector["signature"], *parts)
    assert not is_signed(vector["signature"], "other", *parts[1:])


def test_documented_encryption() -> None:
    outer = {"ToUserName": "gh_97417a04a28d", "Encrypt": SECURE["Encrypt"]}
    names = ("signature", "timestamp", "nonce", "msg_signature")
    query = urlencode({name: SECURE[name] for name in names} | {"encrypt_type": "aes"})
    known = TappedAccounts([account(key=SECURE["EncodingAESKey"], appid=SECURE["appid"])])
    push = opened(Callback(query, json.dumps(outer).encode()), known)
    assert push.members == json.loads(SECURE["plaintext"])
    assert (push.timestamp, push.nonce) == (int(SECURE["timestamp"]), SECURE["nonce"])


def test_the_documented_message_encrypts_to_the_documented_text() -> None:
    key = MessageKey(Secret(SECURE["EncodingAESKey"]))
    text = key.encrypt(SECURE["plaintext"].encode(), SECURE["appid"], SECURE["random_16"].encode())
    assert text == SECURE["Encrypt"]


def test_a_check_of_the_address_is_recognised() -> None:
    names = ("signature", "timestamp", "nonce", "echostr")
    query = {name: VERIFY[name] for name in names}
    assert is_verification(accounts(), query)
    assert not is_verification(accounts(), query | {"nonce": "2"})


# --- what is accepted ----------------------------------------------------------------------------


def test_a_plain_callback() -> None:
    push = opened(plain(xml(Content="<b>&你好")))
    assert push.account.appid == APPID
    assert push.members["Content"] == "<b>&你好"


def test_an_encrypted_callback() -> None:
    assert opened(encrypted(xml(Content="hi")), accounts(key=KEY)).members["Content"] == "hi"


def test_a_callback_in_json() -> None:
    body = json.dumps({"ToUserName": GH, "FromUserName": OPENID, "CreateTime": 1, "MsgId": 5})
    assert opened(plain(body)).members["MsgId"] == 5


def test_in_compatible_mode_the_encrypted_part_counts() -> None:
    callback = encrypted(xml(Content="true"))
    both = callback.body.replace(b"<Encrypt>", b"<Content>false</Content><Encrypt>")
    assert opened(Callback(callback.query, both), accounts(key=KEY)).members["Content"] == "true"


def test_in_compatible_mode_without_a_key_the_plain_part_counts() -> None:
    callback = encrypted(xml())
    both = callback.body.replace(b"<Encrypt>", b"<MsgType>text</MsgType><Encrypt>")
    assert opened(Callback(callback.query, both)).members["MsgType"] == "text"


def test_a_saved_body_has_no_signature() -> None:
    assert verify(accounts(), None, xml().encode(), LIMIT).timestamp == 0


# --- what is refused -----------------------------------------------------------------------------

BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<xml><ToUserName>&b;</ToUserName></xml>"
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><Content>&a;</Content></xml>'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (BOMB, Reason.HOSTILE),
        (OUTSIDE, Reason.HOSTILE),
        ('<!DOCTYPE xml SYSTEM "http://127.0.0.1:1/x.dtd"><xml/>', Reason.HOSTILE),
        ("<xml>&undefined;</xml>", Reason.MALFORMED),
        ("<a>" * (MAX_DEPTH + 1) + "</a>" * (MAX_DEPTH + 1), Reason.HOSTILE),
        ("<xml>" + "<a/>" * MAX_ELEMENTS + "</xml>", Reason.HOSTILE),
        ("<xml>", Reason.MALFORMED),
        ("<xml></xml><xml></xml>", Reason.MALFORMED),
        ('<?xml version="1.0" encoding="no-such"?><xml/>', Reason.MALFORMED),
        ("", Reason.MALFORMED),
        ("\0", Reason.MALFORMED),
        ("[" * 100_000, Reason.TOO_LARGE),
        ('{"a":' * 5_000, Reason.MALFORMED),
        ("{}", Reason.UNKNOWN_ACCOUNT),
        ('{"ToUserName": {"a": 1}}', Reason.UNKNOWN_ACCOUNT),
        ('{"ToUserName": "\\ud800"}', Reason.MALFORMED),
        ("x" * (LIMIT + 1), Reason.TOO_LARGE),
        (xml(ToUserName="gh_000000000000"), Reason.UNKNOWN_ACCOUNT),
    ],
)  # fmt: skip
def test_a_body_that_is_refused(body: str, expected: Any) -> None:
    assert reason(plain(body)) is expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("signature", Reason.WRONG_SIGNATURE),
        ("nonce", Reason.WRONG_SIGNATURE),
        ("msg_signature", Reason.WRONG_SIGNATURE),
    ],
)
def test_a_wrong_signature(change: Any, expected: Any) -> None:
    callback = encrypted(xml())
    query = urlencode(query_of(callback.query) | {change: "0" * 40})
    assert reason(Callback(query, callback.body), accounts(key=KEY)) is expected


@pytest.mark.parametrize("missing", ["signature", "timestamp", "nonce"])
def test_a_missing_parameter(missing: str) -> None:
    callback = plain(xml())
    query = {k: v for k, v in query_of(callback.query).items() if k != missing}
    assert reason(Callback(urlencode(query), callback.body)) is Reason.UNSIGNED


def test_a_query_without_end() -> None:
    assert reason(Callback("a=1&" * 10_000, xml().encode())) is Reason.UNSIGNED


def test_another_key() -> None:
    assert reason(encrypted(xml(), key="B" * 42 + "A"), accounts(key=KEY)) is Reason.UNDECRYPTABLE


def test_another_appid() -> None:
    assert reason(encrypted(xml(), appid="wx0000000000000000"), accounts(key=KEY)) is (
        Reason.WRONG_APPID
    )


def test_a_callback_that_is_not_encrypted_although_it_should_be() -> None:
    assert reason(plain(xml()), accounts(key=KEY)) is Reason.NOT_ENCRYPTED


def test_an_encrypted_callback_without_a_key() -> None:
    assert reason(encrypted(xml())) is Reason.NO_KEY


def test_another_account_inside_the_encryption() -> None:
    callback = encrypted(xml(ToUserName="gh_000000000000"))
    assert reason(callback, accounts(key=KEY)) is Reason.UNKNOWN_ACCOUNT


def test_an_encrypted_document_with_entities() -> None:
    assert reason(encrypted(BOMB), accounts(key=KEY)) is Reason.HOSTILE


@pytest.mark.parametrize("content", ["", "****", "AAAA", "A" * 24, "QQ==" * 16])
def test_encrypted_content_that_is_none(content: str) -> None:
    key = MessageKey(Secret(KEY))
    with pytest.raises(RefusedError):
        key.decrypt(content, APPID)


@pytest.mark.parametrize("text", ["", "A" * 42, "A" * 44, "-" * 43, "汉" * 43])
def test_a_key_that_is_none_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        MessageKey(Secret(text))
    assert not text or text not in str(caught.value)


def test_repeated_elements_are_lists() -> None:
    assert members_of(b"<xml><a><item>1</item><item>2</item></a></xml>") == {
        "a": {"item": ["1", "2"]}
    }
