"""Text in the terminal, wrapped between words and Chinese characters."""

from __future__ import annotations

import re

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

_CHINESE = "\u3000-\u303f\u3400-\u9fff\uff00-\uffef"
_OPENS, _CLOSES = "（《「", "，。；：、）》」"
_PIECE = re.compile(
    f" +|[{_OPENS}]*(?:[0-9]+ (?=[{_CHINESE}]))?(?:[{_CHINESE}]|[^ {_CHINESE}]+)[{_CLOSES}]*"
)
"""Unbreakable text: a word, a Chinese character, or a number and unit, with its punctuation."""


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` columns.

    >>> wrapped("three short words", 11)
    ['three short', 'words']
    """
    lines = [""]
    for piece in _PIECE.findall(text):
        for part in chop_cells(piece, width) if cell_len(piece) > width else [piece]:
            if cell_len(lines[-1] + part.rstrip()) > width:
                lines.append("")
            lines[-1] += part if lines[-1] or part.strip() else ""
    return [line.rstrip() for line in lines]


def print_paragraph(console: Console, text: str, *, mark: str = "", style: str = "") -> None:
    """Print a text after a mark, with its further lines indented.

    Output that is not a terminal gets one line, so that it can be searched.
    """
    indent = cell_len(mark)
    width = max(console.width - indent, 1)
    for line in wrapped(text, width) if console.is_terminal else [text]:
        console.print(Text.assemble((mark, style), line), soft_wrap=True)
        mark = " " * indent
