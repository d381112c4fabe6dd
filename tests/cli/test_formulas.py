"""No outlet writes a CSV file in which a spreadsheet evaluates a cell, or cuts one off."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from unicodedata import normalize

import msgspec
import pytest

from support.command_line import Site
from support.rows import sample_rows
from support.scripted import Scripted
from support.warehouses import NOW, YESTERDAY, articles_named, put
from wxcube.beijing import ManualClock
from wxcube.contract import named
from wxcube.contract.window import Window
from wxcube.emulator.emulator import Emulator
from wxcube.figures.catalogue import FIGURES
from wxcube.figures.filter import Filter
from wxcube.figures.reader import Reader
from wxcube.i18n.language import Language
from wxcube.pages.files import write_file
from wxcube.server.http import RunningServer
from wxcube.warehouse.store import Warehouse

STARTS = ["=", "+", "-", "@", "|", "\t", "\r", "\n"]
FULL_WIDTH = ["＝", "＋", "－", "＠", "｜"]
TITLES = [f"{start}1+1" for start in STARTS + FULL_WIDTH] + ["a\rb", "a\nb", "a\r\nb", 'a"b', "a,b"]
ARTICLES = named("getarticlesummary")
ACCOUNT = 'base_url = "{url}"\nappid = "wx1234"\nname = "shop"\n'
Outlet = Callable[[Path], str]


def exported(folder: Path) -> str:
    return stored(folder).run("export", "getarticlesummary", "--format", "csv").raw.decode()


def exported_to_a_file(folder: Path) -> str:
    site = stored(folder)
    assert site.run("export", "getarticlesummary", "--out", "rows.csv").code == 0
    return (folder / "rows.csv").read_bytes().decode()


def selected(folder: Path) -> str:
    statement = "select title, int_page_read_user from article_summary"
    return stored(folder).run("sql", statement, "--format", "csv").raw.decode()


def fetched(folder: Path) -> str:
    rows = [msgspec.to_builtins(row) for row in planted()]
    token = {"access_token": "t", "expires_in": 7200}
    reply = Scripted(lambda request: token if "token" in request.path else {"list": rows})
    site = Site(folder, ManualClock(NOW), {"WXCUBE_SECRET_SHOP": "s" * 32})
    with RunningServer(reply) as server:
        site.settings.write_text(f"[[accounts]]\n{ACCOUNT.format(url=server.url)}", "utf-8")
        words = ("fetch", "getarticlesummary", str(YESTERDAY), "--format", "csv")
        return site.run(*words).raw.decode()


def downloaded(folder: Path) -> str:
    with Warehouse.open(folder / "wxcube.db") as warehouse:
        articles_named(warehouse, Emulator(days=40, accounts=1), TITLES)
        window = Window(date(2026, 1, 1), YESTERDAY)
        reader = Reader(warehouse, NOW)
        figure = FIGURES["content/articles"](reader, Filter(accounts=("wx1",), range=window))
        buffer = io.BytesIO()
        write_file(buffer, figure, "csv", Language("en"))
    return buffer.getvalue().decode("utf-8-sig")


OUTLETS: tuple[Outlet, ...] = (exported, exported_to_a_file, selected, fetched, downloaded)


@cache
def planted() -> tuple[object, ...]:
    """A row for each title."""
    [row, *_rest] = sample_rows(ARTICLES, Window.day(YESTERDAY), 1)
    return tuple(
        msgspec.structs.replace(row, title=title, msgid=f"{number}_1")
        for number, title in enumerate(TITLES)
    )


def stored(folder: Path) -> Site:
    """A database with the rows."""
    with Warehouse.open(folder / "wxcube.db") as warehouse:
        put(warehouse, ARTICLES, Window.day(YESTERDAY), planted())  # type: ignore[arg-type] # rows
    return Site(folder, ManualClock(NOW))


@pytest.mark.parametrize("outlet", OUTLETS, ids=lambda outlet: outlet.__name__)
def test_no_cell_is_a_formula_and_every_title_is_whole(tmp_path: Path, outlet: Outlet) -> None:
    text = outlet(tmp_path)
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert len({len(row) for row in rows}) == 1
    cells = [cell for row in rows for cell in row]
    expected = {f"'{t}" if normalize("NFKC", t[0])[0] in STARTS else t for t in TITLES}
    assert expected <= set(cells)
    numbers = [cell for cell in cells if cell.lstrip("-").replace(".", "", 1).isdecimal()]
    suspicious = [
        cell
        for cell in cells
        if cell and normalize("NFKC", cell[0])[0] in STARTS and cell not in numbers
    ]
    assert suspicious == []
    # cells with line breaks are quoted, or a line would end in the middle of them
    for title in TITLES:
        if set(title) & {"\r", "\n"}:
            shown = f"'{title}" if title[0] in STARTS else title
            assert f'"{shown}"' in text
