"""Kept answers: as fast as memory, and never those of before the last commit."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog

from support.database_servers import Server
from support.gateway import GatewayCaller, gateway
from support.polling import eventually
from support.warehouses import YESTERDAY, new_followers, put
from wxcube.contract import named
from wxcube.contract.source import Origin
from wxcube.contract.user import UserSummary, getusersummary
from wxcube.contract.window import Window
from wxcube.server.answering import LOOK_SECONDS
from wxcube.server.kept_answers import LIFE_SECONDS, Asked, KeptAnswers
from wxcube.server.messages import Reply
from wxcube.settings import LimitSettings
from wxcube.warehouse.changes import Changed, Changes, Progress
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.witnesses import PROVED_BY

QUICK = LimitSettings(answer_seconds=1, drain_seconds=1)
ONE_DAY = Window.day(YESTERDAY)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "wxcube.db"
    with Warehouse.open(path) as warehouse:
        new_followers(warehouse, [1, 2, 3])
    return path


@pytest.fixture
def caller(database: Path) -> Iterator[GatewayCaller]:
    with gateway(database, limits=QUICK) as caller:
        yield caller


def newest(caller: GatewayCaller) -> int:
    """The new followers of yesterday, as answered."""
    (row,) = caller.ask(getusersummary, YESTERDAY).content["list"]
    return int(row["new_user"])


def store(warehouse: Warehouse, count: int, origin: Origin = Origin.WECHAT) -> None:
    row = UserSummary(ref_date=YESTERDAY, user_source=30, new_user=count, cancel_user=0)
    put(warehouse, getusersummary, ONE_DAY, [row], origin)


# --- commits of others -----------------------------------------------------------------------------


def test_the_next_answer_after_a_commit_has_the_new_figures(
    caller: GatewayCaller, database: Path
) -> None:
    with Warehouse.open(database) as warehouse:
        for count in range(100, 150):
            store(warehouse, count)
            assert newest(caller) == count
            assert newest(caller) == count


def test_also_after_a_commit_of_another_process(caller: GatewayCaller, database: Path) -> None:
    assert newest(caller) == 3
    program = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from test_fresh_answers import Warehouse, store\n"
        "with Warehouse.open(sys.argv[1]) as warehouse: store(warehouse, 55)"
    )
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    subprocess.run([sys.executable, "-c", program, database, *folders], check=True, timeout=120)
    assert newest(caller) == 55


def test_answers_are_never_older_than_a_commit_while_somebody_writes(
    caller: GatewayCaller, database: Path
) -> None:
    """Every answer has at least what was committed before it was asked for."""
    committed, is_over = [3], threading.Event()

    def write() -> None:
        with Warehouse.open(database) as warehouse:
            while not is_over.is_set():
                store(warehouse, committed[-1] + 1)
                committed.append(committed[-1] + 1)

    def ask() -> None:
        one = GatewayCaller(caller.address, token=caller.token)
        for _call in range(60):
            known = committed[-1]
            answers.append((known, newest(one)))

    assert newest(caller) == 3
    answers: list[tuple[int, int]] = []
    writer = threading.Thread(target=write)
    callers = [threading.Thread(target=ask) for _caller in range(6)]
    writer.start()
    eventually(lambda: len(committed) > 5)
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    is_over.set()
    writer.join()
    assert len(answers) == 360
    assert [(known, actual) for known, actual in answers if actual < known] == []
    assert newest(caller) == committed[-1]


def test_a_change_drops_only_what_it_concerns() -> None:
    kept, day = KeptAnswers(1 << 20), date(2026, 3, 1)
    days = {n: Asked("wx1", getusersummary, Window.day(day + timedelta(days=n))) for n in range(5)}
    same_days = Asked("wx1", named("getusercumulate"), Window.day(day))
    other = Asked("wx2", getusersummary, Window.day(day))
    start = Progress(7, 0)
    for account in ("wx1", "wx2"):
        kept.notice(account, 1, Changes(start))
    for asked in (*days.values(), same_days, other):
        kept.put(asked, Reply(b"x"), start)
    changed = Changed("getusersummary", Window(day, day + timedelta(days=1)))
    kept.notice("wx1", 2, Changes(Progress(9, 0), [changed]))
    found = [asked for asked in (*days.values(), same_days, other) if kept.get(asked)]
    assert found == [days[2], days[3], days[4], same_days, other]
    kept.notice("wx1", 3, Changes(Progress(9, 1), None))
    assert not any(kept.get(asked) for asked in days.values())
    assert kept.get(other)


def test_an_answer_that_was_read_before_a_change_is_not_kept() -> None:
    kept, asked = KeptAnswers(1 << 20), Asked("wx1", getusersummary, ONE_DAY)
    elsewhere = Changed("getusersummary", Window.day(YESTERDAY - timedelta(days=50)))
    kept.notice("wx1", 1, Changes(Progress(1, 0)))
    kept.notice("wx1", 2, Changes(Progress(2, 0), [elsewhere]))
    kept.put(asked, Reply(b"x"), Progress(1, 0))
    assert kept.get(asked)
    kept.notice("wx1", 3, Changes(Progress(3, 0), [Changed("getusersummary", ONE_DAY)]))
    kept.put(asked, Reply(b"x"), Progress(2, 0))
    assert not kept.get(asked)
    kept.put(asked, Reply(b"x"), None)
    assert not kept.get(asked)


def test_memory_is_limited_and_the_oldest_use_goes_first() -> None:
    times = [0.0]
    kept = KeptAnswers(100_000, lambda: times[0])
    kept.notice("wx1", 1, Changes(Progress()))
    asked = [
        Asked("wx1", getusersummary, Window.day(YESTERDAY - timedelta(days=n))) for n in range(40)
    ]
    for one in asked:
        kept.put(one, Reply(b"x" * 2_000), Progress())
        assert kept.bytes <= 100_000
        assert kept.get(asked[0])
    assert len(kept) == 20
    assert not kept.get(asked[5])
    kept.put(asked[5], Reply(b"x" * 60_000), Progress())
    assert not kept.get(asked[5])
    times[0] = LIFE_SECONDS
    assert not kept.get(asked[0])
    kept.clear()
    assert (len(kept), kept.bytes) == (0, 0)


def test_a_lower_limit_of_memory_holds_from_the_next_answer_on() -> None:
    kept = KeptAnswers(100_000)
    kept.notice("wx1", 1, Changes(Progress()))
    asked = [
        Asked("wx1", getusersummary, Window.day(YESTERDAY - timedelta(days=n))) for n in range(40)
    ]
    for one in asked[:20]:
        kept.put(one, Reply(b"x" * 2_000), Progress())
    kept.limit = 10_000
    kept.put(asked[20], Reply(b"x" * 2_000), Progress())
    assert (len(kept), kept.bytes <= 10_000) == (2, True)
    kept.limit = 0
    kept.put(asked[21], Reply(b"x"), Progress())
    assert (len(kept), kept.bytes) == (0, 0)


@pytest.mark.parametrize(("proved", "proving"), sorted(PROVED_BY.items()))
def test_an_answer_that_proves_days_of_another_endpoint_concerns_it(
    proved: str, proving: str
) -> None:
    assert Changed(proving, ONE_DAY).concerns(proved, ONE_DAY)
    assert not Changed(proving, ONE_DAY).concerns(proved, Window.day(date(2026, 3, 1)))


@pytest.mark.parametrize("build", [("cube", 2), ("another", 1)], ids=["more", "anew"])
def test_builds_of_the_cube_are_noticed(tmp_path: Path, build: tuple[str, int]) -> None:
    with Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        warehouse.set_build_watermark("cube", 1)
        watch = warehouse.watch()
        before = watch.changes("wx1", None).progress
        assert watch.changes("wx1", before) == Changes(before, [])
        warehouse.set_build_watermark(*build)
        assert watch.changes("wx1", before).days is None
        watch.close()


# --- a database that is held -----------------------------------------------------------------------


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Hold a file so that nobody can read it; it is then not in WAL mode."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def test_while_the_database_is_held_kept_answers_tokens_and_refusals_go_on(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    with gateway(database, limits=QUICK) as caller:
        assert newest(caller) == 3
        with held(database):
            started = time.monotonic()
            for _call in range(20):
                assert newest(caller) == 3
                assert len(caller.new_token()) > 100
                assert caller.ask(getusersummary, "2026-03-99").errcode == 61500
            assert time.monotonic() - started < 20
            answered = caller.ask(getusersummary, YESTERDAY - timedelta(days=1))
            assert answered.errcode == -1
            assert caller.send("GET", "/readyz").body == b"TimeoutError\n"
            assert newest(caller) == 3
        eventually(lambda: caller.ask(getusersummary, YESTERDAY - timedelta(days=1)).errcode == 0)


# --- another file ----------------------------------------------------------------------------------


def other_database(folder: Path, count: int) -> Path:
    path = folder / "other.db"
    with Warehouse.open(path) as warehouse:
        store(warehouse, count)
    return path


def events(entries: list[structlog.typing.EventDict]) -> list[str]:
    return [str(entry["event"]) for entry in entries if entry["event"].startswith("database.")]


def test_a_file_that_is_replaced_is_noticed_and_logged(
    caller: GatewayCaller, database: Path, tmp_path: Path
) -> None:
    assert newest(caller) == 3
    other = other_database(tmp_path, 88)
    with structlog.testing.capture_logs() as entries:
        other.replace(database)
        eventually(lambda: newest(caller) == 88)
    assert events(entries) == ["database.replaced"]
    with Warehouse.open(database) as warehouse:
        store(warehouse, 89)
    assert newest(caller) == 89


def test_a_file_that_is_removed_is_an_error_until_it_is_there_again(
    caller: GatewayCaller, database: Path, tmp_path: Path
) -> None:
    assert newest(caller) == 3
    other = other_database(tmp_path, 88)
    with structlog.testing.capture_logs() as entries:
        for file in database.parent.glob("wxcube.db*"):
            file.unlink()
        eventually(lambda: caller.ask(getusersummary, YESTERDAY).errcode == -1)
        assert not database.exists()
        shutil.copy(other, database)
        wanted = ["database.removed", "database.replaced"]
        eventually(
            lambda: not caller.ask(getusersummary, YESTERDAY).errcode and events(entries) == wanted
        )
    assert newest(caller) == 88


def test_a_backup_that_is_restored_into_the_file_is_noticed(
    caller: GatewayCaller, database: Path, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    with Warehouse.open(database) as warehouse:
        for count in range(60, 70):
            store(warehouse, count)
    assert newest(caller) == 69
    with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(database)) as target:
        source.backup(target)
    assert newest(caller) == 3


def test_a_copy_over_the_file_is_noticed(
    caller: GatewayCaller, database: Path, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    with Warehouse.open(database) as warehouse:
        store(warehouse, 60)
    assert newest(caller) == 60
    # as somebody restores a backup who does not stop the server: the same file, other content
    for name in ("-wal", "-shm"):
        database.with_name(database.name + name).unlink()
    shutil.copyfile(backup, database)
    eventually(lambda: newest(caller) == 3)


def test_a_file_that_is_not_in_wal_mode_is_logged(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    with structlog.testing.capture_logs() as entries, gateway(database) as caller:
        assert newest(caller) == 3
        with Warehouse.open(database) as warehouse:
            store(warehouse, 44)
        assert newest(caller) == 44
    assert events(entries) == ["database.not_in_wal_mode"]


# --- a database on a server ------------------------------------------------------------------------


def test_a_server_is_asked_for_changes_and_may_be_held(postgresql_server: Server) -> None:
    with postgresql_server.database() as url, Warehouse.open(url) as warehouse:
        new_followers(warehouse, [1, 2, 3])
        engine = sa.create_engine(
            sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        with gateway(url, limits=QUICK) as caller, engine.connect() as holder:
            for count in range(70, 75):
                assert newest(caller)
                store(warehouse, count)
                time.sleep(LOOK_SECONDS)
                assert newest(caller) == count
            holder.exec_driver_sql("BEGIN")
            holder.exec_driver_sql("LOCK TABLE user_summary, asks IN ACCESS EXCLUSIVE MODE")
            started = time.monotonic()
            for _call in range(20):
                assert newest(caller) == 74
                assert caller.new_token()
            assert time.monotonic() - started < 20
            assert caller.ask(getusersummary, YESTERDAY - timedelta(days=1)).errcode == -1
            holder.exec_driver_sql("ROLLBACK")
            eventually(
                lambda: caller.ask(getusersummary, YESTERDAY - timedelta(days=1)).errcode == 0
            )
        engine.dispose()
