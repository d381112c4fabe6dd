"""From what WeChat pushed to events. Pure.

Messages count on the day of their CreateTime. What no figure is made of is counted and named:
locations have no code in WeChat's statistics, and menu clicks and views no figure at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, get_args
from urllib.parse import parse_qs

from wxcube.beijing import DAY_SECONDS
from wxcube.contract.codes import OTHER_FOLLOW_SOURCE, QR_CODE_FOLLOW_SOURCE
from wxcube.events import kinds as ev
from wxcube.events.intake.openid_filter import has_openid
from wxcube.tap.document import Members, items, text
from wxcube.tap.refused import Reason, RefusedError
from wxcube.tap.verification import Push

MSG_TYPES: dict[str, int] = {
    "text": 1,
    "image": 2,
    "voice": 3,
    "video": 4,
    "shortvideo": 4,  # a guess: no document has its code
    "link": 6,
}
"""The code in WeChat's statistics of each MsgType that has one."""
UNCODED = frozenset({"location"})
"""Messages without a code in WeChat's statistics: they are in no figure of messages."""
EVENTS_WITHOUT_FIGURES = frozenset(
    {"SCAN", "LOCATION", "CLICK", "VIEW", "TEMPLATESENDJOBFINISH", "view_miniprogram"}
)
"""Events that are known, and that no figure is made of."""
_TOLD_APART = {"CLICK": "EventKey", "VIEW": "EventKey", "MASSSENDJOBFINISH": "MsgID"}
"""The member by which two events of a person in one second are told apart."""
MAX_LINK = 2_048
"""Characters of the link to an article; a longer one is none."""
_QR_PREFIX = "qrscene_"
_TIMES = get_args(ev.Timestamp)[1]
MAX_MILLISECONDS: int = get_args(ev.Amount)[1].le
_AMOUNT = re.compile(r"[0-9]{1,9}")
_OPENID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_NUMBER = re.compile(r"[0-9]{1,20}")
_NAME = re.compile(r"[0-9A-Za-z_]{1,40}")
_DATA_ID = re.compile(r"[1-9][0-9]{0,15}")
_INDEX = re.compile(r"[1-9][0-9]?")
UNNAMED = "other"

HashUser = Callable[[str], str]
"""Hashes an openid as the event store does."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a push means: its kind, what identifies it, and its events."""

    kind: str
    """Such as `text` or `subscribe`; a name that is not one is `other`."""
    identity: str = field(repr=False)
    """The same for every attempt; has no openid."""
    events: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    is_known: bool = True


def mapped(push: Push, hash_user: HashUser) -> Mapped:
    """The meaning of a push.

    Raises:  RefusedError if a member that identifies it is missing or impossible.
    """
    members = push.members
    at = int(_member(members, "CreateTime", _NUMBER))
    if not is_possible_time(at) or (push.timestamp and abs(at - push.timestamp) > DAY_SECONDS):
        raise RefusedError(Reason.WRONG_TIME)
    user = hash_user(_member(members, "FromUserName", _OPENID))
    kind = text(members, "MsgType").lower()
    head = {"account": push.account.appid, "at": at}
    if kind == "event":
        return _event(members, head, user)
    number = _member(members, "MsgId", _NUMBER)
    if kind not in MSG_TYPES:
        is_known = kind in UNCODED
        return Mapped(_name(kind), f"m-{number}", is_known=is_known)
    message = {"event": "message", "id": number, "user": user, "msg_type": MSG_TYPES[kind]}
    return Mapped(kind, f"m-{number}", (message | head,))


def is_possible_time(at: int) -> bool:
    """Whether an event may have happened at a Unix second."""
    return bool(_TIMES.ge <= at < _TIMES.lt)


def _event(members: Members, head: dict[str, Any], user: str) -> Mapped:
    name = text(members, "Event")
    other = _TOLD_APART.get(name)
    rest = f"-{_fingerprint(text(members, other))}" if other else ""
    identity = f"{user}-{head['at']}-{_name(name)}{rest}"
    if name == "subscribe":
        scanned = text(members, "EventKey").startswith(_QR_PREFIX)
        # of any other follower, callbacks do not say how they came
        source = QR_CODE_FOLLOW_SOURCE if scanned else OTHER_FOLLOW_SOURCE
        event = {"event": "follow", "id": identity, "user": user, "source": source}
        return Mapped(name, identity, (event | head,))
    if name == "unsubscribe":
        event = {"event": "unfollow", "id": identity, "user": user}
        return Mapped(name, identity, (event | head,))
    if name in _PUBLISHED:
        events = tuple(one | head for one in _PUBLISHED[name](members))
        return Mapped(name, identity, events)
    return Mapped(_name(name), identity, is_known=name in EVENTS_WITHOUT_FIGURES)


def _mass_sent(members: Members) -> Iterator[dict[str, Any]]:
    """The articles of a mass send that WeChat has finished."""
    if text(members, "Status").replace(" ", "").lower() != "sendsuccess":
        return
    count = text(members, "SentCount")
    urls = members.get("ArticleUrlResult")
    listed = items(urls.get("ResultList")) if isinstance(urls, dict) else []
    for one in listed:
        number, url = text(one, "ArticleIdx"), text(one, "ArticleUrl")
        job = text(members, "MsgID") or text(members, "MsgId")
        target = {"target_user": int(count)} if _AMOUNT.fullmatch(count) else {}
        yield from _publish(job, number, url, {"publish_type": 0, **target})


def _published(members: Members) -> Iterator[dict[str, Any]]:
    """The articles that were published without notice to followers."""
    info = members.get("PublishEventInfo")
    if not isinstance(info, dict) or text(info, "publish_status") != "0":
        return
    detail = info.get("article_detail")
    listed = items(detail.get("item")) if isinstance(detail, dict) else []
    for one in listed:
        number, url = text(one, "idx"), text(one, "article_url")
        yield from _publish(text(info, "publish_id"), number, url, {"publish_type": 1})


_PUBLISHED: dict[str, Callable[[Members], Iterator[dict[str, Any]]]] = {
    "MASSSENDJOBFINISH": _mass_sent,
    "PUBLISHJOBFINISH": _published,
}


def _publish(job: str, index: str, url: str, rest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The event of an article; its number is that in its link, else that of the job."""
    if len(url) > MAX_LINK:
        url = ""
    # `urlsplit` refuses some of what is no link
    found = parse_qs(url.partition("#")[0].partition("?")[2])
    data_id = found.get("mid", [job])[0]
    place = found.get("idx", [index])[0]
    if _DATA_ID.fullmatch(data_id) and _INDEX.fullmatch(place):
        msgid = f"{data_id}_{place}"
        link = {"content_url": url} if url and not has_openid(url) else {}
        yield {"event": "publish", "id": f"p-{msgid}", "msgid": msgid, **link, **rest}


def _member(members: Members, name: str, pattern: re.Pattern[str]) -> str:
    value = text(members, name)
    if not pattern.fullmatch(value):
        raise RefusedError(Reason.WRONG_MEMBER, name)
    return value


def _name(given: str) -> str:
    """A name of a message or event, if it looks like one, and not like an openid."""
    return given if _NAME.fullmatch(given) and not has_openid(given) else UNNAMED


def _fingerprint(content: str) -> str:
    return blake2b(content.encode("utf-8", "replace"), digest_size=6).hexdigest()
