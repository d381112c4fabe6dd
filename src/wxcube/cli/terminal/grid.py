"""Rows on the terminal: as a table where it fits, else one line for each value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

_BLANK = re.compile(r"[\t\n\r]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Head:
    """A column's name, and whether it holds numbers."""

    name: str
    is_number: bool = False


def show(console: Console, heads: Sequence[Head], rows: Sequence[Sequence[object]]) -> None:
    """Print rows. What is no terminal gets the whole table, however wide."""
    width = _width(heads, rows)
    if not console.is_terminal:
        console.width = max(console.width, width)
    if width > console.width:
        _one_by_one(console, heads, rows)
    else:
        console.print(_table(heads, rows))


def _table(heads: Sequence[Head], rows: Sequence[Sequence[object]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for head in heads:
        table.add_column(head.name, justify="right" if head.is_number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def _width(heads: Sequence[Head], rows: Sequence[Sequence[object]]) -> int:
    """Columns of the terminal that the whole table takes."""
    widths = [cell_len(head.name) for head in heads]
    for row in rows:
        widths = [max(w, cell_len(_cell(v))) for w, v in zip(widths, row, strict=True)]
    return sum(widths) + 2 * max(len(widths) - 1, 0)


def _one_by_one(console: Console, heads: Sequence[Head], rows: Sequence[Sequence[object]]) -> None:
    for number, row in enumerate(rows, start=1):
        console.print(f"– {number} –", style="dim")
        block = Table(box=None, show_header=False, pad_edge=False)
        block.add_column(no_wrap=True, style="bold")
        block.add_column(overflow="fold")
        for head, value in zip(heads, row, strict=True):
            block.add_row(head.name, _cell(value))
        console.print(block)


def _cell(value: object) -> str:
    """A value on one line, without what a terminal would take for a command."""
    return "" if value is None else _CONTROL.sub("", _BLANK.sub(" ", str(value)))
