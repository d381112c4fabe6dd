"""A report as one HTML file: charts as SVG in it, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from markupsafe import Markup

from wxcube.charts import engine
from wxcube.report.report import Card, Report
from wxcube.report.templates import environment

WIDTH = 480
"""Width of a chart."""


def as_html(report: Report) -> str:
    """The report as HTML.

    Raises:  SettingsError if the engine that draws charts is not installed.
    """
    env = environment()
    # the engine escapes the texts of an option
    env.globals["drawn"] = lambda card: Markup(svg(card))  # noqa: S704
    return env.get_template("report.html").render(report=report)


def as_mail(report: Report) -> str:
    """The report as HTML of a mail: its numbers and sentences, and charts as attached pictures."""
    return environment().get_template("mail.html").render(report=report, width=WIDTH)


def svg(card: Card) -> str:
    """The chart of a card as SVG, with ids that no other chart of the report has."""
    assert card.chart
    return engine.svg(
        card.chart.option,
        language=card.language.code,
        width=WIDTH,
        height=card.chart.height,
        name=card.key,
        text=card.language(card.figure.sentence or card.figure.title),
    )
