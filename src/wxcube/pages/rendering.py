"""Pages from templates; messages in them appear in the reader's language."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.requests import Request
from starlette.responses import HTMLResponse

from wxcube import contract
from wxcube.contract.codes import USER_SOURCE_FOLLOW
from wxcube.figures import numbers
from wxcube.i18n import Listing, Meaning, Message, _, plural
from wxcube.i18n.language import Language
from wxcube.log import redact
from wxcube.pages.article_table import article_facts, article_table
from wxcube.pages.calendar_table import calendar
from wxcube.pages.freshness import freshness
from wxcube.pages.reader_language import reader_language
from wxcube.pages.reader_theme import TITLES, reader_theme
from wxcube.pages.site import site_of
from wxcube.settings import REPORT_FORMATS

TEMPLATES = Path(__file__).with_name("templates")


def environment() -> Environment:
    """The templates; they need `language`, and every value in them is escaped."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_in_language,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals.update(
        _=_,
        plural=plural,
        articles=article_table,
        article_facts=article_facts,
        calendar=calendar,
        freshness=freshness,
    )
    env.filters.update(redact=_redacted, tile=numbers.headline, endpoint_title=_endpoint_title)
    env.filters.update(time=_time, exact=numbers.exact_in_unit, source_title=_source_title)
    return env


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """The page that a template gives for a request."""
    site, path = site_of(request), request.url.path
    address = f"{path}?{request.url.query}" if request.url.query else path
    shared = {
        "language": reader_language(request),
        "theme": reader_theme(request),
        "themes": TITLES,
        "session": request.state.session,
        "asset": site.assets.address,
        "path": path,
        "menu": request.app.state.menu,
        "error": None,
        "next": quote(address, safe=""),
        "is_demo": site.source.is_demo,
        "can_ask": site.source.sync is not None,
        "report_formats": REPORT_FORMATS if site.write_report else (),
        "logs_in": not site.entrance.visitor,
    }
    page = site.templates.get_template(template)
    return HTMLResponse(page.render(shared | values), status)


@pass_context
def _in_language(context: Context, value: Any) -> Any:
    language: Language = context["language"]
    if isinstance(value, Message | Meaning | Listing):
        return language(value)
    return "" if value is None else value


def _source_title(source: int) -> Meaning:
    return Meaning.of(USER_SOURCE_FOLLOW[source])


def _endpoint_title(name: str) -> Meaning:
    """The title of an endpoint, whose name may have the parameters of its calls too."""
    return contract.named(name.partition(" ")[0]).title


def _redacted(message: Message, language: Language) -> str:
    return redact(language(message))


def _time(moment: datetime | date) -> str:
    """A day or a minute, in Beijing time."""
    return f"{moment:%Y-%m-%d %H:%M}" if isinstance(moment, datetime) else f"{moment:%Y-%m-%d}"
