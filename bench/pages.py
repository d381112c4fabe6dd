"""Server time of every page: one account with ten years, and 200 accounts.

    python bench/pages.py [FOLDER]

It fills two databases in the folder (900 MB; those that are there are used again) and prints for
each page the first request after the start, the median and 95th percentile of further ones, and
their CPU time, of server and client together. No figure is remembered between requests: further
ones are faster by compiled templates and statements. It asserts nothing.
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
from wxcube.pages.site import Source
from wxcube.server.http import RunningServer
from wxcube.settings import PagesSettings
from wxcube.warehouse.store import Warehouse

REPEATS = 20
QUERIES = {"ten years": ("", "range=all", "vs=year"), "200 accounts": ("", "vs=previous")}
FILL: dict[str, Callable[[Path], object]] = {"ten years": ten_years, "200 accounts": many_accounts}


def main(folder: Path) -> None:
    """Measure the pages of both databases."""
    for name, fill in FILL.items():
        path = folder / f"{name.replace(' ', '_')}.db"
        if not path.exists():
            fill(path)
        print(f"\n{name}, {path.stat().st_size / 1e6:,.0f} MB")
        print(f"{'page':42}{'first':>8}{'median':>8}{'p95':>8}{'CPU':>8} ms")
        with _visitor(path) as visitor:
            for address in _addresses(visitor, QUERIES[name]):
                _measure(visitor, address)


@contextmanager
def _visitor(path: Path) -> Iterator[Visitor]:
    """Somebody who looks at the pages of a database; its server was started just now."""
    with tempfile.TemporaryDirectory() as folder, Warehouse.open(path, read_only=True) as warehouse:
        source = Source(warehouse, emulator().clock, dict)
        settings = PagesSettings(file=f"{folder}/logins.db")
        site = new_site(source, emulator().clock, settings, visitor="demo")
        with RunningServer(pages_app(site)) as server:
            visitor = Visitor(server.url)
            visitor.get("/login")
            yield visitor


def _addresses(visitor: Visitor, queries: tuple[str, ...]) -> Iterator[str]:
    for page in PAGES:
        if page is not ARTICLE:
            yield from (f"{page.path}?{query}".rstrip("?") for query in queries)
    found = re.search(r"/content/article\?[^\"]+", visitor.get("/content").text)
    if found:
        yield found[0].replace("&amp;", "&")
    yield "/accounts"


def _measure(visitor: Visitor, address: str) -> None:
    first = _seconds(visitor, address)
    before = time.process_time()
    rest = sorted(_seconds(visitor, address) for _ in range(REPEATS))
    cpu = (time.process_time() - before) / REPEATS
    p95 = rest[int(REPEATS * 0.95) - 1]
    times = (first, statistics.median(rest), p95, cpu)
    print(f"{address[:41]:42}{''.join(f'{1000 * one:8.0f}' for one in times)}", flush=True)


def _seconds(visitor: Visitor, address: str) -> float:
    began = time.perf_counter()
    page = visitor.get(address)
    assert page.status == 200, (address, page.status, page.text[:200])
    return time.perf_counter() - began


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(Path(folder))
