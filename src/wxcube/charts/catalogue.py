"""Every chart by the address of its figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wxcube.charts import content, data, followers, interface, messages, rhythm
from wxcube.charts.chart import Chart
from wxcube.figures.figure import Figure
from wxcube.i18n.language import Language

Draw = Callable[[Figure, Language], Chart]

CHARTS: Mapping[str, Draw] = {
    "followers/daily": followers.daily,
    "followers/total": followers.total_followers,
    "followers/sources": followers.sources,
    "content/readers": content.readers,
    "content/curve": content.curve,
    "content/channels": content.channels,
    "content/exits": content.exits,
    "rhythm/week": rhythm.week,
    "messages/volume": messages.volume,
    "messages/types": messages.types,
    "messages/distribution": messages.distribution,
    "messages/hours": messages.hours,
    "messages/weeks": messages.volume,
    "messages/months": messages.volume,
    "interface/callbacks": interface.callbacks,
    "interface/latency": interface.latency,
    "interface/hours": interface.hours,
    "data/calendar": data.calendar,
}
"""Charts by the `key` of their figures; other figures are tables."""


def draw(figure: Figure, language: Language) -> Chart | None:
    """The chart of a figure; None if it is a table, or has no rows to draw."""
    chart = CHARTS.get(figure.key)
    return chart(figure, language) if chart and figure.rows else None
