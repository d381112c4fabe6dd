"""Charts of the reading rhythm."""

from __future__ import annotations

from wxcube.charts.chart import Chart, shown
from wxcube.charts.hours import LABELS
from wxcube.charts.parts import HATCH, Part, base, category_axis
from wxcube.charts.theme import HEAT
from wxcube.figures import numbers
from wxcube.figures.figure import Figure
from wxcube.figures.rhythm import WEEKDAYS
from wxcube.figures.samples import VALUES_PER_HOUR
from wxcube.i18n.language import Language

_TOO_FEW: Part = {"color": "@gap", "decal": HATCH}


def week(figure: Figure, language: Language) -> Chart:
    """A heat map of hours and weekdays; cells with too few days behind them are hatched."""
    cells: list[Part] = []
    largest = max((value or 0 for value in figure.values("reads")), default=0)
    for _appid, weekday, hour, reads, n in figure.rows:
        if n >= VALUES_PER_HOUR and reads is not None:
            cells.append({"value": [hour, weekday, reads]})
        else:
            few: Part = {"visualMap": False, "itemStyle": _TOO_FEW}
            cells.append({"value": [hour, weekday, reads or 0], **few})
    option = base(legend=False, top=8)
    option["grid"][0]["bottom"] = 40
    option["tooltip"]["trigger"] = "item"
    option["xAxis"] = category_axis(LABELS)
    option["yAxis"] = category_axis([shown(one, language) for one in WEEKDAYS]) | {"inverse": True}
    option["visualMap"] = {
        "type": "piecewise",
        "orient": "horizontal",
        "left": "center",
        "bottom": 0,
        "itemWidth": 10,
        "itemHeight": 10,
        "itemGap": 6,
        "itemSymbol": "rect",
        "textStyle": {"color": "@muted", "fontSize": 10},
        "pieces": _pieces(largest, language),
    }
    option["series"] = [
        {
            "type": "heatmap",
            "name": shown(figure.column("reads").title, language),
            "data": cells,
            "itemStyle": {"borderColor": "@surface", "borderWidth": 1},
        }
    ]
    return Chart(option)


def _pieces(largest: float, language: Language) -> list[Part]:
    """Steps of equal width from 0 to the largest value."""
    step = max(largest, len(HEAT)) / len(HEAT)
    pieces = []
    for place, colour in enumerate(HEAT):
        least, most = step * place, step * (place + 1)
        ends_in_words = (shown(numbers.count(round(end)), language) for end in (least, most))
        ends: Part = {"gte": least} | ({} if place == len(HEAT) - 1 else {"lt": most})
        pieces.append({**ends, "color": colour, "label": "–".join(ends_in_words)})
    return pieces
