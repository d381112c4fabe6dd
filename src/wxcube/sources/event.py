"""Events: one thing one person, or one server, did at one moment.

All rows of the datacube follow from these. An event names the account, the moment as Unix seconds
(as WeChat's own CreateTime), and an `id` that makes sending it twice harmless.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Moment = Annotated[int, Meta(ge=1_417_363_200, lt=4_102_444_800)]
"""Unix seconds, from 2014-12-01 Beijing to the end of the century."""
MsgId = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,15}_[1-9][0-9]?$")]
"""Article id `<msg_data_id>_<index>`."""
Channel = Annotated[int, Meta(ge=0, le=7)]
"""Where a reader came from: a code of user_source_read other than 99999999."""
Code = Annotated[int, Meta(ge=0, le=32767)]
Amount = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Event(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="event", forbid_unknown_fields=True
):
    """What every event says."""

    id: Name
    account: Name
    at: Moment


class Open(Event, frozen=True, kw_only=True, tag="open"):
    """The account is first seen, with this many followers it already has."""

    followers: Amount = 0


class Follow(Event, frozen=True, kw_only=True, tag="follow"):
    """A person followed the account, perhaps right after reading an article."""

    user: Name
    source: Code = 0
    msgid: MsgId | None = None


class Unfollow(Event, frozen=True, kw_only=True, tag="unfollow"):
    """A person stopped following; `source` is the channel through which they once came."""

    user: Name
    source: Code = 0


class Message(Event, frozen=True, kw_only=True, tag="message"):
    """A person sent the account a message."""

    user: Name
    msg_type: Code


class Reply(Event, frozen=True, kw_only=True, tag="reply"):
    """The account's server answered a push: after how many milliseconds, and whether well."""

    ms: Amount
    ok: bool = True


class Publish(Event, frozen=True, kw_only=True, tag="publish"):
    """The account published an article; publish_type 0 notified followers, 1 did not."""

    msgid: MsgId
    title: str = ""
    publish_type: Annotated[int, Meta(ge=0, le=1)] = 0
    target_user: Amount = 0
    content_url: str = ""


class Read(Event, frozen=True, kw_only=True, tag="read"):
    """A person opened an article: from where, for how long, and how far they came."""

    user: Name
    msgid: MsgId
    source: Channel = 0
    seconds: Annotated[int, Meta(ge=0, le=86_400)] = 0
    finished: bool = False
    position: Annotated[int, Meta(ge=0, le=5)] = 0
    """Fifth of the article where they left, 1 to 5; 0 is unknown."""


class ReadOriginal(Event, frozen=True, kw_only=True, tag="read_original"):
    """A person followed an article's link to the original page."""

    user: Name
    msgid: MsgId


class Share(Event, frozen=True, kw_only=True, tag="share"):
    """A person shared an article they had reached through `source`, to `scene`."""

    user: Name
    msgid: MsgId
    source: Channel = 0
    scene: Code = 1


class Favourite(Event, frozen=True, kw_only=True, tag="favourite"):
    """A person added an article to their favourites."""

    user: Name
    msgid: MsgId


class Like(Event, frozen=True, kw_only=True, tag="like"):
    """A person gave an article the thumb."""

    user: Name
    msgid: MsgId


class Zaikan(Event, frozen=True, kw_only=True, tag="zaikan"):
    """A person gave an article the heart."""

    user: Name
    msgid: MsgId


class Comment(Event, frozen=True, kw_only=True, tag="comment"):
    """A person left a comment on an article."""

    user: Name
    msgid: MsgId


class Praise(Event, frozen=True, kw_only=True, tag="praise"):
    """A person rewarded an article with money."""

    user: Name
    msgid: MsgId
    fen: Amount


AnyEvent = (
    Open
    | Follow
    | Unfollow
    | Message
    | Reply
    | Publish
    | Read
    | ReadOriginal
    | Share
    | Favourite
    | Like
    | Zaikan
    | Comment
    | Praise
)
"""Any of the events, told apart by their member `event`."""
