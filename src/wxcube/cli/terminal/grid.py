"""Rows in the terminal: a table where it fits, otherwise one line per value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

_WHITESPACE = re.compile(r"[\t\n\r]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Heading:
    """Name of a column, and whether its values are numbers."""

    name: str
    is_number: bool = False


def show(console: Console, headings: Sequence[Heading], rows: Sequence[Sequence[object]]) -> None:
    """Print rows; output to a file is always one table, however wide."""
    width = _width(headings, rows)
    if not console.is_terminal:
        console.width = max(console.width, width)
    if width > console.width:
        _show_values(console, headings, rows)
    else:
        console.print(_table(headings, rows))


def _table(headings: Sequence[Heading], rows: Sequence[Sequence[object]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        table.add_column(
            heading.name, justify="right" if heading.is_number else "left", no_wrap=True
        )
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def _width(headings: Sequence[Heading], rows: Sequence[Sequence[object]]) -> int:
    """Width of the whole table in terminal columns."""
    widths = [cell_len(heading.name) for heading in headings]
    for row in rows:
        widths = [max(w, cell_len(_cell(v))) for w, v in zip(widths, row, strict=True)]
    return sum(widths) + 2 * max(len(widths) - 1, 0)


def _show_values(
    console: Console, headings: Sequence[Heading], rows: Sequence[Sequence[object]]
) -> None:
    for number, row in enumerate(rows, start=1):
        console.print(f"– {number} –", style="dim")
        block = Table(box=None, show_header=False, pad_edge=False)
        block.add_column(no_wrap=True, style="bold")
        block.add_column(overflow="fold")
        for heading, value in zip(headings, row, strict=True):
            block.add_row(heading.name, _cell(value))
        console.print(block)


def _cell(value: object) -> str:
    """A value on one line, without terminal control characters."""
    return "" if value is None else _CONTROL.sub("", _WHITESPACE.sub(" ", str(value)))
