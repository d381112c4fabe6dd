from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from support.visitor import Visitor
from wxcube.beijing import BEIJING, ManualClock
from wxcube.cli.pages import new_site
from wxcube.pages.app import pages_app
from wxcube.pages.site import Site, Source
from wxcube.server.http import RunningServer
from wxcube.settings import PagesSettings
from wxcube.warehouse.store import Warehouse

PASSWORD = "a long password"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 10, 9, 0, tzinfo=BEIJING))


@pytest.fixture
def site(tmp_path: Path, clock: ManualClock) -> Iterator[Site]:
    """Pages of an empty warehouse, in which nobody has a password yet."""
    with Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        source = Source(warehouse, clock, dict)
        settings = PagesSettings(file=str(tmp_path / "logins.db"))
        site = new_site(source, clock, settings)
        site.first_code = "the code"
        yield site


@pytest.fixture
def visitor(site: Site) -> Iterator[Visitor]:
    """Somebody who is not logged in."""
    with RunningServer(pages_app(site)) as server:
        yield Visitor(server.url)


@pytest.fixture
def operator(site: Site, visitor: Visitor) -> Visitor:
    """Somebody who is logged in as `me`."""
    site.people.set_password("me", PASSWORD)
    assert visitor.post("/login", name="me", password=PASSWORD).location == "/"
    return visitor
