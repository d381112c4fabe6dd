"""Overview: yesterday's key figures, every account, and the biggest changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from wxcube.contract.window import Window
from wxcube.figures import numbers
from wxcube.figures.change import Change, ChangeKind, change
from wxcube.figures.content import READING
from wxcube.figures.figure import Column, Figure, Text, Total
from wxcube.figures.filter import VERSUS_TITLES, Filter, Rolling, Versus, earlier
from wxcube.figures.followers import FOLLOWERS, moves
from wxcube.figures.help import Help
from wxcube.figures.interface import PUSHES
from wxcube.figures.messages import VOLUME
from wxcube.figures.reader import Days, Reader
from wxcube.figures.series import (
    ACCOUNT,
    NOT_ADDED,
    Measure,
    Question,
    each_of,
    kind_of,
    notes_on,
)
from wxcube.figures.state import Coverage, Mark, coverage
from wxcube.i18n import NOTHING, SEMICOLON, Message, _, joined

QUESTIONS: tuple[Question, ...] = (moves(), FOLLOWERS, READING, VOLUME, PUSHES)
"""The questions whose measures are key figures, in their order."""
AGO = {
    1: _("vs the day before"),
    7: _("vs 7 days before"),
    30: _("vs 30 days before"),
}
"""The days with which yesterday is compared, as WeChat's own pages do."""
MOST_CHANGES = 5
"""Changes that are named as the largest."""
_FIGURE = Column(name="figure", title=_("figure"), is_key=True)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, and its figures of yesterday and of the days that it is compared with."""

    question: Question
    days: Mapping[date, Days]


def yesterday(reader: Reader, of: Filter) -> Figure:
    """Yesterday's key figures, each against the day before, 7 and 30 days before."""
    day, accounts = reader.yesterday, reader.all_accounts(of)
    asked = _ask(reader, accounts, (day, *(day - timedelta(days=ago) for ago in AGO)))
    totals = tuple(
        _total_of_day(measure, one.days, day) for one in asked for measure in one.question.measures
    )
    marks = _marks_of_day(asked, day)
    return Figure(
        key="overview/yesterday",
        title=_("Yesterday, {day}", day=day),
        window=Window.day(day),
        accounts=accounts,
        columns=(
            _FIGURE,
            Column(name="value", title=_("yesterday")),
            *(Column(name=f"before_{ago}", title=title) for ago, title in AGO.items()),
        ),
        rows=tuple(
            (total.title, total.value, *(one.before for one in total.changes)) for total in totals
        ),
        coverage=coverage(marks),
        totals=totals,
        help=_help(),
        notes=notes_on(marks),
        sentence=_sentence(totals, day),
    )


def accounts(reader: Reader, of: Filter) -> Figure:
    """Yesterday's key figures by account."""
    day, appids = reader.yesterday, reader.all_accounts(of)
    asked = _ask(reader, appids, (day,))
    measures = [(one.days[day], measure) for one in asked for measure in one.question.measures]
    marks = _marks_of_day(asked, day)
    return Figure(
        key="overview/accounts",
        title=_("Accounts, {day}", day=day),
        window=Window.day(day),
        accounts=appids,
        columns=(ACCOUNT, *(measure.column for _days, measure in measures)),
        rows=tuple(
            (appid, *(measure.over(days, (appid,), (day,)) for days, measure in measures))
            for appid in appids
        ),
        coverage=coverage(marks),
        help=_help(),
        notes=notes_on(marks),
    )


def moved(reader: Reader, of: Filter) -> Figure:
    """What changed most against the earlier days, in words with the numbers."""
    compared = reader.accounts(of)
    versus = of.versus or Versus.PREVIOUS
    window = reader.window(of, *(one for question in QUESTIONS for one in question.endpoints))
    has_earlier = of.range is not Rolling.ALL  # nothing is stored before all days
    changes = _changes(reader, compared, window, versus) if has_earlier else ()
    found = sorted(changes, key=lambda one: -abs(one.change.share or 0))[:MOST_CHANGES]
    whole = _("Only complete periods with final figures are compared.")
    return Figure(
        key="overview/moved",
        title=_("Biggest changes"),
        window=window,
        accounts=compared,
        columns=(
            ACCOUNT,
            _FIGURE,
            Column(name="now", title=_("now")),
            Column(name="before", title=_("before")),
            Column(name="share", title=_("change"), unit="fraction"),
            Column(name="words", title=_("in words")),
        ),
        rows=tuple(
            (
                one.appid,
                one.title,
                one.now,
                one.change.before,
                one.change.share,
                one.words,
            )
            for one in found
        ),
        help=_help(),
        notes=(
            _("compared with {days}", days=earlier(window, versus).in_short),
            whole,
            *reader.notes_on_accounts(of),
        ),
        refusal=NOTHING if found else _("No figure has two complete periods to compare."),
        sentence=found[0].words if found else NOTHING,
    )


# --- one day -------------------------------------------------------------------------------------


def _ask(reader: Reader, accounts: tuple[str, ...], days: Sequence[date]) -> list[_Asked]:
    """The key figures of single days: the days between them are not read."""
    return [
        _Asked(one, {day: one.load(reader, accounts, Window.day(day)) for day in days})
        for one in QUESTIONS
    ]


def _total_of_day(measure: Measure, of: Mapping[date, Days], day: date) -> Total:
    def on(one: date) -> tuple[float | None, Coverage]:
        days = of[one]
        return measure.over(days, days.accounts, (one,)), days.coverage()

    value, known = on(day)
    is_rate = measure.column.unit == "fraction"
    changes = tuple(
        change(title, Window.day(before), value, known, *on(before), is_rate=is_rate)
        for ago, title in AGO.items()
        for before in (day - timedelta(days=ago),)
    )
    return Total(
        key=measure.column.name,
        title=measure.column.title,
        value=value,
        unit=measure.column.unit,
        coverage=known,
        changes=changes,
        note=_note(of[day], known, value),
        each=NOTHING if value is not None else each_of(measure, of[day], (day,)),
    )


def _note(days: Days, known: Coverage, value: float | None) -> Message:
    if not known.days:
        return _("not available yet")
    if value is None and len(days.accounts) > 1:
        return NOT_ADDED
    if known.moving:
        return _("can still change")
    if known.days < known.of_days:
        return _("{days} of {of_days} accounts", days=known.days, of_days=known.of_days)
    return NOTHING


def _marks_of_day(asked: Sequence[_Asked], day: date) -> dict[tuple[str, date], Mark]:
    """The worst mark of each account."""
    marks: dict[tuple[str, date], Mark] = {}
    for one in asked:
        for key, mark in one.days[day].marks.items():
            if key not in marks or marks[key].is_whole:
                marks[key] = mark
    return marks


def _help() -> tuple[Help, ...]:
    return tuple(one for question in QUESTIONS for one in question.help)


def _sentence(totals: Sequence[Total], day: date) -> Message:
    known = [total for total in totals if total.value is not None]
    if not known:
        return _("There are no figures of {day} yet.", day=day)
    by_key = {total.key: total for total in known}
    parts = [by_key[key] for key in ("new_user", "cumulate_user", "msg_count") if key in by_key]
    return joined(
        [
            _("{title} {value}", title=one.title, value=numbers.written(one.value, one.unit))
            for one in parts
        ],
        SEMICOLON,
    )


# --- changes -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Moved:
    appid: str
    measure: Measure
    now: float | None
    change: Change

    @property
    def title(self) -> Text:
        """The figure, and what kind of number of the range it is, if it is not its sum."""
        column = self.measure.column
        kind = kind_of(column, tuple(self.change.window))
        return _("{figure} ({kind})", figure=column.title, kind=kind) if kind else column.title

    @property
    def words(self) -> Message:
        """The change in one sentence."""
        column = self.measure.column
        return _(
            "{account}: {figure} {now}, before {before} ({change}).",
            account=self.appid,
            figure=self.title,
            now=numbers.written(self.now, column.unit),
            before=numbers.written(self.change.before, column.unit),
            change=self.change.text,
        )


def _changes(
    reader: Reader, accounts: Sequence[str], window: Window, versus: Versus
) -> Iterator[_Moved]:
    """The changes that may be given in percent, of every account and measure."""
    before = earlier(window, versus)
    for question in QUESTIONS:
        days = question.load(reader, tuple(accounts), window)
        days_before = question.load(reader, tuple(accounts), before)
        for appid in accounts:
            known, known_before = days.coverage([appid]), days_before.coverage([appid])
            for measure in question.measures:
                now = measure.over(days, (appid,), days.labels)
                one = change(
                    VERSUS_TITLES[versus],
                    before,
                    now,
                    known,
                    measure.over(days_before, (appid,), days_before.labels),
                    known_before,
                    is_rate=measure.column.unit == "fraction",
                )
                if one.kind is ChangeKind.PERCENT:
                    yield _Moved(appid, measure, now, one)
