from typing import Any

import pytest

from support.callbacks import APPID, AT, OPENID, accounts, event, hash_user, plain, xml
from support.evidence import webhook
from wxcube.contract.codes import TABLES
from wxcube.tap.mapping import EVENTS_WITHOUT_FIGURES, MAX_LINK, MSG_TYPES, UNCODED, Mapped, mapped
from wxcube.tap.refused import Reason, RefusedError
from wxcube.tap.verification import query_of, verify

USER = hash_user(OPENID)
LINK = "http://mp.weixin.qq.com/s?__biz=MzA5&mid=2247483650&idx=2&sn=1&scene=18"


def meaning(body: str, **signed: Any) -> Mapped:
    callback = plain(body, **signed)
    push = verify(accounts(), query_of(callback.query), callback.body, 1 << 16)
    found = mapped(push, hash_user)
    assert OPENID not in repr(found) + repr(found.events) + found.identity
    return found


@pytest.mark.parametrize("fact", webhook()["msg_types"], ids=lambda fact: fact["MsgType"])
def test_every_documented_type_is_decided(fact: dict[str, Any]) -> None:
    kind, code = fact["MsgType"], fact["msg_type"]
    if kind == "event":
        return
    assert MSG_TYPES.get(kind) == code
    assert (kind in UNCODED) == (code is None)
    assert code is None or code in TABLES["msg_type"]


@pytest.mark.parametrize("name", webhook()["events"])
def test_every_documented_event_is_decided(name: str) -> None:
    assert meaning(event(name)).is_known


def test_a_message() -> None:
    found = meaning(xml(MsgId=42, Content="secret text"))
    assert found.events == (
        {
            "event": "message",
            "id": "42",
            "user": USER,
            "msg_type": 1,
            "account": APPID,
            "at": AT,
        },
    )
    assert "secret" not in repr(found.events)


def test_a_location_is_counted_and_no_message() -> None:
    found = meaning(xml(MsgType="location", Location_X=23.1))
    assert (found.kind, found.events, found.is_known) == ("location", (), True)


def test_an_unknown_kind_is_named() -> None:
    found = meaning(xml(MsgType="hologram"))
    assert (found.kind, found.is_known, found.events) == ("hologram", False, ())
    assert meaning(event("teleport")).kind == "teleport"
    assert meaning(event(f"{OPENID} joined")).kind == "other"


@pytest.mark.parametrize(
    ("key", "source"), [("qrscene_123", 30), ("", 0), ("last_trade_no_4", 0), (None, 0)]
)
def test_a_follower(key: str, source: int) -> None:
    (follow,) = meaning(event("subscribe", EventKey=key)).events
    assert (follow["event"], follow["source"], follow["user"]) == ("follow", source, USER)


def test_who_unfollows_has_the_channel_that_the_store_remembers() -> None:
    (unfollow,) = meaning(event("unsubscribe")).events
    assert unfollow["event"] == "unfollow"
    assert "source" not in unfollow


def test_attempts_have_the_same_identity() -> None:
    assert meaning(event("subscribe")) == meaning(event("subscribe"), nonce="other")
    assert meaning(xml(MsgId=1)).identity == meaning(xml(MsgId=1)).identity


def test_two_menu_items_in_one_second_are_two_events() -> None:
    one, other = (meaning(event("CLICK", EventKey=key)) for key in ("a", "b"))
    assert one.identity != other.identity
    assert "CLICK" in EVENTS_WITHOUT_FIGURES


def mass_send(**changes: Any) -> Any:
    members = {
        "MsgID": 1_000_001_625,
        "Status": "send success",
        "TotalCount": 100,
        "SentCount": 75,
        "ArticleUrlResult": {
            "Count": 1,
            "ResultList": {"item": {"ArticleIdx": 1, "ArticleUrl": LINK}},
        },
    }
    return event("MASSSENDJOBFINISH", **(members | changes))


def test_a_mass_send() -> None:
    (publish,) = meaning(mass_send()).events
    assert publish["msgid"] == "2247483650_2"
    assert publish["target_user"] == 75
    assert publish["publish_type"] == 0
    assert publish["content_url"] == LINK


def test_a_mass_send_whose_link_has_no_number() -> None:
    urls = {
        "ResultList": {
            "item": [
                {"ArticleIdx": n, "ArticleUrl": f"https://mp.weixin.qq.com/s/{n}"} for n in (1, 2)
            ]
        }
    }
    found = meaning(mass_send(ArticleUrlResult=urls)).events
    assert [one["msgid"] for one in found] == ["1000001625_1", "1000001625_2"]


def test_a_link_without_end_is_none() -> None:
    urls = {"ResultList": {"item": {"ArticleIdx": 1, "ArticleUrl": LINK + "x" * MAX_LINK}}}
    (publish,) = meaning(mass_send(ArticleUrlResult=urls)).events
    assert publish["msgid"] == "1000001625_1"
    assert "content_url" not in publish


def test_two_mass_sends_in_one_second_are_two() -> None:
    assert meaning(mass_send()).identity != meaning(mass_send(MsgID=2)).identity
    assert meaning(mass_send()).identity == meaning(mass_send(Status="send fail")).identity


@pytest.mark.parametrize("status", ["err(30003)", "send fail"])
def test_a_mass_send_that_failed(status: str) -> None:
    assert meaning(mass_send(Status=status)).events == ()


def test_a_link_with_an_openid_is_left_out() -> None:
    link = f"{LINK}&openid={OPENID}"
    urls = {"ResultList": {"item": {"ArticleIdx": 1, "ArticleUrl": link}}}
    (publish,) = meaning(mass_send(ArticleUrlResult=urls)).events
    assert "content_url" not in publish


def test_a_link_that_is_none_is_no_number() -> None:
    urls = {"ResultList": {"item": {"ArticleIdx": 1, "ArticleUrl": "http://[x?mid=7&idx=2"}}}
    (publish,) = meaning(mass_send(ArticleUrlResult=urls)).events
    assert publish["msgid"] == "7_2"


def test_a_publication() -> None:
    info = {
        "publish_id": 2_247_503_051,
        "publish_status": 0,
        "article_id": "b5O2OUs25HBxRceL7hfReg",
        "article_detail": {"count": 1, "item": {"idx": 1, "article_url": LINK}},
    }
    (publish,) = meaning(event("PUBLISHJOBFINISH", PublishEventInfo=info)).events
    assert (publish["msgid"], publish["publish_type"]) == ("2247483650_2", 1)
    failed = info | {"publish_status": 2}
    assert meaning(event("PUBLISHJOBFINISH", PublishEventInfo=failed)).events == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"FromUserName": None}, Reason.WRONG_MEMBER),
        ({"FromUserName": "a b"}, Reason.WRONG_MEMBER),
        ({"FromUserName": "x" * 1000}, Reason.WRONG_MEMBER),
        ({"FromUserName": {"a": 1}}, Reason.WRONG_MEMBER),
        ({"CreateTime": "soon"}, Reason.WRONG_MEMBER),
        ({"CreateTime": "9" * 5000}, Reason.WRONG_MEMBER),
        ({"CreateTime": "٣"}, Reason.WRONG_MEMBER),
        ({"CreateTime": 0}, Reason.WRONG_TIME),
        ({"CreateTime": AT + 86_401}, Reason.WRONG_TIME),
        ({"CreateTime": 99_999_999_999}, Reason.WRONG_TIME),
        ({"MsgId": "x"}, Reason.WRONG_MEMBER),
        ({"MsgId": "9" * 300}, Reason.WRONG_MEMBER),
    ],
)  # fmt: skip
def test_members_that_cannot_be(change: Any, expected: Any) -> None:
    with pytest.raises(RefusedError) as caught:
        meaning(xml(**change))
    assert caught.value.reason is expected
