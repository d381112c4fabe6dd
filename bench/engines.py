"""The same computation on every engine: all rows of two simulated accounts.

    python bench/engines.py [--accounts 2] [--days 120]

DuckDB and ClickHouse run inside this process; Spark on a master and two workers with one core
each. "start" is the time until the engine answers, "first" that of one computation, "again" the
best time of more (one with Spark, three with the others), "CPU" the CPU seconds of that one,
including the engine's own processes. Both ratios are to DuckDB. Engines that are not installed are
left out.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, timedelta
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from wxcube.cube.compute import CUBE_ENDPOINTS, CubeRows, compute
from wxcube.cube.engines.choice import OpenEngine, engine
from wxcube.events.columns import Batch
from wxcube.simulator.simulator import simulate, simulated_accounts

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.spark_cluster import SETTINGS, SparkCluster, missing

FIRST = date(2025, 11, 11)
QUICK = {"spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions"}
"""Settings that are for tests only."""


@contextmanager
def duckdb() -> Iterator[OpenEngine]:
    with engine("duckdb") as opened:
        yield opened


@contextmanager
def clickhouse() -> Iterator[OpenEngine]:
    with engine("clickhouse", url="chdb:") as opened:
        yield opened


@contextmanager
def spark() -> Iterator[OpenEngine]:
    settings = {name: value for name, value in SETTINGS.items() if name not in QUICK}
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wxcube-spark-")))
        url = stack.enter_context(SparkCluster(folder)).url
        shared = folder / "tables"
        opened = engine("spark", master=url, folder=shared, partitions=4, settings=settings)
        yield stack.enter_context(opened)


class Spent(NamedTuple):
    """Seconds of wall-clock time, and of CPU time by this process and all its descendants."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Spent:
        return cls(time.perf_counter(), sum(_cpu_seconds()))

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.wall - other.wall, self.cpu - other.cpu)


def _cpu_seconds() -> Iterator[float]:
    """The CPU seconds of this process and each of its descendants, from Linux's /proc."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            found[int(file.parent.name)] = file.read_text().rpartition(")")[2].split()
    for pid, fields in found.items():
        above = pid
        while above != os.getpid() and above in found:
            above = int(found[above][1])
        if above == os.getpid():
            yield (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def same(found: CubeRows, expected: CubeRows, batch: Batch) -> bool:
    return all(
        found.rows(account, endpoint) == expected.rows(account, endpoint)
        for account in batch.accounts
        for endpoint in CUBE_ENDPOINTS
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--accounts", type=int, default=2)
    parser.add_argument("--days", type=int, default=120)
    chosen = parser.parse_args()
    through = FIRST + timedelta(days=chosen.days - 1)
    batch = simulate(simulated_accounts(7, chosen.accounts, FIRST), through)
    packages = [n for n in ("duckdb", "chdb", "pyspark", "sqlglot") if find_spec(n)]
    print(f"{len(batch):,} events, {chosen.accounts} accounts, {chosen.days} days")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores,", end=" ")
    print(", ".join(f"{name} {version(name)}" for name in packages))
    print(f"{'engine':<12}{'start':>8}{'first':>8}{'again':>8}{'CPU':>8}", end="")
    print(f"{'events/s':>12}{'ratio':>8}{'CPU ratio':>10}  rows")
    makers = {"duckdb": duckdb}
    if find_spec("chdb"):
        makers["clickhouse"] = clickhouse
    if not missing():
        makers["spark"] = spark
    expected, base = None, None
    for name, make in makers.items():
        marks = [Spent.now()]
        with make() as opened:
            marks.append(Spent.now())
            for _ in range(2 if name == "spark" else 4):
                rows = compute(batch, through, engine=opened)
                marks.append(Spent.now())
        start, first, *more = (after - before for before, after in pairwise(marks))
        again = min(more)
        expected, base = expected or rows, base or again
        word = "equal" if same(rows, expected, batch) else "DIFFERENT"
        print(
            f"{name:<12}{start.wall:>8.1f}{first.wall:>8.1f}{again.wall:>8.1f}{again.cpu:>8.1f}"
            f"{len(batch) / again.wall:>12,.0f}{again.wall / base.wall:>8.1f}"
            f"{again.cpu / base.cpu:>10.1f}  {word}",
            flush=True,
        )


if __name__ == "__main__":
    main()
