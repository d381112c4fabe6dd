"""Requests that break WeChat's rules."""

WORDS = {
    # endpoints
    "there is no endpoint {text}": "没有 {text} 这个接口",
    "there is no endpoint or kind of event {text}": "没有 {text} 这个接口或事件",
    "it is a group; name one of its endpoints: {names}": "这是一个分组，请写其中一个接口：{names}",
    "did you mean {names}?": "是不是想写 {names}？",
    "name an endpoint such as getusersummary, or a group: {names}": (
        "请写一个接口，如 getusersummary，或一个分组：{names}"
    ),
    # members beside the dates
    "{endpoint} needs {member}": "{endpoint} 缺少参数 {member}",
    "give {member}: {known}": "请给出 {member}：{known}",
    "{endpoint} takes {member} as {word}, not {text}": (
        "{endpoint} 的参数 {member} 应为 {word}，不能是 {text}"
    ),
    "{member} is: {known}": "{member} 是 {known}",
    "id of the membership card": "会员卡 ID",
    "id of one card; all cards when left out": "卡券 ID，不写就是全部卡券",
    "where the cards were made: 0 on the console, 1 through the API": (
        "卡券来源：0 在公众平台创建，1 通过 API 创建"
    ),
    "{endpoint} takes no {text}": "{endpoint} 没有参数 {text}",
    "it takes {names}": "可用的参数：{names}",
    "it takes dates only": "除日期外没有别的参数",
    # windows
    "{endpoint} was asked for {number} days ({text}), WeChat allows {most} in one call": (
        "{endpoint} 要取 {number} 天（{text}），微信每次最多给 {most} 天"
    ),
    "split the window into calls of {number} days": "请拆成每次 {number} 天",
    "{endpoint} has no figures before {day}, asked was {text}": (
        "{endpoint} 在 {day} 以前没有数据，要取的是 {text}"
    ),
    "begin at {day} or later": "请从 {day} 或以后开始",
    "{endpoint} has no figures after yesterday ({day} in Beijing), asked was {text}": (
        "{endpoint} 的数据只到昨天（北京时间 {day}），要取的是 {text}"
    ),
    "end at {day} or earlier": "请截止到 {day} 或更早",
    "the window {text} ends before it begins": "时间范围 {text} 的结束早于开始",
    "give the earlier day first": "请把较早的日期写在前面",
    "{text} is not a day": "{text} 不是日期",
    "write days as YYYY-MM-DD, windows as FIRST..LAST": (
        "日期应写成 YYYY-MM-DD，时间范围应写成 FIRST..LAST"
    ),
    "the first day wanted, {day}, is not over yet": "要取的第一天 {day} 还没有过完",
    "begin at {day} (yesterday in Beijing) or earlier": ("请从 {day}（北京时间的昨天）或更早开始"),
    # parts and members on the command line
    "{endpoint} has no part {text}": "{endpoint} 没有 {text} 这个部分",
    "it has {names}": "可用的有：{names}",
    "it has none: leave --part out": "它没有可展开的部分，请不要写 --part",
    "--param {text} has no value": "--param {text} 没有写值",
    "write it as NAME=VALUE": "请写成 NAME=VALUE",
    "{member} is a number, not {text}": "{member} 应为数字，不能是 {text}",
    "write it as {member}=1": "请写成 {member}=1",
    # results of the cube
    "the cube does not compute {endpoint}": "{endpoint} 不能由事件算出",
    "{endpoint} was not computed": "{endpoint} 没有计算",
    "computed: {names}": "已计算的有：{names}",
}
