"""Small multiples: one panel per account, where one chart would have too many series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from wxcube.charts.chart import Chart, shown
from wxcube.charts.parts import Axes, Part, base
from wxcube.i18n.language import Language

MOST_PANELS = 12
"""Panels of a chart; the table has all accounts."""
_COLUMNS = 3
_PANEL_HEIGHT = 150
_TOP = 36
PHONE = 420
"""Pixels up to which a chart is one for phones."""
_NAME_WIDTH = 520
_NAME_WIDTH_OF_PHONES = 300
"""Pixels of the names of a row."""


def panels(
    names: Sequence[str],
    series: Sequence[list[Part]],
    axes: Axes | Sequence[Axes],
    formatter: str | Sequence[str] = "@exact",
    *,
    most: int = MOST_PANELS,
    columns: int = _COLUMNS,
) -> Chart:
    """A chart with a panel per name, each with its series on axes of its own.

    The axes and the formatter of tooltips are the same in all panels, or given for each.
    """
    count = min(len(names), most)
    columns = max(min(columns, count), 1)
    rows = math.ceil(count / columns)
    height = _TOP + rows * _PANEL_HEIGHT
    formatters = [formatter] * count if isinstance(formatter, str) else formatter
    option: dict[str, Any] = base(formatter=formatters[0] if formatters else "@exact")
    option |= {"grid": [], "xAxis": [], "yAxis": [], "series": []}
    for number in range(count):
        row, column = divmod(number, columns)
        width = 100 / columns
        option["grid"].append(
            {
                "left": f"{column * width + 1:.1f}%",
                "width": f"{width - 2:.1f}%",
                "top": _TOP + row * _PANEL_HEIGHT + 22,
                "height": _PANEL_HEIGHT - 34,
                "outerBoundsMode": "same",
                "outerBoundsContain": "axisLabel",
            }
        )
        own = axes if isinstance(axes, Axes) else axes[number]
        first_x, first_y = len(option["xAxis"]), len(option["yAxis"])
        name = {
            "name": shown(names[number], Language()),
            "nameLocation": "end",
            "nameTextStyle": {"color": "@ink", "fontSize": 12, "align": "left"},
            "nameTruncate": {"maxWidth": _NAME_WIDTH // columns},
        }
        y = [own.y[0] | name, *own.y[1:]]
        option["xAxis"] += [axis | {"gridIndex": number} for axis in own.x]
        option["yAxis"] += [axis | {"gridIndex": number} for axis in y]
        # tooltips take the panel's name and formatter from the ids; legends have the series' names
        before = len(option["series"])
        option["series"] += [
            {"id": f"panel {names[number]}\n{before + at} {formatters[number]}"}
            | one
            | {
                "xAxisIndex": first_x + one.get("xAxisIndex", 0),
                "yAxisIndex": first_y + one.get("yAxisIndex", 0),
            }
            for at, one in enumerate(series[number])
        ]
    narrow = {"nameTruncate": {"maxWidth": _NAME_WIDTH_OF_PHONES // columns}}
    option["media"] = [
        {"query": {"maxWidth": PHONE}, "option": {"yAxis": [narrow for _axis in option["yAxis"]]}}
    ]
    return Chart(option, height)
