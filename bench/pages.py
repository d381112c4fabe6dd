"""Server time of every page: one account with ten years, and 200 accounts.

    python bench/pages.py [FOLDER]

It fills two databases in the folder (900 MB; those that are there are used again) and prints for
each page the first request after the start; the median and 95th percentile of further ones as if
the database had changed before each, so that no figure is remembered; and the median of those after
no change. CPU is the time of server and client together, by which pages can be compared on a
machine that does other things too. It asserts nothing.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.filled import emulator
from support.large_warehouses import many_accounts, ten_years
from support.visitor import Visitor
from wxcube.cli.pages import new_site
from wxcube.pages.app import pages_app
from wxcube.pages.registry import ARTICLE, PAGES
from wxcube.pages.remembered import Remembered
from wxcube.pages.site import REMEMBERED_ROWS, Site, Source
from wxcube.server.http import RunningServer
from wxcube.settings import PagesSettings
from wxcube.warehouse.store import Warehouse

REPEATS = 20
QUERIES = {"ten years": ("", "range=all", "vs=year"), "200 accounts": ("", "vs=previous")}
FILL: dict[str, Callable[[Path], object]] = {"ten years": ten_years, "200 accounts": many_accounts}


def main(folder: Path) -> None:
    """Measure the pages of both databases."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, fill in FILL.items():
        path = folder / f"{name.replace(' ', '_')}.db"
        if not path.exists():
            fill(path)
        print(f"\n{name}, {path.stat().st_size / 1e6:,.0f} MB")
        print(f"{'ms':38}{'first':>7}{'changed':>9}{'p95':>7}{'CPU':>7}{'again':>7}{'CPU':>7}")
        with _visitor(path) as (visitor, site):
            for address in _addresses(visitor, QUERIES[name]):
                _measure(visitor, site, address)


@contextmanager
def _visitor(path: Path) -> Iterator[tuple[Visitor, Site]]:
    """Somebody who looks at the pages of a database; its server was started just now."""
    with tempfile.TemporaryDirectory() as folder, Warehouse.open(path, read_only=True) as warehouse:
        source = Source(warehouse, emulator().clock, dict)
        settings = PagesSettings(file=f"{folder}/logins.db")
        site = new_site(source, emulator().clock, settings, visitor="demo")
        with RunningServer(pages_app(site)) as server:
            visitor = Visitor(server.url)
            visitor.get("/login")
            yield visitor, site


def _addresses(visitor: Visitor, queries: tuple[str, ...]) -> Iterator[str]:
    for page in PAGES:
        if page is not ARTICLE:
            yield from (f"{page.path}?{query}".rstrip("?") for query in queries)
    found = re.search(r"/content/article\?[^\"]+", visitor.get("/content").text)
    if found:
        yield found[0].replace("&amp;", "&")
    yield "/accounts"


def _measure(visitor: Visitor, site: Site, address: str) -> None:
    site.figures = Remembered(0, lambda _figure: 1)
    first, _cpu = _seconds(visitor, address)
    changed = [_seconds(visitor, address) for _ in range(REPEATS)]
    site.figures = Remembered(REMEMBERED_ROWS, lambda figure: len(figure.rows) + len(figure.marks))
    _seconds(visitor, address)
    again = [_seconds(visitor, address) for _ in range(REPEATS)]
    p95 = sorted(elapsed for elapsed, _cpu in changed)[int(REPEATS * 0.95) - 1]
    times = (first, *_medians(changed), *_medians(again))
    first, wall, cpu, wall_again, cpu_again = (1000 * one for one in times)
    print(
        f"{address[:37]:38}{first:7.0f}{wall:9.0f}{1000 * p95:7.0f}{cpu:7.0f}"
        f"{wall_again:7.0f}{cpu_again:7.0f}",
        flush=True,
    )


def _medians(measured: list[tuple[float, float]]) -> tuple[float, float]:
    elapsed, cpu = zip(*measured, strict=True)
    return statistics.median(elapsed), statistics.median(cpu)


def _seconds(visitor: Visitor, address: str) -> tuple[float, float]:
    """How long a request takes, and its CPU time."""
    began, cpu = time.perf_counter(), time.process_time()
    page = visitor.get(address)
    assert page.status == 200, (address, page.status, page.text[:200])
    return time.perf_counter() - began, time.process_time() - cpu


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(Path(folder))
