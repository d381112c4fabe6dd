"""What a report says: the figures of a period, by account and subject. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from wxcube.beijing import in_beijing
from wxcube.charts.catalogue import draw
from wxcube.charts.chart import Chart
from wxcube.contract.window import Window
from wxcube.figures import content, data, followers, interface, messages, overview, rhythm
from wxcube.figures.cells import Table, table_of
from wxcube.figures.figure import Figure, Total
from wxcube.figures.filter import Filter, Versus, earlier
from wxcube.figures.hours import MOST_DAYS
from wxcube.figures.naming import named
from wxcube.figures.reader import Reader
from wxcube.i18n import Message, _
from wxcube.i18n.language import Language
from wxcube.warehouse.next_ask import Why

MOST_ARTICLES = 10
"""Articles that are listed."""
_ARTICLE_COLUMNS = (
    "appid",
    "title",
    "ref_date",
    "read_user",
    "against_median",
    "share_user",
    "read_finish_rate",
    "is_moving",
)


@dataclass(frozen=True)
class Card:
    """A figure with its chart, or as a table.

    `key` is unique in the report and has only letters, digits and `-`.
    """

    key: str
    figure: Figure
    language: Language
    is_list: bool = False
    """Whether it is shown as a table, not as a chart."""
    is_wide: bool = False
    """Whether it needs the whole width of a page."""

    @property
    def has_figures(self) -> bool:
        """Whether any number is known."""
        figures = [place for place, one in enumerate(self.figure.columns) if not one.is_key]
        return any(row[place] is not None for row in self.figure.rows for place in figures)

    @cached_property
    def chart(self) -> Chart | None:
        """The chart; None for a table, and where there is nothing to draw."""
        if self.is_list or self.figure.refusal or not self.has_figures:
            return None
        return draw(self.figure, self.language)

    @cached_property
    def table(self) -> Table:
        """The rows as people read them."""
        return table_of(self.figure)

    @property
    def is_shown(self) -> bool:
        """Whether its rows say anything."""
        return self.is_list or self.has_figures

    @property
    def texts(self) -> Iterator[Message]:
        """What the figure says in words, or why it says nothing."""
        figure = self.figure
        if figure.refusal:
            yield figure.refusal
        elif not self.is_shown:
            yield _("There are no figures of these days.")
        elif figure.sentence:
            yield figure.sentence
        elif not figure.rows:
            yield _("There is nothing to report.")
        if figure.n and self.is_list:
            yield _("n = {n}", n=figure.n)

    @property
    def notes(self) -> tuple[Message, ...]:
        """What a reader of the figures must know."""
        return (*(seam.text for seam in self.figure.seams), *self.figure.notes)

    def title_in(self, report: Report) -> Message:
        """The title, with its days if they are not those of the report."""
        if self.figure.window == report.window:
            return self.figure.title
        days = in_short(self.figure.window)
        return _("{title} ({days})", title=self.figure.title, days=days)


@dataclass(frozen=True, slots=True)
class Section:
    """The cards of one subject."""

    title: Message
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """The report of one account."""

    appid: str
    account: str
    """Its name; its AppID if it has none."""
    totals: tuple[Total, ...]
    moved: Figure
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Figures of a period, compared with an earlier one."""

    window: Window
    versus: Window
    made_at: datetime
    language: Language
    chapters: tuple[Chapter, ...]
    notes: tuple[Message, ...] = ()
    """What holds for the whole report."""

    @property
    def title(self) -> Message:
        """The title, with the days."""
        return _("WeChat statistics, {window}", window=self.days)

    @property
    def days(self) -> str:
        """The first and the last day."""
        return in_short(self.window)

    @property
    def origin(self) -> Message:
        """Where the figures are from."""
        return _(
            "Made by wxcube on {moment} (Beijing time) from the stored figures.",
            moment=f"{in_beijing(self.made_at):%Y-%m-%d %H:%M}",
        )

    @property
    def cards(self) -> Iterator[Card]:
        """All cards in their order."""
        for chapter in self.chapters:
            for section in chapter.sections:
                yield from section.cards


def in_short(window: Window) -> str:
    """The first and the last day of a window; one day is written once.

    >>> in_short(Window.parse("2026-03-02..2026-03-08"))
    '2026-03-02 – 2026-03-08'
    """
    return f"{window.first}" if len(window) == 1 else f"{window.first} – {window.last}"


def report_of(reader: Reader, of: Filter, names: Mapping[str, str], language: Language) -> Report:
    """The report of the accounts and days of a filter; `names` are those of accounts by AppID.

    Without a comparison in the filter, the days directly before are taken.
    """
    compared = replace(of, versus=of.versus or Versus.PREVIOUS)
    window = reader.window(compared)
    chapters = [
        _chapter(reader, replace(compared, accounts=(appid,)), names, language, f"a{place}")
        for place, appid in enumerate(reader.accounts(of))
    ]
    assert compared.versus
    return Report(
        window=window,
        versus=earlier(window, compared.versus),
        made_at=reader.now,
        language=language,
        chapters=tuple(chapters),
        notes=_notes(reader, of, window),
    )


def _notes(reader: Reader, of: Filter, window: Window) -> tuple[Message, ...]:
    notes = list(reader.notes_on_accounts(of))
    if not reader.accounts(of):
        notes.append(_("No account has stored figures. Fetch some with `wxcube sync`."))
    if window.last > reader.yesterday:
        notes.append(
            _("The period ends after {day}, the last day that is over.", day=reader.yesterday)
        )
    return tuple(notes)


Answer = Callable[[Reader, Filter], Figure]


def _chapter(
    reader: Reader, of: Filter, names: Mapping[str, str], language: Language, key: str
) -> Chapter:
    def ask(answer: Answer, filter_: Filter = of) -> Figure:
        return named(answer(reader, filter_), names)

    def card(figure: Figure) -> Card:
        return Card(_card_key(key, figure), figure, language)

    def rows(figure: Figure, *, is_wide: bool = True) -> Card:
        return Card(_card_key(key, figure), figure, language, is_list=True, is_wide=is_wide)

    moves, total = ask(followers.daily), ask(followers.total_followers)
    reading, volume = ask(content.readers), ask(messages.volume)
    callbacks, latency = ask(interface.callbacks), ask(interface.latency)
    calendar = ask(data.calendar)
    hours = replace(of, range=_newest(reader.window(of)), versus=None)
    (appid,) = of.accounts
    return Chapter(
        appid=appid,
        account=names.get(appid, appid),
        totals=tuple(
            one for figure in (moves, total, reading, volume, callbacks) for one in figure.totals
        ),
        moved=ask(overview.moved),
        sections=(
            Section(
                _("What worked"),
                (
                    rows(_articles(ask, of)),
                    card(reading),
                    card(ask(content.channels)),
                ),
            ),
            Section(
                _("When people read"),
                (
                    card(ask(rhythm.week, hours)),
                    rows(ask(rhythm.best_hours, hours), is_wide=False),
                ),
            ),
            Section(
                _("Follower growth"),
                (card(moves), card(total), card(ask(followers.sources))),
            ),
            Section(
                _("Messages"),
                (card(volume), card(ask(messages.types)), card(ask(messages.hours))),
            ),
            Section(_("Your server"), (card(callbacks), card(latency))),
            Section(
                _("Notes on the data"),
                (
                    card(calendar),
                    rows(_open(ask(data.reasons), calendar)),
                    rows(ask(data.revisions)),
                    rows(ask(data.findings)),
                ),
            ),
        ),
    )


def _card_key(chapter: str, figure: Figure) -> str:
    return f"{chapter}-{figure.key.replace('/', '-')}"


def _articles(ask: Callable[..., Figure], of: Filter) -> Figure:
    """The best articles against the median; by their readers where there is no median."""
    best = ask(content.articles, replace(of, sort="-against_median"))
    if best.refusal:
        best = ask(content.articles, replace(of, sort="-read_user"))
    return _narrowed(best, _ARTICLE_COLUMNS, MOST_ARTICLES)


def _narrowed(figure: Figure, names: Sequence[str], most: int) -> Figure:
    """Some columns and the first rows of a figure."""
    places = [figure.place(name) for name in names]
    return replace(
        figure,
        columns=tuple(figure.columns[place] for place in places),
        rows=tuple(tuple(row[place] for place in places) for row in figure.rows[:most]),
    )


def _open(reasons: Figure, calendar: Figure) -> Figure:
    """The reasons of endpoints that have days which are not final."""
    states = zip(calendar.values("endpoint"), calendar.values("why"), strict=True)
    names = {name for name, why in states if why != Why.SETTLED}
    place = reasons.place("endpoint")
    return replace(reasons, rows=tuple(row for row in reasons.rows if row[place] in names))


def _newest(window: Window) -> Window:
    """The days whose hours are shown: a single week says little about the hours of a week."""
    return Window(window.last - timedelta(days=MOST_DAYS - 1), window.last)
