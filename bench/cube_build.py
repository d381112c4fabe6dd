"""Time and memory of cube builds: all days and one new day, compared with simpler computations.

    python bench/cube_build.py --events 20 --naive

Events are generated first, from a seed and outside the measured time: 60 days of 1,000 accounts
with Zipf sizes. Each measurement runs in its own process, which gives its peak memory. These are
compared:

(a) full build: facts, and rows of all 21 endpoints as columns, passed to a sink that counts them
(b) one new day after 30, 60 or 120 days that are built
(c) naive: one COUNT(DISTINCT …) query per endpoint
(d) lower bound: reading the needed columns, and one hash aggregate over the same rows
(e) the new day again, with its rows written to a database
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from wxcube.beijing import BEIJING, day_number, day_of_number
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental.build import Build
from wxcube.cube.incremental.rows import RowBatch
from wxcube.cube.incremental.watermark import STORES_NOTHING, Watermark
from wxcube.jobs.cube_build import chunk_bytes, memory_bytes
from wxcube.jobs.cube_sink import WarehouseSink
from wxcube.warehouse.store import Warehouse

FIRST = date(2026, 3, 3)
"""Chosen so that no day after 30, 60 or 120 days ends a week or month, which costs more."""
ACCOUNTS, DAYS, GROUPS = 1_000, 60, 8
FAMILIES = ("activity", "message", "reply", "follow", "publish", "open")
NOW = datetime(2027, 1, 1, 9, tzinfo=BEIJING)


# --- events --------------------------------------------------------------------------------------


class Generator:
    """Generates days of events, each from its own seed."""

    def __init__(self, events_per_day: int, accounts: int = ACCOUNTS) -> None:
        self._per_day = events_per_day
        weights = np.arange(1, accounts + 1) ** -0.9
        self._weights = np.cumsum(weights / weights.sum())
        self._users = np.maximum(50, weights / weights.sum() * events_per_day * 12).astype("i8")
        self._accounts = accounts

    def day(self, day: int) -> dict[str, dict[str, np.ndarray]]:
        """Events of a day by family."""
        dice = np.random.default_rng((7, day))
        wave = 1 + 0.15 * np.sin(day * 2 * np.pi / 7)
        total = int(self._per_day * wave)
        shares = {"message": 0.30, "reply": 0.18, "activity": 0.50, "follow": 0.02}
        families = {}
        for family, share in shares.items():
            head = self._head(dice, day, int(total * share))
            families[family] = getattr(self, f"_{family}")(dice, day, head)
        families["publish"] = self._publish(day)
        return families

    def _head(self, dice: np.random.Generator, day: int, count: int) -> dict[str, np.ndarray]:
        account = np.searchsorted(self._weights, dice.random(count)).astype("i4")
        account = np.minimum(account, self._accounts - 1)
        hour = np.clip(dice.normal(15, 4.5, count), 0, 23).astype("i4")
        second = day * 86_400 + hour * 3_600 + dice.integers(0, 3_600, count) - 28_800
        order = np.argsort(account, kind="stable")
        return {"account": account[order], "at": second[order], "h": hour[order]}

    def _person(self, dice: np.random.Generator, head: Mapping[str, np.ndarray]) -> np.ndarray:
        size = self._users[head["account"]]
        rank = (size * dice.random(len(size)) ** 1.3).astype("i8")
        mixed = (head["account"].astype("i8") << 32 | rank).astype("u8")
        mixed = (mixed ^ mixed >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        return (mixed ^ mixed >> np.uint64(27)).astype("i8")

    def _message(self, dice: Any, _day: int, head: Any) -> Any:
        kinds = np.asarray([1, 1, 1, 1, 1, 1, 2, 3, 4, 6], "i2")
        count = len(head["at"])
        return {
            **head,
            "user": self._person(dice, head),
            "msg_type": kinds[dice.integers(0, 10, count)],
        }

    def _reply(self, dice: Any, _day: int, head: Any) -> Any:
        count = len(head["at"])
        ms = np.minimum(5_000, dice.lognormal(4.6, 0.8, count)).astype("i4")
        return {**head, "ms": ms, "ok": dice.random(count) < 0.99}

    def _follow(self, dice: Any, _day: int, head: Any) -> Any:
        count = len(head["at"])
        return {
            **head,
            "user": self._person(dice, head),
            "change": np.where(dice.random(count) < 0.7, 1, -1).astype("i1"),
            "source": np.asarray([0, 1, 17, 30, 57], "i2")[dice.integers(0, 5, count)],
            "article": np.zeros(count, "i8"),
        }

    def _activity(self, dice: Any, day: int, head: Any) -> Any:
        count = len(head["at"])
        age = np.minimum(dice.geometric(0.45, count) - 1, 40)
        place = dice.integers(0, 1 + head["account"] % 5, count)
        action = np.asarray([1] * 86 + [2] * 2 + [3] * 9 + [4] * 3, "i1")[
            dice.integers(0, 100, count)
        ]
        columns = {
            **head,
            "user": self._person(dice, head),
            "article": _article(head["account"], day - age, place),
            "action": action,
            "source": np.asarray([0, 0, 0, 1, 2, 4, 5, 6, 7, 7], "i1")[dice.integers(0, 10, count)],
            "scene": np.where(action == 3, np.asarray([1, 2, 255])[dice.integers(0, 3, count)], 0),
            "seconds": np.where(action == 1, dice.integers(3, 200, count), 0).astype("i4"),
            "finished": dice.random(count) < 0.5,
            "position": np.where(action == 1, dice.integers(1, 6, count), 0).astype("i1"),
            "fen": np.zeros(count, "i4"),
        }
        columns["scene"] = columns["scene"].astype("i2")
        return columns

    def _publish(self, day: int) -> Any:
        accounts = np.arange(self._accounts, dtype="i4")
        per_account = 1 + accounts % 5
        account = np.repeat(accounts, per_account)
        place = np.concatenate([np.arange(n) for n in per_account])
        count = len(account)
        titles = np.asarray([f"title {n}" for n in range(count)], "O")
        return {
            "account": account,
            "at": np.full(count, day * 86_400 - 28_800 + 6 * 3_600),
            "h": np.full(count, 6, "i4"),
            "article": _article(account, np.full(count, day), place),
            "publish_type": np.zeros(count, "i1"),
            "target_user": self._users[account],
            "title": titles,
            "content_url": titles,
        }


def _article(account: np.ndarray, day: np.ndarray, place: np.ndarray) -> np.ndarray:
    return (account.astype("i8") * 100_000 + day) * 100 + place + 1


def connected(**options: Any) -> Any:
    """DuckDB on two threads, without a progress bar."""
    connection = duckdb.connect(config={"threads": 2, **options})
    connection.execute("SET enable_progress_bar = false").fetchall()
    return connection


class Folder:
    """Generated days in the layout of the event store."""

    group_count = GROUPS

    def __init__(self, folder: Path, days: range) -> None:
        self._folder = folder
        self._days = days

    def accounts(self) -> tuple[str, ...]:
        return tuple(f"wxbench{n:011d}" for n in range(ACCOUNTS))

    def revisions(self) -> dict[tuple[date, int], int]:
        return {(day_of_number(d), g): 1 for d in self._days for g in range(GROUPS)}

    def files(self, family: str, day: date, group: int) -> list[Path]:
        path = self._folder / day.isoformat() / f"g{group:02d}" / f"{family}-1.parquet"
        return [path] if path.exists() else []

    def size(self, family: str, day: date, group: int) -> int:
        return sum(path.stat().st_size for path in self.files(family, day, group))

    def all_files(self, family: str) -> list[str]:
        return [
            str(f)
            for d in self._days
            for g in range(GROUPS)
            for f in self.files(family, day_of_number(d), g)
        ]

    def make(self, generator: Generator) -> int:
        """Write the days, and return the number of their events."""
        connection = connected()
        return sum(self._make(connection, generator, day) for day in self._days)

    def _make(self, connection: Any, generator: Generator, day: int) -> int:
        from wxcube.events.action_bits import action_masks

        total = 0
        for family, events in generator.day(day).items():
            columns = events | {"d": np.full(len(events["at"]), day, "i4")}
            if family == "activity":
                columns["mask"] = action_masks(columns)
            total += len(columns["at"])
            for group in range(GROUPS):
                self._write(connection, family, columns, day, group)
        return total

    def _write(self, connection: Any, family: str, columns: Any, day: int, group: int) -> None:
        rows = columns["account"] % GROUPS == group
        path = self._folder / day_of_number(day).isoformat() / f"g{group:02d}"
        path.mkdir(parents=True, exist_ok=True)
        connection.register("incoming", {n: c[rows] for n, c in columns.items()})
        file = path / f"{family}-1.parquet"
        connection.execute(
            f"COPY (FROM incoming) TO '{file}' (FORMAT parquet, COMPRESSION zstd)"
        ).fetchall()
        connection.unregister("incoming")


# --- measurements --------------------------------------------------------------------------------


class CountingSink:
    """A sink that counts rows and stores none."""

    rows = 0

    def replace(self, batch: RowBatch) -> None:
        self.rows += len(batch.table["acct"])

    def last_days(self) -> dict[int, int]:
        return {}

    def watermark(self) -> Watermark:
        return STORES_NOTHING

    def set_watermark(self, watermark: Watermark) -> None:
        """Nothing is stored."""


def full(folder: str, facts: str, first: int, days: int, memory: str) -> dict[str, Any]:
    """(a) and (b): a build of days, of which earlier ones may already be built."""
    events, sink = Folder(Path(folder), range(first, first + days)), CountingSink()
    return _build(events, Path(facts), sink, memory)


def _build(events: Folder, facts: Path, sink: Any, memory: str) -> dict[str, Any]:
    size = memory_bytes(memory)
    with (
        DuckDbEngine(memory_limit=f"{size * 6 // 10 // 2**20}MiB", threads=2) as engine,
        Build(events, facts, sink, engine=engine, chunk_bytes=chunk_bytes(size)) as one,
    ):
        one.run(None, max(day_number(day) for day, _ in events.revisions()))
    return {"rows": sink.rows}


def stored(folder: str, facts: str, first: int, days: int, memory: str) -> dict[str, Any]:
    """(e): a build into a database."""
    events = Folder(Path(folder), range(first, first + days))
    with Warehouse.open(Path(facts).parent / f"{Path(facts).name}.db") as warehouse:
        sink = WarehouseSink(warehouse, events.accounts(), lambda: NOW)
        return _build(events, Path(facts), sink, memory)


NEEDED = {
    "activity": 'account, d, h, article, "user", mask, action, source, scene, seconds, position',
    "message": 'account, d, h, "user", msg_type',
    "reply": "account, d, h, ms, ok",
    "follow": "account, d, change, source",
}


def scan(folder: str, first: int, days: int) -> dict[str, Any]:
    """(d): read every needed value, and compute as little as possible."""
    events = Folder(Path(folder), range(first, first + days))
    connection = connected()
    for family, columns in NEEDED.items():
        sums = ", ".join(f"max({c.strip()})" for c in columns.split(","))
        query = f"SELECT {sums} FROM read_parquet({events.all_files(family)!r})"
        connection.execute(query).fetchall()
    return {}


def aggregate(folder: str, first: int, days: int) -> dict[str, Any]:
    """(d): one hash aggregate of the rows with users, by user and hour."""
    events = Folder(Path(folder), range(first, first + days))
    connection = connected()
    parts = {"activity": "bit_or(mask)", "message": "count(*)"}
    groups = 0
    for family, value in parts.items():
        query = f"""SELECT count(*), sum(v) FROM (SELECT {value} AS v
            FROM read_parquet({events.all_files(family)!r}) GROUP BY account, d, h, "user")"""
        groups += connection.execute(query).fetchall()[0][0]
    return {"rows": groups}


def naive(folder: str, first: int, days: int, memory: str) -> dict[str, Any]:
    """(c): a COUNT(DISTINCT …) query for each endpoint."""
    from cube_naive import QUERIES

    events = Folder(Path(folder), range(first, first + days))
    connection = connected(memory_limit=memory)
    for family in FAMILIES[:5]:
        connection.execute(
            f"CREATE VIEW {family} AS FROM read_parquet({events.all_files(family)!r})"
        ).fetchall()
    rows, seconds = 0, {}
    for name, query in QUERIES.items():
        began = time.perf_counter()
        rows += connection.execute(f"SELECT count(*) FROM ({query})").fetchall()[0][0]
        seconds[name] = round(time.perf_counter() - began, 2)
    return {"rows": rows, "parts": seconds}


def measured(measurement: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """The seconds and peak MiB of a measurement in its own process, and its result."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs, measurement, arguments))
    process.start()
    theirs.close()
    result: dict[str, Any] = ours.recv()
    process.join()
    return result


def _run(pipe: Any, measurement: Callable[..., dict[str, Any]], arguments: tuple[Any, ...]) -> None:
    began, cpu = time.perf_counter(), time.process_time()
    result = measurement(*arguments)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    pipe.send({"seconds": seconds, "cpu": cpu, "peak": peak, **result})


# --- the table -----------------------------------------------------------------------------------


def main() -> None:
    options = _options()
    folder = Path(options.folder or tempfile.mkdtemp(prefix="wxcube-bench-"))
    per_day = int(options.events * 1e6) // options.days
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()},"
        f" DuckDB {duckdb.__version__}, numpy {np.__version__}: {' '.join(sys.argv)}"
    )
    bench = Bench(folder, per_day, options)
    bench.prepare(max(options.days, *options.history) + 1)
    for _ in range(options.repeat):
        bench.builds()
    bench.histories()
    if options.naive:
        bench.naive()
    if not options.folder:
        shutil.rmtree(folder)


class Bench:
    """Measurements of the same generated days."""

    def __init__(self, folder: Path, per_day: int, options: argparse.Namespace) -> None:
        self._folder = folder
        self._events = folder / f"events-{per_day}"
        self._per_day = per_day
        self._options = options
        self._days = options.days
        self._first = day_number(FIRST)
        self._full: dict[str, Any] = {}

    def prepare(self, days: int) -> None:
        """Generate the days that are missing."""
        missing = [
            day
            for day in range(self._first, self._first + days)
            if not (self._events / day_of_number(day).isoformat()).exists()
        ]
        generator = Generator(self._per_day)
        for day in missing:
            Folder(self._events, range(day, day + 1)).make(generator)

    def builds(self) -> None:
        """(a), (b), (d) and (e), and their ratios."""
        total, facts = self._per_day * self._days, self._fresh("facts")
        a = self._full = self._build(full, facts, self._days)
        self._line(f"(a) full build, {self._days} days", a, total)
        shutil.copytree(facts, self._fresh("facts-stored"))
        b = self._build(full, facts, self._days + 1)
        self._line("(b) one new day", b, self._per_day)
        s = measured(scan, str(self._events), self._first, self._days)
        self._line("(d) reading the needed columns", s, total)
        g = measured(aggregate, str(self._events), self._first, self._days)
        self._line("(d) one hash aggregate by user and hour", g, total)
        e = self._build(stored, self._folder / "facts-stored", self._days + 1)
        self._line("(e) the new day into a SQLite database", e, self._per_day)
        for word in ("seconds", "cpu"):
            print(
                f"by {word}: (a) / (d) = {a[word] / (s[word] + g[word]):.1f},"
                f" (a) / (b) = {a[word] / b[word]:.1f}",
                flush=True,
            )

    def histories(self) -> None:
        """(b) after histories of several lengths."""
        facts = self._fresh("facts-history")
        for days in self._options.history:
            self._build(full, facts, days)
            result = self._build(full, facts, days + 1)
            self._line(f"(b) one new day after {days}", result, self._per_day)

    def naive(self) -> None:
        """(c), and (a) of as many days."""
        days = self._options.naive_days or self._days
        a = self._full
        if days != self._days:
            a = self._build(full, self._fresh("facts-part"), days)
            self._line(f"(a) full build of {days} days", a, self._per_day * days)
        memory = self._options.naive_memory
        c = measured(naive, str(self._events), self._first, days, memory)
        self._line(f"(c) COUNT(DISTINCT …), {days} days", c, self._per_day * days)
        print(f"(c) / (a): {c['seconds'] / a['seconds']:.1f} by time")
        print("    seconds:", json.dumps(c["parts"]))

    def _fresh(self, name: str) -> Path:
        for path in self._folder.glob(f"{name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return self._folder / name

    def _build(
        self, measurement: Callable[..., dict[str, Any]], facts: Path, days: int
    ) -> dict[str, Any]:
        return measured(
            measurement, str(self._events), str(facts), self._first, days, self._options.memory
        )

    def _line(self, name: str, result: Mapping[str, Any], events: int) -> None:
        seconds, cpu = result["seconds"], result["cpu"]
        print(
            f"{name:<42} {seconds:8.2f} s {cpu:8.2f} s CPU {events / seconds / 1e6:7.2f} M/s"
            f" {result['peak']:6,} MiB {cpu / self._full['cpu']:7.3f} x"
            f" {result.get('rows', 0):>11,} rows",
            flush=True,
        )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=float, default=20, help="millions")
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--memory", default="1.5GiB")
    parser.add_argument("--folder", help="keep the events in this folder")
    parser.add_argument(
        "--repeat", type=int, default=1, help="number of runs of (a), (b), (d) and (e)"
    )
    parser.add_argument(
        "--history", type=_numbers, default=(30, 60, 120), help="days before the new one"
    )
    parser.add_argument("--naive", action="store_true", help="also run (c)")
    parser.add_argument("--naive-days", type=int, help="run (c) for this number of days")
    parser.add_argument("--naive-memory", default="16GB")
    return parser.parse_args()


if __name__ == "__main__":
    main()
