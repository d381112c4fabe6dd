"""Reading rhythm: at which hours of which weekdays people read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from wxcube.beijing import HOURS
from wxcube.contract.article import getuserreadhour
from wxcube.contract.codes import ALL_CHANNELS
from wxcube.contract.field import Adding
from wxcube.contract.window import Window
from wxcube.figures import numbers
from wxcube.figures.figure import Column, Figure
from wxcube.figures.filter import Filter
from wxcube.figures.help import help_of
from wxcube.figures.hours import HOUR, hour_label, newest_days, notes_on_days
from wxcube.figures.reader import Days, Reader
from wxcube.figures.samples import VALUES_PER_HOUR
from wxcube.figures.series import ACCOUNT, notes_on, of_account
from wxcube.i18n import NOTHING, Message, _, plural

WEEKDAYS = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
"""Short names of the weekdays, from Monday on."""
BEST = 5
"""Hours that are named as the best."""
_READS = "int_page_read_count"
_VALUE = Column(name="reads", title=_("reads per hour (median)"), unit="times", adding=Adding.NONE)
_N = Column(name="n", title=_("number of days"), unit="")
_WEEKDAY = Column(name="weekday", title=_("weekday"), is_key=True)
_WHOLE_DAYS = _("Only days whose figures are final are counted.")
_NO_ADVICE = _(
    "This shows when people read, which depends on when articles were published. It"
    " does not say when to publish."
)
_NO_SUCCESSOR = _("WeChat retired this endpoint in 2026, so newer reads by hour do not exist.")


@dataclass(frozen=True, slots=True)
class _Cells:
    """The median reads of the hours of a week of one account, and how many days each has."""

    appid: str
    window: Window
    days: Days
    rows: tuple[tuple[Any, ...], ...]


def week(reader: Reader, of: Filter) -> Figure:
    """Median reads by weekday and hour, of the first account of the filter."""
    cells = _cells(reader, of)
    return Figure(
        key="rhythm/week",
        title=_("Reads by weekday and hour"),
        window=cells.window,
        accounts=(cells.appid,),
        columns=(ACCOUNT, _WEEKDAY, HOUR, _VALUE, _N),
        rows=cells.rows,
        coverage=cells.days.coverage(),
        help=help_of(getuserreadhour, "ref_hour", _READS),
        notes=(*_notes(reader, of, cells), *notes_on(cells.days.marks)),
        n=cells.days.coverage().days,
        refusal=_refusal(cells.rows),
        sentence=_sentence(reader.accounts(of), _best(cells.rows)),
    )


def best_hours(reader: Reader, of: Filter) -> Figure:
    """The hours of the week with the most reads, each with the number of days behind it."""
    cells = _cells(reader, of)
    best = _best(cells.rows)
    return Figure(
        key="rhythm/best_hours",
        title=_("Hours with the most reads"),
        window=cells.window,
        accounts=(cells.appid,),
        columns=(ACCOUNT, _WEEKDAY, HOUR, _VALUE, _N),
        rows=tuple(best),
        coverage=cells.days.coverage(),
        help=help_of(getuserreadhour, "ref_hour", _READS),
        notes=(_NO_ADVICE, *_notes(reader, of, cells)),
        n=cells.days.coverage().days,
        refusal=_refusal(cells.rows),
        sentence=_sentence(reader.accounts(of), best),
    )


def _cells(reader: Reader, of: Filter) -> _Cells:
    accounts = reader.accounts(of)[:1]
    window = newest_days(reader.window(of, getuserreadhour))
    days = reader.days(
        getuserreadhour,
        accounts,
        window,
        (_READS,),
        by=("ref_hour",),
        only=(("user_source", ALL_CHANNELS),),
    )
    appid = accounts[0] if accounts else ""
    return _Cells(appid, window, days, tuple(_rows(days, appid)))


def _rows(days: Days, appid: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    final = [day for day in days.labels if _is_counted(days, appid, day)]
    for weekday in range(7):
        of_weekday = [day for day in final if day.weekday() == weekday]
        for hour in range(HOURS):
            group = (hour * 100,)
            values = [days.value(appid, day, _READS, group) for day in of_weekday]
            known = [value for value in values if value is not None]
            rows.append((appid, weekday, hour, median(known) if known else None, len(known)))
    return rows


def _is_counted(days: Days, appid: str, day: Any) -> bool:
    return bool(days.values.get((appid, day))) and days.marks[appid, day].is_whole


def _best(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    enough = [row for row in rows if row[4] >= VALUES_PER_HOUR and row[3]]
    return sorted(enough, key=lambda row: -row[3])[:BEST]


def _refusal(rows: Sequence[tuple[Any, ...]]) -> Message:
    largest = max((row[4] for row in rows), default=0)
    if largest >= VALUES_PER_HOUR:
        return NOTHING
    return plural(
        "No best hour: there is at most {n} day per weekday and hour, {needed} are needed. "
        "Choose a longer range.",
        "No best hour: there are at most {n} days per weekday and hour, {needed} are needed. "
        "Choose a longer range.",
        n=largest,
        needed=VALUES_PER_HOUR,
    )


def _notes(reader: Reader, of: Filter, cells: _Cells) -> tuple[Message, ...]:
    notes: list[Message] = [_WHOLE_DAYS]
    if len(reader.accounts(of)) > 1:
        notes.append(_("This shows one account at a time: {account}.", account=cells.appid))
    notes += notes_on_days(reader.window(of, getuserreadhour))
    if getuserreadhour.is_retired:
        notes.append(_NO_SUCCESSOR)
    return tuple(notes)


def _sentence(accounts: Sequence[str], best: Sequence[tuple[Any, ...]]) -> Message:
    if not best:
        return _("There is no best hour.")
    appid, weekday, hour, value, n = best[0]
    sentence = _(
        "Most reads: {weekday} {hour}, {reads} (median of {n} days).",
        weekday=WEEKDAYS[weekday],
        hour=hour_label(hour),
        reads=numbers.exact(value),
        n=n,
    )
    return of_account(accounts, appid, sentence)
