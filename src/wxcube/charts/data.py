"""The calendar of the data: the state of every day of every endpoint."""

from __future__ import annotations

from itertools import groupby

from wxcube import contract
from wxcube.charts.chart import Chart, shown
from wxcube.charts.parts import HATCH, base, category_axis
from wxcube.figures.figure import Figure
from wxcube.i18n.language import Language
from wxcube.warehouse.coverage import State
from wxcube.warehouse.explanation import STATE_LABELS

_STYLES: dict[State, dict[str, object]] = {
    State.FINAL: {"color": "@c1"},
    State.MOVING: {"color": "@h2", "borderColor": "@c1", "borderType": "dashed"},
    State.WAITING: {"color": "@c4"},
    State.REFUSED: {"color": "@c3"},
    State.FAILED: {"color": "@bad"},
    State.EMPTY: {"color": "@grid"},
    State.NEVER: {"color": "@gap", "decal": HATCH},
}
_ROW_HEIGHT = 18
_NOTHING = {"color": "transparent"}


def calendar(figure: Figure, language: Language) -> Chart:
    """A band of days per endpoint, coloured by their states; the table has the reasons."""
    names = list(dict.fromkeys(figure.values("endpoint")))
    bands = [_runs(figure, name) for name in names]
    option = base(top=48)
    option["tooltip"] = {"show": False}
    days = {"type": "value", "min": 0, "max": len(figure.window), "show": False}
    option["xAxis"] = [days, category_axis([f"{day:%m-%d}" for day in figure.window])]
    option["xAxis"][1]["position"] = "bottom"
    option["yAxis"] = category_axis([_row_title(name, language) for name in names])
    option["yAxis"] |= {"inverse": True}
    option["yAxis"]["axisLabel"] |= {"interval": 0, "width": 190, "overflow": "truncate"}
    option["series"] = [
        {
            "type": "bar",
            "name": shown(STATE_LABELS[state], language),
            "stack": "days",
            "data": [],
            "itemStyle": style,
            "barWidth": "80%",
        }
        for state, style in _STYLES.items()
    ]
    option["series"] += [
        {
            "type": "bar",
            "name": "",
            "stack": "days",
            "data": [_segment(band, place) for band in bands],
        }
        for place in range(max(map(len, bands), default=0))
    ]
    option["legend"]["data"] = [shown(STATE_LABELS[state], language) for state in _STYLES]
    return Chart(option, 90 + _ROW_HEIGHT * max(len(names), 3))


def _row_title(name: str, language: Language) -> str:
    """The title of an endpoint, with the parameters that its calls had."""
    endpoint, _space, params = name.partition(" ")
    return f"{shown(contract.named(endpoint).title, language)} {params}".rstrip()


def _runs(figure: Figure, name: str) -> list[tuple[State | None, int]]:
    """Consecutive days of an endpoint with the same state, and how many they are."""
    states = {row[1]: State(row[2]) for row in figure.rows if row[0] == name}
    by_day = (states.get(day) for day in figure.window)
    return [(state, len(list(days))) for state, days in groupby(by_day)]


def _segment(band: list[tuple[State | None, int]], place: int) -> dict[str, object] | None:
    if place >= len(band):
        return None
    state, days = band[place]
    return {"value": days, "itemStyle": _STYLES[state] if state else _NOTHING}
