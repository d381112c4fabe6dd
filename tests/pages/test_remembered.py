"""Figures and pictures that are not made twice, and never shown after the data changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from support import warehouses
from support.visitor import Visitor
from wxcube.beijing import BEIJING, ManualClock
from wxcube.cli.pages import new_site
from wxcube.pages.app import pages_app
from wxcube.pages.pictures import Pictures
from wxcube.pages.remembered import Remembered
from wxcube.pages.site import Site, Source
from wxcube.pages.warming import warm
from wxcube.server.http import RunningServer
from wxcube.settings import PagesSettings
from wxcube.warehouse.store import Warehouse


class Counted(Pictures):
    """Counts the pictures that are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = 0

    def get(self, key: Hashable, draw: Callable[[], bytes]) -> bytes:
        def counted() -> bytes:
            self.drawn += 1
            return draw()

        return super().get(key, counted)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Pages of one account with 40 days of new followers."""
    clock = ManualClock(datetime(2026, 3, 10, 9, tzinfo=BEIJING))
    with Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        warehouses.new_followers(warehouse, [7] * 40)
        settings = PagesSettings(file=str(tmp_path / "logins.db"))
        site = new_site(Source(warehouse, clock, dict), clock, settings, visitor="demo")
        site.pictures = Counted()
        yield site


@pytest.fixture
def visitor(site: Site) -> Iterator[Visitor]:
    with RunningServer(pages_app(site)) as server:
        visitor = Visitor(server.url)
        visitor.get("/")
        yield visitor


def test_the_least_recently_used_is_forgotten() -> None:
    made: list[str] = []
    remembered = Remembered[str](5, len)

    def get(key: str) -> str:
        def make() -> str:
            made.append(key)
            return key * 2

        return remembered.get(key, make)

    assert [get(key) for key in "aba"] == ["aa", "bb", "aa"]
    assert get("c") == "cc"
    assert [get(key) for key in "acb"] == ["aa", "cc", "bb"]
    assert made == ["a", "b", "c", "b"]


def test_what_is_larger_than_the_limit_is_not_remembered() -> None:
    remembered = Remembered[str](1, len)
    assert remembered.get("key", lambda: "long") == "long"
    assert remembered.get("key", lambda: "longer") == "longer"


def test_new_rows_are_shown_at_once(site: Site, visitor: Visitor) -> None:
    path = "/followers?range=7d"
    assert '<p class="value" title="49">49</p>' in visitor.get(path).text
    warehouses.new_followers(site.source.warehouse, [7, 7, 8])
    assert '<p class="value" title="50">50</p>' in visitor.get(path).text


@pytest.mark.parametrize(("language", "theme"), [("zh", "light"), ("en", "dark")])
def test_the_first_reader_after_a_sync_does_not_wait_for_pictures(
    site: Site, visitor: Visitor, language: str, theme: str
) -> None:
    assert isinstance(site.pictures, Counted)
    warm(site)
    drawn = site.pictures.drawn
    assert drawn
    path = f"/followers/daily.svg?lang={language}&theme={theme}"
    assert visitor.get(path).body.startswith(b"<svg")
    assert site.pictures.drawn == drawn
    visitor.get(path + "&range=7d")
    assert site.pictures.drawn == drawn + 1
