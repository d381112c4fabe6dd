"""The account's server: pushes, failures, and how long replies take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wxcube.beijing import HOURS
from wxcube.contract.interface import getinterfacesummary, getinterfacesummaryhour
from wxcube.contract.window import Window
from wxcube.figures import numbers
from wxcube.figures.figure import Column, Figure
from wxcube.figures.filter import Filter
from wxcube.figures.help import computed, help_of
from wxcube.figures.hours import HOUR, hour_label, newest_days, of_hour, of_newest_days
from wxcube.figures.reader import Days, Reader
from wxcube.figures.series import ACCOUNT, Question, answer, of_account, plain, point_title, ratio
from wxcube.i18n import NOTHING, SEMICOLON, Message, _, joined

LIMIT_MS = 5000
"""WeChat waits so long for a reply, then the push has failed."""
CALLBACKS = Column.of(getinterfacesummary, "callback_count", _("pushes"))
FAILURES = Column.of(getinterfacesummary, "fail_count", _("failed pushes"))
FAILURE_RATE = Column(name="failure_rate", title=_("failure rate"), unit="fraction")
MEAN = Column(name="mean_ms", title=_("mean reply time"), unit="ms")
LARGEST = Column.of(getinterfacesummary, "max_time_cost", _("longest reply time"))
_NAMES = ("callback_count", "fail_count", "total_time_cost", "max_time_cost")
_RATE_HELP = computed(
    getinterfacesummary,
    "failure_rate",
    "fraction",
    _("failed pushes divided by all pushes"),
)
_MEAN_HELP = computed(
    getinterfacesummary,
    "mean_ms",
    "ms",
    _("reply time of all pushes divided by their number"),
)
_LIMIT_NOTE = _("WeChat gives up after 5 seconds, and the push counts as failed.")


def _load(reader: Reader, accounts: tuple[str, ...], window: Window) -> Days:
    return reader.days(getinterfacesummary, accounts, window, _NAMES)


PUSHES = Question(
    key="interface/callbacks",
    title=_("Pushes to your server, and failure rate"),
    endpoints=(getinterfacesummary,),
    load=_load,
    measures=(
        plain(CALLBACKS),
        plain(FAILURES),
        ratio(FAILURE_RATE, "fail_count", "callback_count"),
    ),
    help=(*help_of(getinterfacesummary, "callback_count", "fail_count"), _RATE_HELP),
)
LATENCY = Question(
    key="interface/latency",
    title=_("How long replies take"),
    endpoints=(getinterfacesummary,),
    load=_load,
    measures=(ratio(MEAN, "total_time_cost", "callback_count"), plain(LARGEST)),
    help=(*help_of(getinterfacesummary, "total_time_cost", "max_time_cost"), _MEAN_HELP),
    notes=(_LIMIT_NOTE,),
)


def callbacks(reader: Reader, of: Filter) -> Figure:
    """Pushes, failures and failure rate by day."""
    figure = answer(PUSHES, reader, of)
    return replace(figure, sentence=joined((figure.sentence, _worst(figure)), SEMICOLON))


def latency(reader: Reader, of: Filter) -> Figure:
    """Mean and largest time of a reply by day."""
    figure = answer(LATENCY, reader, of)
    return replace(figure, sentence=joined((figure.sentence, _slowest(figure)), SEMICOLON))


def _worst(figure: Figure) -> Message:
    """The point with the highest failure rate."""
    rows = [row for row in figure.rows if row[3]]
    if not rows:
        return NOTHING
    appid, day, pushes, failures, rate = max(rows, key=lambda row: (row[4], row[3]))
    sentence = _(
        "highest failure rate: {day}, {rate} ({failures} of {pushes})",
        day=point_title(figure, day),
        rate=numbers.percent(rate),
        failures=numbers.exact(failures),
        pushes=numbers.exact(pushes),
    )
    return of_account(figure.accounts, appid, sentence)


def _slowest(figure: Figure) -> Message:
    """The point with the largest mean time."""
    rows = [row for row in figure.rows if row[2] is not None]
    if not rows:
        return NOTHING
    appid, day, mean, largest = max(rows, key=lambda row: row[2])
    sentence = _(
        "slowest: {day}, {mean} on average, {largest} at most",
        day=point_title(figure, day),
        mean=numbers.milliseconds(mean),
        largest=numbers.milliseconds(largest),
    )
    return of_account(figure.accounts, appid, sentence)


def hours(reader: Reader, of: Filter) -> Figure:
    """Mean and largest time, and the failure rate, by hour of the day."""
    whole, accounts = reader.window(of, getinterfacesummaryhour), reader.accounts(of)
    days = reader.days(
        getinterfacesummaryhour, accounts, newest_days(whole), _NAMES, by=("ref_hour",)
    )
    rows = [
        (appid, hour, *_of_hour(days, appid, hour)) for appid in accounts for hour in range(HOURS)
    ]
    return of_newest_days(
        reader,
        of,
        whole,
        days,
        _LIMIT_NOTE,
        key="interface/hours",
        title=_("Replies by hour"),
        columns=(ACCOUNT, HOUR, CALLBACKS, FAILURE_RATE, MEAN, LARGEST),
        rows=tuple(rows),
        help=(*help_of(getinterfacesummaryhour, "ref_hour", *_NAMES), _RATE_HELP, _MEAN_HELP),
        sentence=_sentence(accounts, rows),
    )


def _of_hour(
    days: Days, appid: str, hour: int
) -> tuple[float | None, float | None, float | None, float | None]:
    calls, failed, spent = (sum(of_hour(days, appid, hour, name)) for name in _NAMES[:3])
    largest = max(of_hour(days, appid, hour, "max_time_cost"), default=None)
    if not calls:
        return (calls if days.coverage([appid]).days else None, None, None, None)
    return calls, failed / calls, spent / calls, largest


def _sentence(accounts: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Message:
    known = [row for row in rows if row[4] is not None]
    if not known:
        return _("There are no pushes.")
    slowest = max(known, key=lambda row: row[4])
    sentence = _(
        "slowest from {hour}: {mean} on average, {largest} at most",
        hour=hour_label(slowest[1]),
        mean=numbers.milliseconds(slowest[4]),
        largest=numbers.milliseconds(slowest[5]),
    )
    return of_account(accounts, slowest[0], sentence)
