"""Ways in and out of the warehouse: ratios to the bare driver, and to the latency of a server.

    python bench/warehouse_paths.py read store sync rebuild growth large
    python bench/warehouse_paths.py read rebuild postgresql://USER@HOST/EMPTY_DATABASE

Each name is one measurement; without names, all are made. `read` and `rebuild` take the URL of an
empty database, which they fill, or of one that they filled before; without one, they use a file. It
compares within one run and asserts nothing. A server for `sync` runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import sqlalchemy as sa

from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import named
from wxcube.contract.decoding import read
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import plan
from wxcube.warehouse.sync.run import sync
from wxcube.warehouse.sync.wanted import WantedDays
from wxcube.wechat.client import AsyncClient

NOW = datetime(2026, 11, 1, 9, tzinfo=BEIJING)
YEAR = Window(date(2025, 11, 1), date(2026, 10, 31))
APPID = "wx0000000000000001"
FLAT = ("getusersummary", "getusercumulate", "getupstreammsghour", "getinterfacesummary")
NESTED = ("getarticletotal", "getbizsummary", "getarticletotaldetail")
LATENCY_SECONDS = 0.05


# --- rows ----------------------------------------------------------------------------------------


def members(endpoint: Endpoint[Any], day: date) -> list[dict[str, Any]]:
    """Rows of a day as a plain structure, with every documented member."""
    return [_row(endpoint.row, endpoint, day, number) for number in range(_rows(endpoint))]


def _rows(endpoint: Endpoint[Any]) -> int:
    keys = [key for key in endpoint.key if key != "ref_date"]
    return {"ref_hour": 24, "msgid": 4}.get(keys[0], 5) if keys else 1


def _row(kind: Any, endpoint: Endpoint[Any], day: date, number: int) -> dict[str, Any]:
    from wxcube.contract.field import Column
    from wxcube.contract.field import members as members_of

    made: dict[str, Any] = {}
    for member in members_of(kind):
        if isinstance(member, Column):
            made[member.name] = _cell(member, day, number)
        elif member.many:
            days = endpoint.moves_days if endpoint.is_cumulative else 5
            is_running = endpoint.running is not None and member.name == endpoint.running.name
            made[member.name] = [
                _row(member.row, endpoint, day + timedelta(days=n) if is_running else day, n)
                for n in range(days if is_running else 5)
            ]
        else:
            made[member.name] = _row(member.row, endpoint, day, number)
    return made


def _cell(column: Any, day: date, number: int) -> Any:
    if column.type is date:
        return day.isoformat()
    if column.name == "ref_hour":
        return number * 100
    if column.type is int:
        return day.toordinal() % 1000 + number
    return float(number) if column.type is float else f"{column.name} {number}"


def answers(endpoint: Endpoint[Any], window: Window) -> Iterator[Answer[Any]]:
    """Answers for the calls of a window, oldest first."""
    for call in reversed(endpoint.calls(endpoint.labels(window))):
        rows = [row for day in endpoint.labels(call) for row in members(endpoint, day)]
        yield read(endpoint, call, msgspec.json.encode({"list": rows}), NOW)


def filled(
    path: str | Path, names: tuple[str, ...], window: Window, appid: str = APPID
) -> Warehouse:
    """A warehouse with answers for all days of a window."""
    warehouse = Warehouse.open(path)
    if appid in warehouse.accounts():
        return warehouse
    for name in names:
        for answer in answers(named(name), window):
            warehouse.replace(appid, Origin.WECHAT, answer)
    return warehouse


# --- measuring -----------------------------------------------------------------------------------


def best(function: Callable[[], object], times: int = 200) -> float:
    """The best of seven means, in microseconds."""
    means = []
    for _run in range(7):
        started = time.perf_counter()
        for _time in range(times):
            function()
        means.append((time.perf_counter() - started) / times * 1e6)
    return min(means)


def in_turns(*functions: Callable[[], object], times: int = 60) -> list[float]:
    """The shortest of single times, in microseconds: other work disturbs most of them."""
    taken: list[list[float]] = [[] for _function in functions]
    for _time in range(times):
        for function, of_function in zip(functions, taken, strict=True):
            started = time.perf_counter()
            function()
            of_function.append((time.perf_counter() - started) * 1e6)
    return [min(of_function) for of_function in taken]


def report(name: str, **figures: object) -> None:
    """Print one line of figures."""
    texts = (
        f"{key}={value:.2f}" if isinstance(value, float) else f"{key}={value}"
        for key, value in figures.items()
    )
    print(f"{name:26}", *texts, flush=True)


def measure_read(database: str | Path) -> None:
    """Seven days as wire bytes, and the same SELECTs by the driver."""
    window = Window(date(2026, 3, 2), date(2026, 3, 8))
    with filled(database, FLAT + NESTED, YEAR) as warehouse:
        for name in FLAT + NESTED:
            ours, bare = _readers(warehouse, _driver(database), named(name), window)
            mine, theirs = in_turns(ours, bare)
            report(f"read {name}", us=mine, driver_us=theirs, ratio=mine / theirs)


def _driver(database: str | Path) -> Any:
    """A connection of the bare driver."""
    if isinstance(database, Path):
        return sqlite3.connect(database, isolation_level=None)
    url = sa.make_url(database)
    if url.get_backend_name() == "postgresql":
        import psycopg

        text = url.set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(text, autocommit=True)
    import pymysql

    return pymysql.connect(
        host=url.host or "127.0.0.1",
        port=url.port or 3306,
        user=url.username,
        password=url.password or "",
        database=url.database,
        charset="utf8mb4",
        autocommit=True,
    )


def _readers(
    warehouse: Warehouse, driver: Any, endpoint: Endpoint[Any], window: Window
) -> tuple[Callable[[], object], Callable[[], object]]:
    from wxcube.warehouse.tables import ROW_TABLES

    mark = "?" if isinstance(driver, sqlite3.Connection) else "%s"
    statements = [
        f"SELECT * FROM {one.table.name} WHERE appid={mark} AND origin='wechat'"
        f" AND ref_date BETWEEN {mark} AND {mark} ORDER BY ref_date, place"
        for one in ROW_TABLES[endpoint.name].walk()
    ]
    values = (APPID, window.first.isoformat(), window.last.isoformat())
    cursor = driver.cursor()

    def fetched(statement: str) -> object:
        cursor.execute(statement, values)
        return cursor.fetchall()

    def ours() -> object:
        return msgspec.json.encode({"list": warehouse.read(APPID, endpoint, window)})

    def bare() -> object:
        return [fetched(statement) for statement in statements]

    return ours, bare


def measure_store(folder: Path) -> None:
    """CPU of one answer: its ask, its rows, the ledger and the reply."""
    with Warehouse.open(folder / "store.db") as warehouse:
        for name in FLAT + NESTED:
            endpoint = named(name)
            found = list(answers(endpoint, YEAR))[:300]
            for title in ("first", "again"):
                started = time.process_time()
                for answer in found:
                    ask = warehouse.begin_ask(
                        APPID, Origin.WECHAT, endpoint, answer.window, NOW, sender="bench"
                    )
                    warehouse.replace(APPID, Origin.WECHAT, replace(answer, ask=ask))
                each = (time.process_time() - started) / len(found) * 1000
                report(f"store {name} {title}", cpu_ms=each, rows=len(found[0].rows))


# --- sync ----------------------------------------------------------------------------------------


class _Server(asyncio.Protocol):
    """Answers every call after the latency, with rows of its first day."""

    bodies: ClassVar[dict[bytes, bytes]] = {}

    def connection_made(self, transport: Any) -> None:
        self.transport, self.rest = transport, b""

    def data_received(self, data: bytes) -> None:
        self.rest += data
        head, found, body = self.rest.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) < length:
            return
        self.rest = body[length:]
        path = head.split(b" ", 2)[1].partition(b"?")[0].rpartition(b"/")[2]
        loop = asyncio.get_running_loop()
        loop.call_later(LATENCY_SECONDS, self._answer, path, body[:length])

    def _answer(self, path: bytes, body: bytes) -> None:
        day = msgspec.json.decode(body)["begin_date"]
        content = self.bodies[path].replace(b"DAY", day.encode())
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
            + str(len(content)).encode()
            + b"\r\n\r\n"
            + content
        )


def _serve(port: Any, names: tuple[str, ...]) -> None:
    day = date(2026, 1, 1)
    for name in names:
        text = msgspec.json.encode({"list": members(named(name), day)})
        _Server.bodies[name.encode()] = text.replace(b"2026-01-01", b"DAY")

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def measure_sync(folder: Path) -> None:
    """A sync of 2,500 calls of 50 ms: seconds over the latency bound, CPU and memory."""
    names = (
        "getupstreammsghour",
        "getinterfacesummaryhour",
        "getarticlesummary",
        "getuserreadhour",
        "getarticletotal",
    )
    port: Any = multiprocessing.Queue()
    server = multiprocessing.Process(target=_serve, args=(port, names), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{port.get()}"
    for concurrency in (8, 32):
        asyncio.run(_sync(folder / f"sync{concurrency}.db", url, names, concurrency))
    server.terminate()


async def _sync(path: Path, url: str, names: tuple[str, ...], concurrency: int) -> None:
    window, clock = Window(date(2024, 1, 1), date(2025, 5, 14)), ManualClock(NOW)
    wanted = [WantedDays(APPID, window, [named(name) for name in names])]
    from wxcube.warehouse.sync.plan import Choices

    with Warehouse.open(path) as warehouse:
        calls = plan(wanted, warehouse, NOW, Choices(include_retired=True))
        async with AsyncClient(APPID, token="t" * 40, base_url=url, clock=clock) as client:
            wall, cpu = time.perf_counter(), time.process_time()
            result = await sync(
                calls, {APPID: client}, warehouse, clock=clock, concurrency=concurrency
            )
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    bound = len(calls.calls) * LATENCY_SECONDS / concurrency
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report(
        f"sync {concurrency} at once",
        calls=result.answered,
        seconds=wall,
        bound=bound,
        ratio=wall / bound,
        cpu_ms_per_call=cpu / len(calls.calls) * 1000,
        peak_mib=memory,
    )


# --- rebuild, growth, large ----------------------------------------------------------------------


def measure_rebuild(database: str | Path) -> None:
    """Rows per second of a rebuild, nested rows included: over the same rows, and without any."""
    with filled(database, FLAT + NESTED, YEAR) as warehouse:
        stored = _count(warehouse)
        for title in ("same rows", "no rows") * 3:
            if title == "no rows":
                _empty(database)
            started, cpu = time.perf_counter(), time.process_time()
            result = warehouse.rebuild()
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
            report(
                f"rebuild {title}",
                replies=result.replies,
                rows=stored,
                seconds=seconds,
                cpu_s=cpu,
                rows_per_s=stored / seconds,
                is_complete=_count(warehouse) == stored,
            )


def _count(warehouse: Warehouse) -> int:
    return sum(warehouse.query(f"SELECT count(*) FROM {name}").rows[0][0] for name in _tables())


def _empty(database: str | Path) -> None:
    """Delete all rows, but neither asks nor replies."""
    from wxcube.warehouse.databases.opening import open_database

    with closing(open_database(database)) as opened, opened.transaction() as connection:
        for name in reversed(_tables()):
            connection.exec_driver_sql(f"DELETE FROM {name}")


def _tables() -> list[str]:
    from wxcube.warehouse.tables import ROW_TABLES

    return [one.table.name for name in FLAT + NESTED for one in ROW_TABLES[name].walk()]


def measure_growth(folder: Path) -> None:
    """What is read for one week and account, with 1 and 10 years, and with 20 and 200 accounts."""
    names = ("getusersummary", "getupstreammsghour")
    few = Window(date(2026, 10, 24), date(2026, 10, 30))
    found: dict[str, dict[str, float]] = {}
    for title, window, accounts in (
        ("1 year", YEAR, 1),
        ("10 years", Window(date(2016, 11, 1), YEAR.last), 1),
        ("20 accounts", Window(date(2026, 9, 1), YEAR.last), 20),
        ("200 accounts", Window(date(2026, 9, 1), YEAR.last), 200),
    ):
        path = folder / f"{title}.db"
        for number in range(accounts):
            filled(path, names, window, APPID if not number else f"wx{number:016}").close()
        found[title] = _times(path, few, names)
        report(f"growth {title}", **found[title])
    for many, one in (("10 years", "1 year"), ("200 accounts", "20 accounts")):
        report(
            f"ratio {many}", **{key: found[many][key] / value for key, value in found[one].items()}
        )


def _times(path: Path, few: Window, names: tuple[str, ...]) -> dict[str, float]:
    endpoints = [named(name) for name in names]
    wanted = [WantedDays(APPID, Window(date(2026, 9, 1), YEAR.last), endpoints)]
    with Warehouse.open(path, read_only=True) as warehouse:
        return {
            "plan_us": best(lambda: plan(wanted, warehouse, NOW), 50),
            "read_us": best(lambda: warehouse.read(APPID, endpoints[0], few)),
            "serve_us": best(lambda: warehouse.read(APPID, endpoints[1], few)),
            "extent_us": best(lambda: warehouse.extent(APPID, endpoints[1])),
        }


def measure_large(folder: Path) -> None:
    """One answer of 40,000 rows, as of an account that sends texts to many."""
    endpoint, day = named("getarticlesummary"), date(2026, 3, 1)
    rows = [members(endpoint, day)[0] | {"msgid": f"{number}_1"} for number in range(40_000)]
    body = msgspec.json.encode({"list": rows})
    with Warehouse.open(folder / "large.db") as warehouse:
        started = time.perf_counter()
        answer = read(endpoint, Window.day(day), body, NOW)
        decoded = time.perf_counter()
        warehouse.replace(APPID, Origin.WECHAT, answer)
        stored = time.perf_counter()
        members_read = warehouse.read(APPID, endpoint, Window.day(day))
        encoded = msgspec.json.encode({"list": members_read})
        served = time.perf_counter()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report(
        "large",
        mib=len(encoded) / 2**20,
        decode_s=decoded - started,
        store_s=stored - decoded,
        serve_s=served - stored,
        peak_mib=memory,
    )


MEASUREMENTS: dict[str, Callable[[Any], None]] = {
    "read": measure_read,
    "store": measure_store,
    "sync": measure_sync,
    "rebuild": measure_rebuild,
    "growth": measure_growth,
    "large": measure_large,
}

IN_ANY_DATABASE = {"read", "rebuild"}


def main(arguments: list[str]) -> None:
    urls: list[Any] = [argument for argument in arguments if "://" in argument]
    names = [argument for argument in arguments if argument not in urls]
    for name in names or (sorted(IN_ANY_DATABASE) if urls else MEASUREMENTS):
        with tempfile.TemporaryDirectory() as folder:
            if name not in IN_ANY_DATABASE:
                MEASUREMENTS[name](Path(folder))
                continue
            for database in urls or [Path(folder, f"{name}.db")]:
                MEASUREMENTS[name](database)


if __name__ == "__main__":
    main(sys.argv[1:])
