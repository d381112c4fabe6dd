"""Layouts that charts of days have in common: bars, or lines, of one account or of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from wxcube.charts.chart import Chart, shown
from wxcube.charts.panels import MOST_PANELS, PHONE, panels
from wxcube.charts.parts import (
    Axes,
    Part,
    bars,
    base,
    category_axis,
    day_axes,
    days_of,
    earlier_lines,
    exact_format_of,
    format_of,
    gaps,
    lines,
    seam_line,
    value_axis,
)
from wxcube.charts.theme import SERIES
from wxcube.figures.figure import Figure
from wxcube.i18n import Meaning, Message
from wxcube.i18n.language import Language


def one_or_panels(
    figure: Figure, series: list[list[Part]], axes: Axes, *, formatter: str = "@exact"
) -> Chart:
    """One chart for one account, panels for several."""
    if len(figure.accounts) > 1:
        return panels(figure.accounts, series, axes, formatter)
    option = base(formatter=formatter)
    option |= {"xAxis": axes.x, "yAxis": axes.y, "series": series[0] if series else []}
    return Chart(option)


def account_lines(
    figure: Figure, name: str, language: Language, *, from_zero: bool = True
) -> Chart:
    """A line by day; a panel per account, whose growth may be small beside another's size.

    One day is a bar: a line needs two points.
    """
    if len(days_of(figure)) == 1:
        return day_bars(figure, (name,), language)
    formatter = format_of(figure, name) if from_zero else "@exact"
    axes = day_axes(figure, formatter, from_zero=from_zero)
    accounts = figure.accounts
    each = [_lines(figure, appid, name, "@c1", language) for appid in accounts]
    return replace(one_or_panels(figure, each, axes), is_cut=not from_zero)


def _lines(figure: Figure, appid: str, name: str, colour: str, language: Language) -> list[Part]:
    found = lines(figure, appid, name, colour, shown(figure.column(name).title, language))
    found[0] |= seam_line(figure, language)
    found += earlier_lines(figure, appid, name, colour, language)
    return [*found, *gaps(figure, appid, (name,), language)]


def day_bars(figure: Figure, names: Sequence[str], language: Language) -> Chart:
    """Bars by day side by side, one per column; a panel per account."""

    def of_account(appid: str) -> list[Part]:
        series = [
            bars(figure, appid, name, colour, language)
            for name, colour in zip(names, SERIES, strict=False)
        ]
        series[0] |= seam_line(figure, language)
        before = earlier_lines(figure, appid, names[0], SERIES[0], language)
        return [*series, *before, *gaps(figure, appid, names, language)]

    axes = day_axes(figure, format_of(figure, names[0]))
    series = [of_account(appid) for appid in figure.accounts]
    return one_or_panels(figure, series, axes, formatter=exact_format_of(figure, names[0]))


def day_bars_apart(figure: Figure, names: Sequence[str], language: Language) -> Chart:
    """Bars by day, a panel per account and column: small numbers are seen beside large ones."""
    titles: list[str] = []
    series: list[list[Part]] = []
    axes: list[Axes] = []
    for appid in figure.accounts:
        for name, colour in zip(names, SERIES, strict=False):
            own = bars(figure, appid, name, colour, language) | seam_line(figure, language)
            before = earlier_lines(figure, appid, name, colour, language)
            hatch = gaps(figure, appid, (name,), language)
            series.append([own, *before, *(one | {"id": f"{one['id']} {name}"} for one in hatch)])
            title = shown(figure.column(name).title, language)
            titles.append(f"{appid} · {title}" if len(figure.accounts) > 1 else title)
            axes.append(day_axes(figure, format_of(figure, name)))
    most = MOST_PANELS * len(names)
    formatters = [exact_format_of(figure, name) for name in names] * len(figure.accounts)
    return panels(titles, series, axes, formatters, most=most, columns=len(names))


def day_lines(figure: Figure, names: Sequence[str], language: Language) -> Chart:
    """Lines by day, one per column; a panel per account. One day is bars."""
    if len(days_of(figure)) == 1:
        return day_bars(figure, names, language)

    def of_account(appid: str) -> list[Part]:
        series: list[Part] = []
        for name, colour in zip(names, SERIES, strict=False):
            title = shown(figure.column(name).title, language)
            series += lines(figure, appid, name, colour, title)
            series += earlier_lines(figure, appid, name, colour, language)
        series[0] |= seam_line(figure, language)
        return [*series, *gaps(figure, appid, names, language)]

    axes = day_axes(figure, format_of(figure, names[0]))
    series = [of_account(appid) for appid in figure.accounts]
    return one_or_panels(figure, series, axes, formatter=exact_format_of(figure, names[0]))


def ranking(
    figure: Figure,
    key: str,
    value: str,
    title_of: Callable[[Any], Message | Meaning],
    language: Language,
    most: int = 10,
) -> Chart:
    """Horizontal bars, the largest at the top, with their numbers; up to four accounts."""
    accounts = figure.accounts[: len(SERIES)]
    account, group, place = (figure.place(name) for name in ("appid", key, value))
    known = list(dict.fromkeys(figure.values(key)))[:most][::-1]
    by_key = {(row[account], row[group]): row[place] for row in figure.rows}
    several = len(accounts) > 1
    title = shown(figure.column(value).title, language)
    formatter = format_of(figure, value)
    option = base(legend=several, top=_legend_height(len(accounts)), right=56)
    option["legend"]["textStyle"] |= {"width": 230, "overflow": "truncate"}
    narrow = {"legend": {"textStyle": {"width": 104}}}
    option["media"] = [{"query": {"maxWidth": PHONE}, "option": narrow}]
    option["xAxis"] = value_axis(formatter)
    option["grid"][0]["left"] = 26  # browsers' fonts are wider than the engine estimates
    option["yAxis"] = category_axis([shown(title_of(one), language) for one in known])
    option["yAxis"]["axisLabel"] |= {"width": 112, "overflow": "break", "lineHeight": 12}
    option["series"] = [
        {
            "type": "bar",
            "name": shown(appid, language) if several else title,
            "data": [by_key.get((appid, one)) for one in known],
            "itemStyle": {"color": colour},
            "barMaxWidth": 16,
            "label": {"show": True, "position": "right", "color": "@ink", "formatter": formatter},
        }
        for appid, colour in zip(accounts, SERIES, strict=False)
    ]
    height = 60 + 24 * len(known) * max(len(accounts), 1) + option["grid"][0]["top"] // 2
    return Chart(option, max(120, height))


def _legend_height(accounts: int) -> int:
    """Room for names of accounts, of which a phone has two in a row."""
    return 60 if accounts > 2 else 40 if accounts == 2 else 12  # noqa: PLR2004 - two in a row
