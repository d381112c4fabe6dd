"""Cards: every address of every card, files that say the same as the page, and canonical links."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import msgspec
import pytest
from openpyxl import load_workbook  # type: ignore[import-untyped]

from support.visitor import Visitor
from wxcube import contract
from wxcube.beijing import BEIJING, ManualClock
from wxcube.charts.catalogue import CHARTS
from wxcube.cli import demo
from wxcube.cli.pages import new_site
from wxcube.contract.window import Window
from wxcube.emulator.emulator import Emulator
from wxcube.figures.catalogue import FIGURES
from wxcube.figures.numbers import exact
from wxcube.pages.app import pages_app
from wxcube.pages.registry import PAGES
from wxcube.pages.site import Source
from wxcube.server.http import RunningServer
from wxcube.settings import PagesSettings
from wxcube.warehouse.store import Warehouse

DAYS = 35


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Visitor, Warehouse, Emulator]]:
    """A visitor who is logged in, the warehouse that the pages show, and where it is from."""
    folder, emulator = tmp_path_factory.mktemp("cards"), Emulator(days=DAYS)
    with Warehouse.open(folder / "wxcube.db") as warehouse:
        with RunningServer(emulator.asgi) as server:
            todo = demo.next_plan(emulator, warehouse)
            asyncio.run(demo.fill(emulator, server.url, warehouse, todo))
        names = {app.appid: emulator.name(app.appid) for app in emulator.accounts}
        source = Source(warehouse, emulator.clock, lambda: names, is_demo=True)
        settings = PagesSettings(file=str(folder / "logins.db"))
        site = new_site(source, emulator.clock, settings, visitor="demo")
        with RunningServer(pages_app(site)) as server:
            visitor = Visitor(server.url)
            visitor.get("/")
            yield visitor, warehouse, emulator


@pytest.fixture
def visitor(pages: tuple[Visitor, Warehouse, Emulator]) -> Visitor:
    return pages[0]


@pytest.fixture
def article(visitor: Visitor) -> str:
    found = re.search(r"/content/article\?article=([^&\"]+)", visitor.get("/content").text)
    assert found
    return found[1]


@pytest.mark.parametrize("address", FIGURES)
def test_every_card_has_all_its_addresses(visitor: Visitor, address: str, article: str) -> None:
    query = f"range=30d&article={article}" if address.startswith("content/") else "range=30d"
    for extension, start in (("json", b"{"), ("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK")):
        page = visitor.get(f"/{address}.{extension}?{query}")
        assert page.status == 200, page.text
        assert page.body.startswith(start)
    rows = msgspec.json.decode(visitor.get(f"/{address}.json?{query}").body)["rows"]
    for extension, start in (("svg", b"<svg"), ("png", b"\x89PNG")):
        page = visitor.get(f"/{address}.{extension}?{query}")
        assert page.status == (200 if address in CHARTS and rows else 404)
        assert page.status == 404 or page.body.startswith(start)


def test_the_figures_of_page_and_files_are_those_of_the_warehouse(
    pages: tuple[Visitor, Warehouse, Emulator],
) -> None:
    visitor, warehouse, emulator = pages
    appid = emulator.accounts[0].appid
    window = Window(date(2026, 3, 1), date(2026, 3, 7))
    stored: dict[date, list[int]] = {}
    for row in warehouse.read(appid, contract.user.getusersummary, window):
        new, lost = stored.setdefault(row.ref_date, [0, 0])
        stored[row.ref_date] = [new + row.new_user, lost + row.cancel_user]
    expected = [[f"{day}", new, lost, new - lost] for day, (new, lost) in stored.items()]
    query = f"account={appid}&range={window}"

    data = msgspec.json.decode(visitor.get(f"/followers/daily.json?{query}").body)
    assert [row[1:] for row in data["rows"]] == expected

    text = visitor.get(f"/followers/daily.csv?{query}").body.decode("utf-8-sig")
    lines = list(csv.reader(io.StringIO(text)))
    assert [line[1:5] for line in lines[1:]] == [list(map(str, row)) for row in expected]
    assert lines[0][0] == "account"
    assert lines[1][0] == emulator.name(appid)

    body = visitor.get(f"/followers/daily.xlsx?{query}").body
    sheet = load_workbook(io.BytesIO(body)).worksheets[0]
    cells = [list(row) for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert [[f"{row[1]:%Y-%m-%d}", *row[2:5]] for row in cells] == expected

    page = visitor.get(f"/followers?{query}").text
    total = sum(new for new, _lost in stored.values())
    assert f'<p class="value" title="{total:,}">{total:,}</p>' in page


KEY_FIGURES = {
    "/followers": (
        (
            "select sum(new_user), sum(cancel_user), sum(new_user) - sum(cancel_user) from user_summary "
            "where {scope}"
        ),
        "select cumulate_user from user_cumulate where {scope} order by ref_date desc limit 1",
    ),
    "/messages": ("select sum(msg_count) from upstream_msg where {scope}",),
    "/interface": (
        (
            "select sum(callback_count), sum(fail_count), "
            "sum(fail_count) * 1.0 / sum(callback_count), "
            "sum(total_time_cost) * 1.0 / sum(callback_count), max(max_time_cost) "
            "from interface_summary where {scope}"
        ),
    ),
}
"""Statements that give the row of numbers of a page."""


@pytest.mark.parametrize("path", KEY_FIGURES)
def test_the_numbers_of_a_page_are_those_of_sql(
    pages: tuple[Visitor, Warehouse, Emulator], path: str
) -> None:
    visitor, warehouse, emulator = pages
    for app in emulator.accounts:
        scope = f"appid = '{app.appid}' and ref_date between '2026-02-10' and '2026-03-05'"
        found = [warehouse.query(sql.format(scope=scope)).rows for sql in KEY_FIGURES[path]]
        expected = [exact(value) for rows in found for value in rows[0]]
        page = visitor.get(f"{path}?account={app.appid}&range=2026-02-10..2026-03-05").text
        shown = re.findall(r'<p class="value" title="([^"]*)">', page)
        assert shown[: len(expected)] == expected
        assert "0" not in expected[:1]


def test_an_empty_warehouse_has_pages_that_say_so(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 3, 10, 9, tzinfo=BEIJING))
    with Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        source = Source(warehouse, clock, lambda: {"wx1": "new"})
        settings = PagesSettings(file=str(tmp_path / "logins.db"))
        site = new_site(source, clock, settings, visitor="demo")
        with RunningServer(pages_app(site)) as server:
            visitor = Visitor(server.url)
            visitor.get("/")
            assert "There are no figures for these days" in visitor.get("/followers").text
            for one in PAGES:
                for query in ("", "?range=all", "?vs=year"):
                    page = visitor.get(one.path + query)
                    assert page.status == 200, page.text
                    assert not re.search(r'class="value"[^>]*>0<', page.text)
            for address in FIGURES:
                for extension in ("json", "csv", "xlsx", "svg", "png"):
                    assert visitor.get(f"/{address}.{extension}").status in {200, 404}


def test_equal_views_have_one_address(visitor: Visitor) -> None:
    for query in (
        "vs=previous&range=7d",
        "range=7d&vs=previous&account=",
        "range=7d&x=1&vs=previous",
    ):
        assert visitor.get(f"/followers?{query}").location == "/followers?range=7d&vs=previous"
    assert visitor.get("/followers?range=30d").location == "/followers"
    dates = visitor.get("/followers?first=2026-03-01&last=2026-03-05&vs=previous")
    assert dates.location == "/followers?vs=previous&range=2026-03-01..2026-03-05"


@pytest.mark.parametrize(
    "query",
    ["account=nobody", "range=tomorrow", "vs=never", "source=x", "range=2030-01-01..2030-02-01"],
)
def test_what_is_impossible_is_told_and_the_page_opens(visitor: Visitor, query: str) -> None:
    page = visitor.get(f"/followers?{query}")
    assert page.status == 200
    assert "Open the corrected address" in page.text
    assert 'href="/followers"' in page.text


def test_pictures_are_kept_while_nothing_changes(visitor: Visitor) -> None:
    page = visitor.get("/followers").text
    address = re.search(r'<img src="([^"]+)"', page)
    assert address
    picture = visitor.get(address[1].replace("&amp;", "&"))
    assert picture.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert "sandbox" in picture.headers["content-security-policy"]
    assert visitor.get("/followers/daily.svg").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/followers/nothing.svg", "/followers/daily.exe", "/nothing", "/static/nothing.js"]
)
def test_what_is_not_there_is_told(visitor: Visitor, path: str) -> None:
    assert visitor.get(path).status == 404


def test_assets_stay_at_their_address(visitor: Visitor) -> None:
    page = visitor.get("/followers").text
    addresses = set(re.findall(r'"(/static/[^"]+)"', page))
    assert len(addresses) >= 5
    for address in addresses:
        asset = visitor.get(address, **{"accept-encoding": "gzip"})
        assert "immutable" in asset.headers["cache-control"]
        assert len(asset.body) <= 230_000
    assert visitor.get("/static/app.css?h=0").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_are_in_one_language(
    pages: tuple[Visitor, Warehouse, Emulator], language: str
) -> None:
    """English pages have no Chinese but names and titles; menus of Chinese pages are Chinese."""
    visitor = Visitor(pages[0].url, language)
    for one in PAGES:
        text = visitor.get(one.path).text or visitor.get(one.path).text
        outside = re.sub(r"<bdi>.*?</bdi>|<img[^>]*>|<figcaption>.*?</figcaption>", "", text)
        heading = re.search(r"<h1>(.*?)</h1>", outside, re.DOTALL)
        assert heading, one.path
        if language == "zh":
            assert not re.search("[A-Za-z]{3}", heading[1]), one.path
        else:
            assert not re.search("[\u4e00-\u9fff]", heading[1]), one.path


def test_templates_have_no_styles_and_no_scripts_of_their_own(visitor: Visitor) -> None:
    for one in PAGES:
        text = visitor.get(one.path).text
        assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?! src=\"/static/)", text), one.path


def test_a_day_says_why_and_what_was_asked(pages: tuple[Visitor, Warehouse, Emulator]) -> None:
    visitor, _warehouse, emulator = pages
    appid = emulator.accounts[0].appid
    page = visitor.get(f"/data/day?account={appid}&endpoint=getusersummary&day=2026-03-08")
    assert "1 day final" in page.text
    assert "2026-03-10 09:00" in page.text
    wrong = ("account=x", "endpoint=x", "day=x", "")
    for query in wrong:
        assert visitor.get(f"/data/day?account={appid}&{query}").location == "/data"
