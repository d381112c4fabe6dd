"""The pages of a source, as the commands `up` and `demo` show them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from wxcube.beijing import Clock
from wxcube.charts import engine
from wxcube.figures.filter import Filter
from wxcube.figures.reader import Reader
from wxcube.i18n.language import Language
from wxcube.pages.app import STATIC
from wxcube.pages.assets import Assets
from wxcube.pages.guard import Entrance
from wxcube.pages.login_database import open_login_database
from wxcube.pages.people import People
from wxcube.pages.rendering import environment
from wxcube.pages.sessions import Sessions
from wxcube.pages.site import Site, Source
from wxcube.report.formats import as_file, file_name
from wxcube.report.report import report_of
from wxcube.settings import PagesSettings, ReportFormat


def new_site(
    source: Source, clock: Clock, settings: PagesSettings, *, visitor: str = "", browser: str = ""
) -> Site:
    """The site of a source; everybody is logged in as the visitor, if one is named.

    `browser` is the program that prints reports, as in the settings.

    Raises:  SettingsError if the file of logins cannot be used.
    """
    connection = open_login_database(Path(settings.file))
    return Site(
        entrance=Entrance(Sessions(connection, clock), settings.url, visitor),
        people=People(connection),
        clock=clock,
        source=source,
        assets=Assets((STATIC, engine.STATIC)),
        templates=environment(),
        write_report=partial(_report, browser),
    )


def _report(
    browser: str,
    reader: Reader,
    of: Filter,
    names: Mapping[str, str],
    language: Language,
    file_format: ReportFormat,
) -> tuple[str, bytes]:
    made = report_of(reader, of, names, language)
    return file_name(made, file_format), as_file(made, file_format, browser)
