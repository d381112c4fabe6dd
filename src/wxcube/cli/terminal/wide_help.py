"""Help texts for terminals in which Chinese characters are two columns wide."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click
from rich.cells import cell_len

from wxcube.cli.terminal.paragraph import wrapped

_VERBATIM = "\b"
_PUNCTUATION = r"[\u3001\u3002\uff01\uff09\uff0c\uff1a\uff1b\uff1f\u201d\u300d]"
_IDEOGRAPH = r"[\u4e00-\u9fff]"
_WITHOUT_SPACE = re.compile(rf"(?<={_PUNCTUATION})\n|(?<={_IDEOGRAPH})\n(?={_IDEOGRAPH})")
"""Ends of lines of the catalogue at which Chinese has no space."""


class WideFormatter(click.HelpFormatter):
    """Formats help by columns of the terminal instead of characters."""

    def write_heading(self, heading: str) -> None:
        """Write the heading of a section."""
        self.write(f"{' ' * self.current_indent}{heading}：\n")

    def write_text(self, text: str) -> None:
        r"""Write paragraphs; those that start with a line `\b` keep their line breaks."""
        blocks = [list(_paragraph(b, self.width - self.current_indent)) for b in text.split("\n\n")]
        indent = " " * self.current_indent
        self.write("\n\n".join("\n".join(indent + line for line in lines) for lines in blocks))
        self.write("\n")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write terms and their meanings in two columns."""
        rows = list(rows)
        first = min(max(cell_len(term) for term, _meaning in rows), col_max) + col_spacing
        indent = " " * self.current_indent
        for term, meaning in rows:
            lines = list(wrapped(meaning, max(self.width - first - self.current_indent, 10)))
            fits = cell_len(term) <= first - col_spacing
            head = term + " " * (first - cell_len(term)) if fits else term
            lines = lines if fits else ["", *lines]
            self.write(f"{indent}{head}{lines[0] if lines else ''}".rstrip() + "\n")
            for line in lines[1:]:
                self.write(f"{indent}{' ' * first}{line}\n")


def _paragraph(text: str, width: int) -> Iterable[str]:
    lines = text.split("\n")
    if lines[0].strip() == _VERBATIM:
        return lines[1:]
    return wrapped(_WITHOUT_SPACE.sub("", text).replace("\n", " "), width)
