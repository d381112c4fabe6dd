"""Names and titles that attack: shown as text on pages, in files and in charts."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from openpyxl import load_workbook  # type: ignore[import-untyped]

from support import warehouses
from support.visitor import Visitor
from wxcube.beijing import BEIJING, ManualClock
from wxcube.charts.catalogue import CHARTS
from wxcube.cli.pages import new_site
from wxcube.emulator.emulator import Emulator
from wxcube.figures.catalogue import FIGURES
from wxcube.pages.app import pages_app
from wxcube.pages.registry import PAGES
from wxcube.pages.site import Source
from wxcube.server.http import RunningServer
from wxcube.settings import PagesSettings
from wxcube.warehouse.store import Warehouse

MARKUP = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}{% raw %}\u202etxt.exe'
TITLES = (
    MARKUP,
    "\u2069\u202etxt.exe",
    '=HYPERLINK("https://evil.example","x")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1+1",
    "長" * 500,
)
NAMES = (MARKUP, TITLES[2], "長" * 500)
ELEMENTS = {"script", "img", "iframe", "object", "style", "a", "svg", "link", "meta", "form"}


class Elements(HTMLParser):
    """The elements of a page that could do something, each with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ELEMENTS:
            self.found.append((tag, {name: value or "" for name, value in attrs}))


@pytest.fixture(scope="module", params=NAMES, ids=("markup", "formula", "long"))
def visitor(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visitor]:
    """Pages of an account with a planted name and planted titles."""
    name, folder = str(request.param), tmp_path_factory.mktemp("planted")
    clock = ManualClock(datetime(2026, 3, 10, 9, tzinfo=BEIJING))
    with Warehouse.open(folder / "wxcube.db") as warehouse:
        warehouses.new_followers(warehouse, [7] * 40)
        warehouses.articles_named(warehouse, Emulator(accounts=1, days=20), list(TITLES))
        source = Source(warehouse, clock, lambda: {"wx1": name, "wx2": f"other {name}"})
        settings = PagesSettings(file=str(folder / "logins.db"))
        site = new_site(source, clock, settings, visitor="demo")
        with RunningServer(pages_app(site)) as server:
            visitor = Visitor(server.url)
            visitor.get("/")
            yield visitor


def _pages(visitor: Visitor) -> Iterator[tuple[str, str]]:
    """The address and text of every page, also with what is planted in the filter."""
    planted = quote(MARKUP)
    found = re.search(r"/content/article\?[^\"]+", visitor.get("/content").text)
    assert found
    queries = ("", "?account=wx1", f"?q={planted}", f"?account={planted}&article={planted}")
    paths = [one.path + query for one in PAGES for query in queries]
    paths += [found[0].replace("&amp;", "&"), "/accounts", "/sync", f"/{quote(MARKUP, safe='')}"]
    for path in paths:
        page = visitor.get(path)
        if page.status == 303:
            page = visitor.get(page.location)
        assert page.status in {200, 404}, path
        yield path, page.text


def test_pages_show_it_as_text(visitor: Visitor) -> None:
    shown = ""
    for path, text in _pages(visitor):
        shown += text
        for tag, attributes in Elements(text).found:
            assert not [name for name in attributes if name.startswith("on")], path
            address = attributes.get("src") or attributes.get("href") or "/"
            assert address.startswith(("/", "?", "#")), (path, tag, address)
            assert tag != "script" or address.startswith("/static/"), path
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "{{ 7 * 7 }}" in shown
    assert "長" * 500 in shown


def test_a_text_from_right_to_left_ends_with_its_element(visitor: Visitor) -> None:
    isolated = re.compile(
        r"<bdi[ >].*?</bdi>|<title>.*?</title>|<option.*?</option>|\"[^\"]*\"", re.DOTALL
    )
    for path, text in _pages(visitor):
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", isolated.sub("", text)), path


def test_spreadsheets_have_no_formulas(visitor: Visitor) -> None:
    titles = set()
    for address in FIGURES:
        page = visitor.get(f"/{address}.csv?account=wx1&account=wx2")
        if page.status == 404:
            continue
        for line in csv.reader(io.StringIO(page.body.decode("utf-8-sig"))):
            texts = [cell for cell in line if not re.fullmatch(r"-?[\d.]+", cell)]
            assert not [cell for cell in texts if cell.startswith(("=", "+", "@", "-", "\t"))]
        assert re.fullmatch(r'attachment; filename="[\w.-]+"', page.headers["content-disposition"])
        book = load_workbook(io.BytesIO(visitor.get(f"/{address}.xlsx").body))
        cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
        assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]
        titles |= {cell.value for cell in cells if cell.value in TITLES}
    assert titles == set(TITLES)


def test_pictures_draw_it(visitor: Visitor) -> None:
    drawn = 0
    for address in CHARTS:
        page = visitor.get(f"/{address}.svg?account=wx1&account=wx2")
        if page.status == 404:
            continue
        drawn += 1
        elements = list(ET.fromstring(page.text).iter())
        names = {one.tag.rpartition("}")[2] for one in elements}
        assert not names & {"script", "image", "a", "foreignObject", "use"}
        assert not [name for one in elements for name in one.attrib if name.startswith("on")]
    assert drawn >= 2
    picture = visitor.get("/followers/total.png?account=wx1&account=wx2")
    assert picture.body.startswith(b"\x89PNG")
