"""Messages that people send: how many, of which type, by how many people, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from statistics import median
from typing import Any

from wxcube.contract import codes
from wxcube.contract.endpoint import Endpoint, Grain
from wxcube.contract.field import Adding
from wxcube.contract.message import (
    getupstreammsg,
    getupstreammsgdist,
    getupstreammsgdistmonth,
    getupstreammsgdistweek,
    getupstreammsghour,
    getupstreammsgmonth,
    getupstreammsgweek,
)
from wxcube.contract.window import Window
from wxcube.figures import numbers
from wxcube.figures.figure import Column, Figure, Total
from wxcube.figures.filter import Filter
from wxcube.figures.help import help_of
from wxcube.figures.hours import (
    HOUR,
    MOST_DAYS,
    hour_label,
    hourly,
    newest_days,
    of_newest_days,
)
from wxcube.figures.periods import grain_of
from wxcube.figures.reader import Days, Reader
from wxcube.figures.series import (
    ACCOUNT,
    NOT_ADDED,
    Question,
    answer,
    each_in_words,
    in_words,
    notes_on,
    of_account,
    plain,
)
from wxcube.i18n import NOTHING, SEMICOLON, Meaning, Message, _, joined, verbatim
from wxcube.warehouse.aggregates import Selection

COUNT = Column.of(getupstreammsg, "msg_count", _("messages"))
PEOPLE = Column(
    name="people", title=_("people who sent messages"), unit="people", adding=Adding.DISTINCT
)
_PEOPLE_NOTE = _(
    "The number of people is the sum over the intervals of the distribution: each "
    "person is in only one."
)


def _load(reader: Reader, accounts: tuple[str, ...], window: Window) -> Days:
    counts = reader.days(getupstreammsg, accounts, window, (COUNT.name,))
    return with_people(counts, _people(reader, getupstreammsgdist, accounts, window))


VOLUME = Question(
    key="messages/volume",
    title=_("Messages and the people who sent them"),
    endpoints=(getupstreammsg,),
    load=_load,
    measures=(plain(COUNT), plain(PEOPLE)),
    help=(
        *help_of(getupstreammsg, "msg_count"),
        *help_of(getupstreammsgdist, "msg_user"),
    ),
    notes=(_PEOPLE_NOTE,),
)


def volume(reader: Reader, of: Filter) -> Figure:
    """Messages and people by day; of a range that is one month or week, everybody once."""
    figure = answer(VOLUME, reader, of)
    total = _people_of_period(reader, figure)
    totals = tuple(total if total and one.key == PEOPLE.name else one for one in figure.totals)
    return replace(
        figure,
        totals=totals,
        sentence=joined((in_words(totals, len(figure.accounts)), _busiest(figure)), SEMICOLON),
    )


def types(reader: Reader, of: Filter) -> Figure:
    """Messages by type, and the people of a day who sent some of the type."""
    window, accounts = reader.window(of, getupstreammsg), reader.accounts(of)
    counts = reader.warehouse.sums_over_range(
        accounts, Selection(getupstreammsg, window, (COUNT.name,), by=("msg_type",))
    )
    newest = newest_days(window)
    days = reader.days(getupstreammsg, accounts, newest, ("msg_user",), by=("msg_type",))
    rows = [
        (appid, group[0], count, days.over("msg_user", appid, group))
        for (appid, group), (count,) in counts.items()
    ]
    rows.sort(key=lambda row: (accounts.index(row[0]), -(row[2] or 0)))
    return Figure(
        key="messages/types",
        title=_("Messages by type"),
        window=window,
        accounts=accounts,
        columns=(
            ACCOUNT,
            Column.of(getupstreammsg, "msg_type", is_key=True),
            COUNT,
            Column.of(getupstreammsg, "msg_user", _("people per day (median)")),
        ),
        rows=tuple(rows),
        coverage=_load(reader, accounts, window).coverage(),
        help=help_of(getupstreammsg, "msg_type", "msg_count", "msg_user"),
        notes=(
            *reader.notes_on_accounts(of),
            *notes_on(days.marks),
            _(
                "The same person can send several types, so people do not add up over types or "
                "days."
            ),
            *_median_notes(window),
        ),
        sentence=_types_sentence(accounts, rows),
    )


def distribution(reader: Reader, of: Filter) -> Figure:
    """People of a day by how many messages they sent: 1 to 5, 6 to 10, or more."""
    whole, accounts = reader.window(of, getupstreammsgdist), reader.accounts(of)
    days = reader.days(
        getupstreammsgdist, accounts, newest_days(whole), ("msg_user",), by=("count_interval",)
    )
    rows = []
    for appid in accounts:
        known = [
            day
            for day in days.labels
            if (appid, day) in days.values and not days.is_moving(appid, day)
        ]
        rows += [
            (appid, group[0], median(days.values[appid, day].get(group, (0,))[0] for day in known))
            for group in days.groups()
            if known
        ]
    return of_newest_days(
        reader,
        of,
        whole,
        days,
        key="messages/distribution",
        title=_("People by number of messages"),
        columns=(
            ACCOUNT,
            Column.of(getupstreammsgdist, "count_interval", is_key=True),
            Column.of(getupstreammsgdist, "msg_user", _("people per day (median)")),
        ),
        rows=tuple(rows),
        help=help_of(getupstreammsgdist, "count_interval", "msg_user"),
        sentence=_distribution_sentence(accounts, rows),
    )


def hours(reader: Reader, of: Filter) -> Figure:
    """Messages by hour of the day."""
    whole, accounts = reader.window(of, getupstreammsghour), reader.accounts(of)
    days = reader.days(
        getupstreammsghour, accounts, newest_days(whole), (COUNT.name,), by=("ref_hour",)
    )
    rows = hourly(days, (COUNT.name,))
    return of_newest_days(
        reader,
        of,
        whole,
        days,
        key="messages/hours",
        title=_("Messages by hour"),
        columns=(
            ACCOUNT,
            HOUR,
            replace(COUNT, name="mean", title=_("messages per day (mean)"), adding=Adding.NONE),
        ),
        rows=tuple(rows),
        help=help_of(getupstreammsghour, "ref_hour", "msg_count"),
        sentence=_hours_sentence(accounts, rows),
    )


def weeks(reader: Reader, of: Filter) -> Figure:
    """Messages and people by week."""
    return _labelled(
        "messages/weeks",
        _("Messages by week"),
        getupstreammsgweek,
        getupstreammsgdistweek,
        reader,
        of,
    )


def months(reader: Reader, of: Filter) -> Figure:
    """Messages and people by month."""
    return _labelled(
        "messages/months",
        _("Messages by month"),
        getupstreammsgmonth,
        getupstreammsgdistmonth,
        reader,
        of,
    )


def _people_of_period(reader: Reader, figure: Figure) -> Total | None:
    """People of a range that is one whole week or month: WeChat has counted everybody once."""
    window = figure.window
    for endpoint, note in _PERIODS.items():
        label = endpoint.label(window.first)
        if endpoint.period(label) != window:
            continue
        days = _people(reader, endpoint, figure.accounts, Window.day(label))
        known = {appid: days.over(PEOPLE.name, appid) for appid in figure.accounts}
        if not known or any(people is None for people in known.values()):
            return None
        value, words, each = next(iter(known.values())), note, NOTHING
        if len(known) > 1:
            value, words = None, NOT_ADDED
            each = _(
                "{kind}: {values}", kind=note, values=each_in_words([*known.items()], PEOPLE.unit)
            )
        return Total(
            key=PEOPLE.name,
            title=PEOPLE.title,
            value=value,
            unit=PEOPLE.unit,
            coverage=days.coverage(),
            note=words,
            each=each,
        )
    return None


_PERIODS: Mapping[Endpoint[Any], Message] = {
    getupstreammsgdistmonth: _("whole month, everybody counted once"),
    getupstreammsgdistweek: _("whole week, everybody counted once"),
}
"""The endpoints that count the people of more than a day."""


def _busiest(figure: Figure) -> Message:
    """The day with the most people; nothing about a single day, and about medians of weeks."""
    rows = [row for row in figure.rows if row[3] is not None]
    if len(rows) < 2 or grain_of(figure.window) is not Grain.DAY:  # noqa: PLR2004 - at least two
        return NOTHING
    appid, day, _count, people = max(rows, key=lambda row: row[3])
    sentence = _("most people: {day}, {people}", day=day, people=numbers.exact(people))
    return of_account(figure.accounts, appid, sentence)


def with_people(counts: Days, people: Days) -> Days:
    """Messages with the people who sent them, of the same days."""
    values = {
        key: {(): (*groups.get((), (0,)), people.value(*key, PEOPLE.name))}
        for key, groups in counts.values.items()
    }
    names = (*counts.names, PEOPLE.name)
    adding = {**counts.adding, PEOPLE.name: Adding.DISTINCT}
    return replace(counts, names=names, adding=adding, values=values)


def _people(
    reader: Reader, endpoint: Endpoint[Any], accounts: Sequence[str], window: Window
) -> Days:
    """People of a distribution over all of its intervals, in which everybody is once."""
    days = reader.days(endpoint, accounts, window, ("msg_user",), is_disjoint=True)
    return replace(days, names=(PEOPLE.name,), adding={PEOPLE.name: Adding.DISTINCT})


def _labelled(
    key: str,
    title: Message,
    of_counts: Endpoint[Any],
    of_people: Endpoint[Any],
    reader: Reader,
    of: Filter,
) -> Figure:
    whole, accounts = reader.window(of, of_counts), reader.accounts(of)
    labels = _ended(of_counts, whole, reader.yesterday)
    is_before = bool(labels) and of_counts.period(labels[-1]).last < whole.first
    window = Window(labels[0], labels[-1]) if labels else whole
    counts = reader.days(of_counts, accounts, window, (COUNT.name,))
    days = with_people(counts, _people(reader, of_people, accounts, window))
    rows = [
        (appid, label, *(days.value(appid, label, name) for name in days.names))
        for appid in accounts
        for label in labels
    ]
    marks = {(row[0], row[1]): days.marks[row[0], row[1]] for row in rows}
    return Figure(
        key=key,
        title=title,
        window=Window(labels[0], of_counts.period(labels[-1]).last) if labels else whole,
        accounts=accounts,
        columns=(
            ACCOUNT,
            Column(name="ref_date", title=_("first day"), unit="day", is_key=True),
            COUNT,
            PEOPLE,
        ),
        rows=tuple(rows),
        marks=marks,
        help=_help(of_counts, of_people),
        notes=(
            *reader.notes_on_accounts(of),
            *((_NONE_ENDED[of_counts.grain],) if is_before or not labels else ()),
            _PEOPLE_NOTE,
            _(
                "Only whole periods that end in the range are shown; WeChat provides their "
                "figures once they are over."
            ),
            *notes_on(marks),
        ),
        sentence=_last_sentence(of_counts, accounts, rows),
    )


def _median_notes(window: Window) -> tuple[Message, ...]:
    if newest_days(window) == window:
        return ()
    return (_("The median is of the newest {days} days.", days=MOST_DAYS),)


_NONE_ENDED = {
    Grain.WEEK: _("No whole week ends in this range; the last one before it is shown."),
    Grain.MONTH: _("No whole month ends in this range; the last one before it is shown."),
}


def _ended(endpoint: Endpoint[Any], window: Window, yesterday: date) -> list[date]:
    """The weeks or months that end in a window; if there are none, the last one before it."""
    ends = {label: endpoint.period(label).last for label in endpoint.labels_over(window)}
    found = [label for label, end in ends.items() if end in window and end <= yesterday]
    if found:
        return found
    before = endpoint.label(endpoint.label(window.first) - timedelta(days=1))
    is_known = endpoint.first_date <= before and endpoint.period(before).last <= yesterday
    return [before] if is_known else []


def _help(of_counts: Endpoint[Any], of_people: Endpoint[Any]) -> Any:
    return (*help_of(of_counts, "msg_count"), *help_of(of_people, "msg_user"))


def _period_title(endpoint: Endpoint[Any], label: date) -> Message:
    if endpoint.grain is Grain.MONTH:
        return verbatim(f"{label:%Y-%m}")
    return _("Week from {day}", day=label)


def _types_sentence(accounts: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Message:
    if not rows:
        return _("There are no messages.")
    appid, kind, count, _people = max(rows, key=lambda row: row[2] or 0)
    sentence = _(
        "most frequent type: {type}, {count} messages",
        type=Meaning.of(codes.MSG_TYPE[kind]),
        count=numbers.exact(count),
    )
    return of_account(accounts, appid, sentence)


def _distribution_sentence(accounts: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Message:
    if not rows:
        return _("There are no messages.")
    parts = [
        _(
            "{interval}: {people}",
            interval=Meaning.of(codes.COUNT_INTERVAL[interval]),
            people=numbers.exact(people),
        )
        for appid, interval, people in rows
        if appid == rows[0][0]
    ]
    sentence = _("People per day (median): {people}", people=joined(parts, SEMICOLON))
    return of_account(accounts, rows[0][0], sentence)


def _hours_sentence(accounts: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Message:
    known = [row for row in rows if row[2] is not None]
    if not known:
        return _("There are no messages.")
    appid, hour, mean = max(known, key=lambda row: row[2])
    sentence = _(
        "busiest hour: {hour}, {count} messages per day",
        hour=hour_label(hour),
        count=numbers.exact(mean),
    )
    return of_account(accounts, appid, sentence)


def _last_sentence(
    endpoint: Endpoint[Any], accounts: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> Message:
    """Messages and people of the last whole week or month."""
    known = [row for row in rows if row[2] is not None]
    if not known:
        return _("There are no messages.")
    appid, label, count, people = max(known, key=lambda row: (row[1], row[2]))
    sentence = _(
        "{period}: {count} messages from {people} people.",
        period=_period_title(endpoint, label),
        count=numbers.exact(count),
        people=numbers.exact(people),
    )
    return of_account(accounts, appid, sentence)
