"""Code tables and errcodes: what every number in a row, and every errcode, means.

Unknown codes are never an error: they pass and show as themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from wxcube.contract.field import Status
from wxcube.contract.window import Window
from wxcube.errors import (
    AccessError,
    BusyError,
    CredentialError,
    DateError,
    NotReadyError,
    PaceError,
    QuotaError,
    Remedy,
    ReplyError,
    RequestError,
    RetiredError,
    TokenError,
)

ALL_CHANNELS = 99999999
"""user_source of the row that counts all reading channels, each person once."""
ALL_SCENES = "全部"
"""scene_desc of the entry that counts all sources, each person once."""
ALL_CHANNELS_SINCE = "2020-02-28"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one code stands for."""

    code: int | str
    zh: str
    en: str
    since: str = field(default="", kw_only=True)
    note: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class CodeTable:
    """All known codes of one column."""

    name: str
    used_by: str
    meanings: tuple[Meaning, ...]

    def __getitem__(self, code: int | str) -> Meaning:
        """Meaning of a code; an unknown one means itself."""
        found = (m for m in self.meanings if m.code == code)
        return next(found, Meaning(code, str(code), str(code), note="unknown code"))

    def __contains__(self, code: object) -> bool:
        return any(m.code == code for m in self.meanings)


USER_SOURCE_FOLLOW = CodeTable(
    "user_source_follow",
    "getusersummary.user_source",
    (
        Meaning(0, "其他合计", "all other channels together"),
        Meaning(1, "公众号搜索", "search for the account"),
        Meaning(17, "名片分享", "shared name card"),
        Meaning(30, "扫描二维码", "scanned QR code"),
        Meaning(57, "文章内账号名称", "account name inside an article"),
        Meaning(100, "微信广告", "WeChat ads", since="2020-06"),
        Meaning(149, "小程序关注", "followed from a mini program"),
        Meaning(161, "他人转载", "reposted by another account", since="2020-04"),
        Meaning(200, "视频号", "Channels video"),
        Meaning(201, "直播", "live stream"),
        Meaning(43, "图文页右上角菜单", "article page menu", note="historic 2016-2019"),
        Meaning(
            51,
            "支付后关注（在支付完成页）",
            "after payment",
            note="historic; folded into 0 in 2023-06",
        ),
        Meaning(75, "公众号文章广告", "article ad", note="historic"),
        Meaning(78, "朋友圈广告", "Moments ad", note="historic"),
        Meaning(176, "专辑页内账号名称", "account name in an album", note="historic 2020"),
        Meaning(35, "搜号码", "search by number", note="historic 2015"),
        Meaning(39, "查询微信公众帐号", "account lookup", note="historic 2015"),
        Meaning(
            3,
            "扫二维码",
            "scanned QR code, early code",
            note="historic 2015 (sdk: chanxuehong/wechat mp/datacube/user.go)",
        ),
        Meaning(2, "未知", "unknown", note="seen by sdk author, meaning unknown"),
        Meaning(4, "未知", "unknown", note="seen by sdk author, meaning unknown"),
        Meaning(5, "未知", "unknown", note="seen by sdk author, meaning unknown"),
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
)
SHARE_SCENE = CodeTable(
    "share_scene",
    "getusershare.share_scene, getusersharehour.share_scene",
    (
        Meaning(1, "好友转发", "forward to friends"),
        Meaning(2, "朋友圈", "Moments"),
        Meaning(3, "腾讯微博", "Tencent Weibo", note="historic"),
        Meaning(5, "未知", "in a doc sample only", note="uncertain"),
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
        Meaning(0, "0", "0 messages"),
        Meaning(1, "1-5", "1-5"),
        Meaning(2, "6-10", "6-10"),
        Meaning(3, "10次以上", "more than 10"),
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
)
PUBLISH_TYPE = CodeTable(
    "publish_type",
    "getarticletotaldetail.publish_type",
    (
        Meaning(0, "已通知", "followers notified (mass send 群发)"),
        Meaning(1, "未开启通知", "not notified (publish 发布)"),
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
"""Rights an account can grant to a third-party platform."""


@dataclass(frozen=True, slots=True)
class ErrCode:
    """One errcode: meaning, WeChat's own text, the error it becomes and what to do."""

    code: int
    zh: str
    en: str
    errmsg: str
    error: type[ReplyError]
    remedy: Remedy
    hint: str
    scope: tuple[str, ...]
    status: Status


ERRCODES = {
    known.code: known
    for known in (
        ErrCode(
            -1,
            "系统繁忙，稍后再试",
            "system busy",
            "system error",
            BusyError,
            Remedy.RETRY,
            "try again after a pause; it may last for hours",
            ("all",),
            "official",
        ),
        ErrCode(
            40001,
            "AppSecret 错误或 access_token 无效",
            "bad secret, or token invalid / not the newest",
            "invalid credential, access_token is invalid or not latest",
            TokenError,
            Remedy.REFRESH,
            "get a new token once; from the token call itself it means a wrong secret",
            ("all",),
            "official",
        ),
        ErrCode(
            40002,
            "grant_type 不正确",
            "bad grant_type",
            "bad grant_type",
            CredentialError,
            Remedy.STOP,
            "only at the token endpoint",
            ("token",),
            "official",
        ),
        ErrCode(
            40013,
            "不合法的 AppID",
            "bad appid",
            "invalid appid",
            CredentialError,
            Remedy.STOP,
            "check the account configuration",
            (
                "token",
                "operations",
            ),
            "official",
        ),
        ErrCode(
            40014,
            "不合法的 access_token",
            "bad token",
            "invalid access_token",
            TokenError,
            Remedy.REFRESH,
            "refresh once",
            ("all",),
            "official",
        ),
        ErrCode(
            40066,
            "不合法的 url",
            "bad url: API path unknown",
            "invalid url",
            RequestError,
            Remedy.STOP,
            "path misspelt or removed",
            ("all",),
            "official",
        ),
        ErrCode(
            40125,
            "无效的 appsecret",
            "bad secret",
            "invalid appsecret",
            CredentialError,
            Remedy.STOP,
            "secret wrong or reset",
            ("token",),
            "official",
        ),
        ErrCode(
            40164,
            "调用接口的 IP 不在白名单中",
            "caller IP not on the allow-list",
            "invalid ip {ip} ipv6 ::ffff:{ip}, not in whitelist",
            CredentialError,
            Remedy.STOP,
            "add the IP named in the message on the console",
            ("token",),
            "official",
        ),
        ErrCode(
            40243,
            "AppSecret 已被冻结",
            "secret is frozen",
            "secret is frozen",
            CredentialError,
            Remedy.STOP,
            "unfreeze on the console; freezing takes effect in about 10 minutes",
            ("token",),
            "official",
        ),
        ErrCode(
            41001,
            "缺少 access_token",
            "token missing",
            "access_token missing",
            RequestError,
            Remedy.STOP,
            "query parameter not sent or empty",
            ("all",),
            "official",
        ),
        ErrCode(
            41002,
            "缺少 appid",
            "appid missing",
            "appid missing",
            CredentialError,
            Remedy.STOP,
            "stable_token wants a JSON body, not a query",
            (
                "token",
                "operations",
            ),
            "official",
        ),
        ErrCode(
            41004,
            "缺少 secret",
            "secret missing",
            "appsecret missing",
            CredentialError,
            Remedy.STOP,
            "",
            ("token",),
            "official",
        ),
        ErrCode(
            41018,
            "缺少 component_appid",
            "component_appid missing",
            "missing component_appid",
            CredentialError,
            Remedy.STOP,
            "",
            ("platform",),
            "official",
        ),
        ErrCode(
            42001,
            "access_token 超时",
            "token expired",
            "access_token expired",
            TokenError,
            Remedy.REFRESH,
            "refresh once",
            ("all",),
            "official",
        ),
        ErrCode(
            42006,
            "component_access_token 超时",
            "component token expired",
            "component_access_token expired",
            TokenError,
            Remedy.REFRESH,
            "renew the component token",
            ("platform",),
            "sdk",
        ),
        ErrCode(
            42007,
            "用户修改密码，token 失效",
            "tokens void after the owner changed the password",
            "tokens void after the owner changed the password",
            CredentialError,
            Remedy.STOP,
            "the account's owner must authorize the platform again",
            ("platform",),
            "official",
        ),
        ErrCode(
            43001,
            "需要 GET 请求",
            "GET wanted",
            "require GET method",
            RequestError,
            Remedy.STOP,
            "",
            ("all",),
            "official",
        ),
        ErrCode(
            43002,
            "需要 POST 请求",
            "POST wanted",
            "require POST method",
            RequestError,
            Remedy.STOP,
            "datacube called with GET",
            ("all",),
            "official",
        ),
        ErrCode(
            43003,
            "需要 HTTPS 请求",
            "HTTPS wanted",
            "require https",
            RequestError,
            Remedy.STOP,
            "",
            ("all",),
            "official",
        ),
        ErrCode(
            44002,
            "POST 数据包为空",
            "empty body",
            "empty post data",
            RequestError,
            Remedy.STOP,
            "send the JSON body",
            ("all",),
            "official",
        ),
        ErrCode(
            45009,
            "接口调用超过限制（日）",
            "daily quota used up",
            "reach max api daily quota limit",
            QuotaError,
            Remedy.WAIT,
            "the endpoint has no calls left today; go on after midnight, Beijing time",
            (
                "datacube",
                "all",
            ),
            "official",
        ),
        ErrCode(
            45011,
            "调用太频繁",
            "per-minute limit",
            "api minute-quota reach limit, must slower, retry next minute",
            PaceError,
            Remedy.WAIT,
            "wait for the next minute",
            ("all",),
            "official",
        ),
        ErrCode(
            45035,
            "IP 不在白名单",
            "caller IP not registered",
            "access clientip is not registered, not in ip-white-list",
            CredentialError,
            Remedy.STOP,
            "",
            ("all",),
            "official",
        ),
        ErrCode(
            47001,
            "解析 JSON/XML 内容错误",
            "body cannot be parsed",
            "data format error",
            RequestError,
            Remedy.STOP,
            "",
            ("all",),
            "official",
        ),
        ErrCode(
            47009,
            "接口已下线",
            "API retired",
            "this api is offline, please use the new api",
            RetiredError,
            Remedy.SKIP,
            "WeChat switched this endpoint off in 2026; use its successors",
            ("datacube",),
            "reported",
        ),
        ErrCode(
            48001,
            "api 功能未授权",
            "the account has no right to this API",
            "api unauthorized",
            AccessError,
            Remedy.SKIP,
            "the account lacks this right (most often it is not certified); a new token does not help",
            ("all",),
            "official",
        ),
        ErrCode(
            48004,
            "api 接口被封禁",
            "API blocked for irregularities",
            "api forbidden for irregularities, view detail on mp.weixin.qq.com",
            AccessError,
            Remedy.SKIP,
            "see the console",
            ("all",),
            "official",
        ),
        ErrCode(
            48006,
            "清零次数达到上限",
            "no quota resets left",
            "forbid to clear quota because of reaching the limit",
            QuotaError,
            Remedy.WAIT,
            "limit is monthly (10)",
            ("operations",),
            "official",
        ),
        ErrCode(
            48009,
            "接口已过期",
            "API expired",
            "this api is expired",
            RetiredError,
            Remedy.SKIP,
            "",
            ("all",),
            "sdk",
        ),
        ErrCode(
            48017,
            "旧 IP 停用",
            "old entry IP retired",
            "old entry IP retired",
            RequestError,
            Remedy.STOP,
            "2023-09, Hong Kong entry",
            ("all",),
            "uncertain",
        ),
        ErrCode(
            50001,
            "用户未授权该 api",
            "user did not authorize the API",
            "user unauthorized",
            AccessError,
            Remedy.SKIP,
            "",
            ("all",),
            "official",
        ),
        ErrCode(
            50002,
            "用户受限",
            "account limited, frozen or closed",
            "user limited",
            AccessError,
            Remedy.SKIP,
            "",
            ("all",),
            "official",
        ),
        ErrCode(
            50004,
            "禁止使用 token 接口",
            "account may not use tokens",
            "user not allow to use accesstoken, maybe for punishment",
            CredentialError,
            Remedy.STOP,
            "",
            ("token",),
            "official",
        ),
        ErrCode(
            50007,
            "账号已冻结",
            "account frozen",
            "account frozen",
            CredentialError,
            Remedy.STOP,
            "",
            ("token",),
            "official",
        ),
        ErrCode(
            61003,
            "帐号未授权给第三方平台",
            "account has not authorized the platform",
            "component is not authorized by this account",
            CredentialError,
            Remedy.STOP,
            "authorize",
            ("platform",),
            "official",
        ),
        ErrCode(
            61004,
            "调用 IP 未登记",
            "caller IP not registered with the platform",
            "access clientip is not registered requestIP: {ip}",
            CredentialError,
            Remedy.STOP,
            "add the address to the platform's list",
            (
                "platform",
                "all",
            ),
            "official",
        ),
        ErrCode(
            61005,
            "component ticket 过期",
            "component ticket expired",
            "component ticket is expired",
            BusyError,
            Remedy.WAIT,
            "wait for the next pushed ticket (every 10 minutes)",
            ("platform",),
            "official",
        ),
        ErrCode(
            61006,
            "component ticket 无效",
            "component ticket bad",
            "component ticket is invalid",
            BusyError,
            Remedy.WAIT,
            "use the newest ticket",
            ("platform",),
            "official",
        ),
        ErrCode(
            61007,
            "接口未授权给第三方平台",
            "the permission set was not granted to the platform",
            "api is unauthorized to component",
            AccessError,
            Remedy.SKIP,
            "ask the account to grant the endpoint's permission set",
            ("platform",),
            "official",
        ),
        ErrCode(
            61009,
            "授权码无效",
            "bad authorization code",
            "code is invalid",
            CredentialError,
            Remedy.STOP,
            "codes work once",
            ("platform",),
            "official",
        ),
        ErrCode(
            61011,
            "无效的第三方平台",
            "bad component",
            "invalid component",
            CredentialError,
            Remedy.STOP,
            "",
            ("platform",),
            "official",
        ),
        ErrCode(
            61014,
            "必须使用 component token",
            "component token wanted",
            "must use component token for component api",
            CredentialError,
            Remedy.STOP,
            "",
            ("platform",),
            "official",
        ),
        ErrCode(
            61016,
            "接口权限集需平台确认",
            "permission set must be confirmed by the platform",
            "function category of API need be confirmed by component",
            AccessError,
            Remedy.SKIP,
            "",
            ("platform",),
            "official",
        ),
        ErrCode(
            61023,
            "refresh_token 无效",
            "refresh token bad",
            "refresh_token is invalid",
            CredentialError,
            Remedy.STOP,
            "the account must authorize again",
            ("platform",),
            "official",
        ),
        ErrCode(
            61024,
            "必须用 api_component_token 取 token",
            "component accounts must use api_component_token",
            "must use api(api_component_token) to get token for component acct",
            CredentialError,
            Remedy.STOP,
            "",
            (
                "token",
                "platform",
            ),
            "official",
        ),
        ErrCode(
            61500,
            "日期格式错误",
            "date format error",
            "date format error",
            DateError,
            Remedy.STOP,
            "write dates as YYYY-MM-DD",
            ("datacube",),
            "official",
        ),
        ErrCode(
            61501,
            "日期范围错误",
            "date range error",
            "date range error",
            DateError,
            Remedy.STOP,
            "keep the span, end at yesterday, and begin before the end",
            ("datacube",),
            "official",
        ),
        ErrCode(
            61502,
            "小游戏不支持数据接口",
            "mini-game: data API not supported",
            "this is game miniprogram, data api is not supported",
            AccessError,
            Remedy.SKIP,
            "mini-programs only; not to be expected for Official Accounts",
            ("datacube",),
            "sdk",
        ),
        ErrCode(
            61503,
            "数据未就绪",
            "data not ready",
            "data not ready, please try later",
            NotReadyError,
            Remedy.WAIT,
            "ask again after 08:00, Beijing time",
            ("datacube",),
            "official",
        ),
        ErrCode(
            61504,
            "系统繁忙",
            "system busy in datacube",
            "system busy now , please try later",
            BusyError,
            Remedy.RETRY,
            "try again after a pause",
            ("datacube",),
            "reported",
        ),
        ErrCode(
            76001,
            "rid 不存在",
            "rid not found",
            "rid not found",
            RequestError,
            Remedy.STOP,
            "",
            ("operations",),
            "official",
        ),
        ErrCode(
            76002,
            "rid 错误",
            "rid bad",
            "rid is error",
            RequestError,
            Remedy.STOP,
            "",
            ("operations",),
            "official",
        ),
        ErrCode(
            76003,
            "无权查询 / cgi_path 为空",
            "rid of another account; at quota/get also: cgi_path empty",
            "could not query this rid,no permission",
            AccessError,
            Remedy.SKIP,
            "",
            ("operations",),
            "official",
        ),
        ErrCode(
            76021,
            "cgi_path 不存在",
            "cgi_path unknown",
            "cgi_path not found, please check",
            RequestError,
            Remedy.STOP,
            "write /datacube/… with the leading slash",
            ("operations",),
            "official",
        ),
        ErrCode(
            76022,
            "cgi_path 无权限",
            "cgi_path not permitted",
            "could not use this cgi_path,no permission",
            AccessError,
            Remedy.SKIP,
            "",
            ("operations",),
            "official",
        ),
        ErrCode(
            89501,
            "IP 正在等待管理员确认",
            "IP waits for the administrator",
            "IP waits for the administrator",
            CredentialError,
            Remedy.STOP,
            "meaning from the token page as copied in many projects",
            ("token",),
            "sdk",
        ),
        ErrCode(
            89503,
            "此 IP 调用需管理员确认",
            "administrator must confirm the IP",
            "administrator must confirm the IP",
            CredentialError,
            Remedy.STOP,
            "",
            ("token",),
            "sdk",
        ),
        ErrCode(
            89506,
            "IP 24 小时内被拒绝两次",
            "administrator refused twice in 24 h",
            "administrator refused twice in 24 h",
            CredentialError,
            Remedy.WAIT,
            "wait 24 hours",
            ("token",),
            "sdk",
        ),
        ErrCode(
            89507,
            "IP 1 小时内被拒绝一次",
            "administrator refused once in 1 h",
            "administrator refused once in 1 h",
            CredentialError,
            Remedy.WAIT,
            "wait 1 hour",
            ("token",),
            "sdk",
        ),
    )
}
"""Every known errcode."""

_RID = re.compile(r"rid: ?([0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8})")


def reply_error(
    errcode: int, errmsg: str, *, endpoint: str = "", window: Window | None = None
) -> ReplyError:
    """The error an errcode stands for; an unknown code stops, since nobody knows its remedy."""
    rid = _RID.search(errmsg)
    known = ERRCODES.get(errcode)
    return (known.error if known else ReplyError)(
        errcode,
        errmsg,
        rid=rid.group(1) if rid else "",
        endpoint=endpoint,
        window=window,
        hint=known.hint if known else "this errcode is unknown to wxcube; look it up by its rid",
        remedy=known.remedy if known else None,
    )
