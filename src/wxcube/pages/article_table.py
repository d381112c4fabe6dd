"""The table of articles: columns that sort by a link, and rows that open the article."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wxcube.contract.window import Window
from wxcube.figures.catalogue import FIGURES
from wxcube.figures.cells import MOST_ROWS, Cell, cell
from wxcube.figures.figure import Column, Figure
from wxcube.i18n import Meaning, Message
from wxcube.pages.view import View

_FIRST = ("title", "read_user", "ref_date")
"""Columns that stand before the others."""
_MAJOR = frozenset({*_FIRST, "share_user"})
"""Columns that small screens have too."""
_HIDDEN = frozenset({"msgid", "is_moving"})
"""Columns that are links or marks here."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A column with the address of the table sorted by it; `order` as in `aria-sort`."""

    title: Message | Meaning
    href: str
    order: str
    is_text: bool
    is_minor: bool
    """Whether a small screen leaves it out."""


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """An article with the address of its page."""

    cells: tuple[Cell, ...]
    href: str
    is_moving: bool


@dataclass(frozen=True, slots=True)
class ArticleTable:
    """The articles; `more` of them are only in the files."""

    columns: tuple[Heading, ...]
    rows: tuple[ArticleRow, ...]
    more: int
    has_moving: bool


def article_table(figure: Figure, view: View) -> ArticleTable:
    """The articles of a figure, in its order."""
    names = [*_FIRST, *(one.name for one in figure.columns if one.name not in _FIRST)]
    is_shown = {name: name not in _HIDDEN for name in names}
    is_shown["appid"] = len(figure.accounts) > 1
    places = [figure.place(name) for name in names if is_shown[name]]
    msgid, moving = figure.place("msgid"), figure.place("is_moving")
    shown = figure.rows[:MOST_ROWS]
    hrefs = view.to_articles([row[msgid] for row in shown])
    rows = tuple(
        ArticleRow(
            tuple(cell(row[place], figure.columns[place]) for place in places),
            href,
            bool(row[moving]),
        )
        for row, href in zip(shown, hrefs, strict=True)
    )
    headings = tuple(_heading(figure.columns[place], view) for place in places)
    more = max(len(figure.rows) - MOST_ROWS, 0)
    return ArticleTable(headings, rows, more, any(row.is_moving for row in rows))


@dataclass(frozen=True, slots=True)
class ArticleFacts:
    """What is known of one article."""

    title: str
    cells: tuple[tuple[Column, Cell], ...]


def article_facts(view: View, curve: Figure) -> ArticleFacts | None:
    """The numbers of the article that a view is about; None if there is none."""
    of_day = replace(view.filter, range=Window.day(curve.window.first), article="", search="")
    articles = FIGURES["content/articles"](view.reader, of_day)
    if not articles.rows:
        return None
    names = articles.values("msgid")
    if view.filter.article not in names:
        return None
    row = articles.rows[names.index(view.filter.article)]
    cells = tuple(
        (column, cell(row[place], column))
        for place, column in enumerate(articles.columns)
        if column.name not in {"appid", "title", *_HIDDEN}
    )
    return ArticleFacts(row[articles.place("title")], cells)


def _heading(column: Column, view: View) -> Heading:
    """A column; the second click on it turns its order around."""
    sort = view.filter.sort or "-ref_date"
    is_text = column.name in {"title", "appid"}
    up, down = column.name, f"-{column.name}"
    first, second = (up, down) if is_text else (down, up)
    wanted = second if sort == first else first
    order = {up: "ascending", down: "descending"}.get(sort, "")
    return Heading(column.title, view.href(sort=wanted), order, is_text, column.name not in _MAJOR)
