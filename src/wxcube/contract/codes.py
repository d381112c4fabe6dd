"""Code tables: the meaning of every coded number and label in rows.

Unknown codes are never an error: they pass through and are shown as they are. The errcodes are
defined in `wxcube.contract.errcodes` and exported here too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wxcube.contract.errcodes import ERRCODES, ErrCode, reply_error

OTHER_FOLLOW_SOURCE = 0
"""user_source of followers whose channel is none of the others."""
QR_CODE_FOLLOW_SOURCE = 30
"""user_source of followers who scanned a QR code."""
ALL_CHANNELS = 99999999
"""user_source of the row for all reading channels, with each user counted once."""
ALL_SCENES = "全部"
"""scene_desc of the entry for all sources, with each user counted once."""
ALL_CHANNELS_SINCE = "2020-02-28"
"""First day that has a row for all channels."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """Meaning of one code; `since` is its first day, `note` says when a historic code was used."""

    code: int | str
    zh: str
    en: str
    since: str = field(default="", kw_only=True)
    note: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class CodeTable:
    """All known codes of one column; `whole` is the one of the row that covers all others."""

    name: str
    used_by: str
    meanings: tuple[Meaning, ...]
    whole: int | str | None = None

    def __getitem__(self, code: int | str) -> Meaning:
        """Meaning of a code; an unknown code is its own meaning."""
        matching = (m for m in self.meanings if m.code == code)
        return next(matching, Meaning(code, str(code), str(code), note="unknown code"))

    def __contains__(self, code: object) -> bool:
        return any(m.code == code for m in self.meanings)


USER_SOURCE_FOLLOW = CodeTable(
    "user_source_follow",
    "getusersummary.user_source",
    (
        Meaning(OTHER_FOLLOW_SOURCE, "其他合计", "all other channels together"),
        Meaning(1, "公众号搜索", "search for the account"),
        Meaning(17, "名片分享", "shared name card"),
        Meaning(QR_CODE_FOLLOW_SOURCE, "扫描二维码", "scanned QR code"),
        Meaning(57, "文章内账号名称", "account name inside an article"),
        Meaning(100, "微信广告", "WeChat ads", since="2020-06"),
        Meaning(149, "小程序关注", "followed from a mini program"),
        Meaning(161, "他人转载", "reposted by another account", since="2020-04"),
        Meaning(200, "视频号", "Channels video"),
        Meaning(201, "直播", "live stream"),
        Meaning(43, "图文页右上角菜单", "article page menu", note="historic 2016-2019"),
        Meaning(51, "支付后关注（在支付完成页）", "after payment", note="historic; part of 0 since 2023-06"),
        Meaning(75, "公众号文章广告", "article ad", note="historic"),
        Meaning(78, "朋友圈广告", "Moments ad", note="historic"),
        Meaning(176, "专辑页内账号名称", "account name in an album", note="historic 2020"),
        Meaning(35, "搜号码", "search by number", note="historic 2015"),
        Meaning(39, "查询微信公众帐号", "account lookup", note="historic 2015"),
        Meaning(3, "扫二维码", "scanned QR code, early code", note="historic 2015"),
        Meaning(2, "未知", "unknown", note="seen by the author of an SDK"),
        Meaning(4, "未知", "unknown", note="seen by the author of an SDK"),
        Meaning(5, "未知", "unknown", note="seen by the author of an SDK"),
    ),
)
USER_SOURCE_READ = CodeTable(
    "user_source_read",
    "getuserread.user_source, getuserreadhour.user_source",
    (
        Meaning(99999999, "全部", "all channels", since="2020-02-28"),
        Meaning(0, "会话", "account chat"),
        Meaning(1, "好友", "friends"),
        Meaning(2, "朋友圈", "Moments"),
        Meaning(3, "腾讯微博", "Tencent Weibo", note="historic"),
        Meaning(4, "历史消息页", "history page"),
        Meaning(5, "其他", "other"),
        Meaning(6, "看一看", "Top Stories"),
        Meaning(7, "搜一搜", "Search"),
    ),
    whole=ALL_CHANNELS,
)
SHARE_SCENE = CodeTable(
    "share_scene",
    "getusershare.share_scene, getusersharehour.share_scene",
    (
        Meaning(1, "好友转发", "forward to friends"),
        Meaning(2, "朋友圈", "Moments"),
        Meaning(3, "腾讯微博", "Tencent Weibo", note="historic"),
        Meaning(5, "未知", "unknown", note="in WeChat's sample only"),
        Meaning(255, "其他", "other"),
    ),
)
MSG_TYPE = CodeTable(
    "msg_type",
    "getupstreammsg*.msg_type",
    (
        Meaning(1, "文字", "text"),
        Meaning(2, "图片", "image"),
        Meaning(3, "语音", "voice"),
        Meaning(4, "视频", "video"),
        Meaning(6, "第三方应用消息（链接消息）", "third-party app message (link)"),
    ),
)
COUNT_INTERVAL = CodeTable(
    "count_interval",
    "getupstreammsgdist*.count_interval",
    (
        Meaning(0, "0", "no messages"),
        Meaning(1, "1-5", "1 to 5 messages"),
        Meaning(2, "6-10", "6 to 10 messages"),
        Meaning(3, "10次以上", "more than 10 messages"),
    ),
)
SCENE_DESC = CodeTable(
    "scene_desc",
    "read_user_source[].scene_desc",
    (
        Meaning("全部", "全部", "all"),
        Meaning("公众号消息", "公众号消息", "account message"),
        Meaning("聊天会话", "聊天会话", "chat"),
        Meaning("朋友圈", "朋友圈", "Moments"),
        Meaning("公众号主页", "公众号主页", "account home page"),
        Meaning("推荐", "推荐", "recommendation"),
        Meaning("搜一搜", "搜一搜", "Search"),
        Meaning("其他", "其他", "other"),
    ),
    whole=ALL_SCENES,
)
READ_SCENES = {
    0: "公众号消息",
    1: "聊天会话",
    2: "朋友圈",
    3: "其他",
    4: "公众号主页",
    5: "其他",
    6: "推荐",
    7: "搜一搜",
}
"""scene_desc that the content endpoints use for each channel of user_source_read."""
PUBLISH_TYPE = CodeTable(
    "publish_type",
    "getarticletotaldetail.publish_type",
    (
        Meaning(0, "已通知", "followers notified (mass send 群发)"),
        Meaning(1, "未开启通知", "not notified (publish 发布)"),
    ),
)
JUMP_POSITION = CodeTable(
    "jump_position",
    "read_jump_position[].position",
    (
        Meaning(1, "0–20%", "first fifth"),
        Meaning(2, "20–40%", "second fifth"),
        Meaning(3, "40–60%", "third fifth"),
        Meaning(4, "60–80%", "fourth fifth"),
        Meaning(5, "80–100%", "last fifth"),
    ),
)
CARD_TYPE = CodeTable(
    "card_type",
    "getcardcardinfo.card_type",
    (
        Meaning(0, "折扣券", "discount"),
        Meaning(1, "代金券", "cash"),
        Meaning(2, "礼品券", "gift"),
        Meaning(3, "优惠券", "general"),
        Meaning(4, "团购券", "group buy"),
    ),
)
COND_SOURCE = CodeTable(
    "cond_source",
    "request of getcardbizuininfo, getcardcardinfo, getcardmembercardinfo",
    (
        Meaning(0, "公众平台创建", "made on the console"),
        Meaning(1, "API 创建", "made through the API"),
    ),
)
IS_PAY = CodeTable(
    "is_pay",
    "getcardcardinfo.is_pay",
    (
        Meaning(0, "非付费券", "free coupon"),
        Meaning(1, "付费券", "paid coupon"),
    ),
)

TABLES = {
    table.name: table
    for table in (
        USER_SOURCE_FOLLOW,
        USER_SOURCE_READ,
        SHARE_SCENE,
        MSG_TYPE,
        COUNT_INTERVAL,
        SCENE_DESC,
        PUBLISH_TYPE,
        JUMP_POSITION,
        CARD_TYPE,
        COND_SOURCE,
        IS_PAY,
    )
}
"""Every code table by name."""

PERMISSION_SETS = {
    1: Meaning(1, "消息管理", "messages"),
    2: Meaning(2, "用户管理", "users"),
    3: Meaning(3, "账号服务", "account service"),
    7: Meaning(7, "群发与通知", "mass sending and notices"),
    8: Meaning(8, "微信卡券", "cards"),
    23: Meaning(23, "广告", "ads"),
}
"""Permission sets that an account can grant to a third-party platform."""

__all__ = [
    "ALL_CHANNELS",
    "ALL_CHANNELS_SINCE",
    "ALL_SCENES",
    "ERRCODES",
    "OTHER_FOLLOW_SOURCE",
    "PERMISSION_SETS",
    "QR_CODE_FOLLOW_SOURCE",
    "TABLES",
    "CodeTable",
    "ErrCode",
    "Meaning",
    "reply_error",
]
