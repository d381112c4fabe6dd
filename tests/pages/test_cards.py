"""Cards: every address of every card, files that say the same as the page, and canonical links."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest
from openpyxl import load_workbook  # type: ignore[import-untyped]

from support.visitor import Visitor
from wxcube import contract
from wxcube.beijing import BEIJING, ManualClock
from wxcube.charts.catalogue import CHARTS
from wxcube.cli import demo
from wxcube.cli.pages import new_site
from wxcube.contract.field import Adding
from wxcube.contract.window import Window
from wxcube.emulator.emulator import Emulator
from wxcube.figures.catalogue import FIGURES
from wxcube.figures.cells import is_in_words
from wxcube.figures.figure import Figure
from wxcube.figures.filter import Filter
from wxcube.figures.numbers import exact_in_unit
from wxcube.figures.reader import Reader
from wxcube.i18n import verbatim
from wxcube.pages import rendering
from wxcube.pages.app import pages_app
from wxcube.pages.calendar_table import calendar
from wxcube.pages.registry import PAGES
from wxcube.pages.site import Source
from wxcube.server.http import RunningServer
from wxcube.settings import PagesSettings
from wxcube.warehouse.coverage import State
from wxcube.warehouse.next_ask import Why
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
UNITS_OF_KEY_FIGURES = {
    "/followers": ("people",) * 4,
    "/messages": ("times",),
    "/interface": ("times", "times", "fraction", "ms", "ms"),
}


@pytest.mark.parametrize("path", KEY_FIGURES)
def test_the_numbers_of_a_page_are_those_of_sql(
    pages: tuple[Visitor, Warehouse, Emulator], path: str
) -> None:
    visitor, warehouse, emulator = pages
    for app in emulator.accounts:
        scope = f"appid = '{app.appid}' and ref_date between '2026-02-10' and '2026-03-05'"
        found = [warehouse.query(sql.format(scope=scope)).rows for sql in KEY_FIGURES[path]]
        units = iter(UNITS_OF_KEY_FIGURES[path])
        expected = [exact_in_unit(value, next(units)) for rows in found for value in rows[0]]
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


def test_a_form_with_unchanged_dates_keeps_its_rolling_range(
    pages: tuple[Visitor, Warehouse, Emulator],
) -> None:
    visitor, warehouse, emulator = pages
    appid = emulator.accounts[0].appid
    oldest = min(
        warehouse.extent(app.appid, endpoint).first  # type: ignore[union-attr]
        for app in emulator.accounts
        for endpoint in (contract.user.getusersummary, contract.content.getbizsummary)
    )
    for query, rolling in (("?range=all", "range=all"), ("?range=7d", "range=7d"), ("", "")):
        page = visitor.get(f"/followers{query}").text
        fields = dict(re.findall(r'name="(first|last|shown)"[^>]*value="([^"]*)"', page))
        if rolling == "range=all":
            assert date.fromisoformat(fields["first"]) <= oldest
            assert f"({fields['first']} – {fields['last']})" in page
        chosen = urlencode({**fields, "account": appid})
        assert rolling in follow(visitor, f"/followers?{chosen}")
        assert f"account={appid}" in follow(visitor, f"/followers?{chosen}")
        changed = urlencode({**fields, "first": "2026-03-02"})
        assert follow(visitor, f"/followers?{changed}").endswith("range=2026-03-02..2026-03-09")


def follow(visitor: Visitor, address: str) -> str:
    """The address of the page that is shown in the end."""
    while location := visitor.get(address).location:
        address = location
    return address


ADDED_UP = {
    Adding.NONE: "no",
    Adding.SUM: "yes",
    Adding.DISTINCT: "no: distinct users are counted per row",
    Adding.LAST: "no: the newest row has the total",
    Adding.MAX: "no: take the largest",
}
"""What a workbook says of the rows of a column."""


@pytest.mark.parametrize("address", FIGURES)
def test_page_data_and_workbook_agree_on_what_may_be_added_up(
    pages: tuple[Visitor, Warehouse, Emulator], address: str, article: str
) -> None:
    visitor, warehouse, emulator = pages
    of = Filter(article=article) if address.startswith("content/") else Filter()
    figure = FIGURES[address](Reader(warehouse, emulator.clock.now()), of)
    query = f"article={article}" if of.article else ""
    data = msgspec.json.decode(visitor.get(f"/{address}.json?{query}").body)
    assert [one["adding"] for one in data["columns"]] == [one.adding for one in figure.columns]
    page = {one.column: str(one.adding) for one in figure.help}
    workbook = load_workbook(io.BytesIO(visitor.get(f"/{address}.xlsx?{query}").body))
    *_first, explained = workbook.worksheets
    told = {row[2]: row[5] for row in explained.iter_rows(min_row=2, values_only=True) if row[2]}
    assert {*told, "state"} == {*(one.name for one in figure.columns), "state"}
    for column in figure.columns:
        in_file = told[column.name]
        known = [one for one in figure.values(column.name) if one is not None]
        is_number = any(type(one) in {int, float} for one in known)
        if is_number and not column.is_key and not is_in_words(column):
            assert in_file == ADDED_UP[column.adding], column.name
        elif known:
            assert not in_file, column.name
        if column.name in page:
            sums_up = "adds up" in page[column.name]
            assert sums_up == (column.adding is Adding.SUM), column.name


@pytest.mark.parametrize("address", FIGURES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_column_of_a_file_has_one_form(
    pages: tuple[Visitor, Warehouse, Emulator], address: str, language: str, article: str
) -> None:
    visitor = Visitor(pages[0].url, language, pages[0].cookies)
    query = f"article={article}" if address.startswith("content/") else ""
    text = visitor.get(f"/{address}.csv?{query}").body.decode("utf-8-sig")
    names, *lines = csv.reader(io.StringIO(text))
    for name, values in zip(names, zip(*lines, strict=True), strict=False):
        assert not {"True", "False"} & set(values), name
        numbers = [one for one in values if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", one)]
        if len(numbers) == len([one for one in values if one]):
            assert len({"." in one or "e" in one for one in numbers}) <= 1, (name, numbers)


def test_an_article_that_is_not_stored_is_told(visitor: Visitor) -> None:
    page = visitor.get("/content/article?article=1_1")
    assert page.status == 404
    assert "There is no article 1_1." in page.text
    assert visitor.get("/content/channels.json?article=1_1").text.count('"rows":[]') == 1


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


def test_the_overview_says_whether_yesterday_is_complete(
    pages: tuple[Visitor, Warehouse, Emulator],
) -> None:
    visitor, _warehouse, emulator = pages
    text = visitor.get("/").text
    assert text.count("Yesterday (03-09) is complete") == len(emulator.accounts)
    assert "last sync 2026-03-10 09:00" in text
    # articles of 9 March change for 30 days
    assert "figures of articles can change until 04-08" in text
    appid = emulator.accounts[0].appid
    assert f'href="/data?account={appid}"' in text


def test_the_overview_says_how_much_of_yesterday_is_missing(tmp_path: Path) -> None:
    emulator = Emulator(days=12)
    with Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        with RunningServer(emulator.asgi) as server:
            todo = demo.next_plan(emulator, warehouse)
            asyncio.run(demo.fill(emulator, server.url, warehouse, todo))
        # nothing was synced since, and a day more is over
        emulator.clock.advance(timedelta(days=1))
        source = Source(warehouse, emulator.clock, dict)
        settings = PagesSettings(file=str(tmp_path / "logins.db"))
        site = new_site(source, emulator.clock, settings, visitor="demo")
        with RunningServer(pages_app(site)) as server:
            visitor = Visitor(server.url)
            visitor.get("/")
            text = visitor.get("/").text
    found = re.findall(r"Yesterday \(03-10\) is not complete: (\d+) endpoints", text)
    assert len(found) == len(emulator.accounts)
    assert all(int(one) > 10 for one in found)


@pytest.mark.parametrize("path", ["/data", "/data/check", "/rhythm"])
def test_a_page_of_one_account_offers_the_others(
    pages: tuple[Visitor, Warehouse, Emulator], path: str
) -> None:
    visitor, _warehouse, emulator = pages
    for app in emulator.accounts:
        text = visitor.get(f"{path}?account={app.appid}").text
        switch = text.split('class="filters switch"')[1].split("</fieldset>")[0]
        assert all(f"account={one.appid}" in switch for one in emulator.accounts)
        assert re.search(rf'account={app.appid}" aria-current="true"', switch)
    assert "all 2 accounts" not in visitor.get(path).text


def test_tiles_have_all_digits_below_a_million(visitor: Visitor) -> None:
    tile = rendering.environment().filters["tile"]
    cases = [(46_507, "46,507"), (99_999, "99,999"), (1_234_567, "1.23M"), (-99_999, "−99,999")]
    assert [str(tile(value, "people")) for value, _text in cases] == [text for _, text in cases]
    assert str(tile(None, "people")) == "–"
    assert str(tile(0.1234, "fraction")) == "12.3%"
    assert str(tile(5_060, "ms")) == "5.1 s"
    values = re.findall(r'class="value" title="([^"]+)">([^<]+)<', visitor.get("/followers").text)
    assert values
    assert all(exact == shown for exact, shown in values)


def test_days_without_articles_do_not_look_like_missing_figures(visitor: Visitor) -> None:
    text = visitor.get("/data").text
    marks = re.findall(r'<td class="(state-\w+)" title="([^"]+)"', text)
    quiet = [title for state, title in marks if state == "state-unpublished"]
    assert quiet
    assert all("nothing was published that day" in title for title in quiet)


@pytest.mark.parametrize(
    ("why", "is_unpublished"),
    [
        (Why.CONFIRMING, True),
        (Why.DELAYED, False),
        (Why.NOT_ASKED, False),
        (Why.CONTRADICTED, False),
        (Why.QUOTA, False),
    ],
)
def test_only_a_late_empty_answer_means_that_nothing_was_published(
    why: Why, is_unpublished: bool
) -> None:
    day = date(2026, 3, 9)
    row = ("getarticletotaldetail", day, State.WAITING.value, why.value, None, 0)
    figure = Figure(
        key="data/calendar",
        title=verbatim("calendar"),
        window=Window.day(day),
        accounts=("wx1",),
        columns=(),
        rows=(row,),
    )
    (mark,) = calendar(figure, "wx1").rows[0].days
    assert mark is not None
    assert mark.is_unpublished == is_unpublished
    assert ("nothing was published" in str(mark.title)) == is_unpublished
    assert mark.mark == ("◌" if is_unpublished else "○")


def test_the_overview_offers_the_report_of_its_days(
    pages: tuple[Visitor, Warehouse, Emulator],
) -> None:
    visitor, _warehouse, emulator = pages
    appid = emulator.accounts[0].appid
    text = visitor.get(f"/?account={appid}&range=last-week").text
    assert f'href="/report.html?account={appid}&amp;range=last-week"' in text
    for extension, start in (("html", b"<!doctype html>"), ("xlsx", b"pk"), ("md", b"# ")):
        page = visitor.get(f"/report.{extension}?account={appid}&range=last-week")
        assert page.status == 200, page.text
        assert page.body.lower().startswith(start)
        assert "wxcube-2026-03-02_2026-03-08" in page.headers["content-disposition"]
        assert "default-src 'none'" in page.headers["content-security-policy"]
    assert emulator.name(appid) in visitor.get(f"/report.md?account={appid}").text
    assert visitor.get("/report.exe").status == 404


def test_pages_offer_no_request_where_none_can_be_made(visitor: Visitor) -> None:
    text = visitor.get("/data").text
    assert "Show why" in text
    assert "ask again" not in text


def test_the_range_of_one_day_is_one_date(visitor: Visitor) -> None:
    assert "(2026-03-09)" in visitor.get("/followers?range=yesterday").text
