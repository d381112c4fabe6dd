"""Links of the documentation lead to files of a clone, and its words are those of the glossary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.guide import BLOCK, CHINESE, ROOT

PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *(ROOT / "bench").glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if not {"generated", "_build"} & set(page.parts)
)
GLOSSARY = ROOT / "docs" / "reference" / "glossary"
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
OTHER_WORDS = {
    "粉丝": "关注用户",
    "台账": "数据状态",
    "账本": "数据状态",
    "应答": "返回结果",
    "怪现象": "异常行为",
    "构建": "计算",
}
"""Chinese words that are not used, with the word of the glossary."""


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


of_each_page = pytest.mark.parametrize("page", PAGES, ids=page_name)


@of_each_page
def test_links_lead_to_files_of_a_clone(page: Path) -> None:
    links = LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))
    assert not [link for link in links if "generated" in link or not (page.parent / link).exists()]


@pytest.mark.parametrize("page", [p for p in PAGES if p.name.endswith(CHINESE)], ids=page_name)
def test_chinese_pages_use_the_words_of_the_glossary(page: Path) -> None:
    # a word in quotation marks is mentioned, not used
    text = re.sub("“[^”]*”", "", page.read_text(encoding="utf-8"))
    assert not [(word, use) for word, use in OTHER_WORDS.items() if word in text]


def test_glossaries_have_the_same_terms() -> None:
    english, chinese = (
        re.findall(r"^\| ([^|]+) \| ([^|]+) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
        for page in (GLOSSARY.with_suffix(".md"), GLOSSARY.with_suffix(CHINESE))
    )
    assert [(zh, en) for en, zh in english if zh != "中文"] == [
        pair for pair in chinese if pair[0] != "中文"
    ]
