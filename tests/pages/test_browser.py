"""Every page in a browser: both languages, both themes, two widths, and texts that attack."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page

from support.browser import Seen, chromium, context, load_images, until
from support.large_warehouses import many_accounts, ten_years
from wxcube.beijing import ManualClock
from wxcube.cli import demo
from wxcube.cli.pages import new_site
from wxcube.emulator.emulator import NOW, Emulator
from wxcube.pages.app import pages_app
from wxcube.pages.registry import PAGES
from wxcube.pages.site import Source
from wxcube.server.http import RunningServer
from wxcube.settings import PagesSettings
from wxcube.warehouse.store import Warehouse

pytestmark = pytest.mark.slow

ATTACK = "<img src=x onerror=alert(1)><script>alert(2)</script>\u202egnihtyna"
ATTACKERS = {
    app.appid: f"{ATTACK} {number}" for number, app in enumerate(Emulator(days=40).accounts)
}
PATHS = [one.path for one in PAGES if one.path != "/content/article"]
VIEWS = [("zh", 1280, "light"), ("en", 1280, "dark"), ("en", 390, "light"), ("zh", 390, "dark")]
COLOURS = """(image) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const drawing = canvas.getContext("2d");
  drawing.drawImage(image, 0, 0);
  const bytes = drawing.getImageData(0, 0, canvas.width, canvas.height).data;
  return new Set(new Uint32Array(bytes.buffer)).size;
}"""


class Sites:
    """Pages of several databases; each is filled when it is asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._urls: dict[str, str] = {}

    def url(self, name: str) -> str:
        if name not in self._urls:
            _FILL[name](self._folder / f"{name}.db")
            self._urls[name] = self._serve(name)
        return self._urls[name]

    def _serve(self, name: str) -> str:
        path, clock = self._folder / f"{name}.db", ManualClock(NOW)
        warehouse = self._stack.enter_context(Warehouse.open(path, read_only=True))
        names: dict[str, str] = {"empty": {"wx1": "new"}, "attack": ATTACKERS}.get(name, {})
        source = Source(warehouse, clock, lambda: names, is_demo=name == "attack")
        settings = PagesSettings(file=str(self._folder / f"{name} logins.db"))
        site = new_site(source, clock, settings, visitor="demo")
        return self._stack.enter_context(RunningServer(pages_app(site))).url


def _fill_attack(path: Path) -> None:
    """Two simulated accounts, whose names and titles are attacks."""
    emulator = Emulator(days=40)
    with Warehouse.open(path) as warehouse, RunningServer(emulator.asgi) as server:
        todo = demo.next_plan(emulator, warehouse)
        asyncio.run(demo.fill(emulator, server.url, warehouse, todo))
    with closing(sqlite3.connect(path)) as connection:
        titles = ATTACK + "长" * 500
        connection.execute("update article_total_detail set title = ? || title", (titles,))
        connection.commit()


_FILL: dict[str, Callable[[Path], object]] = {
    "attack": _fill_attack,
    "empty": lambda path: Warehouse.open(path).close(),
    "ten years": partial(ten_years, has_hours=False),
    "200 accounts": partial(many_accounts, days=4),
}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with ExitStack() as stack:
        sites = Sites(tmp_path_factory.mktemp("pages"), stack)
        sites.url("attack")
        yield sites


@pytest.fixture(scope="module")
def url(sites: Sites) -> str:
    """Pages of two simulated accounts, whose names and titles are attacks."""
    return sites.url("attack")


@pytest.fixture(scope="module")
def browser(sites: Sites) -> Iterator[Browser]:
    """Chromium; it is started after the sync of `sites`, since both need the event loop."""
    with chromium() as running:
        yield running


def article(page: Page, url: str) -> str:
    """The address of the page of the newest article."""
    page.goto(f"{url}/content")
    return str(page.locator("tbody a").first.get_attribute("href"))


@pytest.mark.parametrize(("language", "width", "theme"), VIEWS)
def test_every_page_is_whole(
    browser: Browser, url: str, language: str, width: int, theme: str
) -> None:
    with context(browser, language=language, width=width, theme=theme) as tab:
        page = tab.new_page()
        day = "/data/day?account=wxdemo93a5ce3a4db3&endpoint=getusersummary&day=2026-03-08"
        others = [article(page, url), day, "/accounts", "/sync"]
        _check_pages(page, url, [*PATHS, *others], least_pictures=20)


@pytest.mark.parametrize(
    ("name", "query", "language", "width", "theme", "least_pictures"),
    [
        ("empty", "", "zh", 1280, "dark", 0),
        ("empty", "", "en", 390, "light", 0),
        ("ten years", "?range=all", "zh", 1280, "light", 18),
        ("ten years", "?range=all&vs=year", "en", 390, "dark", 18),
        ("200 accounts", "?range=7d", "en", 1280, "light", 12),
        ("200 accounts", "?range=7d&vs=previous", "zh", 390, "dark", 12),
    ],
)
def test_every_page_is_whole_without_figures_and_with_many(  # noqa: PLR0917 - a view
    browser: Browser,
    sites: Sites,
    name: str,
    query: str,
    language: str,
    width: int,
    theme: str,
    least_pictures: int,
) -> None:
    with context(browser, language=language, width=width, theme=theme) as tab:
        paths = [path + query for path in PATHS]
        _check_pages(tab.new_page(), sites.url(name), paths, least_pictures)


def _check_pages(page: Page, url: str, paths: Sequence[str], least_pictures: int) -> None:
    seen, pictures = Seen(), 0
    seen.watch(page)
    for path in paths:
        page.goto(url + path)
        load_images(page)
        assert page.locator("h1").count() == 1, path
        broken = "[...document.images].filter((one) => !one.naturalWidth).length"
        assert page.evaluate(broken) == 0, path
        for image in page.locator("figure img").all():
            assert image.evaluate(COLOURS) > 10, path
            pictures += 1
        sideways = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert sideways <= 0, path
        _check_accessibility(page, path)
    assert pictures >= least_pictures
    assert seen.problems == []
    assert [one for one in seen.requests if not one.startswith(url)] == []


@pytest.mark.parametrize("name", ["attack", "ten years", "200 accounts"])
def test_a_page_costs_few_bytes(browser: Browser, sites: Sites, name: str) -> None:
    """Also with the library of live charts; and less when the browser knows the files."""
    with context(browser) as tab:
        page = tab.new_page()
        received: list[float] = []
        network = tab.new_cdp_session(page)
        network.send("Network.enable")
        network.on("Network.loadingFinished", lambda of: received.append(of["encodedDataLength"]))
        page.goto(sites.url(name))
        load_images(page)
        page.locator("figure[data-chart]").first.hover()
        until(page, "!!document.querySelector('figure[data-state=live]')")
        assert 50_000 < sum(received) <= 700_000
        for path in PATHS:
            page.goto(sites.url(name) + path)
            load_images(page)
            received.clear()
            page.goto(sites.url(name) + path)
            load_images(page)
            assert 0 < sum(received) <= 60_000, path


def _check_accessibility(page: Page, path: str) -> None:
    found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in {"serious", "critical"}]
    assert not serious, (path, [(one["id"], one["nodes"][0]["html"]) for one in serious])


def test_charts_become_live_when_they_are_touched(browser: Browser, url: str) -> None:
    with context(browser) as tab:
        page, seen = tab.new_page(), Seen()
        seen.watch(page)
        for one in PAGES:
            page.goto(url + one.path)
            for figure in page.locator("figure[data-chart]").all():
                figure.scroll_into_view_if_needed()
                figure.hover()
            until(
                page,
                "[...document.querySelectorAll('figure[data-chart]')]"
                ".every((one) => one.dataset.state === 'live' && one.querySelector('.live svg'))",
            )
        assert seen.problems == []
        assert [one for one in seen.requests if not one.startswith(url)] == []


def test_without_javascript_there_are_pictures_tables_and_filters(
    browser: Browser, url: str
) -> None:
    with context(browser, javascript=False) as tab:
        page = tab.new_page()
        page.goto(f"{url}/followers")
        page.get_by_role("link", name="last 7 days").click()
        page.get_by_role("link", name="the period before").click()
        assert page.url == f"{url}/followers?range=7d&vs=previous"
        assert page.locator("figure img").count() == 3
        page.locator("#followers-daily summary").first.click()
        assert page.locator("#followers-daily tbody tr").count() == 14
        page.locator("summary", has_text="Dates and accounts").click()
        page.locator("[name=first]").fill("2026-03-01")
        page.locator("[name=last]").fill("2026-03-05")
        page.get_by_role("button", name="Show").click()
        assert page.url == f"{url}/followers?range=2026-03-01..2026-03-05&vs=previous"


def test_articles_are_searched_sorted_and_opened(browser: Browser, url: str) -> None:
    with context(browser) as tab:
        page = tab.new_page()
        page.goto(f"{url}/content")
        page.get_by_role("link", name="readers", exact=True).click()
        assert page.locator("th[aria-sort=descending]").inner_text().startswith("readers")
        readers = page.locator("#content-articles td:nth-child(2)").all_inner_texts()
        counts = [int(one.replace(",", "")) for one in readers if one != "–"]
        assert counts == sorted(counts, reverse=True)
        page.locator("[name=q]").fill("no such title")
        page.get_by_role("button", name="Search").click()
        assert page.locator("#content-articles tbody tr").count() == 0
        page.locator("a.pill", has_text="no such title").click()
        page.locator("#content-articles tbody a").first.click()
        assert "<script>alert(2)</script>" in page.locator("h1").inner_text()


def test_the_language_is_switched_and_kept(browser: Browser, url: str) -> None:
    with context(browser, language="zh") as tab:
        page = tab.new_page()
        page.goto(f"{url}/followers?range=7d")
        assert page.locator("html").get_attribute("lang") == "zh-CN"
        page.get_by_role("link", name="English").click()
        assert page.url == f"{url}/followers?range=7d"
        page.goto(f"{url}/messages")
        assert page.locator("h1").inner_text() == "Messages"


def test_colours_are_chosen_without_javascript(browser: Browser, url: str) -> None:
    with context(browser, theme="light", javascript=False) as tab:
        page = tab.new_page()
        page.goto(f"{url}/followers?range=7d")
        light = _background(page)
        page.locator("summary", has_text="Colours").click()
        page.get_by_role("link", name="dark", exact=True).click()
        assert page.url == f"{url}/followers?range=7d"
        assert _background(page) != light
        load_images(page)
        assert "theme=dark" in page.locator("figure img").first.evaluate("(one) => one.currentSrc")


def _background(page: Page) -> str:
    return str(page.locator("body").evaluate("(one) => getComputedStyle(one).backgroundColor"))


def test_a_phone_cuts_no_digits_and_shows_figures_first(browser: Browser, url: str) -> None:
    with context(browser, language="zh", width=390) as tab:
        page = tab.new_page()
        page.goto(f"{url}/rhythm?range=90d")
        for cell in page.locator("#rhythm-best_hours td").all():
            box = cell.bounding_box()
            assert box
            assert box["x"] + box["width"] <= 390
        page.goto(f"{url}/followers")
        assert not page.locator(".filters").first.is_visible()
        first = page.locator(".kpi .value").first.bounding_box()
        assert first
        assert first["y"] < 500
        page.locator("label.fold").click()
        assert page.locator(".filters").first.is_visible()
        page.goto(f"{url}/content")
        readers = page.locator("#content-articles td:nth-child(2)").first.bounding_box()
        assert readers
        assert readers["x"] + readers["width"] <= 390


def test_a_calendar_opens_at_its_newest_days(browser: Browser, url: str) -> None:
    with context(browser, width=390, javascript=False) as tab:
        page = tab.new_page()
        page.goto(f"{url}/data?range=90d")
        box = page.locator(".calendar thead th").last.bounding_box()
        assert box
        assert box["x"] + box["width"] <= 390


def test_a_button_says_that_its_chart_is_live(browser: Browser, url: str) -> None:
    with context(browser) as tab:
        page = tab.new_page()
        page.goto(f"{url}/followers")
        button = page.locator("#followers-daily [data-live]")
        assert button.inner_text() == "Live chart"
        button.click()
        until(page, "!!document.querySelector('#followers-daily figure[data-state=live]')")
        assert button.get_attribute("aria-pressed") == "true"
        assert button.inner_text() == "Live: point at the chart"
