"""Charts of content."""

from __future__ import annotations

from wxcube.charts.chart import Chart, shown
from wxcube.charts.layouts import day_lines, ranking
from wxcube.charts.parts import Part, base, category_axis, value_axis
from wxcube.contract import codes
from wxcube.figures.content import channel_title
from wxcube.figures.figure import Figure
from wxcube.i18n import Meaning
from wxcube.i18n.language import Language


def readers(figure: Figure, language: Language) -> Chart:
    """Readers and sharers as lines, with the seam between both eras."""
    return day_lines(figure, ("read_user", "share_user"), language)


def curve(figure: Figure, language: Language) -> Chart:
    """Readers so far of one article, and the median of other articles of the same age."""
    option = base()
    option["xAxis"] = category_axis([str(age) for age in figure.values("age")], band=False)
    option["yAxis"] = value_axis("@count")
    option["series"] = [
        _line(figure, "readers", "@c1", language) | {"symbol": "circle", "symbolSize": 5},
        _line(figure, "median", "@c3", language),
    ]
    return Chart(option)


def channels(figure: Figure, language: Language) -> Chart:
    """Readers by channel beside each other: they do not add up to a total."""
    return ranking(figure, "channel", "readers", channel_title, language)


def exits(figure: Figure, language: Language) -> Chart:
    """The share of readers who leave in each fifth of an article."""
    parts = [Meaning.of(codes.JUMP_POSITION[one]) for one in figure.values("position")]
    option = base(legend=False, top=20, formatter="@percent")
    option["xAxis"] = category_axis([shown(part, language) for part in parts])
    option["yAxis"] = value_axis("@percent")
    option["series"] = [
        {
            "type": "bar",
            "name": shown(figure.column("rate").title, language),
            "data": figure.values("rate"),
            "itemStyle": {"color": "@c1"},
            "barMaxWidth": 40,
            "label": {"show": True, "position": "top", "color": "@ink", "formatter": "@percent"},
        }
    ]
    return Chart(option, 220)


def _line(figure: Figure, name: str, colour: str, language: Language) -> Part:
    return {
        "type": "line",
        "name": shown(figure.column(name).title, language),
        "data": figure.values(name),
        "connectNulls": False,
        "symbol": "none",
        "lineStyle": {"color": colour, "width": 2},
        "itemStyle": {"color": colour},
    }
