"""What charts are made of: axes, bars, lines, gaps, moving points and seams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from wxcube.charts.chart import shown
from wxcube.contract.endpoint import Grain
from wxcube.figures.figure import Figure
from wxcube.figures.periods import grain_of
from wxcube.figures.state import NEVER, Mark
from wxcube.i18n import _
from wxcube.i18n.language import Language

Part = dict[str, Any]
FONT = "system-ui, 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
FORMATS = {"ms": "@ms", "fraction": "@percent"}
"""Names of formatters by unit; other units are counts."""
GAP = _("no figures")
HATCH = {
    "symbol": "rect",
    "dashArrayX": [1, 0],
    "dashArrayY": [2, 5],
    "rotation": -0.8,
    "color": "@line",
}
"""The pattern of what is missing."""
_EARLIER_OPACITY = 0.45


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes of a chart or panel; series use the first ones unless they say otherwise."""

    x: list[Part]
    y: list[Part]


def base(*, legend: bool = True, top: int = 40, right: int = 20, formatter: str = "@exact") -> Part:
    """What all charts have; `formatter` is for the numbers of the tooltip."""
    return {
        "animation": False,
        "textStyle": {"fontFamily": FONT, "color": "@ink"},
        "tooltip": {
            "trigger": "axis",
            "position": "@below",
            "formatter": f"@tooltip:{formatter}",
            "backgroundColor": "@surface",
            "borderColor": "@line",
            "textStyle": {"color": "@ink"},
        },
        "legend": {
            "show": legend,
            "type": "plain",
            "top": 4,
            "left": 4,
            "itemWidth": 14,
            "itemHeight": 9,
            "itemGap": 18,
            "textStyle": {"color": "@ink", "fontSize": 12},
        },
        "grid": [
            {
                "top": top,
                "right": right,
                "bottom": 8,
                "left": 8,
                "outerBoundsMode": "same",
                "outerBoundsContain": "axisLabel",
            }
        ],
    }


def format_of(figure: Figure, name: str) -> str:
    """The name of the formatter of a column."""
    return FORMATS.get(figure.column(name).unit, "@count")


def exact_format_of(figure: Figure, name: str) -> str:
    """The name of the formatter of a column in a tooltip."""
    return FORMATS.get(figure.column(name).unit, "@exact")


def day_axis(figure: Figure, days: Sequence[date], *, band: bool = True) -> Part:
    """The axis of days, weeks or months."""
    if grain_of(figure.window) is Grain.MONTH:
        return category_axis([f"{day:%Y-%m}" for day in days], band=band)
    axis = category_axis([f"{day:%Y-%m-%d}" for day in days], band=band)
    axis["axisLabel"] |= {"formatter": "@day"}  # the tooltip has the year too
    return axis


def category_axis(labels: Sequence[str], *, band: bool = True) -> Part:
    """An axis of texts."""
    return {
        "type": "category",
        "data": list(labels),
        "boundaryGap": band,
        "axisLabel": {"color": "@muted", "fontSize": 11, "hideOverlap": True},
        "axisLine": {"lineStyle": {"color": "@line"}},
        "axisTick": {"show": False},
    }


def value_axis(formatter: str, *, from_zero: bool = True) -> Part:
    """An axis of numbers; only lines may have one that does not begin with 0."""
    return {
        "type": "value",
        "scale": not from_zero,
        "splitNumber": 4,
        "minInterval": 1 if formatter in {"@count", "@exact"} else 0,
        "axisLabel": {
            "color": "@muted",
            "fontSize": 11,
            "formatter": formatter,
            "hideOverlap": True,
        },
        "splitLine": {"lineStyle": {"color": "@grid"}},
    }


def day_axes(figure: Figure, formatter: str, *, from_zero: bool = True) -> Axes:
    """The axes of days and numbers, and two hidden ones for the hatch behind gaps.

    Bars of one axis share its width, so the hatch has an axis of its own.
    """
    days = day_axis(figure, days_of(figure))
    whole = {"type": "value", "min": 0, "max": 1, "show": False}
    numbers = value_axis(formatter, from_zero=from_zero)
    return Axes([days, days | {"show": False}], [numbers, whole])


def days_of(figure: Figure) -> list[date]:
    """The points of a figure, in order."""
    return list(dict.fromkeys(figure.values("ref_date")))


def values_of(figure: Figure, appid: str, name: str) -> list[Any]:
    """A column of one account by day; None where it is missing."""
    account, day, place = (figure.place(n) for n in ("appid", "ref_date", name))
    by_day = {row[day]: row[place] for row in figure.rows if row[account] == appid}
    return [by_day.get(one) for one in days_of(figure)]


def bars(  # noqa: PLR0913 - what a series of bars has
    figure: Figure,
    appid: str,
    name: str,
    colour: str,
    language: Language,
    *,
    down: bool = False,
    stack: str = "",
) -> Part:
    """Bars by day: hollow where days are missing, and dashed where figures can still change."""
    data: list[Any] = []
    for day, value in zip(days_of(figure), values_of(figure, appid, name), strict=True):
        signed = -value if down and value is not None else value
        mark = figure.marks.get((appid, day), NEVER)
        is_filled = mark.is_whole or value is None
        data.append(signed if is_filled else {"value": signed, "itemStyle": _hollow(mark, colour)})
    series: Part = {
        "type": "bar",
        "name": shown(figure.column(name).title, language),
        "data": data,
        "itemStyle": {"color": colour},
        "barMaxWidth": 24,
        "barCategoryGap": "25%",
    }
    if len(data) == 1:
        label = {"show": True, "position": "bottom" if down else "top", "color": "@ink"}
        series["label"] = label | {"formatter": exact_format_of(figure, name)}
    return series | ({"stack": stack} if stack else {})


def _hollow(mark: Mark, colour: str) -> Part:
    kind = "dashed" if mark.is_moving else "solid"
    return {
        "color": "transparent",
        "borderColor": colour,
        "borderType": kind,
        "borderWidth": 1.2,
    }


def lines(
    figure: Figure, appid: str, name: str, colour: str, title: str, **more: Any
) -> list[Part]:
    """A line by day, with gaps, broken at seams; dashed to points that can still change.

    A point between gaps has a dot. `more` is for the last part of the line.
    """
    days, values = days_of(figure), values_of(figure, appid, name)
    moving = [figure.marks.get((appid, day), NEVER).is_moving for day in days]
    found: list[Part] = []
    for first, end in _parts_between_seams(figure, days):
        own = [value if first <= at < end else None for at, value in enumerate(values)]
        solid = [None if moving[at] else value for at, value in enumerate(own)]
        found.append(_line(solid, colour, title, "solid"))
        if any(moving[at] and value is not None for at, value in enumerate(own)):
            dashed = [value if _is_beside(moving, at) else None for at, value in enumerate(own)]
            found.append(_line(dashed, colour, title, "dashed"))
    found[-1] |= more
    return found


def _parts_between_seams(figure: Figure, days: Sequence[date]) -> list[tuple[int, int]]:
    starts = {0, *(_place_of(seam.day, days) for seam in figure.seams)}
    ordered = [place for place in sorted(starts) if place < len(days)] or [0]
    return list(zip(ordered, [*ordered[1:], len(days)], strict=True))


def _place_of(day: date, days: Sequence[date]) -> int:
    """The position of the first point that is not before a day."""
    return sum(one < day for one in days)


def _is_beside(moving: Sequence[bool], place: int) -> bool:
    """Whether a point can still change, or the one before or after it."""
    return any(moving[max(place - 1, 0) : place + 2])


def earlier_lines(
    figure: Figure, appid: str, name: str, colour: str, language: Language
) -> list[Part]:
    """The earlier period, if there is one: the same colour, paler, over the days of this one."""
    if figure.versus is None:
        return []
    title = shown(_("{name}, earlier", name=figure.column(name).title), language)
    series = _line(values_of(figure.versus, appid, name), colour, title, "solid")
    series["lineStyle"] |= {"opacity": _EARLIER_OPACITY, "width": 1.5}
    series["itemStyle"] |= {"opacity": _EARLIER_OPACITY}
    return [series]


def gaps(figure: Figure, appid: str, names: Sequence[str], language: Language) -> list[Part]:
    """A hatch behind the days without figures; nothing if there are none."""
    by_day = zip(*(values_of(figure, appid, name) for name in names), strict=True)
    missing = [1 if all(value is None for value in values) else None for values in by_day]
    if not any(missing):
        return []
    return [
        {
            "id": f"gaps {appid}",
            "type": "bar",
            "name": shown(GAP, language),
            "data": missing,
            "xAxisIndex": 1,
            "yAxisIndex": 1,
            "barWidth": "100%",
            "itemStyle": {"color": "@gap", "decal": HATCH},
            "silent": True,
            "z": 0,
        }
    ]


def seam_line(figure: Figure, language: Language) -> Part:
    """Vertical lines where a series begins to be measured in another way."""
    days = days_of(figure)
    marked = [
        {
            "xAxis": place,
            "label": {
                "formatter": shown(seam.text, language),
                "align": "right" if place > len(days) / 2 else "left",
            },
        }
        for seam in figure.seams
        if days and days[0] <= seam.day <= days[-1]
        for place in (_place_of(seam.day, days),)
    ]
    if not marked:
        return {}
    return {
        "markLine": {
            "silent": True,
            "symbol": "none",
            "lineStyle": {"color": "@muted", "type": "solid", "width": 1},
            "label": {"color": "@muted", "fontSize": 11, "position": "end"},
            "data": marked,
        }
    }


def level_line(value: float, text: str, colour: str = "@bad") -> Part:
    """A horizontal line with its meaning."""
    return {
        "markLine": {
            "silent": True,
            "symbol": "none",
            "lineStyle": {"color": colour, "type": "solid", "width": 1},
            "label": {
                "color": colour,
                "fontSize": 11,
                "position": "insideEndTop",
                "formatter": text,
            },
            "data": [{"yAxis": value}],
        }
    }


def _line(values: Sequence[Any], colour: str, title: str, kind: str) -> Part:
    return {
        "type": "line",
        "name": title,
        "data": [
            {"value": value, "symbol": "circle", "symbolSize": 5}
            if value is not None and _is_alone(values, i)
            else value
            for i, value in enumerate(values)
        ],
        "connectNulls": False,
        "symbol": "none",
        "lineStyle": {"color": colour, "width": 2, "type": kind},
        "itemStyle": {"color": colour},
    }


def _is_alone(values: Sequence[Any], place: int) -> bool:
    beside = (*values[max(place - 1, 0) : place], *values[place + 1 : place + 2])
    return all(value is None for value in beside)
