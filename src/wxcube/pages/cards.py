"""Cards: a figure with its chart and table, and its addresses as picture and as file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from wxcube.charts import engine
from wxcube.charts.catalogue import draw
from wxcube.charts.chart import HEIGHT, Chart
from wxcube.charts.theme import PALETTES, Theme
from wxcube.figures.cells import Table, table_of
from wxcube.figures.figure import Figure
from wxcube.figures.naming import named
from wxcube.i18n import NOTHING, Meaning, Message
from wxcube.i18n.language import Language
from wxcube.pages.view import View, address

NARROW = engine.NARROW[0]
"""Width of pictures for phones."""


@dataclass(frozen=True)
class Card:
    """A figure with its chart, for one view and reader."""

    address: str
    view: View
    language: Language

    @cached_property
    def figure(self) -> Figure:
        """The figure as people read it."""
        return named(self._wire_figure, self.view.names)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The AppIDs of the figure's accounts."""
        return self._wire_figure.accounts

    @cached_property
    def chart(self) -> Chart | None:
        """The chart; None for a table, and without anything to draw."""
        return None if self.figure.refusal else draw(self.figure, self.language)

    @property
    def statement(self) -> Message:
        """The figure's sentence; none about days of which nothing is known."""
        known = self.figure.coverage
        return NOTHING if known and not known.days else self.figure.sentence

    @property
    def key(self) -> str:
        """The part of the address after the page, unique on a page."""
        return self.address.replace("/", "-")

    @property
    def width(self) -> int:
        """The width of the picture."""
        return engine.WIDTH

    @property
    def height(self) -> int:
        """The height of the picture."""
        return height_of(self.chart, engine.WIDTH) if self.chart else 0

    @property
    def narrow_height(self) -> int:
        """The height of the picture for phones."""
        return height_of(self.chart, NARROW) if self.chart else 0

    @property
    def table(self) -> Table:
        """The rows of the figure."""
        return table_of(self.figure)

    def file(self, extension: str, **more: str) -> str:
        """The address of the card in a format."""
        return address(f"/{self.address}.{extension}", self.view.query, **more)

    def picture(self, theme: str, *, is_narrow: bool = False) -> str:
        """The address of the chart as SVG, which browsers keep."""
        width = {"w": str(NARROW)} if is_narrow else {}
        return self.file("svg", v=self.view.version, lang=self.language.code, theme=theme, **width)

    def drawn(self, theme: Theme, width: int) -> str:
        """The chart as SVG.

        Raises:  SettingsError if it cannot be drawn here.
        """
        assert self.chart
        return engine.svg(
            self.chart.option,
            language=self.language.code,
            theme=theme,
            width=width,
            height=height_of(self.chart, width),
            text=self.language(self.figure.sentence or self.figure.title),
        )

    def as_data(self, theme: Theme | None) -> dict[str, Any]:
        """The figure for programs; with a theme, its chart too."""
        data = as_data(self._wire_figure, self.language)
        if theme and self.chart:
            data |= {"option": self.chart.option, "palette": PALETTES[theme]}
        return data

    @cached_property
    def _wire_figure(self) -> Figure:
        return self.view.figure(self.address)


def height_of(chart: Chart, width: int) -> int:
    """The height of a picture; that of most charts is smaller on phones."""
    narrow_height = engine.NARROW[1]
    return narrow_height if width == NARROW and chart.height == HEIGHT else chart.height


def as_data(figure: Figure, language: Language) -> dict[str, Any]:
    """A figure for programs: rows by column, states by account and day, and what they mean."""
    return {
        "key": figure.key,
        "title": language(figure.title),
        "first": figure.window.first,
        "last": figure.window.last,
        "accounts": figure.accounts,
        "columns": [
            {"name": one.name, "title": language(one.title), "unit": one.unit, "adding": one.adding}
            for one in figure.columns
        ],
        "rows": [[_plain(value, language) for value in row] for row in figure.rows],
        "states": [
            {
                "appid": appid,
                "day": day,
                "state": mark.state,
                "origin": mark.origin,
                "revision": mark.revision,
            }
            for (appid, day), mark in figure.marks.items()
        ],
        "totals": [
            {"key": one.key, "title": language(one.title), "value": one.value, "unit": one.unit}
            for one in figure.totals
        ],
        "sentence": language(figure.sentence),
        "notes": [language(note) for note in figure.notes],
        "versus": as_data(figure.versus, language) if figure.versus else None,
    }


def _plain(value: Any, language: Language) -> Any:
    return language(value) if isinstance(value, Message | Meaning) else value
