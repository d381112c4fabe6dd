"""A report as Markdown: its numbers as tables, its sentences and notes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape

from wxcube.figures import numbers
from wxcube.figures.figure import Total
from wxcube.i18n import Listing, Meaning, Message, _
from wxcube.report.report import Card, Chapter, Report

MOST_ROWS = 40
"""Rows of a table; a longer one is left out, the workbook has it."""
_SYNTAX = re.compile(r"([\\`*_{}\[\]|#~])")

Text = Message | Meaning | Listing | str


def as_markdown(report: Report) -> str:
    """The report as Markdown; texts from outside are text in it, whatever they contain."""
    return "\n".join(_Writer(report).lines()) + "\n"


def plain(text: str) -> str:
    r"""A text without meaning in Markdown and HTML, on one line.

    >>> plain("a|b <i>*c*")
    'a\\|b &lt;i&gt;\\*c\\*'
    """
    return _SYNTAX.sub(r"\\\1", escape(" ".join(text.split()), quote=False))


class _Writer:
    """The lines of a report."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def lines(self) -> Iterator[str]:
        yield from self._paragraph("# ", self.report.title)
        days = self.report.versus.in_short
        yield from self._paragraph("", _("compared with {window}", window=days))
        for note in self.report.notes:
            yield from self._paragraph("", note)
        for chapter in self.report.chapters:
            yield from self._chapter(chapter)
        yield self._shown(self.report.origin)

    def _chapter(self, chapter: Chapter) -> Iterator[str]:
        yield from self._paragraph("## ", chapter.account)
        heads = (_("figure"), _("value"), _("change"), _("days with figures"), _("note"))
        yield from self._table(heads, map(_total, chapter.totals))
        yield from self._paragraph("### ", chapter.moved.title)
        if chapter.moved.refusal:
            yield from self._paragraph("", chapter.moved.refusal)
        else:
            yield from self._list(chapter.moved.values("words"))
        for section in chapter.sections:
            yield from self._paragraph("### ", section.title)
            for card in section.cards:
                yield from self._card(card)

    def _card(self, card: Card) -> Iterator[str]:
        figure, table = card.figure, card.table
        yield from self._paragraph("#### ", card.title_in(self.report))
        for text in card.texts:
            yield from self._paragraph("", text)
        if 0 < len(figure.rows) <= MOST_ROWS and card.is_shown:
            states = (_("state"),) if table.has_states else ()
            heads = (*(column.title for column in table.columns), *states)
            rows = (
                (*(cell.text for cell in row.cells), *((row.state,) if states else ()))
                for row in table.rows
            )
            yield from self._table(heads, rows)
        yield from self._list(card.notes)

    def _table(self, heads: Iterable[Text], rows: Iterable[Iterable[Text]]) -> Iterator[str]:
        first = self._row(heads)
        yield first
        yield re.sub(r"[^|]+", " --- ", first.replace(r"\|", ""))
        yield from map(self._row, rows)
        yield ""

    def _row(self, texts: Iterable[Text]) -> str:
        return f"| {' | '.join(map(self._shown, texts))} |"

    def _list(self, texts: Iterable[Text]) -> Iterator[str]:
        items = [f"- {self._shown(text)}" for text in texts]
        if items:
            yield from (*items, "")

    def _paragraph(self, mark: str, text: Text) -> Iterator[str]:
        yield from (mark + self._shown(text), "")

    def _shown(self, text: Text) -> str:
        return plain(text if type(text) is str else self.report.language(text))  # type: ignore[arg-type]


def _total(total: Total) -> Iterable[Text]:
    change = total.changes[0].text if total.changes else ""
    days = f"{total.coverage.days}/{total.coverage.of_days}"
    return total.title, numbers.written(total.value, total.unit), change, days, total.note
