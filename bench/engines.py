"""The same computation on every engine, in one run: all rows of two simulated accounts.

    python bench/engines.py [--accounts 2] [--days 120]

DuckDB and ClickHouse run inside this process; Spark on a master and two workers with one core
each. "start" is what it takes until the engine answers, "first" a whole computation, "again" the
best of one more with Spark and of three more with the others; the ratio is that of "again" to
DuckDB's. What is not installed is left out.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from wxcube.sources.batch import Batch
from wxcube.sources.cube import CUBE_ENDPOINTS, CubeRows, compute
from wxcube.sources.engines import OpenEngine, engine
from wxcube.sources.simulator import simulate, simulated_accounts

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.spark_cluster import SETTINGS, SparkCluster, missing

FIRST = date(2025, 11, 11)
QUICK = {"spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions"}
"""What only the tests set."""


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
    print(f"{'engine':<12}{'start':>8}{'first':>8}{'again':>8}{'events/s':>12}{'ratio':>8}  rows")
    makers = {"duckdb": duckdb}
    if find_spec("chdb"):
        makers["clickhouse"] = clickhouse
    if not missing():
        makers["spark"] = spark
    expected, base = None, 0.0
    for name, make in makers.items():
        times = [time.perf_counter()]
        with make() as opened:
            times.append(time.perf_counter())
            for _ in range(2 if name == "spark" else 4):
                rows = compute(batch, through, engine=opened)
                times.append(time.perf_counter())
        start, first, *more = (after - before for before, after in pairwise(times))
        again = min(more)
        expected, base = expected or rows, base or again
        word = "equal" if same(rows, expected, batch) else "DIFFERENT"
        print(
            f"{name:<12}{start:>8.1f}{first:>8.1f}{again:>8.1f}{len(batch) / again:>12,.0f}"
            f"{again / base:>8.1f}  {word}",
            flush=True,
        )


if __name__ == "__main__":
    main()
