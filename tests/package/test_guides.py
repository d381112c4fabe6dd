"""The guides say the same in both languages: the same commands, settings, sections and rows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.guide import BLOCK, CHINESE, ROOT, blocks_of, commands_of

DOCS = ROOT / "docs"
GUIDES = sorted(p.stem for p in (DOCS / "how-to").glob("*.md") if not p.name.endswith(CHINESE))
COMMENT = re.compile(r" +# .*$", re.MULTILINE)
of_each = pytest.mark.parametrize("name", GUIDES)


def both(name: str) -> tuple[str, str]:
    """A guide in English and in Chinese."""
    guide = DOCS / "how-to" / name
    english, chinese = guide.with_suffix(".md"), guide.with_suffix(CHINESE)
    return english.read_text(encoding="utf-8"), chinese.read_text(encoding="utf-8")


def shown(page: Path) -> list[tuple[str, str]]:
    """Every block with its language, without comments and output, which are translated."""
    return [
        (block.language, COMMENT.sub("", line))
        for block in blocks_of(page)
        if block.language != "{toctree}"
        for line in (
            [command.text for command in commands_of(block.content)]
            if block.language == "console"
            else [block.content]
        )
    ]


def named(text: str) -> set[str]:
    """What stands as code in sentences and tables, except where its words are translated."""
    quoted = re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
    return {code for code in quoted if code.isascii() and " " not in code and "<" not in code}


@of_each
def test_both_languages_show_the_same_commands(name: str) -> None:
    guide = DOCS / "how-to" / name
    assert shown(guide.with_suffix(CHINESE)) == shown(guide.with_suffix(".md"))


@pytest.mark.parametrize("page", [ROOT / "README", DOCS / "tutorial"], ids=lambda page: page.name)
def test_readme_and_tutorial_show_the_same_commands(page: Path) -> None:
    english, chinese = (
        [line for language, line in shown(page.with_suffix(suffix)) if language == "console"]
        for suffix in (".md", CHINESE)
    )
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
