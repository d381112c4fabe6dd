"""Time of a build of the running day: how it grows with the day's events, and with history.

    python bench/running_day.py --per-day 100000 --history 30,60,120 --running 2000,20000,200000

Events are generated first, as for `cube_build.py`, and all days before the running one are built.
Then the running day is built twice from each number of its events: the second build, which
replaces the rows of the first, is measured, with its rows written to a database.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from cube_build import FIRST, Folder, Generator, measured

from wxcube.beijing import BEIJING, day_number
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental.build import Build
from wxcube.jobs.cube_sink import WarehouseSink
from wxcube.warehouse.store import Warehouse

CHUNK_BYTES = 40 << 20


def build(events: Folder, folder: Path, days: int) -> dict[str, Any]:
    """Build through the running day, which follows a number of days; seconds and CPU seconds."""
    running = FIRST + timedelta(days=days)
    now = datetime(running.year, running.month, running.day, 23, 59, tzinfo=BEIJING)
    folder.mkdir(exist_ok=True)
    began, cpu = time.perf_counter(), time.process_time()
    with (
        Warehouse.open(folder / "wxcube.db") as warehouse,
        DuckDbEngine(memory_limit="1GB", threads=2) as engine,
    ):
        sink = WarehouseSink(warehouse, events.accounts(), lambda: now)
        with Build(
            events,
            folder / "facts",
            sink,
            engine=engine,
            chunk_bytes=CHUNK_BYTES,
            over=day_number(sink.over),
        ) as one:
            one.run(None, day_number(running))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"rows": sink.rows, "build_seconds": seconds, "build_cpu": cpu}


def history(events: str, folder: str, days: int) -> dict[str, Any]:
    """Build the days before the running one."""
    return build(
        Folder(Path(events), range(day_number(FIRST), day_number(FIRST) + days)), Path(folder), days
    )


def running(events: str, folder: str, days: int) -> dict[str, Any]:
    """Build the running day, and again after its events changed; the second time is the result."""
    first = day_number(FIRST)
    of_days = Changing(Path(events), range(first, first + days + 1))
    build(of_days, Path(folder), days)
    of_days.changes += 1
    return build(of_days, Path(folder), days)


class Changing(Folder):
    """Days of which the last one changes."""

    changes = 0

    def revisions(self) -> dict[tuple[date, int], int]:
        """Every partition; those of the last day have a higher revision after each change."""
        revisions = super().revisions()
        last = max(day for day, _group in revisions)
        return {one: n + self.changes * (one[0] == last) for one, n in revisions.items()}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="wxcube-bench-") as name:
        folder = Path(name)
        events = folder / "events"
        first = day_number(FIRST)
        generator = Generator(options.per_day, options.accounts)
        Folder(events, range(first, first + max(options.history))).make(generator)
        for days in options.history:
            measured(history, str(events), str(folder / f"after-{days}"), days)
            for number in options.running:
                _measure(folder, days, number, options.accounts)


def _measure(folder: Path, days: int, number: int, accounts: int) -> None:
    """One line: the running day after some days, with a number of events."""
    events, copy, day = folder / "events", folder / "copy", day_number(FIRST) + days
    later = events / (FIRST + timedelta(days=days)).isoformat()
    if later.exists():
        later.rename(folder / "later")
    made = Folder(events, range(day, day + 1)).make(Generator(number, accounts))
    shutil.copytree(folder / f"after-{days}", copy)
    result = measured(running, str(events), str(copy), days)
    print(
        f"{days:4} days before, {made:8,} events: {result['build_seconds']:6.2f} s, "
        f"{result['build_cpu']:6.2f} s of CPU, {result['rows']:8,} rows",
        flush=True,
    )
    shutil.rmtree(copy)
    shutil.rmtree(later)
    if (folder / "later").exists():
        (folder / "later").rename(later)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = {"type": lambda text: [int(one) for one in text.split(",")]}
    parser.add_argument("--per-day", type=int, default=100_000, help="events of each earlier day")
    parser.add_argument("--accounts", type=int, default=50)
    parser.add_argument("--history", default=[30, 60, 120], help="days before", **numbers)
    parser.add_argument("--running", default=[2_000, 20_000, 200_000], **numbers)
    return parser.parse_args()


if __name__ == "__main__":
    main()
