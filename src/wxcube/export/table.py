"""A table for a file: columns with their meaning, and rows that are read while they are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from wxcube.contract.codes import TABLES, CodeTable
from wxcube.contract.field import UNDOCUMENTED_ZH, UNITS, Code, Column, Day, Hour, Label
from wxcube.export.labels import LABELS
from wxcube.export.mark_codes import MARK_CODES
from wxcube.i18n import Meaning, Message
from wxcube.i18n import message as i18n

Header: TypeAlias = Literal["wire", "zh", "en"]
"""Names of columns: WeChat's, or Chinese or English labels with units."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, and rows with one value per column.

    Values are of the type of their column (`str`, `int`, `float`, `bool`, `date`, `datetime`) or
    None. `names` are unique; a column's kind gives its meaning, unit and codes.
    """

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: Iterable[tuple[Any, ...]] = field(repr=False)
    title: Meaning
    notes: tuple[Message | Meaning, ...] = ()
    """What a reader of the figures must know."""

    def header(self, header: Header = "wire") -> list[str]:
        """Titles of the columns, each different from all others."""
        if header == "wire":
            return list(self.names)
        titles = [_title(column, header) for column in self.columns]
        times = Counter(titles)
        return [
            title if times[title] == 1 else f"{title} [{name}]"
            for title, name in zip(titles, self.names, strict=True)
        ]

    def labelled(self, header: Header) -> Table:
        """The table for a header: with labels, each code has its meaning in a column beside it.

        An unknown code is its own meaning.
        """
        return self if header == "wire" else self._with_meanings(header)

    def _with_meanings(self, language: i18n.Code) -> Table:
        tables = [_codes_to_explain(column, language) for column in self.columns]
        if not any(tables):
            return self
        names, columns = list[str](), list[Column]()
        for name, column, codes in zip(self.names, self.columns, tables, strict=True):
            names.append(name)
            columns.append(column)
            if codes:
                names.append(f"{name}_{language}")
                columns.append(_meaning_of(column))
        rows = _with_meanings(self.rows, tables, language)
        return replace(self, names=tuple(names), columns=tuple(columns), rows=rows)


def code_table(column: Column) -> CodeTable | None:
    """The meanings of a column's codes; None if it has no codes."""
    name = column.kind.table if isinstance(column.kind, Code | Label) else ""
    return (TABLES.get(name) or MARK_CODES[name]) if name else None


def unit_in(language: i18n.Code, unit: str) -> str:
    """A unit's name in a language; empty if there is no unit."""
    return UNITS[unit].in_language(language) if unit else ""


def _title(column: Column, language: i18n.Code) -> str:
    is_time = isinstance(column.kind, Day | Hour)
    unit = "" if is_time else unit_in(language, column.kind.unit)
    label = _label(column, language)
    return f"{label} ({unit})" if unit else label


def _label(column: Column, language: i18n.Code) -> str:
    if language == "en":
        return LABELS.get(column.name, column.kind.en)
    return column.name if column.kind.zh == UNDOCUMENTED_ZH else column.kind.zh


def _codes_to_explain(column: Column, language: i18n.Code) -> CodeTable | None:
    """The codes of a column, unless they are words of the language already."""
    table = code_table(column)
    is_in_words = table and all(m.code == _meaning(table, m.code, language) for m in table.meanings)
    return None if is_in_words else table


def _meaning_of(column: Column) -> Column:
    label = _label(column, "en")
    kind = Label(f"{_label(column, 'zh')}（名称）", f"{label}, in words")
    return Column(f"{column.name}_meaning", str, kind, optional=True)


def _with_meanings(
    rows: Iterable[tuple[Any, ...]], tables: list[CodeTable | None], language: i18n.Code
) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        values = list[Any]()
        for value, codes in zip(row, tables, strict=True):
            values.append(value)
            if codes:
                values.append(None if value is None else _meaning(codes, value, language))
        yield tuple(values)


def _meaning(codes: CodeTable, code: int | str, language: i18n.Code) -> str:
    meaning = codes[code]
    return meaning.zh if language == "zh" else meaning.en
