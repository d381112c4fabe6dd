"""What the cube remembers between builds: days built, work left, accounts, followers, articles.

It is one SQLite file beside the facts. Each change of it is one transaction, so a killed build
leaves either work that is still to do or work that is done.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from wxcube.cube.incremental.articles import Articles, Published
from wxcube.cube.incremental.fact_files import Kept
from wxcube.cube.incremental.schedule import Hanging, NumberedCell
from wxcube.cube.incremental.watermark import KEEPS_NOTHING, Watermark
from wxcube.errors import EngineError
from wxcube.events.store.durable import locked_now

FILE, LOCK = "cube.db", "build.lock"
VERSION = 2
_TABLES = """
CREATE TABLE IF NOT EXISTS built (
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
"""What SQLite says of a file that is none of its own, or no more."""
_MENDED = "run `wxcube doctor --mend`, then build again"
_ROOM = "check the space on the disk and that no other build is running"

_MOVED = ("day", "acct", "source", "new_user", "cancel_user")
_PUBLISHED = ("acct", "article", "day", "at", "publish_type", "target_user", "title", "content_url")


_DECODE = msgspec.json.Decoder(list[tuple[Any, ...]])
_DECODE_COLUMNS = msgspec.json.Decoder(list[list[Any]])


class Ledger:
    """The cube's memory; a context manager that holds the only right to build.

    A reader holds no right and waits for nobody.
    """

    def __init__(self, folder: Path, *, is_reader: bool = False) -> None:
        self._path = folder / FILE
        self._is_reader = is_reader
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held, self._in_words():
            if not (is_reader or held.enter_context(locked_now(folder / LOCK))):
                raise EngineError(
                    f"another build is running in {folder}", hint="wait for its end, then try again"
                )
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=5)
            self._connection = held.enter_context(closing(connection))
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._prepare()
            self._held = held.pop_all()

    def _prepare(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in {0, VERSION}:
            raise EngineError(
                f"{self._path} has layout {version}, this wxcube knows {VERSION}",
                hint="remove the folder of facts; the next build makes it again from the events",
            )
        # a reader of a file that is there writes nothing, and so waits for nobody
        if not (version and self._is_reader):
            self._connection.executescript(_TABLES)
        if not version:
            self._connection.execute(f"PRAGMA user_version={VERSION}")

    def close(self) -> None:
        """Let go of the file."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """All changes within are made together, or none."""
        with self._in_words():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                # on a full disk SQLite has ended the transaction by itself
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            is_damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE
            hint = _MENDED if is_damaged else _ROOM
            raise EngineError(f"{self._path}: {error}", hint=hint) from error

    # --- days and work ---------------------------------------------------------------------------

    def built(self) -> dict[NumberedCell, int]:
        """The revision of the events each day and group was built from."""
        found = self._all("SELECT day, grp, revision FROM built")
        return {(day, group): revision for day, group, revision in found}

    def set_built(self, revisions: Mapping[NumberedCell, int]) -> None:
        """Write down that cells are built; 0 means that they must be built again."""
        rows = [(day, group, revision) for (day, group), revision in revisions.items()]
        self._many("INSERT OR REPLACE INTO built VALUES (?, ?, ?)", rows)

    def forget_built(self, cells: Iterable[NumberedCell]) -> None:
        """Forget that days and groups were built."""
        self._many("DELETE FROM built WHERE day = ? AND grp = ?", cells)

    def through(self) -> dict[int, tuple[int | None, int]]:
        """The last day each group has all rows of, and the last day it may have some of."""
        found = self._all("SELECT grp, day, toward FROM through")
        return {group: (day, toward) for group, day, toward in found}

    def set_toward(self, groups: Iterable[int], day: int) -> None:
        """Write down that rows up to a day are about to be made."""
        self._many(
            "INSERT INTO through VALUES (?, NULL, ?) ON CONFLICT DO UPDATE "
            "SET toward = MAX(toward, excluded.toward)",
            [(group, day) for group in groups],
        )

    def set_through(self, groups: Iterable[int], day: int) -> None:
        """Write down that groups have all rows up to a day."""
        self._many("UPDATE through SET day = ? WHERE grp = ?", [(day, g) for g in groups])

    def watermark(self) -> Watermark | None:
        """The mark of the sink as it was noted last; None if it never was."""
        is_there = self._all("SELECT 1 FROM sqlite_master WHERE name = 'mark'")
        found = self._all("SELECT ledger, parts FROM mark") if is_there else []
        return Watermark(*found[0]) if found else None

    def set_watermark(self, mark: Watermark | None) -> None:
        """Note the sink's mark; that of one which keeps nothing is none."""
        if mark not in {None, KEEPS_NOTHING}:
            self._all("DELETE FROM mark")
            self._many("INSERT INTO mark VALUES (?, ?)", [mark])

    def pending(self) -> dict[int, dict[Hanging, set[int]]]:
        """The days of each kind of row that are left to compute, by group."""
        found: dict[int, dict[Hanging, set[int]]] = {}
        for group, what, day in self._all("SELECT grp, what, day FROM pending"):
            found.setdefault(group, {}).setdefault(Hanging(what), set()).add(day)
        return found

    def add_pending(self, group: int, work: Iterable[tuple[Hanging, int]]) -> None:
        """Add days to what is left to compute."""
        rows = [(group, what.value, day) for what, day in set(work)]
        self._many("INSERT OR IGNORE INTO pending VALUES (?, ?, ?)", rows)

    def done(self, groups: Iterable[int], what: Hanging, days: Iterable[int]) -> None:
        """Take days out of what is left to compute."""
        chosen = list(days)
        rows = [(group, what.value, day) for group in groups for day in chosen]
        self._many("DELETE FROM pending WHERE grp = ? AND what = ? AND day = ?", rows)

    # --- accounts and followers ------------------------------------------------------------------

    def first_days(self, groups: Collection[int]) -> dict[int, int]:
        """The day of the first event of every account of some groups."""
        return dict(
            self._all(f"SELECT acct, day FROM seen WHERE grp IN ({_listed(groups)})")  # noqa: S608 - numbers
        )

    def see(self, days: Mapping[int, int], group_count: int) -> None:
        """Remember the first days of accounts that begin earlier than was known."""
        known = self.first_days({acct % group_count for acct in days})
        rows = [(a, a % group_count, d) for a, d in days.items() if d < known.get(a, d + 1)]
        self._many("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", rows)

    def forget_follows(self, cells: Iterable[NumberedCell]) -> None:
        """Forget what days and groups said of followers: the lines after each other say it anew."""
        chosen = list(cells)
        of = "day = ? AND acct IN (SELECT acct FROM seen WHERE grp = ?)"
        for table in ("moved", "followers"):
            self._many(f"DELETE FROM {table} WHERE {of}", chosen)  # noqa: S608 - own names

    def set_moved(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Keep follows and unfollows: day, account, source, how many of each."""
        values = ", ".join(f"value ->> {place}" for place in range(len(_MOVED)))
        insert = f"INSERT OR REPLACE INTO moved SELECT {values} FROM json_each(?)"  # noqa: S608 - own names
        self._connection.execute(insert, (msgspec.json.encode(list(rows)).decode(),))

    def moved(self, since: int, through: int) -> list[tuple[int, int, int, int, int]]:
        """Follows and unfollows of days: day, account, source, how many of each."""
        query = "SELECT * FROM moved WHERE day BETWEEN ? AND ?"
        return self._lines(_MOVED, query, since, through)

    def set_followers(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Keep by how many a day changed an account's followers: account, day, number."""
        self._many(
            "INSERT INTO followers VALUES (?, ?, ?, 0) "
            "ON CONFLICT DO UPDATE SET number = excluded.number",
            rows,
        )

    def followers(
        self, groups: Collection[int], since: int, through: int
    ) -> list[tuple[int, int, int]]:
        """Changes of followers by account, day, number, ordered; first all before `since`."""
        query = f"""SELECT s.acct, {since} - 1 AS day, COALESCE((SELECT f.standing FROM followers f
            WHERE f.acct = s.acct AND f.day < {since} ORDER BY f.day DESC LIMIT 1), 0) AS number
            FROM seen s WHERE s.grp IN ({_listed(groups)})
            UNION ALL SELECT f.acct, f.day, f.number FROM followers f
            JOIN seen s ON s.acct = f.acct
            WHERE f.day BETWEEN {since} AND {through} AND s.grp IN ({_listed(groups)})"""  # noqa: S608 - numbers
        return sorted(self._lines(("acct", "day", "number"), query))

    def set_standing(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Keep the followers at the end of days that changed them: number, account, day."""
        self._many("UPDATE followers SET standing = ? WHERE acct = ? AND day = ?", rows)

    # --- facts -----------------------------------------------------------------------------------

    def kept(self) -> list[Kept]:
        """Which file has each fact of each group's day."""
        return [Kept(*row) for row in self._all("SELECT fact, grp, day, file FROM kept")]

    def keep(self, news: Collection[Kept]) -> None:
        """Write down which files have facts of days now."""
        gone = [one[:3] for one in news if one.file is None]
        self._many("DELETE FROM kept WHERE fact = ? AND grp = ? AND day = ?", gone)
        there = [one for one in news if one.file is not None]
        self._many("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)", there)

    # --- articles --------------------------------------------------------------------------------

    def articles(self, keys: Iterable[tuple[int, int]]) -> Articles:
        """The articles of these accounts and numbers, as published; unknown ones are left out."""
        wanted = list(keys)
        if not wanted:
            return Articles.none()
        return self._articles(
            """json_each(?) w
            JOIN article a ON a.acct = w.value ->> 0 AND a.article = w.value ->> 1""",
            msgspec.json.encode(wanted).decode(),
        )

    def publish(self, rows: Iterable[Published], group_count: int) -> None:
        """Keep what Publish events say of articles, over what was known."""
        lines = ((*row, row[0] % group_count) for row in rows)
        self._many("INSERT OR REPLACE INTO article VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", lines)

    def unpublish(self, keys: Iterable[tuple[int, int]]) -> None:
        """Forget the articles of these accounts and numbers."""
        self._many("DELETE FROM article WHERE acct = ? AND article = ?", keys)

    def published(self, first: int, last: int, groups: Collection[int]) -> Articles:
        """The articles that accounts of some groups published on days."""
        of = f"article a WHERE grp IN ({_listed(groups)}) AND day BETWEEN ? AND ?"
        return self._articles(of, first, last)

    def _articles(self, source: str, *values: int | str) -> Articles:
        """Articles column by column, all in one value: see `_lines`."""
        columns = ", ".join(f"json_group_array(a.{name})" for name in _PUBLISHED)
        found = self._all(f"SELECT json_array({columns}) FROM {source}", *values)  # noqa: S608 - own names
        return Articles.of(_DECODE_COLUMNS.decode(found[0][0]))

    def _all(self, query: str, *values: int | str) -> list[Any]:
        with self._in_words():
            return self._connection.execute(query, values).fetchall()

    def _lines(self, columns: Sequence[str], query: str, *values: int) -> list[Any]:
        """The lines of a query that has many, in one value.

        SQLite lets other threads go on after every line, and each of them costs a turn to wait for.
        """
        line = f"json_group_array(json_array({', '.join(columns)}))"
        found = self._all(f"SELECT {line} FROM ({query})", *values)  # noqa: S608 - own names
        return _DECODE.decode(found[0][0])

    def _many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._connection.executemany(statement, rows)


def _listed(values: Collection[int]) -> str:
    return ", ".join(str(int(value)) for value in values)
