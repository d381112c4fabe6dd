"""Tables as an Excel workbook: a sheet per table, and one that explains their columns."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from rich.cells import cell_len
from xlsxwriter import Workbook  # type: ignore[import-untyped]
from xlsxwriter.exceptions import FileCreateError  # type: ignore[import-untyped]
from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

from wxcube.beijing import BEIJING
from wxcube.contract.field import UNITS, Adding, Code, Column, Day, Hour, Label, Rate
from wxcube.export.table import Header, Table, code_table
from wxcube.export.text import well_formed
from wxcube.i18n import NOTHING, Meaning, Message, _
from wxcube.i18n import message as i18n
from wxcube.i18n.language import Language

ROWS = 1_048_575
"""The most rows of a sheet, without its header."""
CELLS = 16_000_000
"""The most cells of a sheet: with more, its part of the file may be too large for a zip file."""
LONGEST_TEXT = 32_767
"""The most characters of a cell, counted in UTF-16."""
LARGEST_NUMBER = 10**15
"""Excel's numbers have 15 digits; larger ones are written as text."""

_ILLEGAL_IN_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f]|^'|'$")
_LONGEST_NAME = 31
_HEADINGS = (
    _("sheet"),
    _("column"),
    _("name"),
    _("meaning"),
    _("unit"),
    _("may rows be added up?"),
    _("codes"),
)
_HEADING_WIDTHS = (24, 24, 24, 60, 10, 30, 60)
_ADDING = {
    Adding.NONE: _("no"),
    Adding.SUM: _("yes"),
    Adding.DISTINCT: _("no: distinct users are counted per row"),
    Adding.LAST: _("no: the newest row has the total"),
    Adding.MAX: _("no: take the largest"),
}


def write_xlsx(
    file: BinaryIO, tables: Iterable[Table], *, header: Header = "wire", language: i18n.Code = "en"
) -> list[int]:
    """Write tables as a workbook, and return the number of rows of each.

    Each table has a sheet, or several if it has more rows than Excel allows. Cells are typed:
    numbers, days, Beijing times, texts. The last sheet has the meaning and the unit of every
    column, in the language of the header; for WeChat's header in `language`. Rows pass through
    temporary files, so that memory is bounded.
    """
    explained = Language(language if header == "wire" else header)
    with TemporaryDirectory(prefix="wxcube-") as folder:
        complete = Path(folder, "complete.xlsx")
        try:
            with Workbook(complete, {"constant_memory": True, "tmpdir": folder}) as workbook:
                draft = _Draft(workbook, header, explained)
                counts = [draft.add(table) for table in tables]
                draft.explain()
        except FileCreateError as error:
            # the OSError of the system, in XlsxWriter's own class
            raise error.args[0] from error
        with complete.open("rb") as workbook_file:
            shutil.copyfileobj(workbook_file, file)
    return counts


class _Sheet(Worksheet):  # type: ignore[misc] # XlsxWriter has no types
    """A sheet without rich text, which XlsxWriter takes a title like `<r>…</r>` for."""

    def _xml_rich_inline_string(self, string: str, attributes: Any) -> None:
        self._xml_inline_string(string, preserve=True, attributes=attributes)


@dataclass
class _Draft:
    """A workbook that is being written."""

    workbook: Workbook
    header: Header
    language: Language
    _names: set[str] = field(default_factory=set)
    _tables: list[tuple[str, Table]] = field(default_factory=list)

    def __post_init__(self) -> None:
        add = self.workbook.add_format
        self._heading = add({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        self._wrapped = add({"text_wrap": True, "valign": "top"})
        self._day = add({"num_format": "yyyy-mm-dd"})
        self._time = add({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._count = add({"num_format": "#,##0"})
        self._rate = add({"num_format": "0.00%"})

    def add(self, table: Table) -> int:
        """Write a table, and return the number of its rows."""
        titles = table.header(self.header)
        title = str(table.title) if self.header == "wire" else self.language(table.title)
        widths = [_width(*both) for both in zip(titles, table.columns, strict=True)]
        formats = [self._format_of(column) for column in table.columns]
        count = 0
        for rows in _parts(table.rows, min(ROWS, CELLS // len(titles))):
            name, sheet = self._sheet(title, titles, widths)
            if not count:
                self._tables.append((name, table))
            size = _write_rows(sheet, rows, formats)
            sheet.autofilter(0, 0, size, len(titles) - 1)
            count += size
        return count

    def explain(self) -> None:
        """Write the sheet that explains the columns of the others."""
        headings = [self.language(heading) for heading in _HEADINGS]
        _name, sheet = self._sheet(self.language(_("Columns")), headings, _HEADING_WIDTHS)
        rows = chain.from_iterable(self._explanation(*one) for one in self._tables)
        size = _write_rows(sheet, rows, [self._wrapped] * len(headings))
        sheet.autofilter(0, 0, size, len(headings) - 1)

    def _explanation(self, name: str, table: Table) -> Iterator[tuple[str, ...]]:
        for note in table.notes:
            yield name, "", "", self.language(note), "", "", ""
        titles = table.header(self.header)
        for title, wire, column in zip(titles, table.names, table.columns, strict=True):
            words = (Meaning.of(column.kind), _unit(column), _adding(column))
            yield name, title, wire, *map(self.language, words), self._codes(column)

    def _codes(self, column: Column) -> str:
        """The meaning of each code of a column, one a line."""
        table = code_table(column)
        meanings = table.meanings if table else ()
        return "\n".join(f"{one.code} = {self.language(Meaning.of(one))}" for one in meanings)

    def _sheet(self, title: str, titles: list[str], widths: Iterable[int]) -> tuple[str, Any]:
        """A new sheet with its header, and its name."""
        name = _name(title, self._names)
        self._names.add(name.casefold())
        sheet = self.workbook.add_worksheet(name, _Sheet)
        sheet.freeze_panes(1, 0)
        for place, (heading, width) in enumerate(zip(titles, widths, strict=True)):
            sheet.set_column(place, place, width)
            sheet.write_string(0, place, well_formed(heading), self._heading)
        return name, sheet

    def _format_of(self, column: Column) -> Any:
        by_type = {date: self._day, datetime: self._time}
        if column.type in by_type:
            return by_type[column.type]
        if isinstance(column.kind, Rate):
            return self._rate
        is_count = column.type is int and not isinstance(column.kind, Code | Hour | Label)
        return self._count if is_count else None


def _parts(rows: Iterable[Any], longest: int) -> Iterator[Iterable[Any]]:
    """The rows in parts of at most so many; the first part may be empty."""
    remaining = iter(rows)
    yield islice(remaining, longest)
    for first in remaining:
        yield chain([first], islice(remaining, longest - 1))


def _write_rows(sheet: Any, rows: Iterable[tuple[Any, ...]], formats: list[Any]) -> int:
    """Write rows below the header, and return their number."""
    count = 0
    for count, values in enumerate(rows, start=1):
        for place, value in enumerate(values):
            _write_cell(sheet, (count, place), value, formats[place])
    return count


def _write_cell(sheet: Any, place: tuple[int, int], value: object, form: Any) -> None:
    match value:
        case None:
            return
        case bool():
            sheet.write_boolean(*place, value, form)
        case int() | float() if -LARGEST_NUMBER < value < LARGEST_NUMBER:
            sheet.write_number(*place, value, form)
        case datetime():
            sheet.write_datetime(*place, value.astimezone(BEIJING).replace(tzinfo=None), form)
        case date():
            sheet.write_datetime(*place, value, form)
        case _:
            sheet.write_string(*place, _text(str(value)), form)


def _text(text: str) -> str:
    """The text as a cell can have it: one that is too long ends with an ellipsis."""
    valid = well_formed(text)
    if len(valid) <= LONGEST_TEXT // 2:
        return valid
    units = valid.encode("utf-16-le")
    is_too_long = len(units) > 2 * LONGEST_TEXT
    return (
        units[: 2 * LONGEST_TEXT - 2].decode("utf-16-le", "ignore") + "…" if is_too_long else valid
    )


def _name(title: str, taken: set[str]) -> str:
    """A valid name of a sheet that no other sheet has."""
    name = _ILLEGAL_IN_NAME.sub(" ", well_formed(title)).strip()[:_LONGEST_NAME] or "_"
    number = 1
    unique = name
    while unique.casefold() in taken:
        number += 1
        suffix = f" ({number})"
        unique = name[: _LONGEST_NAME - len(suffix)] + suffix
    return unique


def _width(title: str, column: Column) -> int:
    """The width of a column in digits: its values fit, and its title in few lines."""
    by_type: dict[type, int] = {date: 12, datetime: 20}
    is_name = column.type is str and not code_table(column)
    of_values = by_type.get(column.type, 24 if is_name else 10)
    return max(of_values, min(cell_len(title) // 2 + 4, 24))


def _unit(column: Column) -> Meaning | Message:
    return UNITS[column.kind.unit] if column.kind.unit else NOTHING


def _adding(column: Column) -> Message:
    """Whether figures of a column may be added up; nothing if it has no figures."""
    is_figure = not isinstance(column.kind, Day | Hour | Code | Label)
    return _ADDING[column.kind.adding] if is_figure else NOTHING
