"""Charts of messages."""

from __future__ import annotations

from wxcube.charts.chart import Chart
from wxcube.charts.hours import hour_bars
from wxcube.charts.layouts import day_bars, ranking
from wxcube.contract import codes
from wxcube.figures.figure import Figure
from wxcube.i18n import Meaning
from wxcube.i18n.language import Language


def volume(figure: Figure, language: Language) -> Chart:
    """Messages and people as bars by day, week or month."""
    return day_bars(figure, ("msg_count", "people"), language)


def types(figure: Figure, language: Language) -> Chart:
    """Messages by type."""
    table = codes.MSG_TYPE
    return ranking(figure, "msg_type", "msg_count", lambda code: Meaning.of(table[code]), language)


def distribution(figure: Figure, language: Language) -> Chart:
    """People by how many messages they sent."""
    table = codes.COUNT_INTERVAL
    return ranking(
        figure, "count_interval", "msg_user", lambda code: Meaning.of(table[code]), language
    )


def hours(figure: Figure, language: Language) -> Chart:
    """Mean messages by hour of the day."""
    return hour_bars(figure, "mean", language)
