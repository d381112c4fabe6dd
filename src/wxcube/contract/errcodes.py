"""Every known errcode: its meaning, WeChat's own text, the error class and what to do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
from wxcube.i18n import Meaning, Message, _


@dataclass(frozen=True, slots=True)
class ErrCode:
    """One errcode: meaning, WeChat's own text, what to do, and the error class.

    `errmsg` may contain `{ip}`, the caller's address. `scope` names the calls that return it: datacube,
    token, platform (third-party platforms), operations (quota and rid calls) or all. `own_remedy`
    replaces the remedy of the error class.
    """

    code: int
    zh: str
    en: str
    errmsg: str
    hint: Message
    error: type[ReplyError]
    scope: tuple[str, ...] = ("all",)
    status: Status = "official"
    own_remedy: Remedy | None = None

    @property
    def remedy(self) -> Remedy:
        """What a caller does after this errcode."""
        return self.own_remedy or self.error.remedy


_DATACUBE = ("datacube",)
_TOKEN = ("token",)
_PLATFORM = ("platform",)
_OPERATIONS = ("operations",)

_ALL = (
    ErrCode(-1, "系统繁忙，稍后再试", "system busy", "system error", _("try again after a pause; it may last for hours"), BusyError),
    ErrCode(
        40001,
        "AppSecret 错误或 access_token 无效",
        "bad secret, or token invalid / not the newest",
        "invalid credential, access_token is invalid or not latest",
        _("get a new token once; if the call for a token answers this, the secret is wrong"),
        TokenError,
    ),
    ErrCode(
        40002,
        "grant_type 不正确",
        "bad grant_type",
        "invalid grant_type",
        _("ask for a token with grant_type client_credential"),
        CredentialError,
        _TOKEN,
    ),
    ErrCode(
        40013,
        "不合法的 AppID",
        "bad appid",
        "invalid appid",
        _("compare the appid with the one on mp.weixin.qq.com"),
        CredentialError,
        ("token", "operations"),
    ),
    ErrCode(40014, "不合法的 access_token", "bad token", "invalid access_token", _("get a new token once"), TokenError),
    ErrCode(
        40066,
        "不合法的 url",
        "bad url: API path unknown",
        "invalid url",
        _("check the spelling of the path; WeChat knows no such call"),
        RequestError,
    ),
    ErrCode(
        40125,
        "无效的 appsecret",
        "bad secret",
        "invalid appsecret",
        _("the secret is wrong or was reset; copy the current one from mp.weixin.qq.com"),
        CredentialError,
        _TOKEN,
    ),
    ErrCode(
        40164,
        "调用接口的 IP 不在白名单中",
        "caller IP not on the allow-list",
        "invalid ip {ip} ipv6 ::ffff:{ip}, not in whitelist",
        _("add the address named in the message to the IP allow-list on mp.weixin.qq.com"),
        CredentialError,
        _TOKEN,
    ),
    ErrCode(
        40243,
        "AppSecret 已被冻结",
        "secret is frozen",
        "secret is frozen",
        _("unfreeze the secret on mp.weixin.qq.com; it takes effect in about 10 minutes"),
        CredentialError,
        _TOKEN,
    ),
    ErrCode(
        41001, "缺少 access_token", "token missing", "access_token missing", _("send the token as the query parameter access_token"), RequestError
    ),
    ErrCode(
        41002,
        "缺少 appid",
        "appid missing",
        "appid missing",
        _("send the appid, for stable_token in a JSON body, for token in the query"),
        CredentialError,
        ("token", "operations"),
    ),
    ErrCode(
        41004,
        "缺少 secret",
        "secret missing",
        "appsecret missing",
        _("send the secret, for stable_token in a JSON body, for token in the query"),
        CredentialError,
        _TOKEN,
    ),
    ErrCode(
        41018,
        "缺少 component_appid",
        "component_appid missing",
        "missing component_appid",
        _("send the platform's appid as component_appid"),
        CredentialError,
        _PLATFORM,
    ),
    ErrCode(42001, "access_token 超时", "token expired", "access_token expired", _("get a new token once"), TokenError),
    ErrCode(
        42006,
        "component_access_token 超时",
        "component token expired",
        "component_access_token expired",
        _("get a new component token once"),
        TokenError,
        _PLATFORM,
        "sdk",
    ),
    ErrCode(
        42007,
        "用户修改密码，token 失效",
        "tokens void after the owner changed the password",
        "tokens void after the owner changed the password",
        _("the account's owner must authorize the platform again"),
        CredentialError,
        _PLATFORM,
    ),
    ErrCode(43001, "需要 GET 请求", "GET wanted", "require GET method", _("send this call with GET"), RequestError),
    ErrCode(43002, "需要 POST 请求", "POST wanted", "require POST method", _("send this call with POST; every datacube call wants it"), RequestError),
    ErrCode(43003, "需要 HTTPS 请求", "HTTPS wanted", "require https", _("use https:// in the base URL"), RequestError),
    ErrCode(
        44002, "POST 数据包为空", "empty body", "empty post data", _("send a JSON body, for datacube with begin_date and end_date"), RequestError
    ),
    ErrCode(
        45009,
        "接口调用超过限制（日）",
        "daily quota used up",
        "reach max api daily quota limit",
        _("this endpoint has no calls left today; go on after midnight, Beijing time"),
        QuotaError,
        ("datacube", "all"),
    ),
    ErrCode(
        45011,
        "调用太频繁",
        "per-minute limit",
        "api minute-quota reach limit, must slower, retry next minute",
        _("wait for the next minute and send fewer concurrent calls"),
        PaceError,
    ),
    ErrCode(
        45035,
        "IP 不在白名单",
        "caller IP not registered",
        "access clientip is not registered, not in ip-white-list",
        _("add the caller's address to the IP allow-list on mp.weixin.qq.com"),
        CredentialError,
    ),
    ErrCode(
        47001, "解析 JSON/XML 内容错误", "body cannot be parsed", "data format error", _("send one JSON object in UTF-8 as the body"), RequestError
    ),
    ErrCode(
        47009,
        "接口已下线",
        "API retired",
        "this api is offline, please use the new api",
        _("WeChat switched this endpoint off in 2026; its successors have figures from 2025-11-01 on"),
        RetiredError,
        _DATACUBE,
        "reported",
    ),
    ErrCode(
        48001,
        "api 功能未授权",
        "the account has no right to this API",
        "api unauthorized",
        _("the account lacks this right, most often because it is not certified; a new token does not help"),
        AccessError,
    ),
    ErrCode(
        48004,
        "api 接口被封禁",
        "API blocked for irregularities",
        "api forbidden for irregularities, view detail on mp.weixin.qq.com",
        _("the account's owner must look up the reason on mp.weixin.qq.com"),
        AccessError,
    ),
    ErrCode(
        48006,
        "清零次数达到上限",
        "no quota resets left",
        "forbid to clear quota because of reaching the limit",
        _("10 resets a month are allowed; wait for the next month"),
        QuotaError,
        _OPERATIONS,
    ),
    ErrCode(
        48009, "接口已过期", "API expired", "this api is expired", _("leave this call out; WeChat no longer offers it"), RetiredError, status="sdk"
    ),
    ErrCode(
        48017,
        "旧 IP 停用",
        "old entry IP retired",
        "old entry IP retired",
        _("call WeChat by host name instead of a fixed address"),
        RequestError,
        status="uncertain",
    ),
    ErrCode(
        50001,
        "用户未授权该 api",
        "user did not authorize the API",
        "user unauthorized",
        _("ask the account's owner to grant this right"),
        AccessError,
    ),
    ErrCode(
        50002,
        "用户受限",
        "account limited, frozen or closed",
        "user limited",
        _("the account's owner must look up its state on mp.weixin.qq.com"),
        AccessError,
    ),
    ErrCode(
        50004,
        "禁止使用 token 接口",
        "account may not use tokens",
        "user not allow to use accesstoken, maybe for punishment",
        _("the account's owner must look up the reason on mp.weixin.qq.com"),
        CredentialError,
        _TOKEN,
    ),
    ErrCode(
        50007,
        "账号已冻结",
        "account frozen",
        "account frozen",
        _("the account's owner must unfreeze it on mp.weixin.qq.com"),
        CredentialError,
        _TOKEN,
    ),
    ErrCode(
        61003,
        "帐号未授权给第三方平台",
        "account has not authorized the platform",
        "component is not authorized by this account",
        _("the account's owner must authorize the platform"),
        CredentialError,
        _PLATFORM,
    ),
    ErrCode(
        61004,
        "调用 IP 未登记",
        "caller IP not registered with the platform",
        "access clientip is not registered requestIP: {ip}",
        _("add the address named in the message to the platform's list on open.weixin.qq.com"),
        CredentialError,
        ("platform", "all"),
    ),
    ErrCode(
        61005,
        "component ticket 过期",
        "component ticket expired",
        "component ticket is expired",
        _("wait for the next ticket; WeChat pushes one every 10 minutes"),
        CredentialError,
        _PLATFORM,
        own_remedy=Remedy.WAIT,
    ),
    ErrCode(
        61006,
        "component ticket 无效",
        "component ticket bad",
        "component ticket is invalid",
        _("use the newest ticket; WeChat pushes one every 10 minutes"),
        CredentialError,
        _PLATFORM,
        own_remedy=Remedy.WAIT,
    ),
    ErrCode(
        61007,
        "接口未授权给第三方平台",
        "the permission set was not granted to the platform",
        "api is unauthorized to component",
        _("ask the account's owner to grant the platform the permission set of this endpoint"),
        AccessError,
        _PLATFORM,
    ),
    ErrCode(
        61009,
        "授权码无效",
        "bad authorization code",
        "code is invalid",
        _("start the authorization again; a code works once"),
        CredentialError,
        _PLATFORM,
    ),
    ErrCode(61011, "无效的第三方平台", "bad component", "invalid component", _("check the platform's appid and secret"), CredentialError, _PLATFORM),
    ErrCode(
        61014,
        "必须使用 component token",
        "component token wanted",
        "must use component token for component api",
        _("send the component_access_token, not an account's token"),
        CredentialError,
        _PLATFORM,
    ),
    ErrCode(
        61016,
        "接口权限集需平台确认",
        "permission set must be confirmed by the platform",
        "function category of API need be confirmed by component",
        _("confirm the permission set of this endpoint for the platform on open.weixin.qq.com"),
        AccessError,
        _PLATFORM,
    ),
    ErrCode(
        61023,
        "refresh_token 无效",
        "refresh token bad",
        "refresh_token is invalid",
        _("the account's owner must authorize the platform again"),
        CredentialError,
        _PLATFORM,
    ),
    ErrCode(
        61024,
        "必须用 api_component_token 取 token",
        "component accounts must use api_component_token",
        "must use api(api_component_token) to get token for component acct",
        _("this appid is a third-party platform's: get its token from api_component_token"),
        CredentialError,
        ("token", "platform"),
    ),
    ErrCode(61500, "日期格式错误", "date format error", "date format error", _("write begin_date and end_date as YYYY-MM-DD"), DateError, _DATACUBE),
    ErrCode(
        61501,
        "日期范围错误",
        "date range error",
        "date range error",
        _("begin before the end, keep to the endpoint's span and end yesterday at the latest"),
        DateError,
        _DATACUBE,
    ),
    ErrCode(
        61502,
        "小游戏不支持数据接口",
        "mini-game: data API not supported",
        "this is game miniprogram, data api is not supported",
        _("the appid is a mini game's, use the one of an Official Account"),
        AccessError,
        _DATACUBE,
        "sdk",
    ),
    ErrCode(
        61503,
        "数据未就绪",
        "data not ready",
        "data not ready, please try later",
        _("ask again after 08:00, Beijing time, or some hours later"),
        NotReadyError,
        _DATACUBE,
    ),
    ErrCode(
        61504,
        "系统繁忙",
        "system busy in datacube",
        "system busy now , please try later",
        _("try again after a pause"),
        BusyError,
        _DATACUBE,
        "reported",
    ),
    ErrCode(76001, "rid 不存在", "rid not found", "rid not found", _("look a rid up within 7 days of its call"), RequestError, _OPERATIONS),
    ErrCode(
        76002, "rid 错误", "rid bad", "rid is error", _("write the rid as in the message: three groups of 8 hex digits"), RequestError, _OPERATIONS
    ),
    ErrCode(
        76003,
        "无权查询 / cgi_path 为空",
        "rid of another account; at quota/get also: cgi_path empty",
        "could not query this rid,no permission",
        _("ask with a token of the account that made the call, and with a cgi_path"),
        RequestError,
        _OPERATIONS,
    ),
    ErrCode(
        76021,
        "cgi_path 不存在",
        "cgi_path unknown",
        "cgi_path not found, please check",
        _("write the path with its leading slash, as in /datacube/getusersummary"),
        RequestError,
        _OPERATIONS,
    ),
    ErrCode(
        76022,
        "cgi_path 无权限",
        "cgi_path not permitted",
        "could not use this cgi_path,no permission",
        _("the account lacks the permission for that cgi_path; leave it out"),
        AccessError,
        _OPERATIONS,
    ),
    ErrCode(
        89501,
        "IP 正在等待管理员确认",
        "IP waits for the administrator",
        "IP waits for the administrator",
        _("the account's administrator must confirm the address in WeChat"),
        CredentialError,
        _TOKEN,
        "sdk",
    ),
    ErrCode(
        89503,
        "此 IP 调用需管理员确认",
        "administrator must confirm the IP",
        "administrator must confirm the IP",
        _("the account's administrator must confirm the address in WeChat"),
        CredentialError,
        _TOKEN,
        "sdk",
    ),
    ErrCode(
        89506,
        "IP 24 小时内被拒绝两次",
        "administrator refused twice in 24 h",
        "administrator refused twice in 24 h",
        _("ask the account's administrator to accept the address, and try again in 24 hours"),
        CredentialError,
        _TOKEN,
        "sdk",
        Remedy.WAIT,
    ),
    ErrCode(
        89507,
        "IP 1 小时内被拒绝一次",
        "administrator refused once in 1 h",
        "administrator refused once in 1 h",
        _("ask the account's administrator to accept the address, and try again in an hour"),
        CredentialError,
        _TOKEN,
        "sdk",
        Remedy.WAIT,
    ),
)

ERRCODES = {known.code: known for known in _ALL}
"""Every known errcode."""

_RID = re.compile(r"rid: ?([0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8})")


def reply_error(errcode: int, errmsg: str, *, endpoint: str = "", window: Window | None = None) -> ReplyError:
    """The error for an errcode; for an unknown code the remedy is to stop."""
    known = ERRCODES.get(errcode)
    rid = _RID.search(errmsg)
    return (known.error if known else ReplyError)(
        errcode,
        errmsg,
        rid=rid.group(1) if rid else "",
        endpoint=endpoint,
        window=window,
        meaning=Meaning.of(known) if known else None,
        hint=known.hint if known else _("this errcode is unknown to wxcube; look it up by its rid"),
        remedy=known.remedy if known else None,
    )
