"""Servers, and what the emulator is told."""

WORDS = {
    "cannot listen on {word}: {why}": "无法监听 {word}：{why}",
    "give another --host or --port": "请换一个 --host 或 --port",
    "{number} accounts and {other} days were asked for": "要的是 {number} 个公众号、{other} 天",
    "give 1 or more of each": "两者都至少为 1",
    "--now {text} is not a moment": "--now {text} 不是时刻",
    "write it as 2026-03-10T09:00 (Beijing time)": "请写成 2026-03-10T09:00（北京时间）",
    "--now {text} is too far away": "--now {text} 太远了",
    "give a moment from {number} to {other}": "请写 {number} 到 {other} 年之间的时刻",
    "{text} is beyond the calendar": "{text} 超出了日历",
    "{text} is not a fault: {why}": "{text} 不是故障：{why}",
    "a fault has exactly one of {names}": "一个故障只能有一种后果：{names}",
    "write PATH member=value …, as in: getuser* errcode=61503 times=2": (
        "请写成 PATH 成员=值 …，如：getuser* errcode=61503 times=2"
    ),
    "no such quirk: {why}": "没有这种怪现象：{why}",
    "quirks are {names}": "怪现象有：{names}",
}
