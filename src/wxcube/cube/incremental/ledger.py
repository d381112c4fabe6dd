"""The ledger: the state of the cube between builds, in one SQLite file next to the facts.

It records the partitions that are built, the rows that are pending, the first day of each account,
changes of followers, articles and fact files. Every change is one transaction, so after a killed
build a piece of work is either recorded as done or still pending.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any, Self

import msgspec

from wxcube.beijing import day_number
from wxcube.cube.incremental.articles import Articles, Published
from wxcube.cube.incremental.fact_files import REPAIR_AND_BUILD, FactFile
from wxcube.cube.incremental.schedule import (
    NO_EVENTS,
    REBUILD,
    NumberedPartition,
    Rollup,
)
from wxcube.cube.incremental.watermark import STORES_NOTHING, Watermark
from wxcube.errors import BuildRunningError, EngineError, EventStoreError
from wxcube.events.store import checksummed_json
from wxcube.events.store.checksums import checksum, damage
from wxcube.events.store.durable import file_operation, try_locked
from wxcube.events.store.layout import Prefix
from wxcube.i18n import NOTHING, Message, _

FILE, LOCK = "cube.db", "build.lock"
SUM = "cube.db.sum"
"""The size and checksum of the ledger when the last build ended; zeros while it is changed."""
_CHANGING = Prefix()
HAS_SUM = 0x77786375
"""The `application_id` of a ledger that must have such a file; one of an earlier version has 0."""
_APPLICATION_ID = slice(68, 72)
"""The bytes of an SQLite file with it."""
VERSION = 2
NEVER = day_number(date.max)
"""The first day of an account that had events, and has none any more."""
_PAUSE_SECONDS = 0.1
_TABLES = """
CREATE TABLE IF NOT EXISTS built (
    day INT, grp INT, revision INT, PRIMARY KEY (day, grp)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS running (
    day INT, grp INT, revision INT, PRIMARY KEY (day, grp)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS through (grp INTEGER PRIMARY KEY, day INT, toward INT);
CREATE TABLE IF NOT EXISTS pending (
    grp INT, what TEXT, day INT, PRIMARY KEY (grp, what, day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (acct INTEGER PRIMARY KEY, grp INT, day INT);
CREATE TABLE IF NOT EXISTS moved (
    day INT, acct INT, source INT, new_user INT, cancel_user INT,
    PRIMARY KEY (day, acct, source)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS followers (
    acct INT, day INT, number INT, standing INT, PRIMARY KEY (acct, day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS article (
    acct INT, article INT, day INT, at INT, publish_type INT, target_user INT,
    title TEXT, content_url TEXT, grp INT,
    PRIMARY KEY (acct, article)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS article_day ON article (grp, day);
CREATE TABLE IF NOT EXISTS mark (ledger TEXT, parts INT);
CREATE TABLE IF NOT EXISTS kept (
    fact TEXT, grp INT, day INT, file TEXT, PRIMARY KEY (fact, grp, day)) WITHOUT ROWID;
"""

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
"""SQLite's error codes for a damaged file."""

_FOLLOWS = ("day", "acct", "source", "new_user", "cancel_user")
_PUBLISHED = ("acct", "article", "day", "at", "publish_type", "target_user", "title", "content_url")


_DECODE = msgspec.json.Decoder(list[tuple[Any, ...]])
_DECODE_COLUMNS = msgspec.json.Decoder(list[list[Any]])


class Ledger:
    """The state of the cube; a context manager that holds the lock for builds.

    With `read_only` it takes no lock and does not wait for a running build.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self._path = folder / FILE
        self._is_reader = read_only
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack, self._engine_errors():
            if not read_only:
                self._lock(stack)
            self._connection = stack.enter_context(closing(_connected(self._path, read_only)))
            self._prepare()
            self._resources = stack.pop_all()

    def _lock(self, stack: ExitStack) -> None:
        """Hold the lock for builds, and check the file, which is closed with a new checksum."""
        folder = self._path.parent
        if not stack.enter_context(try_locked(folder / LOCK)):
            raise BuildRunningError(
                _("another build is running in {folder}", folder=folder),
                hint=_("wait until it has ended, then try again"),
            )
        path, what = ledger_damage(folder)
        if what:
            raise EngineError(_("{path}: {reason}", path=path, reason=what), hint=REPAIR_AND_BUILD)

    def _prepare(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in {0, VERSION}:
            raise EngineError(
                _(
                    "{path} has layout {version}; this version of wxcube reads layout {known}",
                    path=self._path,
                    version=version,
                    known=VERSION,
                ),
                hint=_("delete the folder of facts; the next build recomputes it from the events"),
            )
        # a read-only ledger does not write to an existing file, so it does not wait for a build
        if not (version and self._is_reader):
            self._connection.executescript(_TABLES)
        if not version:
            self._connection.execute(f"PRAGMA user_version={VERSION}")

    def close(self) -> None:
        """Close the file, record its checksum, and release the lock."""
        is_complete = not self._is_reader and self._merge_wal()
        self._connection.close()
        if is_complete:
            size, crc32 = checksum(self._path)
            checksummed_json.write(self._path.with_name(SUM), Prefix(size, crc32))
        self._resources.close()

    def _merge_wal(self) -> bool:
        """Move all changes from SQLite's log to the file; whether the file now has them all.

        Until then the file, and so its checksum, stays as the last build left it.
        """
        checksummed_json.write(self._path.with_name(SUM), _CHANGING)
        try:
            if self._connection.execute("PRAGMA application_id").fetchone() != (HAS_SUM,):
                self._connection.execute(f"PRAGMA application_id={HAS_SUM}")
            [(is_busy, _pages, _moved)] = self._connection.execute(
                "PRAGMA wal_checkpoint(TRUNCATE)"
            ).fetchall()
        except sqlite3.Error:
            return False
        return not is_busy

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction: all changes made within are applied together, or none."""
        with self._engine_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                # on a full disk SQLite has already ended the transaction
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _engine_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            is_damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE
            check = _("check the free space on the disk and that no other build is running")
            raise EngineError(
                _("{path}: {error}", path=self._path, error=error),
                hint=REPAIR_AND_BUILD if is_damaged else check,
            ) from error

    # --- partitions and pending rows -------------------------------------------------------------

    def built(self) -> dict[NumberedPartition, int]:
        """The revision of the events that each partition was built from."""
        rows = self._all("SELECT day, grp, revision FROM built")
        return {(day, group): revision for day, group, revision in rows}

    def set_built(self, revisions: Mapping[NumberedPartition, int]) -> None:
        """Record that partitions are built; REBUILD means that they must be rebuilt."""
        rows = [(day, group, revision) for (day, group), revision in revisions.items()]
        self._many("INSERT OR REPLACE INTO built VALUES (?, ?, ?)", rows)
        self._many("DELETE FROM running WHERE day = ? AND grp = ?", revisions)

    def running(self) -> dict[NumberedPartition, int]:
        """The revision of the events that each partition of a running day was built from."""
        rows = self._all("SELECT day, grp, revision FROM running")
        return {(day, group): revision for day, group, revision in rows}

    def set_running(self, revisions: Mapping[NumberedPartition, int]) -> None:
        """Record that partitions of running days are built; once over, these are rebuilt."""
        events = {one: REBUILD for one, revision in revisions.items() if revision != NO_EVENTS}
        self.set_built(events)
        rows = [(day, group, revision) for (day, group), revision in revisions.items()]
        self._many("INSERT OR REPLACE INTO running VALUES (?, ?, ?)", rows)

    def delete_running(self) -> None:
        """Delete the record of all partitions of running days."""
        self._all("DELETE FROM running")

    def delete_built(self, partitions: Iterable[NumberedPartition]) -> None:
        """Delete the record that partitions are built."""
        self._many("DELETE FROM built WHERE day = ? AND grp = ?", partitions)

    def through(self) -> dict[int, tuple[int | None, int]]:
        """The last day of which each group has all rows, and the last of which it may have some."""
        rows = self._all("SELECT grp, day, toward FROM through")
        return {group: (complete, started) for group, complete, started in rows}

    def set_started(self, groups: Iterable[int], day: int) -> None:
        """Record that rows up to a day are about to be written."""
        self._many(
            "INSERT INTO through VALUES (?, NULL, ?) ON CONFLICT DO UPDATE "
            "SET toward = MAX(toward, excluded.toward)",
            [(group, day) for group in groups],
        )

    def set_through(self, groups: Iterable[int], day: int) -> None:
        """Record that groups have all rows up to a day."""
        self._many("UPDATE through SET day = ? WHERE grp = ?", [(day, g) for g in groups])

    def watermarks(self) -> list[Watermark]:
        """The recorded watermarks of the sink, as `is_current` takes them."""
        has_table = self._all("SELECT 1 FROM sqlite_master WHERE name = 'mark'")
        rows = self._all("SELECT ledger, parts FROM mark") if has_table else []
        return [Watermark(*row) for row in rows]

    def set_watermarks(self, *watermarks: Watermark | None) -> None:
        """Record watermarks of the sink instead of the old ones, unless the sink stores nothing."""
        chosen = [one for one in watermarks if one and one != STORES_NOTHING]
        if chosen:
            self._all("DELETE FROM mark")
            self._many("INSERT INTO mark VALUES (?, ?)", chosen)

    def pending(self) -> dict[int, dict[Rollup, set[int]]]:
        """The pending days of each rollup, by group."""
        pending: dict[int, dict[Rollup, set[int]]] = {}
        for group, rollup, day in self._all("SELECT grp, what, day FROM pending"):
            pending.setdefault(group, {}).setdefault(Rollup(rollup), set()).add(day)
        return pending

    def add_pending(self, group: int, work: Iterable[tuple[Rollup, int]]) -> None:
        """Add days of rollups to the pending ones."""
        rows = [(group, rollup.value, day) for rollup, day in set(work)]
        self._many("INSERT OR IGNORE INTO pending VALUES (?, ?, ?)", rows)

    def remove_pending(self, groups: Iterable[int], rollup: Rollup, days: Iterable[int]) -> None:
        """Remove days of a rollup from the pending ones."""
        chosen = list(days)
        rows = [(group, rollup.value, day) for group in groups for day in chosen]
        self._many("DELETE FROM pending WHERE grp = ? AND what = ? AND day = ?", rows)

    # --- accounts and followers ------------------------------------------------------------------

    def first_days(self, groups: Collection[int]) -> dict[int, int]:
        """The day of the first event of every account of some groups.

        NEVER if all its events were removed.
        """
        return dict(
            self._all(f"SELECT acct, day FROM seen WHERE grp IN ({_in_list(groups)})")  # noqa: S608 - numbers
        )

    def update_first_days(self, days: Mapping[int, int], group_count: int) -> None:
        """Record the first days of accounts that are new or begin earlier than was known."""
        known = self.first_days({acct % group_count for acct in days})
        earlier = {a: d for a, d in days.items() if d < known.get(a, d + 1)}
        self.set_first_days(earlier, group_count)

    def set_first_days(self, days: Mapping[int, int], group_count: int) -> None:
        """Record other first days of accounts."""
        rows = [(account, account % group_count, day) for account, day in days.items()]
        self._many("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", rows)

    def delete_follows(self, partitions: Iterable[NumberedPartition]) -> None:
        """Delete the follows and changes of followers of partitions, before these are set again."""
        chosen = list(partitions)
        condition = "day = ? AND acct IN (SELECT acct FROM seen WHERE grp = ?)"
        for table in ("moved", "followers"):
            self._many(f"DELETE FROM {table} WHERE {condition}", chosen)  # noqa: S608 - own names

    def set_follow_counts(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Record follows and unfollows: day, account, source, number of each."""
        values = ", ".join(f"value ->> {index}" for index in range(len(_FOLLOWS)))
        insert = f"INSERT OR REPLACE INTO moved SELECT {values} FROM json_each(?)"  # noqa: S608 - own names
        self._connection.execute(insert, (msgspec.json.encode(list(rows)).decode(),))

    def follow_counts(self, since: int, through: int) -> list[tuple[int, int, int, int, int]]:
        """Follows and unfollows of days: day, account, source, number of each."""
        query = "SELECT * FROM moved WHERE day BETWEEN ? AND ?"
        return self._rows(_FOLLOWS, query, since, through)

    def set_follower_changes(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Record the change of an account's followers on a day: account, day, number."""
        self._many(
            "INSERT INTO followers VALUES (?, ?, ?, 0) "
            "ON CONFLICT DO UPDATE SET number = excluded.number",
            rows,
        )

    def follower_changes(
        self, groups: Collection[int], since: int, through: int
    ) -> list[tuple[int, int, int]]:
        """Changes of followers as account, day, number, in this order.

        Each account begins with its followers before `since`, as a change on the day before it.
        """
        query = f"""SELECT s.acct, {since} - 1 AS day, COALESCE((SELECT f.standing FROM followers f
            WHERE f.acct = s.acct AND f.day < {since} ORDER BY f.day DESC LIMIT 1), 0) AS number
            FROM seen s WHERE s.grp IN ({_in_list(groups)})
            UNION ALL SELECT f.acct, f.day, f.number FROM followers f
            JOIN seen s ON s.acct = f.acct
            WHERE f.day BETWEEN {since} AND {through} AND s.grp IN ({_in_list(groups)})"""  # noqa: S608 - numbers
        return sorted(self._rows(("acct", "day", "number"), query))

    def set_follower_totals(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Record the followers at the end of days with a change: number, account, day."""
        self._many("UPDATE followers SET standing = ? WHERE acct = ? AND day = ?", rows)

    # --- fact files ------------------------------------------------------------------------------

    def fact_files(self) -> list[FactFile]:
        """The file of each fact of each day of a group."""
        return [FactFile(*row) for row in self._all("SELECT fact, grp, day, file FROM kept")]

    def update_fact_files(self, files: Collection[FactFile]) -> None:
        """Record the files of facts that were written."""
        without_rows = [one[:3] for one in files if one.file is None]
        self._many("DELETE FROM kept WHERE fact = ? AND grp = ? AND day = ?", without_rows)
        with_rows = [one for one in files if one.file is not None]
        self._many("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)", with_rows)

    # --- articles --------------------------------------------------------------------------------

    def articles(self, keys: Iterable[tuple[int, int]]) -> Articles:
        """The articles with these accounts and numbers; unknown ones are left out."""
        wanted = list(keys)
        # PERF: without any articles, looking up many of them takes as long as with them
        if not wanted or not self._all("SELECT 1 FROM article LIMIT 1"):
            return Articles.none()
        return self._articles(
            """json_each(?) w
            JOIN article a ON a.acct = w.value ->> 0 AND a.article = w.value ->> 1""",
            msgspec.json.encode(wanted).decode(),
        )

    def set_articles(self, articles: Iterable[Published], group_count: int) -> None:
        """Add articles, or replace them."""
        rows = ((*one, one[0] % group_count) for one in articles)
        self._many("INSERT OR REPLACE INTO article VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def delete_articles(self, keys: Iterable[tuple[int, int]]) -> None:
        """Delete the articles with these accounts and numbers."""
        self._many("DELETE FROM article WHERE acct = ? AND article = ?", keys)

    def articles_published(self, first: int, last: int, groups: Collection[int]) -> Articles:
        """The articles that accounts of some groups published on days."""
        source = f"article a WHERE grp IN ({_in_list(groups)}) AND day BETWEEN ? AND ?"
        return self._articles(source, first, last)

    def _articles(self, source: str, *values: int | str) -> Articles:
        """Articles by column, in one value for the reason given at `_rows`."""
        columns = ", ".join(f"json_group_array(a.{name})" for name in _PUBLISHED)
        [(encoded,)] = self._all(f"SELECT json_array({columns}) FROM {source}", *values)  # noqa: S608 - own names
        return Articles.of(_DECODE_COLUMNS.decode(encoded))

    def _all(self, query: str, *values: int | str) -> list[Any]:
        with self._engine_errors():
            return self._connection.execute(query, values).fetchall()

    def _rows(self, columns: Sequence[str], query: str, *values: int) -> list[Any]:
        """The rows of a query that returns many, fetched as one value.

        PERF: Python's sqlite3 releases the GIL for every row, and gets it back only after the other
        threads had a turn.
        """
        row = f"json_group_array(json_array({', '.join(columns)}))"
        [(encoded,)] = self._all(f"SELECT {row} FROM ({query})", *values)  # noqa: S608 - own names
        return _DECODE.decode(encoded)

    def _many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._connection.executemany(statement, rows)


def wait_for_other_build(folder: Path, seconds: float) -> None:
    """Wait until no build of a folder is running, or so many seconds have passed."""
    deadline = time.monotonic() + seconds
    while folder.exists():
        with try_locked(folder / LOCK) as is_free:
            if is_free or time.monotonic() >= deadline:
                return
        time.sleep(_PAUSE_SECONDS)


def ledger_damage(folder: Path) -> tuple[Path, Message]:
    """The ledger or its checksum, and how it differs from what the last build wrote.

    The message is empty if it does not. After a killed build SQLite's log has the newer changes,
    with checksums of its own.
    """
    path = folder / SUM
    if not path.exists() and _application_id(folder / FILE) != HAS_SUM:
        return path, NOTHING
    try:
        written = checksummed_json.read_checked(path, Prefix, hint=NOTHING)
    except EventStoreError as error:
        # without it, damage of the ledger would not be noticed
        return path, _("the ledger next to it cannot be checked ({reason})", reason=error.message)
    if written == _CHANGING:
        return folder / FILE, NOTHING
    return folder / FILE, damage(folder / FILE, written.bytes, written.crc32)


def _application_id(path: Path) -> int:
    """The `application_id` of an SQLite file; 0 if it has none."""
    with file_operation(path, "read"), suppress(FileNotFoundError), path.open("rb") as file:
        return int.from_bytes(file.read(_APPLICATION_ID.stop)[_APPLICATION_ID])
    return 0


def _connected(path: Path, read_only: bool) -> sqlite3.Connection:  # noqa: FBT001
    """A connection; a read-only one never moves changes from SQLite's log to the file."""
    mode = "ro" if read_only else "rwc"
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5)
    if not read_only:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
    return connection


def _in_list(values: Collection[int]) -> str:
    return ", ".join(str(int(value)) for value in values)
