"""Charts of the hours of a day."""

from __future__ import annotations

from wxcube.beijing import HOURS
from wxcube.charts.chart import Chart, shown
from wxcube.charts.layouts import one_or_panels
from wxcube.charts.parts import Axes, category_axis, format_of, value_axis
from wxcube.figures.figure import Figure
from wxcube.i18n.language import Language

LABELS = [f"{hour:02}" for hour in range(HOURS)]
"""Labels of the hours."""


def hour_bars(figure: Figure, name: str, language: Language) -> Chart:
    """A column by hour as bars; a panel per account."""
    title = shown(figure.column(name).title, language)
    series = [
        [
            {
                "type": "bar",
                "name": title,
                "data": values_by_hour(figure, appid, name),
                "itemStyle": {"color": "@c1"},
                "barCategoryGap": "25%",
            }
        ]
        for appid in figure.accounts
    ]
    return one_or_panels(figure, series, hour_axes(figure, name))


def hour_axes(figure: Figure, name: str) -> Axes:
    """The axis of hours, and that of a column."""
    return Axes([category_axis(LABELS)], [value_axis(format_of(figure, name))])


def values_by_hour(figure: Figure, appid: str, name: str) -> list[float | None]:
    """A column of an account, one value per hour."""
    account, hour, place = (figure.place(one) for one in ("appid", "hour", name))
    found = {row[hour]: row[place] for row in figure.rows if row[account] == appid}
    return [found.get(one) for one in range(HOURS)]
