"""The templates of reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from wxcube.figures import numbers
from wxcube.i18n import Listing, Meaning, Message, _, plural

FOLDER = Path(__file__).parent


def environment() -> Environment:
    """The templates: every value is escaped, and messages are in the report's language."""
    env = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_in_language,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals |= {"_": _, "plural": plural}
    env.filters |= {"exact": numbers.exact_in_unit, "headline": numbers.headline}
    return env


@pass_context
def _in_language(context: Context, value: Any) -> Any:
    if isinstance(value, Message | Meaning | Listing):
        return context["report"].language(value)
    return "" if value is None else value
