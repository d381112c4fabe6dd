"""Calls to WeChat, and tokens for them."""

WORDS = {
    # answers
    "errcode {code}, {why}": "错误码 {code}，{why}",
    "not asked again before midnight in Beijing; {known}": ("北京时间零点之前不再请求；{known}"),
    "this errcode is unknown to wxcube; look it up by its rid": (
        "wxcube 不认识这个错误码，请按 rid 查询"
    ),
    "{asked}: HTTP {number}": "{asked}：HTTP {number}",
    "it may pass; try again later": "可能只是暂时的，请稍后再试",
    "the server has no such path: check the base URL": "服务器没有这个路径：请检查 base_url",
    "{asked}: {why}; it begins with: {rest}": "{asked}：{why}；应答开头是：{rest}",
    "{endpoint} {text}: the answer ends after {number} bytes, before its end": (
        "{endpoint} {text}：应答不完整，只收到 {number} 字节"
    ),
    "the answer has no list - at `$`": "应答里没有 list",
    "the answer is not JSON: {text} at character {number}": (
        "应答不是 JSON：{text}，第 {number} 个字符"
    ),
    "{text} is no number of JSON": "{text} 不是 JSON 里的数字",
    "ask again": "请再试一次",
    "the whole answer is in the error's `body`": "完整应答在错误的 `body` 里",
    "{member} is {text}, more than 64 bits": "{member} 是 {text}，超过 64 位",
    "the answer was kept": "应答已保留",
    # the way to the server
    "{asked}: no answer within {number} s": "{asked}：{number} 秒内没有应答",
    "{asked}: the answer cannot be unpacked": "{asked}：应答解压失败",
    "{asked}: the answer was cut off": "{asked}：应答中途断开",
    "{asked}: the connection was closed before an answer came": "{asked}：还没有应答，连接就关闭了",
    "{asked}: the answer is longer than {number} bytes": "{asked}：应答超过 {number} 字节",
    "ClientConnectorError, {why}": "连接失败（{why}）",
    "ClientConnectorDNSError, {why}": "域名解析失败（{why}）",
    "ask for a shorter window": "请缩短时间范围",
    "check the network and the base URL": "请检查网络和 base_url",
    "ask again; if it stays so, look at the server and at what is between, like a proxy": (
        "请再试一次；一直这样，就检查服务器和中间的代理"
    ),
    "the URL of a server ({text}) is not complete": "服务器的 URL（{text}）不完整",
    "the URL of a server (no host) is not complete": "服务器的 URL 不完整，缺少主机名",
    "write it like https://api.weixin.qq.com": "请写成 https://api.weixin.qq.com 的样子",
    "{word} is a simulated account, which WeChat does not know": (
        "{word} 是模拟的公众号，微信里没有"
    ),
    "give the URL `wxcube emulate` prints as the base URL": (
        "请把 base_url 设为 `wxcube emulate` 打印的 URL"
    ),
    # tokens
    "token server {word}": "token 服务器 {word}",
    "token command {text}": "取 token 的命令 {text}",
    "{asked}: the answer is empty": "{asked}：应答是空的",
    "{asked}: the answer holds no token": "{asked}：应答里没有 token",
    "it should hold access_token and expires_in": "应含有 access_token 和 expires_in",
    "it should hold access_token and expires_in, or a token alone": (
        "应含有 access_token 和 expires_in，或者只是一个 token"
    ),
    "token command {text}: it did not end within {number} s": (
        "取 token 的命令 {text}：{number} 秒内没有结束"
    ),
    "token command {text}: exit code {code}": "取 token 的命令 {text}：退出码 {code}",
    "token command {text}: {why}": "取 token 的命令 {text}：{why}",
    "run it by hand to see why": "请手工运行，看看原因",
    "a token command is a list of a program and its arguments": (
        "取 token 的命令应写成列表：程序和它的参数"
    ),
    'write it like ["pass", "show", "wechat-token"]': '如 ["pass", "show", "wechat-token"]',
    "the given token is empty or no token": "给出的 token 是空的，或者不是 token",
    "a token is one word of letters and digits": "token 是一串字母和数字，中间没有空格",
    "the AppID is missing": "缺少 AppID",
    "the AppSecret is missing": "缺少 AppSecret",
    "the AppID and the AppSecret is missing": "缺少 AppID 和 AppSecret",
    "both stand on the account's console, or give a token instead": (
        "两者都在公众平台的后台，也可以改为给出 token"
    ),
    "AppID and AppSecret do not fit: check both, or reset the AppSecret on the console": (
        "AppID 与 AppSecret 不匹配：请检查两者，或在公众平台重置 AppSecret"
    ),
}
