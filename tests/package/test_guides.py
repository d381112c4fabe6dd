"""The guides say the same in both languages: the same commands, settings, sections and rows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
CHINESE = ".zh-CN.md"
GUIDES = sorted(p.stem for p in (DOCS / "how-to").glob("*.md") if not p.name.endswith(CHINESE))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r" +# .*$", re.MULTILINE)
of_each = pytest.mark.parametrize("name", GUIDES)


def both(name: str) -> tuple[str, str]:
    """A guide in English and in Chinese."""
    guide = DOCS / "how-to" / name
    english, chinese = guide.with_suffix(".md"), guide.with_suffix(CHINESE)
    return english.read_text(encoding="utf-8"), chinese.read_text(encoding="utf-8")


def shown(text: str) -> list[tuple[str, str]]:
    """Every block with its language, without comments, which are translated."""
    return [(language, COMMENT.sub("", content)) for language, content in BLOCK.findall(text)]


def named(text: str) -> set[str]:
    """What stands as code in sentences and tables, except where its words are translated."""
    found = re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
    return {code for code in found if code.isascii() and " " not in code and "<" not in code}


@of_each
def test_both_languages_show_the_same_commands(name: str) -> None:
    english, chinese = map(shown, both(name))
    assert chinese == english


@of_each
def test_both_languages_name_the_same_things(name: str) -> None:
    english, chinese = map(named, both(name))
    assert not english - chinese, "the Chinese guide lacks these"
    assert not chinese - english, "the English guide lacks these"


@of_each
@pytest.mark.parametrize("part", ["#+ ", r"\|", "- "])
def test_both_languages_have_the_same_sections_rows_and_points(name: str, part: str) -> None:
    english, chinese = (re.findall(f"^{part}", text, re.MULTILINE) for text in both(name))
    assert chinese == english


@of_each
def test_each_language_leads_to_the_other(name: str) -> None:
    english, chinese = both(name)
    assert f"[中文]({name}{CHINESE})" in english
    assert f"[English]({name}.md)" in chinese


def test_chinese_pages_lead_to_chinese_pages() -> None:
    for page in (DOCS.parent / "README.zh-CN.md", *DOCS.rglob(f"*{CHINESE}")):
        text = page.read_text(encoding="utf-8")
        links = set(re.findall(r"(?<!\[English\])\(([\w./-]+\.md)\)", text))
        untranslated = {link for link in links if not link.endswith(CHINESE)}
        assert not [u for u in untranslated if (page.parent / u).with_suffix(CHINESE).exists()], (
            page
        )
