"""The catalogue: every template of the source has Chinese, and no entry is without a source."""

from __future__ import annotations

import io
import re
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from string import Formatter
from typing import Any

from babel.messages import Catalog, Message
from babel.messages.mofile import read_mo, write_mo

import wxcube

ROOT = Path(__file__).parents[2]
SOURCE = Path(wxcube.__file__).parent
CHINESE = re.compile("[\u3000-\u9fff\uff00-\uffef]")
ENGLISH_SENTENCE = re.compile(r"(?:\b[a-z]{2,}\b[ ,]+){3,}", re.ASCII)
"""Four lower-case words in a row."""
VERBATIM = re.compile(r"`[^`]*`|\{[^}]*\}|\"[^\"]*\"|'[^']*'|^ *(?:\$|wxcube) .*$", re.MULTILINE)
"""Commands, values and names, which are the same in every language."""


@cache
def tool() -> Any:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        messages = import_module("messages")
    finally:
        sys.path.pop(0)
    return messages


@cache
def catalogue() -> Catalog:
    messages: Catalog = tool().read()
    return messages


@cache
def of_source() -> set[str]:
    return {one if isinstance(one, str) else one[0] for one in tool().templates()}


def first(template: str | tuple[str, ...] | list[str]) -> str:
    return template if isinstance(template, str) else template[0]


ENTRIES = [one for one in catalogue() if one.id]


def texts(entry: Message) -> tuple[str, str]:
    """The English text that has the number in it, and the Chinese."""
    english = entry.id if isinstance(entry.id, str) else entry.id[-1]
    chinese = entry.string if isinstance(entry.string, str) else (entry.string or "")[0]
    return english, chinese


def test_every_template_of_the_source_has_chinese() -> None:
    assert len(of_source()) > 400
    lacking = of_source() - {first(one.id) for one in ENTRIES if texts(one)[1]}
    assert not lacking, "\n".join(sorted(lacking))


def test_every_entry_has_a_source() -> None:
    assert not {first(one.id) for one in ENTRIES} - of_source()


def places(text: str) -> set[str]:
    if "%(" in text:
        return set(re.findall(r"%\((\w+)\)", text))
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_the_places_for_values_are_the_same_in_both_languages() -> None:
    different = [
        (english, chinese)
        for english, chinese in map(texts, ENTRIES)
        if not HELP.search(english) and not places(chinese) <= places(english)
    ]
    lost = [
        (english, chinese)
        for english, chinese in map(texts, ENTRIES)
        if chinese and not HELP.search(english) and places(english) - places(chinese) - UNSPOKEN
    ]
    assert not different
    assert not lost


UNSPOKEN = {"choice", "format", "number_type", "type"}
"""Values that a Chinese sentence may leave out."""
HELP = re.compile(r"\n|^[^{]*\{\}|\{\"")
"""Help of commands is shown as it stands: braces in it are no places."""


def test_chinese_is_chinese() -> None:
    faults = {chinese: fault_of(english, chinese) for english, chinese in map(texts, ENTRIES)}
    assert not {chinese: fault for chinese, fault in faults.items() if fault}


def fault_of(english: str, chinese: str) -> str:
    rest = VERBATIM.sub("", chinese)
    if ENGLISH_SENTENCE.search(rest):
        return "an English sentence"
    if re.search(r"[\u4e00-\u9fff][,;!?]|[,;!?] ?[\u4e00-\u9fff]", rest):
        return "punctuation of English"
    is_sentence = re.search(r"[a-z]{3,} [a-z]{2,}", VERBATIM.sub("", english))
    return "no Chinese" if is_sentence and not CHINESE.search(chinese) else ""


WORDS = {
    "构建": "计算",
    "台帐": "数据状态",
    "账本": "数据状态",
    "台账": "数据状态",
    "粉丝": "关注用户",
    "应答": "返回结果",
}


def test_one_word_for_one_thing() -> None:
    chinese = [texts(one)[1] for one in ENTRIES]
    used = [
        (text, word, instead) for text in chinese for word, instead in WORDS.items() if word in text
    ]
    assert not used


def test_the_compiled_catalogue_is_that_of_the_source() -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue())
    compiled.seek(0)
    installed = SOURCE / "i18n" / "locale" / "zh" / "LC_MESSAGES" / "wxcube.mo"
    with installed.open("rb") as file:
        messages = {first(one.id): one.string for one in read_mo(file)}
    assert messages == {first(one.id): one.string for one in read_mo(compiled)}, (
        "run `make messages`"
    )


DATA = {
    "charts/fonts.py": "characters that a font must have",
    "figures/numbers.py": "units of numbers",
    "contract": "WeChat's own titles and meanings",
    "simulator": "titles and names of simulated articles",
    "events/kinds.py": "meanings of events and their members, as in the contract",
    "server/apps.py": "the file of apps, whose comments are in both languages",
    "settings/template.py": "a settings file, whose comments are in both languages",
    "warehouse/migrations": "comments of columns as they were",
    "warehouse/analysis_views.py": "meanings of the columns that views add to the contract",
    "warehouse/views.py": "meanings of the columns that views add to the contract",
}
"""Files with Chinese text that is not a message, and what it is."""


def test_chinese_text_is_only_in_the_catalogue_and_in_data() -> None:
    lines = [
        f"{path.relative_to(SOURCE)}:{number}: {line.strip()}"
        for path in sorted(SOURCE.rglob("*.py"))
        if not str(path.relative_to(SOURCE)).startswith(tuple(DATA))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if CHINESE.search(line) and not ALLOWED.search(line)
    ]
    assert not lines, "\n".join(lines)


ALLOWED = re.compile(
    r"Kind\(|其他|Meaning\(|comment ?=|Label\(|Chinese|^ *>>> |^ *'|公众号数据统计|数据统计接口|words = |[\"']、[\"']|《|write_heading|heading\}|_CHINESE|_OPENS|_CLOSES"
)
"""Data of event kinds, comments of columns, doctests, the API's name, and punctuation."""
