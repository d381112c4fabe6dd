"""What to do about WeChat's errcodes."""

WORDS = {
    "try again after a pause; it may last for hours": "请过一会儿再试，可能持续几个小时",
    "get a new token once; if the call for a token answers this, the secret is wrong": (
        "请重新获取一次 token；如果获取 token 时就是这个错误码，说明 AppSecret 不对"
    ),
    "ask for a token with grant_type client_credential": (
        "获取 token 时 grant_type 请写 client_credential"
    ),
    "compare the appid with the one on mp.weixin.qq.com": "请与 mp.weixin.qq.com 上的 AppID 核对",
    "get a new token once": "请重新获取一次 token",
    "check the spelling of the path; WeChat knows no such call": (
        "请检查路径的拼写，微信没有这个接口"
    ),
    "the secret is wrong or was reset; copy the current one from mp.weixin.qq.com": (
        "AppSecret 不对或已重置，请从 mp.weixin.qq.com 复制现在的"
    ),
    "add the address named in the message to the IP allow-list on mp.weixin.qq.com": (
        "请在 mp.weixin.qq.com 把提示里的 IP 加入 IP 白名单"
    ),
    "unfreeze the secret on mp.weixin.qq.com; it takes effect in about 10 minutes": (
        "请在 mp.weixin.qq.com 解冻 AppSecret，约 10 分钟后生效"
    ),
    "send the token as the query parameter access_token": "请用查询参数 access_token 传 token",
    "send the appid, for stable_token in a JSON body, for token in the query": (
        "请传 appid：stable_token 放在 JSON 请求体里，token 放在查询参数里"
    ),
    "send the secret, for stable_token in a JSON body, for token in the query": (
        "请传 secret：stable_token 放在 JSON 请求体里，token 放在查询参数里"
    ),
    "send the platform's appid as component_appid": "请用 component_appid 传第三方平台的 appid",
    "get a new component token once": "请重新获取一次 component_access_token",
    "the account's owner must authorize the platform again": "需要公众号重新授权给第三方平台",
    "send this call with GET": "请用 GET 请求",
    "send this call with POST; every datacube call wants it": (
        "请用 POST 请求，datacube 接口都是如此"
    ),
    "use https:// in the base URL": "base_url 请用 https://",
    "send a JSON body, for datacube with begin_date and end_date": (
        "请发送 JSON 请求体，datacube 接口要有 begin_date 和 end_date"
    ),
    "this endpoint has no calls left today; go on after midnight, Beijing time": (
        "这个接口今天的次数已用完，请在北京时间零点以后继续"
    ),
    "wait for the next minute and send fewer calls at once": "请等到下一分钟，并减少同时的请求",
    "add the caller's address to the IP allow-list on mp.weixin.qq.com": (
        "请在 mp.weixin.qq.com 把调用方的 IP 加入 IP 白名单"
    ),
    "send one JSON object in UTF-8 as the body": "请求体请用一个 UTF-8 的 JSON 对象",
    "WeChat switched this endpoint off in 2026; its successors have figures from 2025-11-01 on": (
        "微信已在 2026 年下线这个接口，后继接口有 2025-11-01 起的数据"
    ),
    "the account lacks this right, most often because it is not certified; a new token does not "
    "help": "公众号没有这项权限，多半是没有认证；换 token 没有用",
    "the account's owner must look up the reason on mp.weixin.qq.com": (
        "请公众号在 mp.weixin.qq.com 查看原因"
    ),
    "10 resets a month are allowed; wait for the next month": "每月最多清零 10 次，请等到下个月",
    "leave this call out; WeChat no longer offers it": "请不要再请求，微信已不提供",
    "call WeChat by host name instead of a fixed address": "请用域名访问微信，不要用固定 IP",
    "ask the account's owner to grant this right": "请公众号授予这项权限",
    "the account's owner must look up its state on mp.weixin.qq.com": (
        "请公众号在 mp.weixin.qq.com 查看账号状态"
    ),
    "the account's owner must unfreeze it on mp.weixin.qq.com": (
        "请公众号在 mp.weixin.qq.com 解冻账号"
    ),
    "the account's owner must authorize the platform": "需要公众号授权给第三方平台",
    "add the address named in the message to the platform's list on open.weixin.qq.com": (
        "请在 open.weixin.qq.com 把提示里的 IP 加入第三方平台的白名单"
    ),
    "wait for the next ticket; WeChat pushes one every 10 minutes": (
        "请等下一个 ticket，微信每 10 分钟推送一次"
    ),
    "use the newest ticket; WeChat pushes one every 10 minutes": (
        "请用最新的 ticket，微信每 10 分钟推送一次"
    ),
    "ask the account's owner to grant the platform the permission set of this endpoint": (
        "请公众号把这个接口的权限集授予第三方平台"
    ),
    "start the authorization again; a code works once": "请重新授权，授权码只能用一次",
    "check the platform's appid and secret": "请检查第三方平台的 appid 和 secret",
    "send the component_access_token, not an account's token": (
        "请用 component_access_token，不要用公众号的 token"
    ),
    "confirm the permission set of this endpoint for the platform on open.weixin.qq.com": (
        "请在 open.weixin.qq.com 为第三方平台确认这个接口的权限集"
    ),
    "this appid is a third-party platform's: get its token from api_component_token": (
        "这是第三方平台的 appid：请从 api_component_token 获取 token"
    ),
    "write begin_date and end_date as YYYY-MM-DD": "begin_date 和 end_date 请写成 YYYY-MM-DD",
    "begin before the end, keep to the endpoint's span and end yesterday at the latest": (
        "开始不能晚于结束，不能超过接口的最大时间跨度，最晚到昨天"
    ),
    "the appid is a mini game's, use the one of an Official Account": (
        "这是小游戏的 appid，请用公众号的"
    ),
    "ask again after 08:00, Beijing time, or some hours later": (
        "请在北京时间 8 点以后再试，或过几个小时"
    ),
    "try again after a pause": "请过一会儿再试",
    "look a rid up within 7 days of its call": "rid 只能在请求后 7 天内查询",
    "write the rid as in the message: three groups of 8 hex digits": (
        "rid 请按提示原样写：三组，每组 8 位十六进制数字"
    ),
    "ask with a token of the account that made the call, and with a cgi_path": (
        "请用发起请求的公众号的 token，并写上 cgi_path"
    ),
    "write the path with its leading slash, as in /datacube/getusersummary": (
        "路径以斜线开头，如 /datacube/getusersummary"
    ),
    "the account lacks the right to the call asked about; leave it out": (
        "公众号没有所查接口的权限，请不要查它"
    ),
    "the account's administrator must confirm the address in WeChat": (
        "需要公众号管理员在微信里确认这个 IP"
    ),
    "ask the account's administrator to accept the address, and try again in 24 hours": (
        "请公众号管理员同意这个 IP，24 小时后再试"
    ),
    "ask the account's administrator to accept the address, and try again in an hour": (
        "请公众号管理员同意这个 IP，1 小时后再试"
    ),
}
