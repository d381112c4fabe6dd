"""The charts of a report as PNG pictures, made without a browser."""

from __future__ import annotations

from collections.abc import Iterator

from wxcube.charts import engine
from wxcube.report.html import svg
from wxcube.report.report import Report


def pictures(report: Report) -> Iterator[tuple[str, bytes]]:
    """The name and the PNG of each chart, in their order.

    Raises:  SettingsError if the renderer is not installed, or no font has Chinese.
    """
    for card in report.cards:
        if card.chart:
            yield f"{card.key}.png", engine.png(svg(card))
