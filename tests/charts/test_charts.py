"""Charts show the numbers of their figures, and no name is left unresolved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import pytest

from wxcube.charts.catalogue import CHARTS, draw
from wxcube.charts.chart import Chart
from wxcube.charts.engine import svg
from wxcube.charts.panels import MOST_PANELS
from wxcube.charts.theme import PALETTES, Theme
from wxcube.contract.window import Window
from wxcube.figures import numbers
from wxcube.figures.catalogue import FIGURES
from wxcube.figures.figure import Figure, Seam
from wxcube.figures.filter import Filter, Rolling, Versus
from wxcube.figures.followers import TOTAL
from wxcube.figures.reader import Reader
from wxcube.figures.series import ACCOUNT, day_column
from wxcube.figures.state import NEVER, Mark
from wxcube.i18n import verbatim
from wxcube.i18n.language import Language
from wxcube.warehouse.coverage import State

ENGLISH, CHINESE = Language("en"), Language("zh")
LARGEST_CARD = 60_000
of_each = pytest.mark.parametrize("key", CHARTS)


def filters(reader: Reader, appid: str) -> list[Filter]:
    article = FIGURES["content/articles"](reader, Filter(accounts=(appid,))).rows[0][2]
    return [
        Filter(accounts=(appid,), article=article),
        Filter(versus=Versus.PREVIOUS),
        Filter(accounts=(appid,), range=Rolling.ALL, article=article),
    ]


def drawn(chart: Chart, **more: Any) -> str:
    return svg(chart.option, height=chart.height, **more)


def texts(picture: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", picture)


def strings(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for value in part.values():
            yield from strings(value)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from strings(value)


@of_each
@pytest.mark.parametrize("theme", Theme)
def test_every_chart_is_drawn(reader: Reader, appid: str, key: str, theme: Theme) -> None:
    for of in filters(reader, appid):
        figure = FIGURES[key](reader, of)
        chart = draw(figure, CHINESE)
        if chart is None:
            assert not figure.rows
            continue
        assert msgspec.json.decode(msgspec.json.encode(chart.option)) == chart.option
        picture = drawn(chart, language="zh", theme=theme)
        assert not [text for text in texts(picture) if text.startswith("@")]
        assert "@" not in re.sub(r"<text.*?</text>", "", picture)
        assert sum(colour in picture for colour in PALETTES[theme].values()) > 2
        assert len(picture.encode()) <= LARGEST_CARD


@of_each
def test_every_name_is_known(reader: Reader, appid: str, key: str) -> None:
    known = {*PALETTES[Theme.LIGHT], "@count", "@exact", "@percent", "@ms", "@tooltip:@exact"}
    known |= {"@tooltip:@ms", "@tooltip:@percent", "@below", "@day"}
    for of in filters(reader, appid):
        chart = draw(FIGURES[key](reader, of), ENGLISH)
        names = {text for text in strings(chart.option) if text[:1] == "@"} if chart else set()
        assert names <= known


def test_both_palettes_have_the_same_names() -> None:
    assert PALETTES[Theme.LIGHT].keys() == PALETTES[Theme.DARK].keys()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("followers/sources", "new_user"),
        ("messages/types", "msg_count"),
        ("messages/distribution", "msg_user"),
        ("content/channels", "readers"),
    ],
)
def test_labels_have_the_numbers_of_the_figure(
    reader: Reader, appid: str, key: str, value: str
) -> None:
    figure = FIGURES[key](reader, Filter(accounts=(appid,)))
    chart = draw(figure, CHINESE)
    assert chart is not None
    data = [one for one in chart.option["series"][0]["data"] if one is not None]
    assert sorted(data) == sorted(figure.values(value)[:10])
    shown = texts(drawn(chart, language="zh"))
    assert {numbers.short(one, "zh") for one in data} <= set(shown)


def test_bars_have_the_numbers_of_the_figure(reader: Reader, appid: str) -> None:
    figure = FIGURES["followers/daily"](reader, Filter(accounts=(appid,)))
    chart = draw(figure, ENGLISH)
    assert chart is not None
    new, lost = chart.option["series"][:2]
    assert new["data"] == figure.values("new_user")
    assert lost["data"] == [-value for value in figure.values("cancel_user")]


# --- gaps, moving points, seams -------------------------------------------------------------------


def of_total(values: Sequence[int | None], marks: dict[int, Mark]) -> Figure:
    """Followers of some days in March."""
    days = [date(2026, 3, number) for number in range(1, len(values) + 1)]
    final = Mark(State.FINAL)
    window = Window(days[0], days[-1])
    return Figure(
        key="followers/total",
        title=verbatim("followers"),
        window=window,
        accounts=("wx1",),
        columns=(ACCOUNT, day_column(window), TOTAL),
        rows=tuple(("wx1", day, value) for day, value in zip(days, values, strict=True)),
        marks={("wx1", day): marks.get(day.day, final) for day in days},
    )


def series(figure: Figure) -> list[dict[str, Any]]:
    chart = draw(figure, ENGLISH)
    assert chart is not None
    drawn(chart)
    found: list[dict[str, Any]] = chart.option["series"]
    return found


def values(one: dict[str, Any]) -> list[Any]:
    return [point["value"] if isinstance(point, dict) else point for point in one["data"]]


def test_a_gap_is_hatched_and_not_joined() -> None:
    line, gap = series(of_total([5, 6, None, 8], {3: NEVER}))
    assert values(line) == [5, 6, None, 8]
    assert line["connectNulls"] is False
    assert gap["name"] == "no figures"
    assert gap["data"] == [None, None, 1, None]


def test_a_point_between_gaps_has_a_dot() -> None:
    line = series(of_total([None, 6, None, 8], {1: NEVER, 3: NEVER}))[0]
    assert line["data"][1]["symbol"] == "circle"


def test_a_line_is_dashed_to_a_point_that_can_change() -> None:
    solid, dashed = series(of_total([5, 6, 7], {3: Mark(State.MOVING)}))
    assert values(solid) == [5, 6, None]
    assert values(dashed) == [None, 6, 7]
    assert dashed["lineStyle"]["type"] == "dashed"


def test_a_line_does_not_cross_a_seam() -> None:
    figure = of_total([5, 6, 7, 8], {})
    seam = Seam(date(2026, 3, 3), verbatim("new"))
    before, after = series(replace(figure, seams=(seam,)))
    assert values(before) == [5, 6, None, None]
    assert values(after) == [None, None, 7, 8]
    (marked,) = before["markLine"]["data"]
    assert marked["xAxis"] == 2


def test_the_earlier_period_is_paler_and_has_its_own_numbers(reader: Reader, appid: str) -> None:
    of = Filter(accounts=(appid,), versus=Versus.PREVIOUS)
    figure = FIGURES["followers/total"](reader, of)
    assert figure.versus is not None
    now, before = series(figure)
    assert values(now) == figure.values("cumulate_user")
    assert values(before) == figure.versus.values("cumulate_user")
    assert before["lineStyle"]["opacity"] < 1
    assert before["lineStyle"]["color"] == now["lineStyle"]["color"]


def test_a_bar_that_can_change_is_hollow_and_dashed(reader: Reader, appid: str) -> None:
    figure = FIGURES["followers/daily"](reader, Filter(accounts=(appid,), range=Rolling.DAYS_7))
    last = figure.rows[-1][1]
    moving = replace(figure, marks={**figure.marks, (appid, last): Mark(State.MOVING)})
    bar = series(moving)[0]["data"][-1]
    assert bar["itemStyle"]["color"] == "transparent"
    assert bar["itemStyle"]["borderType"] == "dashed"


def test_one_day_is_a_bar_with_its_number() -> None:
    (bar,) = series(of_total([46_507], {}))
    assert bar["type"] == "bar"
    assert bar["label"]["show"]
    assert bar["data"] == [46_507]


def test_a_cut_axis_is_told() -> None:
    several, one = (draw(of_total(days, {}), ENGLISH) for days in ([5, 6], [5]))
    assert several is not None
    assert one is not None
    assert several.is_cut
    assert several.option["yAxis"][0]["scale"]
    assert not one.is_cut
    assert not one.option["yAxis"][0]["scale"]


def test_the_failure_rate_has_an_axis_of_its_own(reader: Reader, appid: str) -> None:
    figure = FIGURES["interface/callbacks"](reader, Filter(accounts=(appid,)))
    pushes, rates = (one for one in series(figure) if not one["id"].startswith("gaps"))
    assert values(rates) == figure.values("failure_rate")
    assert pushes["yAxisIndex"] != rates["yAxisIndex"]
    chart = draw(figure, ENGLISH)
    assert chart is not None
    labels = [chart.option["yAxis"][one["yAxisIndex"]]["axisLabel"] for one in (pushes, rates)]
    assert [one["formatter"] for one in labels] == ["@count", "@percent"]
    assert [one["id"].split()[-1] for one in (pushes, rates)] == ["@exact", "@percent"]


def test_the_calendar_has_titles_of_endpoints(reader: Reader, appid: str) -> None:
    chart = draw(FIGURES["data/calendar"](reader, Filter(accounts=(appid,))), ENGLISH)
    assert chart is not None
    names = chart.option["yAxis"]["data"]
    assert "follower gains and losses" in names
    assert not [name for name in names if name.startswith("get")]


# --- many accounts, strange names -----------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_every_account_has_a_panel_with_its_own_axis(count: int) -> None:
    one = of_total([5, 6], {})
    accounts = tuple(f"wx{number}" for number in range(count))
    many = replace(
        one,
        accounts=accounts,
        rows=tuple((appid, row[1], row[2]) for appid in accounts for row in one.rows),
        marks={(appid, key[1]): mark for appid in accounts for key, mark in one.marks.items()},
    )
    chart = draw(many, ENGLISH)
    assert chart is not None
    assert len(chart.option["grid"]) == min(count, MOST_PANELS)
    drawn(chart)


def test_names_and_markup_are_shown_as_text() -> None:
    name = "@c1<script>alert(1)</script>\u202e"
    one = of_total([5, 6], {})
    two = replace(
        one,
        accounts=(name, "wx1"),
        rows=tuple((appid, row[1], row[2]) for appid in (name, "wx1") for row in one.rows),
    )
    chart = draw(two, ENGLISH)
    assert chart is not None
    picture = drawn(chart, text=name)
    assert "<script" not in picture
    assert "@c1&lt;scr" in picture
