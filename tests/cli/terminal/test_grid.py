"""Rows in the terminal: nothing is cut off at any width."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from wxcube.cli.terminal.grid import Heading, show
from wxcube.cli.terminal.paragraph import print_paragraph, wrapped

HEADINGS = [Heading("ref_date"), Heading("阅读人数", is_number=True), Heading("title")]
ROWS = [("2026-03-01", 12, "这个春天"), ("2026-03-02", 3456, None)]


def printed(width: int, *, terminal: bool, rows: Sequence[Sequence[object]] | None = None) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=terminal, color_system=None, markup=False, emoji=False
    )
    show(console, HEADINGS, ROWS if rows is None else rows)
    return out.getvalue()


def test_a_table_that_fits_is_a_table() -> None:
    lines = printed(80, terminal=True).splitlines()
    assert [line.split() for line in lines] == [
        ["ref_date", "阅读人数", "title"],
        ["2026-03-01", "12", "这个春天"],
        ["2026-03-02", "3456"],
    ]
    assert lines[1].index("12") > lines[2].index("3456")


def test_a_table_that_does_not_fit_is_one_line_per_value() -> None:
    text = printed(24, terminal=True)
    assert [line.split() for line in text.splitlines()[:4]] == [
        ["–", "1", "–"],
        ["ref_date", "2026-03-01"],
        ["阅读人数", "12"],
        ["title", "这个春天"],
    ]
    assert max(cell_len(line) for line in text.splitlines()) <= 24


@pytest.mark.parametrize("width", [20, 80])
def test_a_file_gets_the_whole_table(width: int) -> None:
    long: list[tuple[object, ...]] = [("2026-03-01", 1, "x" * 300)]
    assert "x" * 300 in printed(width, terminal=False, rows=long)


def test_values_stay_on_one_line_without_control_characters() -> None:
    text = printed(80, terminal=True, rows=[("a\nb\tc", 1, "\x1b[31mred\x07 [bold]x[/nope]")])
    assert "a b c" in text
    assert "[31mred [bold]x[/nope]" in text
    assert "\x1b" not in text


WORDS = st.text(st.sampled_from("ab1 ,.（）《》，。天周阅读 "), max_size=80)


@given(text=WORDS, width=st.integers(4, 40))
def test_wrapping_keeps_all_text_within_the_width(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(cell_len(line) <= width for line in lines)


def test_lines_do_not_begin_with_closing_punctuation() -> None:
    lines = wrapped("共 20 天被微信拒绝（48001 功能未授权；7 天后重试）。", 20)
    assert len(lines) > 2
    assert not [line for line in lines if line[:1] in "，。；）"]
    assert not [line for line in lines if line.endswith(("20", "（"))]


def test_text_is_indented_on_a_terminal_and_on_one_line_in_a_file() -> None:
    for terminal, expected in ((True, ["! one two", "  three"]), (False, ["! one two three"])):
        out = io.StringIO()
        console = Console(file=out, width=10, force_terminal=terminal, color_system=None)
        print_paragraph(console, "one two three", mark="! ", style="yellow")
        assert out.getvalue().splitlines() == expected
