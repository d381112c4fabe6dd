"""The time from events to the rows of all endpoints, and its slowest steps.

    python bench/cube_quick.py --accounts 4 --days 120

Events are simulated first, outside the measured time.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence
from datetime import date, timedelta

from wxcube.cube.compute import CUBE_ENDPOINTS, CubeRows, compute
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.steps import Step
from wxcube.events.columns import Batch, Columns
from wxcube.simulator.simulator import simulate, simulated_accounts

LAST = date(2026, 3, 9)


class TimedEngine(DuckDbEngine):
    """DuckDB with the seconds of every call."""

    def __init__(self, **options: int | str | None) -> None:
        super().__init__(**options)  # type: ignore[arg-type] # the same options
        self.seconds: dict[str, float] = {}

    def load(self, name: str, columns: Columns) -> None:
        began = time.perf_counter()
        super().load(name, columns)
        self.seconds[f"load {name}"] = time.perf_counter() - began

    def run(self, step: Step) -> None:
        began = time.perf_counter()
        super().run(step)
        self.seconds[f"step {step.name}"] = time.perf_counter() - began

    def fetch(self, name: str, order: Sequence[str]) -> Columns:
        began = time.perf_counter()
        columns = super().fetch(name, order)
        self.seconds[f"fetch {name}"] = time.perf_counter() - began
        return columns


def main() -> None:
    options = _options()
    accounts = simulated_accounts(7, options.accounts, LAST - timedelta(days=options.days - 1))
    batch = simulate(accounts, LAST)
    for _ in range(options.rounds):
        with TimedEngine(threads=options.threads, memory_limit=options.memory) as engine:
            _report(batch, engine)
    _slowest(engine)


def _report(batch: Batch, engine: TimedEngine) -> None:
    began, burnt = time.perf_counter(), time.process_time()
    computed = compute(batch, LAST, engine=engine)
    between = time.perf_counter()
    count = _all_rows(computed, batch.accounts)
    ended, burnt = time.perf_counter(), time.process_time() - burnt
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{len(batch):,} events: tables {between - began:.2f} s, {count:,} rows"
        f" {ended - between:.2f} s, together {ended - began:.2f} s"
        f" ({burnt:.2f} s of CPU), peak {peak:.0f} MiB"
    )


def _all_rows(computed: CubeRows, accounts: Sequence[str]) -> int:
    return sum(len(computed.rows(a, endpoint)) for a in accounts for endpoint in CUBE_ENDPOINTS)


def _slowest(engine: TimedEngine) -> None:
    for name, seconds in sorted(engine.seconds.items(), key=lambda item: -item[1])[:15]:
        print(f"{seconds * 1000:8.0f} ms  {name}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=4)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--memory")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
