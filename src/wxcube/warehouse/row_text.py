"""Rows as text for a database: lines of PostgreSQL's COPY, tuples of MySQL's INSERT. Pure.

PERF: drivers convert value by value. Here all values of a column are converted together, because
most columns have one type and no character that needs an escape.

PostgreSQL cannot store the character NUL in a text. It is stored as U+001A and `0`, and U+001A
itself as U+001A and `1`; whoever reads with wxcube gets what WeChat sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

Values = Sequence[Any]
ESCAPE, NUL_STORED, ESCAPE_STORED = "\x1a", "\x1a0", "\x1a1"


@dataclass(frozen=True, slots=True)
class _Format:
    """How values are written."""

    null: str
    others: dict[type, Callable[[Any], str]]
    """For every type but text and null."""
    escapes: dict[int, str]
    """What is written for characters within a text."""
    special: re.Pattern[str]
    """These characters."""
    quote: str = ""
    """What stands before and after a text."""

    def columns(self, rows: Sequence[Values]) -> list[Iterable[str]]:
        """The written values of each column."""
        return [self._column(values) for values in zip(*rows, strict=True)]

    def _column(self, values: Values) -> Iterable[str]:
        kinds = set(map(type, values))
        if kinds == {str} and not self.special.search("".join(values)):
            quote = self.quote
            return [f"{quote}{value}{quote}" for value in values] if quote else values
        if kinds == {NoneType}:
            return [self.null] * len(values)
        if len(kinds) == 1 and kinds <= self.others.keys():
            return map(self.others[kinds.pop()], values)
        return map(self._value, values)

    def _value(self, value: Any) -> str:
        if value is None:
            return self.null
        if isinstance(value, str):
            return f"{self.quote}{value.translate(self.escapes)}{self.quote}"
        return self.others[type(value)](value)


def _double(number: float) -> str:
    """A literal of MySQL that is no decimal number."""
    text = repr(number)
    return text if "e" in text else f"{text}e0"


_COPY = _Format(
    "\\N",
    {int: str, float: repr, bool: str},
    {
        ord("\0"): NUL_STORED,
        ord(ESCAPE): ESCAPE_STORED,
        ord("\t"): "\\t",
        ord("\n"): "\\n",
        ord("\r"): "\\r",
        ord("\\"): "\\\\",
    },
    re.compile(r"[\0\x1a\t\n\r\\]"),
)
_MYSQL = _Format(
    "NULL",
    {int: str, float: _double, bool: str},
    {ord("\0"): "\\0", ord("'"): "''", ord("\\"): "\\\\"},
    re.compile(r"[\0'\\]"),
    quote="'",
)


def copy_lines(rows: Sequence[Values]) -> str:
    """Rows of numbers, texts and nulls in the text format of PostgreSQL's COPY."""
    lines = map("\t".join, zip(*_COPY.columns(rows), strict=True))
    return "".join(f"{line}\n" for line in lines)


def mysql_tuples(rows: Sequence[Values]) -> str:
    """Rows of numbers, texts and nulls as in `INSERT … VALUES`, where a backslash is an escape."""
    lines = map(",".join, zip(*_MYSQL.columns(rows), strict=True))
    return ",".join(f"({line})" for line in lines)
