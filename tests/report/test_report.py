"""A report shows the numbers of its figures in every format, and texts from outside as text."""

from __future__ import annotations

import io
import re
import shutil
import struct
from collections.abc import Iterator
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest

from support.files_read import PLANTED
from support.filled import emulator
from support.warehouses import NOW, YESTERDAY, articles_named, new_followers, put
from wxcube.contract import ENDPOINTS
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import SettingsError
from wxcube.figures import numbers
from wxcube.figures.cells import is_in_words
from wxcube.figures.change import ChangeKind
from wxcube.figures.filter import Filter
from wxcube.figures.reader import Reader
from wxcube.i18n.language import Language
from wxcube.report.browser import NAMES, as_pdf, as_picture, find_browser
from wxcube.report.html import as_html, as_mail, svg
from wxcube.report.markdown import as_markdown
from wxcube.report.pictures import pictures
from wxcube.report.report import Report, report_of
from wxcube.report.workbook import write_report
from wxcube.warehouse.store import Warehouse

ENGLISH, CHINESE = Language("en"), Language("zh")
WEEK = Window(YESTERDAY - timedelta(days=6), YESTERDAY)
needs_browser = pytest.mark.skipif(
    not any(map(shutil.which, NAMES)), reason="Chromium is not installed: no PDF, no long picture"
)


def made(
    reader: Reader, *appids: str, window: Window = WEEK, language: Language = ENGLISH
) -> Report:
    return report_of(reader, Filter(accounts=appids, range=window), {}, language)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        yield warehouse


class Document(HTMLParser):
    """Tags with their attributes, and the text outside of styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self._is_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._is_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._is_style = False

    def handle_data(self, data: str) -> None:
        if not self._is_style:
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def values(self, name: str) -> list[str]:
        return [value for _tag, attrs in self.tags if (value := attrs.get(name)) is not None]


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_html_and_markdown_have_every_number_of_their_figures(
    reader: Reader, appid: str, language: Language
) -> None:
    report = made(reader, appid, language=language)
    html, markdown = Document(as_html(report)).text, as_markdown(report)
    (chapter,) = report.chapters
    for total in chapter.totals:
        shown = language(numbers.written(total.value, total.unit))
        assert shown in html
        assert f"| {language(total.title)} | {shown} |" in markdown
    followers = next(card for card in report.cards if card.figure.key == "followers/daily")
    for _appid, day, *values in followers.figure.rows:
        written = [str(numbers.exact(value)) for value in values]
        assert f"{day}{''.join(written)}" in html
        assert f"| {day} | {' | '.join(written)} |" in markdown


def test_the_workbook_has_the_values_of_the_figures(reader: Reader) -> None:
    report = made(reader)
    buffer = io.BytesIO()
    write_report(buffer, report)
    book = openpyxl.load_workbook(buffer)
    key_figures = [row[2] for row in book.worksheets[0].iter_rows(min_row=2, values_only=True)]
    totals = [total.value for chapter in report.chapters for total in chapter.totals]
    assert key_figures == pytest.approx(totals)
    cards = list(report.cards)
    assert len(book.worksheets) == 1 + len(cards) + 1
    for sheet, card in zip(book.worksheets[1:-1], cards, strict=True):
        rows = list(sheet.iter_rows(min_row=2, values_only=True))
        assert len(rows) == len(card.figure.rows), card.key
        for row, wanted in zip(rows, card.figure.rows, strict=True):
            for value, expected, column in zip(row, wanted, card.figure.columns, strict=False):
                if isinstance(expected, int | float) and not is_in_words(column):
                    assert value == pytest.approx(expected), (card.key, column.name)


def test_the_chart_of_report_and_mail_has_the_numbers_of_the_figure(
    reader: Reader, appid: str
) -> None:
    card = next(c for c in made(reader, appid).cards if c.figure.key == "followers/sources")
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", svg(card))
    largest = [row[2] for row in card.figure.rows[:10]]
    assert {str(numbers.exact(value)) for value in largest} <= set(drawn)
    assert svg(card) in as_html(made(reader, appid))


# --- one file, nothing else ----------------------------------------------------------------------


def test_the_file_needs_nothing_and_runs_nothing(reader: Reader) -> None:
    text = as_html(made(reader))
    document = Document(text)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _attrs in document.tags}
    assert not [name for _tag, attrs in document.tags for name in attrs if name.startswith("on")]
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in text
    links = re.findall(r"https?://[^\s\"'<]+", text)
    assert set(links) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert all(href.startswith("#") for href in document.values("href"))


def test_ids_are_unique_over_all_charts(reader: Reader) -> None:
    ids = Document(as_html(made(reader))).values("id")
    assert len(ids) == len(set(ids))


def test_planted_texts_are_text(warehouse: Warehouse) -> None:
    articles_named(warehouse, emulator(), list(PLANTED))
    window = Window(date(2026, 1, 1), YESTERDAY)
    names = {"wx1": "<img src=x onerror=alert(1)>\u202e"}
    report = report_of(
        Reader(warehouse, NOW), Filter(accounts=("wx1",), range=window), names, ENGLISH
    )
    for text in (as_html(report), as_mail(report)):
        document = Document(text)
        assert not [tag for tag, _attrs in document.tags if tag in {"script", "r", "t"}]
        assert not [a for _tag, attrs in document.tags for a in attrs if a.startswith("on")]
        assert "<img src=x onerror=alert(1)>" in document.text
    markdown = as_markdown(report)
    assert "<" not in re.sub(r"\\?&lt;", "", markdown)
    rows = [line for line in markdown.splitlines() if line.startswith("| ")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) in {6, 9, 5, 4, 3} for row in rows)


# --- little or nothing ---------------------------------------------------------------------------


def all_formats(report: Report) -> str:
    """The text of the report; every format can be written."""
    write_report(io.BytesIO(), report)
    list(pictures(report))
    as_mail(report)
    as_markdown(report)
    return Document(as_html(report)).text


def test_no_data(warehouse: Warehouse) -> None:
    text = all_formats(report_of(Reader(warehouse, NOW), Filter(range=WEEK), {}, ENGLISH))
    assert "No account has stored figures" in text


def test_one_day_has_no_trend(warehouse: Warehouse) -> None:
    new_followers(warehouse, [40])
    report = made(Reader(warehouse, NOW), "wx1")
    text = all_formats(report)
    assert "1 of 7 days" in text
    changes = [change for total in report.chapters[0].totals for change in total.changes]
    assert {change.kind for change in changes} == {ChangeKind.UNKNOWN}
    assert "There are no figures for these days." in text
    assert report.chapters[0].moved.refusal


def test_one_day_is_a_period(warehouse: Warehouse) -> None:
    new_followers(warehouse, [40, 50])
    report = made(Reader(warehouse, NOW), "wx1", window=Window.day(YESTERDAY))
    assert report.chapters[0].totals[0].changes[0].share == 0.25
    assert "2026-03-09" in report.title
    all_formats(report)


def test_only_your_events(warehouse: Warehouse) -> None:
    new_followers(warehouse, [40] * 14, Origin.CUBE)
    report = made(Reader(warehouse, NOW), "wx1")
    assert report.chapters[0].totals[0].value == 280
    assert "There are no figures for these days." in all_formats(report)


def test_only_retired_endpoints(warehouse: Warehouse) -> None:
    source = emulator()
    appid = source.accounts[0].appid
    for endpoint in ENDPOINTS:
        if endpoint.is_retired:
            rows = [row for row in source.rows(appid, endpoint) if row.ref_date in WEEK]
            put(warehouse, endpoint, WEEK, rows)
    text = all_formats(made(Reader(warehouse, NOW), "wx1"))
    assert "retired" in text
    assert "There are no figures for these days." in text


def test_days_that_are_not_over(warehouse: Warehouse) -> None:
    new_followers(warehouse, [40])
    window = Window(YESTERDAY, YESTERDAY + timedelta(days=9))
    text = all_formats(made(Reader(warehouse, NOW), "wx1", window=window))
    assert "The period ends after 2026-03-09, the last day that is over." in text


# --- pictures and PDF ----------------------------------------------------------------------------


def test_every_chart_is_a_picture(reader: Reader, appid: str) -> None:
    report = made(reader, appid)
    found = dict(pictures(report))
    assert set(found) == {f"{card.key}.png" for card in report.cards if card.chart}
    assert all(f'src="cid:{name}"' in as_mail(report) for name in found)
    assert all(content.startswith(b"\x89PNG") for content in found.values())


@needs_browser
def test_pdf(reader: Reader, appid: str) -> None:
    content = as_pdf(as_html(made(reader, appid, language=CHINESE)), find_browser())
    assert content.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 12


@needs_browser
def test_one_long_picture(reader: Reader, appid: str) -> None:
    content = as_picture(as_html(made(reader, appid)), find_browser())
    width, height = struct.unpack(">II", content[16:24])
    assert width in {1080, 2160}
    assert height > 2 * width, "the whole report"


def test_without_a_browser_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match=r"Chromium.*--format html"):
        find_browser()
    with pytest.raises(SettingsError, match="netscape"):
        find_browser("netscape")
