"""Columns over days: rows, marks, totals and seams that figures of days have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from wxcube.contract.endpoint import Endpoint, Grain
from wxcube.contract.field import Adding
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.figures import numbers
from wxcube.figures.change import Change, ChangeKind, change
from wxcube.figures.figure import Column, Figure, Seam, Total
from wxcube.figures.filter import VERSUS_TITLES, Filter, Versus, earlier
from wxcube.figures.help import Help
from wxcube.figures.periods import grain_of, merged_mark, periods
from wxcube.figures.reader import Days, Reader, aggregated
from wxcube.figures.state import Mark
from wxcube.i18n import NOTHING, SEMICOLON, Message, _, joined, plural, verbatim
from wxcube.warehouse.coverage import State

ACCOUNT = Column(name="appid", title=_("account"), is_key=True)
_LABELS = {Grain.DAY: _("day"), Grain.WEEK: _("week from"), Grain.MONTH: _("month from")}
ORIGIN_TITLES = {
    Origin.WECHAT: _("WeChat"),
    Origin.IMPORT: _("an imported file"),
    Origin.CUBE: _("your events"),
    Origin.DERIVED: _("other endpoints"),
}
"""Names of the origins."""


Over = Callable[[Days, Sequence[str], Sequence[date]], float | None]


@dataclass(frozen=True, slots=True)
class Measure:
    """A column of figures, and how it is computed of some accounts and days.

    `over` gives None where nothing is known, or accounts must not be added up.
    """

    column: Column
    over: Over


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question about days: what is read, and what is shown of it."""

    key: str
    title: Message
    endpoints: tuple[Endpoint[Any], ...]
    """For `all`, the days begin with the oldest rows of these."""
    load: Callable[[Reader, tuple[str, ...], Window], Days]
    measures: tuple[Measure, ...]
    help: tuple[Help, ...]
    notes: tuple[Message, ...] = ()
    seams: tuple[Seam, ...] = ()


def plain(column: Column) -> Measure:
    """A column of the endpoint, aggregated as the contract says."""

    def over(days: Days, accounts: Sequence[str], some: Sequence[date]) -> float | None:
        values = [days.over(column.name, appid, some=some) for appid in accounts]
        if len(values) == 1:
            return values[0]
        return aggregated(values, _OVER_ACCOUNTS.get(column.adding, Adding.NONE))

    return Measure(column, over)


def difference(column: Column, plus: str, minus: str) -> Measure:
    """The sum of a column less that of another one."""

    def over(days: Days, accounts: Sequence[str], some: Sequence[date]) -> float | None:
        more, less = (sum_of(days, accounts, some, name) for name in (plus, minus))
        return None if more is None or less is None else more - less

    return Measure(column, over)


def ratio(column: Column, part: str, whole: str) -> Measure:
    """The sum of a column by that of another one; None where that is 0."""

    def over(days: Days, accounts: Sequence[str], some: Sequence[date]) -> float | None:
        above, below = (sum_of(days, accounts, some, name) for name in (part, whole))
        return above / below if above is not None and below else None

    return Measure(column, over)


def sum_of(days: Days, accounts: Sequence[str], some: Sequence[date], name: str) -> float | None:
    """The sum of a column over accounts and days; None without any figure."""
    values = (days.value(appid, day, name) for appid in accounts for day in some)
    return aggregated(values, Adding.SUM)


def day_column(window: Window) -> Column:
    """The column of the points of a range: days, or the first days of weeks or months."""
    return Column(name="ref_date", title=_LABELS[grain_of(window)], unit="day", is_key=True)


def answer(question: Question, reader: Reader, of: Filter) -> Figure:
    """The figure of a question, with that of the earlier days if they are compared."""
    window = reader.window(of, *question.endpoints)
    accounts = reader.accounts(of)
    days = question.load(reader, accounts, window)
    notes = reader.notes_on_accounts(of)
    if of.versus is None:
        return _figure(question, window, days, _totals(question, days), notes)
    before = earlier(window, of.versus)
    days_before = question.load(reader, accounts, before)
    compared = _Earlier(of.versus, before, days_before)
    versus = _figure(question, before, days_before, _totals(question, days_before), notes)
    figure = _figure(question, window, days, _totals(question, days, compared), notes)
    return replace(figure, versus=versus)


def _figure(
    question: Question,
    window: Window,
    days: Days,
    totals: tuple[Total, ...],
    notes: tuple[Message, ...],
) -> Figure:
    rows, marks = _points(question, window, days)
    seams = tuple(seam for seam in question.seams if window.first < seam.day <= window.last)
    return Figure(
        key=question.key,
        title=question.title,
        window=window,
        accounts=days.accounts,
        columns=(ACCOUNT, day_column(window), *(one.column for one in question.measures)),
        rows=tuple(rows),
        marks=marks,
        coverage=days.coverage(),
        seams=(*seams, *seams_of(marks)),
        totals=totals,
        help=question.help,
        notes=(*question.notes, *notes, *notes_on(marks)),
        sentence=in_words(totals, len(days.accounts)),
    )


def _points(
    question: Question, window: Window, days: Days
) -> tuple[list[tuple[Any, ...]], dict[tuple[str, date], Mark]]:
    rows: list[tuple[Any, ...]] = []
    marks: dict[tuple[str, date], Mark] = {}
    for appid in days.accounts:
        of_days = {day: days.marks[appid, day] for day in days.labels}
        for period in periods(window):
            values = (one.over(days, (appid,), period.days) for one in question.measures)
            rows.append((appid, period.label, *values))
            marks[appid, period.label] = merged_mark(of_days, period)
    return rows, marks


# --- totals --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Earlier:
    versus: Versus
    window: Window
    days: Days


def _totals(question: Question, days: Days, before: _Earlier | None = None) -> tuple[Total, ...]:
    return tuple(_total(measure, days, before) for measure in question.measures)


def _total(measure: Measure, days: Days, before: _Earlier | None) -> Total:
    value, known = measure.over(days, days.accounts, days.labels), days.coverage()
    is_refused = value is None and known.days > 0 and len(days.accounts) > 1
    kind = kind_of(measure.column, days.labels)
    changes: tuple[Change, ...] = ()
    if before:
        changes = (
            change(
                VERSUS_TITLES[before.versus],
                before.window,
                value,
                known,
                measure.over(before.days, before.days.accounts, before.days.labels),
                before.days.coverage(),
                is_rate=measure.column.unit == "fraction",
            ),
        )
    return Total(
        key=measure.column.name,
        title=measure.column.title,
        value=value,
        unit=measure.column.unit,
        coverage=known,
        changes=changes,
        note=NOT_ADDED if is_refused else kind,
        each=each_of(measure, days, days.labels, kind) if is_refused else NOTHING,
    )


def kind_of(column: Column, some: Sequence[date]) -> Message:
    """What kind of number of some days a column has; empty if it is their sum, or of one day."""
    return TOTAL_NOTES.get(column.adding, NOTHING) if len(some) > 1 else NOTHING


def each_of(measure: Measure, days: Days, some: Sequence[date], kind: Message = NOTHING) -> Message:
    """The numbers of single accounts; empty if they are more than a reader compares."""
    if len(days.accounts) > MOST_EACH:
        return NOTHING
    values = ((appid, measure.over(days, (appid,), some)) for appid in days.accounts)
    known = each_in_words(
        [(appid, value) for appid, value in values if value is not None], measure.column.unit
    )
    return _("{kind}: {values}", kind=kind, values=known) if kind and known else known


def each_in_words(values: Sequence[tuple[str, float | None]], unit: str) -> Message:
    """Accounts with their numbers."""
    parts = [
        _("{account} {value}", account=appid, value=numbers.written(value, unit))
        for appid, value in values
    ]
    return joined(parts, SEMICOLON)


def in_words(totals: Sequence[Total], accounts: int = 1) -> Message:
    """The totals of a figure of some accounts in one sentence."""
    if not totals:
        return NOTHING
    parts = [_total_in_words(one) for one in totals if one.value is not None or one.each]
    known = totals[0].coverage
    days = _("{days} of {of_days} days", days=known.days, of_days=known.of_days)
    if accounts > 1:
        days = _(
            "{days} of {of_days} days over {accounts} accounts",
            days=known.days,
            of_days=known.of_days,
            accounts=accounts,
        )
    return joined((*parts, days), SEMICOLON)


def _total_in_words(one: Total) -> Message:
    if one.value is None:
        return _("{figure} ({each})", figure=one.title, each=one.each)
    words = _("{title} {value}", title=one.title, value=numbers.written(one.value, one.unit))
    if one.note and one.note not in _PLAIN_KINDS:
        words = _("{figure} ({kind})", figure=words, kind=one.note)
    for against in one.changes:
        words = changed(words, against, one.unit)
    return words


def changed(words: Message, one: Change, unit: str) -> Message:
    """A number in words with what it was before, and the change."""
    if one.kind is ChangeKind.UNKNOWN:
        return words
    if one.kind not in {ChangeKind.PERCENT, ChangeKind.POINTS}:
        return _("{figure} ({change})", figure=words, change=one.text)
    before = numbers.written(one.before, unit)
    return _("{figure}, before {before} ({change})", figure=words, before=before, change=one.text)


_OVER_ACCOUNTS = {Adding.SUM: Adding.SUM, Adding.LAST: Adding.SUM, Adding.MAX: Adding.MAX}
"""Followers of several accounts add up; users of a day do not: somebody can read both."""
NOT_ADDED = _("not added up: the same person can be in several accounts")
MOST_EACH = 3
"""Accounts whose numbers are given one by one where they are not added up."""
TOTAL_NOTES = {
    Adding.DISTINCT: _("daily median"),
    Adding.LAST: _("latest value"),
    Adding.MAX: _("highest value"),
}
"""What kind of number a figure of a range is, if it is not the sum."""
_PLAIN_KINDS = {TOTAL_NOTES[Adding.LAST], TOTAL_NOTES[Adding.MAX]}
"""Kinds that the name of the figure says already."""


def of_account(accounts: Sequence[str], appid: str, sentence: Message) -> Message:
    """A sentence about one account, which it names where a figure has several."""
    if len(accounts) <= 1:
        return sentence
    return _("{account}: {sentence}", account=appid, sentence=sentence)


def point_title(figure: Figure, day: date) -> Message:
    """A point of a figure in a sentence: the day, or the week or month that begins on it."""
    if grain_of(figure.window) is Grain.DAY:
        return verbatim(str(day))
    return _("{period} {day}", period=figure.column("ref_date").title, day=day)


# --- marks ---------------------------------------------------------------------------------------


def seams_of(marks: Mapping[tuple[str, date], Mark]) -> tuple[Seam, ...]:
    """The days on which the rows of an account begin to come from elsewhere."""
    seams: list[Seam] = []
    last: dict[str, Origin] = {}
    for (appid, day), mark in sorted(marks.items()):
        if mark.origin is None:
            continue
        if last.get(appid, mark.origin) is not mark.origin:
            seams.append(Seam(day, _origin_text(day, mark.origin)))
        last[appid] = mark.origin
    return tuple(dict.fromkeys(seams))


def notes_on(marks: Mapping[tuple[str, date], Mark]) -> tuple[Message, ...]:
    """Sentences about points that are missing, can still change, or were revised."""
    counts = dict.fromkeys(State, 0)
    partial = revised = 0
    for mark in marks.values():
        if mark.is_moving or not mark.days:
            counts[mark.state] += 1
        elif mark.state is State.EMPTY:
            counts[State.EMPTY] += 1
        elif mark.days < mark.of_days:
            partial += 1
        revised += bool(mark.revision)
    sentences = [_NOTES[state](counts[state]) for state in _NOTES if counts[state]]
    if partial:
        sentences.append(
            plural(
                "{n} point lacks days; its bar is hollow.",
                "{n} points lack days; their bars are hollow.",
                n=partial,
            )
        )
    if revised:
        sentences.append(
            plural(
                "{n} point was revised after it was final.",
                "{n} points were revised after they were final.",
                n=revised,
            )
        )
    return tuple(sentences)


def _origin_text(day: date, origin: Origin) -> Message:
    return _("from {day} on: {origin}", day=f"{day:%m-%d}", origin=ORIGIN_TITLES[origin])


_NOTES: Mapping[State, Callable[[int], Message]] = {
    State.MOVING: lambda n: plural(
        "{n} point can still change; it is dashed.",
        "{n} points can still change; they are dashed.",
        n=n,
    ),
    State.NEVER: lambda n: plural(
        "{n} point is missing: it was never requested.",
        "{n} points are missing: they were never requested.",
        n=n,
    ),
    State.WAITING: lambda n: plural(
        "{n} point is missing: WeChat has no data for it yet.",
        "{n} points are missing: WeChat has no data for them yet.",
        n=n,
    ),
    State.REFUSED: lambda n: plural(
        "{n} point is missing: WeChat refused the request.",
        "{n} points are missing: WeChat refused the requests.",
        n=n,
    ),
    State.FAILED: lambda n: plural(
        "{n} point is missing: the last request failed.",
        "{n} points are missing: the last requests failed.",
        n=n,
    ),
    State.EMPTY: lambda n: plural(
        "{n} point is confirmed to have no data.",
        "{n} points are confirmed to have no data.",
        n=n,
    ),
}
