"""One number: a figure's rows and chart are the same on the page, in a report and in its mail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from support.filled import emulator, fill
from support.visitor import Visitor
from wxcube.charts import engine
from wxcube.cli.pages import new_site
from wxcube.contract.window import Window
from wxcube.figures import numbers
from wxcube.figures.filter import Filter
from wxcube.figures.reader import Reader
from wxcube.i18n import Meaning, Message
from wxcube.i18n.language import Language
from wxcube.pages.app import pages_app
from wxcube.pages.site import Source
from wxcube.report.html import WIDTH, as_html, as_mail, svg
from wxcube.report.letter import letter_of
from wxcube.report.markdown import as_markdown
from wxcube.report.report import Card, Report, report_of
from wxcube.server.http import RunningServer
from wxcube.settings import PagesSettings
from wxcube.warehouse.store import Warehouse


@dataclass
class Outlets:
    """The same account and days as a report and on pages."""

    report: Report
    visitor: Visitor
    query: str
    language: Language

    def on_page(self, card: Card) -> dict[str, Any]:
        """What the page says of a card: rows, and the option of its live chart."""
        query = f"{self.query}&theme=light&lang={self.language.code}"
        page = self.visitor.get(f"/{card.figure.key}.json?{query}")
        assert page.status == 200, page.text
        return dict(msgspec.json.decode(page.body))


@pytest.fixture(scope="module", params=["en", "zh"])
def outlets(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outlets]:
    folder = tmp_path_factory.mktemp("outlets")
    fill(folder / "wxcube.db")
    source, language = emulator(), Language(request.param)
    names = {app.appid: source.name(app.appid) for app in source.accounts}
    appid = source.accounts[0].appid
    window = Window(source.last_day - timedelta(days=27), source.last_day)
    with Warehouse.open(folder / "wxcube.db") as warehouse:
        reader = Reader(warehouse, source.clock.now())
        report = report_of(reader, Filter(accounts=(appid,), range=window), names, language)
        site = new_site(
            Source(warehouse, source.clock, lambda: names),
            source.clock,
            PagesSettings(file=str(folder / "logins.db")),
            visitor="me",
        )
        with RunningServer(pages_app(site)) as server:
            visitor = Visitor(server.url, language.code)
            visitor.get("/")
            query = f"account={appid}&range={window}&vs=previous"
            yield Outlets(report, visitor, query, language)


def charts(report: Report) -> list[Card]:
    # reading hours have days of their own in a report
    return [card for card in report.cards if card.chart and card.figure.window == report.window]


def test_the_page_has_the_rows_of_the_report(outlets: Outlets) -> None:
    cards = charts(outlets.report)
    assert len(cards) >= 8
    names = {app.appid: emulator().name(app.appid) for app in emulator().accounts}
    for card in cards:
        on_page = [[names.get(str(v), v) for v in row] for row in outlets.on_page(card)["rows"]]
        in_report = [[_plain(v, outlets.language) for v in row] for row in card.figure.rows]
        assert on_page == in_report, card.key


def test_the_option_of_the_page_draws_the_picture_of_the_report(outlets: Outlets) -> None:
    html = as_html(outlets.report)
    for card in charts(outlets.report):
        assert card.chart
        drawn = engine.svg(
            outlets.on_page(card)["option"],
            language=outlets.language.code,
            width=WIDTH,
            height=card.chart.height,
            name=card.key,
            text=outlets.language(card.figure.sentence or card.figure.title),
        )
        assert drawn == svg(card), card.key
        assert drawn in html, card.key


def test_the_mail_has_the_picture_and_the_numbers_of_the_report(outlets: Outlets) -> None:
    letter, html = letter_of(outlets.report, "md"), as_mail(outlets.report)
    files = dict(letter.files)
    for card in charts(outlets.report):
        assert f'src="cid:{card.key}.png"' in html, card.key
        assert files[f"{card.key}.png"] == engine.png(svg(card)), card.key
    (attached,) = [content for name, content in letter.files if name.endswith(".md")]
    assert attached.decode() == as_markdown(outlets.report)


def test_totals_are_the_same_everywhere(outlets: Outlets) -> None:
    report, language = outlets.report, outlets.language
    (chapter,) = report.chapters
    texts = as_html(report), as_mail(report), as_markdown(report)
    on_pages = [total for card in charts(report) for total in outlets.on_page(card)["totals"]]
    for total in chapter.totals:
        assert (total.key, total.value) in [(one["key"], one["value"]) for one in on_pages]
        shown = language(numbers.written(total.value, total.unit))
        for text in texts:
            assert shown in text, total.title
    growth = outlets.visitor.get(f"/followers?{outlets.query}").text
    for total in chapter.totals[:3]:
        assert f'title="{language(numbers.exact(total.value))}"' in growth, total.title


def _plain(value: Any, language: Language) -> Any:
    """A value as JSON has it."""
    plain = language(value) if isinstance(value, Message | Meaning) else value
    return msgspec.json.decode(msgspec.json.encode(plain))
