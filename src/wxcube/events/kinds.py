"""Events: one thing one person, or one server, did at one moment.

All rows of the datacube follow from these. An event names the account, the moment as Unix seconds
(as WeChat's own CreateTime), and an `id` that makes sending it twice harmless.

A kind's docstring says in English what happened, `zh` in Chinese; each member carries its meaning
as a column of the contract does, and an example. The reference of events is made of these.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from wxcube.contract.field import Code, Fen, Kind, Label, Millis

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Number = Annotated[int, Meta(ge=0, le=32767)]
Amount = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Moment = Annotated[
    int,
    Meta(ge=1_417_363_200, lt=4_102_444_800, examples=[1_772_326_800]),
    Kind(
        "发生时刻，Unix 秒，从北京时间 2014-12-01 零点起",
        "when it happened, in Unix seconds, from midnight of 2014-12-01 in Beijing",
    ),
]
User = Annotated[
    Name,
    Meta(examples=["o6_bmjrPTlm6_2sgVt7hMZOPfL2M"]),
    Label(
        "做这件事的人：openid，落盘之前换成带密钥的编号",
        "who did it: the openid, replaced by a keyed number before anything is written",
    ),
]
MsgId = Annotated[
    str,
    Meta(pattern=r"^[1-9][0-9]{0,15}_[1-9][0-9]?$", examples=["2247483650_1"]),
    Label(
        "文章：`<msg_data_id>_<index>`，与微信的 msgid 相同",
        "the article: `<msg_data_id>_<index>`, as WeChat's msgid",
    ),
]
ReadBefore = Annotated[
    MsgId | None,
    Label(
        "刚读完、随即关注的那篇文章；没有就不写",
        "the article read right before following; left out if there was none",
    ),
]
Channel = Annotated[
    int,
    Meta(ge=0, le=7, examples=[2]),
    Code(
        "读者从哪里来，不含 99999999",
        "where the reader came from; never 99999999",
        table="user_source_read",
    ),
]
FollowChannel = Annotated[
    Number,
    Meta(examples=[30]),
    Code(
        "这个人当初关注时的渠道",
        "the channel through which the person came to follow",
        table="user_source_follow",
    ),
]


class Event(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="event", forbid_unknown_fields=True
):
    """What every event says."""

    zh: ClassVar[str] = "每个事件都有的内容"

    id: Annotated[
        Name,
        Meta(examples=["e-1"]),
        Label(
            "事件编号：同一公众号、同一北京日内相同的只算一次，所以重发无害",
            "the event's id: counted once for its account and Beijing day, so that sending it "
            "again is harmless",
        ),
    ]
    account: Annotated[
        Name,
        Meta(examples=["wx0123456789abcdef"]),
        Label(
            "公众号：appid，或你给它起的任何名字",
            "the account: its appid, or any name you give it",
        ),
    ]
    at: Moment


class Open(Event, frozen=True, kw_only=True, tag="open"):
    """The account is first seen, with this many followers it already has."""

    zh: ClassVar[str] = "首次记录这个公众号，以及它已有多少关注用户"

    followers: Annotated[
        Amount,
        Meta(examples=[1200]),
        Kind("此前已有的关注用户数", "followers it has already, from before the first event"),
    ] = 0


class Follow(Event, frozen=True, kw_only=True, tag="follow"):
    """A person followed the account, perhaps right after reading an article."""

    zh: ClassVar[str] = "有人关注了公众号，可能是刚读完一篇文章"

    user: User
    source: FollowChannel = 0
    msgid: ReadBefore = None


class Unfollow(Event, frozen=True, kw_only=True, tag="unfollow"):
    """A person stopped following; `source` is the channel through which they once came."""

    zh: ClassVar[str] = "有人取消关注；`source` 是当初关注时的渠道"

    user: User
    source: FollowChannel = 0


class Message(Event, frozen=True, kw_only=True, tag="message"):
    """A person sent the account a message."""

    zh: ClassVar[str] = "有人给公众号发了一条消息"

    user: User
    msg_type: Annotated[
        Number, Meta(examples=[1]), Code("消息类型", "type of the message", table="msg_type")
    ]


class Reply(Event, frozen=True, kw_only=True, tag="reply"):
    """The account's server answered a push: after how many milliseconds, and whether well."""

    zh: ClassVar[str] = "公众号的服务器回应了一次推送：用了多少毫秒，是否成功"

    ms: Annotated[
        Amount, Meta(examples=[35]), Millis("回应用了多少毫秒", "milliseconds until the answer")
    ]
    ok: Annotated[
        bool,
        Meta(examples=[True]),
        Kind("是否成功；false 计为失败", "whether it went well; false counts as a failure"),
    ] = True


class Publish(Event, frozen=True, kw_only=True, tag="publish"):
    """The account published an article; `publish_type` 0 notified followers, 1 did not."""

    zh: ClassVar[str] = "公众号发表了一篇文章；`publish_type` 为 0 时通知关注者，为 1 时不通知"

    msgid: MsgId
    title: Annotated[str, Meta(examples=["三月的变化"]), Label("标题", "title")] = ""
    publish_type: Annotated[
        int,
        Meta(ge=0, le=1, examples=[0]),
        Code("发表方式：是否通知关注者", "whether followers were notified", table="publish_type"),
    ] = 0
    target_user: Annotated[
        Amount, Meta(examples=[1200]), Kind("送达人数", "people the article was sent to")
    ] = 0
    content_url: Annotated[
        str,
        Meta(examples=["https://mp.weixin.qq.com/s/example"]),
        Label("文章链接", "link to the article"),
    ] = ""


class Read(Event, frozen=True, kw_only=True, tag="read"):
    """A person opened an article: from where, for how long, and how far they came."""

    zh: ClassVar[str] = "有人打开了一篇文章：从哪里来、读了多久、读到哪里"

    user: User
    msgid: MsgId
    source: Channel = 0
    seconds: Annotated[
        int, Meta(ge=0, le=86_400, examples=[95]), Kind("读了多少秒", "seconds spent reading")
    ] = 0
    finished: Annotated[
        bool, Meta(examples=[True]), Kind("是否读完", "whether they read it to its end")
    ] = False
    position: Annotated[
        int,
        Meta(ge=0, le=5, examples=[5]),
        Code(
            "离开时读到第几个五分之一，1 到 5；0 表示不知道",
            "the fifth of the article where they left, 1 to 5; 0 is unknown",
            table="jump_position",
        ),
    ] = 0


class ReadOriginal(Event, frozen=True, kw_only=True, tag="read_original"):
    """A person followed an article's link to the original page."""

    zh: ClassVar[str] = "有人点了文章里的“阅读原文”"

    user: User
    msgid: MsgId


class Share(Event, frozen=True, kw_only=True, tag="share"):
    """A person shared an article they had reached through `source`, to `scene`."""

    zh: ClassVar[str] = "有人分享了一篇文章：经 `source` 读到，分享到 `scene`"

    user: User
    msgid: MsgId
    source: Channel = 0
    scene: Annotated[
        Number,
        Meta(examples=[2]),
        Code("分享到哪里", "where it was shared to", table="share_scene"),
    ] = 1


class Favourite(Event, frozen=True, kw_only=True, tag="favourite"):
    """A person added an article to their favourites."""

    zh: ClassVar[str] = "有人收藏了一篇文章"

    user: User
    msgid: MsgId


class Like(Event, frozen=True, kw_only=True, tag="like"):
    """A person gave an article the thumb."""

    zh: ClassVar[str] = "有人给文章点赞（拇指）"

    user: User
    msgid: MsgId


class Zaikan(Event, frozen=True, kw_only=True, tag="zaikan"):
    """A person gave an article the heart."""

    zh: ClassVar[str] = "有人给文章点了在看（爱心）"

    user: User
    msgid: MsgId


class Comment(Event, frozen=True, kw_only=True, tag="comment"):
    """A person left a comment on an article."""

    zh: ClassVar[str] = "有人给文章留言"

    user: User
    msgid: MsgId


class Praise(Event, frozen=True, kw_only=True, tag="praise"):
    """A person rewarded an article with money."""

    zh: ClassVar[str] = "有人给文章赞赏"

    user: User
    msgid: MsgId
    fen: Annotated[
        Amount, Meta(examples=[500]), Fen("赞赏金额，单位分", "the amount, in fen (0.01 CNY)")
    ]


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
