"""A report as an Excel workbook: a sheet of key figures, and one for each card."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO

from wxcube.contract.field import UNITS, Column, Label
from wxcube.export.figure_table import as_table
from wxcube.export.files import write_workbook
from wxcube.export.table import Table
from wxcube.figures.figure import Total
from wxcube.i18n import COLON, Meaning, Message, _, joined, verbatim
from wxcube.report.report import Chapter, Report

_COLUMNS = (
    ("account", str, _("account")),
    ("figure", str, _("figure")),
    ("value", float, _("value")),
    ("unit", str, _("unit")),
    ("before", float, _("before")),
    ("change", str, _("change")),
    ("days", int, _("days with figures")),
    ("of_days", int, _("days of the period")),
    ("note", str, _("note")),
)


def write_report(file: BinaryIO, report: Report) -> None:
    """Write the report as XLSX: typed cells, and a last sheet with the meaning of each column."""
    code = report.language.code
    write_workbook(file, _tables(report), header=code, language=code)


def _tables(report: Report) -> Iterator[Table]:
    yield _key_figures(report)
    for chapter in report.chapters:
        for section in chapter.sections:
            for card in section.cards:
                table = as_table(card.figure, report.language)
                yield replace(table, title=_title(report, chapter, card.figure.title))


def _title(report: Report, chapter: Chapter, title: Message) -> Meaning:
    if len(report.chapters) > 1:
        title = joined((verbatim(chapter.account), title), COLON)
    return Meaning(str(title), title.in_language("zh"))


def _key_figures(report: Report) -> Table:
    title = _("Key figures")
    return Table(
        names=tuple(name for name, _type, _title in _COLUMNS),
        columns=tuple(
            Column(name, type_, Label(text.in_language("zh"), str(text)), optional=True)
            for name, type_, text in _COLUMNS
        ),
        rows=[
            _row(report, chapter.account, total)
            for chapter in report.chapters
            for total in chapter.totals
        ],
        title=Meaning(str(title), title.in_language("zh")),
        notes=report.notes,
    )


def _row(report: Report, account: str, total: Total) -> tuple[Any, ...]:
    shown = report.language
    change = total.changes[0] if total.changes else None
    return (
        account,
        shown(total.title),
        total.value,
        shown(UNITS[total.unit]) if total.unit in UNITS else total.unit,
        change.before if change else None,
        shown(change.text) if change else None,
        total.coverage.days,
        total.coverage.of_days,
        shown(total.note),
    )
