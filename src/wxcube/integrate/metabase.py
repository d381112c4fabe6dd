"""Metabase: the SQL of questions, a file each, for SQLite, PostgreSQL and MySQL."""

from __future__ import annotations

from wxcube.i18n import Listing, _
from wxcube.i18n.language import Language
from wxcube.integrate.questions import QUESTIONS, Chart, Question

_PLACES = {
    "account": "{{account}}",
    "first": "{{first}}",
    "last": "{{last}}",
    "time": "beijing_time",
}
_VISUALIZATIONS = {
    Chart.LINE: _("line chart"),
    Chart.BARS: _("bar chart"),
    Chart.STACK: _("stacked bar chart"),
    Chart.TABLE: _("table"),
}


def metabase_files(translate: Language) -> dict[str, str]:
    """The files by name: a native query with the variables account, first and last."""
    return {f"{question.name}.sql": _file(question, translate) for question in QUESTIONS}


def _file(question: Question, translate: Language) -> str:
    comments = (
        question.title,
        _("Visualization: {kind}", kind=_VISUALIZATIONS[question.chart]),
        _(
            "Variables: {account} (text), {first} and {last} (date)",
            account="account",
            first="first",
            last="last",
        ),
        Listing(f"{name}: {translate(question.meaning(name))}" for name in question.figures),
    )
    head = "".join(f"-- {translate(comment)}\n" for comment in comments)
    return f"{head}{question.sql(_PLACES, translate)}\n"
