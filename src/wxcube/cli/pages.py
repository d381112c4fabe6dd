"""The pages of a source, as the commands `up` and `demo` show them."""

from __future__ import annotations

from pathlib import Path

from wxcube.beijing import Clock
from wxcube.charts import engine
from wxcube.pages.app import STATIC
from wxcube.pages.assets import Assets
from wxcube.pages.guard import Entrance
from wxcube.pages.login_database import open_login_database
from wxcube.pages.people import People
from wxcube.pages.rendering import environment
from wxcube.pages.sessions import Sessions
from wxcube.pages.site import Site, Source
from wxcube.settings import PagesSettings


def new_site(source: Source, clock: Clock, settings: PagesSettings, *, visitor: str = "") -> Site:
    """The site of a source; everybody is logged in as the visitor, if one is named.

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
    )
