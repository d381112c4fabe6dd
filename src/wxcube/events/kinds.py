"""Events: each is one action of one user or server at one time.

All rows of the datacube are computed from these. An event names the account, the time in Unix
seconds (like WeChat's CreateTime), and an `id` that makes sending it twice harmless.

A kind's docstring says in English what happened, `zh` in Chinese; each member carries its meaning
like a column of the contract, and an example. The reference of events is generated from these.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from wxcube.contract.field import Code, Fen, Kind, Label, Millis

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Number = Annotated[int, Meta(ge=0, le=32767)]
Amount = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Timestamp = Annotated[
    int,
    Meta(ge=1_417_363_200, lt=4_102_444_800, examples=[1_772_326_800]),
    Kind(
        "发生时间，Unix 秒，不早于北京时间 2014-12-01 零点",
        "time of the event in Unix seconds, not before 2014-12-01 00:00 Beijing time",
    ),
]
User = Annotated[
    Name,
    Meta(examples=["o6_bmjrPTlm6_2sgVt7hMZOPfL2M"]),
    Label(
        "用户的 openid，写入磁盘之前替换为带密钥的哈希",
        "the user's openid, replaced by a keyed hash before anything is written",
    ),
]
MsgId = Annotated[
    str,
    Meta(pattern=r"^[1-9][0-9]{0,15}_[1-9][0-9]?$", examples=["2247483650_1"]),
    Label(
        "文章：`<msg_data_id>_<index>`，与微信的 msgid 相同",
        "the article: `<msg_data_id>_<index>`, like WeChat's msgid",
    ),
]
ReadBefore = Annotated[
    MsgId | None,
    Label(
        "关注之前刚读完的文章；没有则省略",
        "the article read immediately before following; omitted if there was none",
    ),
]
Channel = Annotated[
    int,
    Meta(ge=0, le=7, examples=[2]),
    Code(
        "阅读来源渠道，不含 99999999",
        "the channel through which the reader came; never 99999999",
        table="user_source_read",
    ),
]
FollowChannel = Annotated[
    Number,
    Meta(examples=[30]),
    Code(
        "该用户关注时的来源渠道",
        "the channel through which the user followed",
        table="user_source_follow",
    ),
]


class Event(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="event", forbid_unknown_fields=True
):
    """The members that every event has."""

    zh: ClassVar[str] = "每个事件都有的成员"

    id: Annotated[
        Name,
        Meta(examples=["e-1"]),
        Label(
            "事件编号：同一公众号、同一类型、同一天（北京时间）内相同的编号只计一次，因此重发无害",
            "the event's id: it counts once per account, kind and day (Beijing time), so sending "
            "it again is harmless",
        ),
    ]
    account: Annotated[
        Name,
        Meta(examples=["wx0123456789abcdef"]),
        Label(
            "公众号：appid，或自定的名称",
            "the account: its appid, or a name of your choice",
        ),
    ]
    at: Timestamp


class Open(Event, frozen=True, kw_only=True, tag="open"):
    """The account is recorded for the first time, with the number of its followers so far."""

    zh: ClassVar[str] = "首次记录这个公众号，以及它已有的关注用户数"

    followers: Annotated[
        Amount,
        Meta(examples=[1200]),
        Kind("首个事件之前已有的关注用户数", "followers from before the first event"),
    ] = 0


class Follow(Event, frozen=True, kw_only=True, tag="follow"):
    """A user followed the account, possibly immediately after reading an article."""

    zh: ClassVar[str] = "用户关注了公众号，可能刚读完一篇文章"

    user: User
    source: FollowChannel = 0
    msgid: ReadBefore = None


class Unfollow(Event, frozen=True, kw_only=True, tag="unfollow"):
    """A user unfollowed the account; `source` is the channel through which they had followed."""

    zh: ClassVar[str] = "用户取消关注；`source` 是当初关注时的来源渠道"

    user: User
    source: FollowChannel = 0


class Message(Event, frozen=True, kw_only=True, tag="message"):
    """A user sent a message to the account."""

    zh: ClassVar[str] = "用户给公众号发了一条消息"

    user: User
    msg_type: Annotated[
        Number, Meta(examples=[1]), Code("消息类型", "type of the message", table="msg_type")
    ]


class Reply(Event, frozen=True, kw_only=True, tag="reply"):
    """The account's server replied to a push: the time it took, and whether it succeeded."""

    zh: ClassVar[str] = "公众号的服务器回应了一次推送：耗时多少毫秒，是否成功"

    ms: Annotated[
        Amount, Meta(examples=[35]), Millis("回应耗时，毫秒", "milliseconds until the reply")
    ]
    ok: Annotated[
        bool,
        Meta(examples=[True]),
        Kind("是否成功；false 计为失败", "whether it succeeded; false counts as a failure"),
    ] = True


class Publish(Event, frozen=True, kw_only=True, tag="publish"):
    """The account published an article; `publish_type` 0 notified followers, 1 did not."""

    zh: ClassVar[str] = "公众号发表了一篇文章；`publish_type` 为 0 时通知关注用户，为 1 时不通知"

    msgid: MsgId
    title: Annotated[str, Meta(examples=["三月的变化"]), Label("标题", "title")] = ""
    publish_type: Annotated[
        int,
        Meta(ge=0, le=1, examples=[0]),
        Code("发表方式：是否通知关注用户", "whether followers were notified", table="publish_type"),
    ] = 0
    target_user: Annotated[
        Amount, Meta(examples=[1200]), Kind("送达人数", "users the article was sent to")
    ] = 0
    content_url: Annotated[
        str,
        Meta(examples=["https://mp.weixin.qq.com/s/example"]),
        Label("文章链接", "link to the article"),
    ] = ""


class Read(Event, frozen=True, kw_only=True, tag="read"):
    """A user opened an article: the channel, the time spent reading, and the position reached."""

    zh: ClassVar[str] = "用户打开了一篇文章：来源渠道、阅读时长、读到的位置"

    user: User
    msgid: MsgId
    source: Channel = 0
    seconds: Annotated[
        int, Meta(ge=0, le=86_400, examples=[95]), Kind("阅读时长，秒", "seconds spent reading")
    ] = 0
    finished: Annotated[
        bool, Meta(examples=[True]), Kind("是否读完", "whether the article was read to its end")
    ] = False
    position: Annotated[
        int,
        Meta(ge=0, le=5, examples=[5]),
        Code(
            "离开时读到文章的第几个五分之一，1 到 5；0 表示未知",
            "the fifth of the article where the user left, 1 to 5; 0 means unknown",
            table="jump_position",
        ),
    ] = 0


class ReadOriginal(Event, frozen=True, kw_only=True, tag="read_original"):
    """A user opened the original page that an article links to."""

    zh: ClassVar[str] = "用户点击了文章里的“阅读原文”"

    user: User
    msgid: MsgId


class Share(Event, frozen=True, kw_only=True, tag="share"):
    """A user shared an article, which they had opened through `source`, to `scene`."""

    zh: ClassVar[str] = "用户分享了一篇文章：经 `source` 打开，分享到 `scene`"

    user: User
    msgid: MsgId
    source: Channel = 0
    scene: Annotated[
        Number,
        Meta(examples=[2]),
        Code("分享到哪里", "where it was shared to", table="share_scene"),
    ] = 1


class Favourite(Event, frozen=True, kw_only=True, tag="favourite"):
    """A user added an article to their favourites."""

    zh: ClassVar[str] = "用户收藏了一篇文章"

    user: User
    msgid: MsgId


class Like(Event, frozen=True, kw_only=True, tag="like"):
    """A user liked an article (thumbs up)."""

    zh: ClassVar[str] = "用户给文章点赞（拇指）"

    user: User
    msgid: MsgId


class Zaikan(Event, frozen=True, kw_only=True, tag="zaikan"):
    """A user recommended an article to friends (zaikan, the heart)."""

    zh: ClassVar[str] = "用户给文章点了在看（爱心）"

    user: User
    msgid: MsgId


class Comment(Event, frozen=True, kw_only=True, tag="comment"):
    """A user commented on an article."""

    zh: ClassVar[str] = "用户给文章留言"

    user: User
    msgid: MsgId


class Praise(Event, frozen=True, kw_only=True, tag="praise"):
    """A user rewarded an article with money."""

    zh: ClassVar[str] = "用户赞赏了文章"

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
"""Any event; the member `event` holds its kind."""
