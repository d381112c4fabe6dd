"""Why a line of events was refused, in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Mapping

from wxcube.cli.error_words import in_chinese
from wxcube.i18n.language import Language

_TYPES: Mapping[str, str] = {
    "int": "整数",
    "str": "文本",
    "bool": "true 或 false",
    "float": "小数",
    "object": "对象",
    "array": "数组",
    "null": "null",
}
_AT = r"(?: - at `\$\.?(?P<member>\w*)`)?"
_PHRASES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern + _AT, re.DOTALL), chinese)
    for pattern, chinese in (
        (r"Object missing required field `(?P<a>\w+)`", "缺少成员 `{a}`"),
        (r"Object contains unknown field `(?P<a>.*?)`", "有未知的成员 `{a}`"),
        (r"Invalid value '(?P<a>.*?)'", "值 '{a}' 不在允许之列"),
        (r"Expected `(?P<a>\w+)(?: \| null)?`, got `(?P<b>\w+)`", "应为{a}，却是{b}"),
        (r"Expected `(?P<a>\w+)(?: \| null)?`", "应为{a}"),
        (r"Expected `(?:int|float)` <= (?P<a>\S+)", "不能大于 {a}"),
        (r"Expected `(?:int|float)` >= (?P<a>\S+)", "不能小于 {a}"),
        (r"Expected `str` of length <= (?P<a>\d+)", "最多 {a} 个字符"),
        (r"Expected `str` of length >= (?P<a>\d+)", "至少 {a} 个字符"),
        (r"Expected `str` matching regex '(?P<a>.*)'", "应符合 {a}"),
        (r"JSON is malformed: .* \(byte (?P<a>\d+)\)", "不是正确的 JSON（第 {a} 个字节）"),
        (r"Input data was truncated", "JSON 不完整"),
        (r"it nests too deeply", "嵌套太深"),
        (
            r"half of a surrogate pair, as `(?P<a>\S+)` alone, is no letter",
            "`{a}` 是半个代理对，单独不成字符",
        ),
        (
            r"content_url names a person: leave the openid out of the link",
            "content_url 透露了用户：请从链接里去掉 openid",
        ),
        (r"events of that day are no longer kept \(retention\)", "那一天已按保留期删除"),
        (
            r"it is not UTF-8: save the file as UTF-8 and send it again",
            "不是 UTF-8，请另存为 UTF-8 后重发",
        ),
    )
)


def in_words(reason: str, say: Language) -> str:
    """A refused line's reason; one that has no Chinese stays as it is.

    >>> in_words("Expected `int`, got `str` - at `$.at`", Language(chinese=True))
    '成员 `at`：应为整数，却是文本'
    """
    if not say.chinese:
        return reason
    return phrase(reason) or in_chinese(reason)


def phrase(reason: str) -> str:
    """A reason that is known here, in Chinese; empty for others."""
    for pattern, chinese in _PHRASES:
        found = pattern.fullmatch(reason)
        if found:
            told = {name: _TYPES.get(text, text) for name, text in found.groupdict("").items()}
            member = f"成员 `{found['member']}`：" if found["member"] else ""
            return member + chinese.format_map(told)
    return ""
