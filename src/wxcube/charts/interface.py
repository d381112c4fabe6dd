"""Charts of the account's server."""

from __future__ import annotations

from wxcube.charts.chart import Chart, shown
from wxcube.charts.hours import hour_axes, values_by_hour
from wxcube.charts.layouts import day_bars_apart, day_lines, one_or_panels
from wxcube.charts.parts import Part, level_line
from wxcube.figures.figure import Figure
from wxcube.figures.interface import LIMIT_MS
from wxcube.i18n import _
from wxcube.i18n.language import Language

_LIMIT = _("5 seconds: WeChat gives up")


def callbacks(figure: Figure, language: Language) -> Chart:
    """Pushes and the failure rate by day, each on an axis of its own."""
    return day_bars_apart(figure, ("callback_count", "failure_rate"), language)


def latency(figure: Figure, language: Language) -> Chart:
    """Mean and largest time by day, with the line at which WeChat gives up."""
    chart = day_lines(figure, ("mean_ms", "max_time_cost"), language)
    return _with_limit(chart, len(figure.accounts), language)


def hours(figure: Figure, language: Language) -> Chart:
    """Mean and largest time by hour of the day, with the line at which WeChat gives up."""
    series = [
        [
            _line(figure, appid, "mean_ms", "@c1", language),
            _line(figure, appid, "max_time_cost", "@c2", language),
        ]
        for appid in figure.accounts
    ]
    chart = one_or_panels(figure, series, hour_axes(figure, "mean_ms"), formatter="@ms")
    return _with_limit(chart, len(figure.accounts), language)


def _line(figure: Figure, appid: str, name: str, colour: str, language: Language) -> Part:
    return {
        "type": "line",
        "name": shown(figure.column(name).title, language),
        "data": values_by_hour(figure, appid, name),
        "connectNulls": False,
        "symbol": "circle",
        "symbolSize": 5,
        "lineStyle": {"color": colour, "width": 2},
        "itemStyle": {"color": colour},
    }


def _with_limit(chart: Chart, accounts: int, language: Language) -> Chart:
    """The chart with the 5-second line in its first series; panels have it without its text."""
    text = shown(_LIMIT, language) if accounts == 1 else ""
    seen: set[int] = set()
    for series in chart.option["series"]:
        panel = series.get("xAxisIndex", 0)
        if panel not in seen and series["type"] == "line" and "markLine" not in series:
            series.update(level_line(LIMIT_MS, text))
            seen.add(panel)
    return chart
