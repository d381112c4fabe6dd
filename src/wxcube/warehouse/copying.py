"""A whole warehouse copied into another database, table by table.

Until the copy is complete it has a mark in place of its revision, so that no other command uses it.
The mark names the source and its state: a second run goes on after the rows that are there, or
begins anew if the source has changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from typing import Any, Self

import sqlalchemy as sa

from wxcube.errors import WarehouseError
from wxcube.i18n import _
from wxcube.warehouse import asks, renewal, schema
from wxcube.warehouse import leases as lease_rules
from wxcube.warehouse.contract_tables import codes, columns, contract, endpoints
from wxcube.warehouse.databases.database import Database, is_in_doubt
from wxcube.warehouse.lease_holder import Holder, new_holder
from wxcube.warehouse.statements import continue_numbers, insert_many
from wxcube.warehouse.tables import METADATA, REVISION, builds, leases
from wxcube.warehouse.tables import asks as asks_table

NOT_COPIED = frozenset({codes, columns, contract, endpoints, leases})
"""What every database makes of the contract, and what belongs to running processes."""
COPIED = tuple(table for table in METADATA.sorted_tables if table not in NOT_COPIED)
"""The tables of a copy, parents before children."""
LEASE = "*"
"""What a running copy has a lease of in its target, in place of an account."""
BATCH = 2_000
"""Rows of one transaction."""

OnRows = Callable[[str, int, int], object]
"""Called after each transaction with the table, the rows so far, and the rows of all tables."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What an unfinished copy has in place of its revision."""

    source: str
    state: str

    @classmethod
    def of(cls, source: sa.Connection, name: str, counts: Mapping[str, int]) -> Self:
        """The mark of a copy of a database by its name, as it is now."""
        built = sorted(map(tuple, source.execute(sa.select(builds))))
        return cls(
            _short_hash(name, REVISION, renewal.fingerprint()),
            _short_hash(asks.newest(source), built, sorted(counts.items())),
        )

    @property
    def revision(self) -> str:
        """The mark as the version table has it."""
        return f"{schema.UNFINISHED}{self.source} {self.state}"

    def is_of_source(self, revision: str) -> bool:
        """Whether an unfinished copy is of this source, in any of its states."""
        return revision.startswith(f"{schema.UNFINISHED}{self.source} ")


def copy_all(
    source: sa.Connection,
    source_name: str,
    target: Database,
    on_rows: OnRows = lambda *_: None,
    batch: int = BATCH,
) -> dict[str, int]:
    """Copy all rows that a reading transaction sees; returns the number of rows by table.

    Raises:  WarehouseError if the target has rows that are not of an unfinished copy of this
        source, if another process is copying into it, if a database fails, or if a table has
        another number of rows in the end.
    """
    counts = row_counts(source)
    mark, holder = Mark.of(source, source_name, counts), new_holder()
    if not schema.is_unfinished(target):
        schema.prepare(target)
    begin = partial(_begin, mark=mark, holder=holder, name=target.name)
    target.write(begin, schema.LOCK, in_bulk=True)
    try:
        _copy_rows(source, target, counts, holder, on_rows, batch)
        target.write(partial(_end, wanted=counts, name=target.name), schema.LOCK)
    finally:
        # a lease that cannot be released ends with this process
        with suppress(WarehouseError):
            target.write(partial(lease_rules.release, holder=holder))
    return counts


def _copy_rows(
    source: sa.Connection,
    target: Database,
    counts: Mapping[str, int],
    holder: Holder,
    on_rows: OnRows,
    batch: int,
) -> None:
    """Copy the rows that the target does not have yet."""
    done, total = 0, sum(counts.values())
    for table in COPIED:
        stored = target.write(partial(_count, table=table))
        done += stored
        for rows in _batches(source, table, batch, stored):
            store = partial(_store, table=table, rows=rows, before=stored)
            target.write(
                partial(_store_as, holder=holder, name=target.name, store=store), in_bulk=True
            )
            stored += len(rows)
            done += len(rows)
            on_rows(table.name, done, total)


def row_counts(connection: sa.Connection) -> dict[str, int]:
    """The number of rows of every table of a copy."""
    return {table.name: _count(connection, table) for table in COPIED}


def _count(connection: sa.Connection, table: sa.Table) -> int:
    count: int = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    return count


# --- beginning and end ---------------------------------------------------------------------------


def _begin(connection: sa.Connection, mark: Mark, holder: Holder, name: str) -> None:
    """Mark the target as an unfinished copy; without rows, unless they are of the same state."""
    held = lease_rules.take(connection, [LEASE], holder, datetime.now(UTC))
    if held:
        raise _is_copied(name, held[LEASE].holder)
    revision = schema.stored_revision(connection)
    if revision == mark.revision:
        return
    if mark.is_of_source(revision):
        for table in reversed(COPIED):
            connection.execute(table.delete())
    elif revision.startswith(schema.UNFINISHED):
        raise WarehouseError(
            _("{path} is an unfinished copy of another database", path=name),
            hint=_("copy that one, as it was named before, or name a new database with --to"),
        )
    elif filled := [table.name for table in COPIED if _has_rows(connection, table)]:
        raise WarehouseError(
            _("{path} is not empty: the table {table} has rows", path=name, table=filled[0]),
            hint=_("name a new database with --to"),
        )
    schema.store_revision(connection, mark.revision)


def _end(connection: sa.Connection, wanted: Mapping[str, int], name: str) -> None:
    """Compare the counts, and turn the copy into a warehouse."""
    found = row_counts(connection)
    for table, count in wanted.items():
        if found[table] != count:
            raise WarehouseError(
                _(
                    "{path}: the table {table} has {found} rows, and {wanted} were to be copied",
                    path=name,
                    table=table,
                    found=found[table],
                    wanted=count,
                ),
                hint=_("another program has changed it: name a new database with --to"),
            )
    continue_numbers(connection, asks_table)
    schema.store_revision(connection, REVISION)


def _is_copied(name: str, holder: Holder | None) -> WarehouseError:
    other = (
        _("process {pid} on {host}", pid=holder.pid, host=holder.host)
        if holder
        else _("another process")
    )
    return WarehouseError(
        _("{path}: {other} is copying into this database now", path=name, other=other),
        hint=_("wait until it has ended, then run the same command again"),
    )


def _has_rows(connection: sa.Connection, table: sa.Table) -> bool:
    return (
        connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is not None
    )


def _short_hash(*parts: object) -> str:
    # the column of the revision has 32 characters
    return blake2b(repr(parts).encode(), digest_size=6).hexdigest()


# --- rows ----------------------------------------------------------------------------------------


def _batches(
    source: sa.Connection, table: sa.Table, size: int, skip: int
) -> Iterator[Sequence[tuple[Any, ...]]]:
    """The rows of a table in the order of its key, except the first, as values of the driver."""
    # without their types, so that no value is converted twice
    names: list[Any] = [sa.column(column.name) for column in table.columns]
    keys: list[Any] = [sa.column(column.name) for column in table.primary_key]
    select = sa.select(*names).select_from(table).order_by(*keys).offset(skip or None)
    with source.execute(select.execution_options(yield_per=size)) as result:
        for rows in result.partitions():
            yield list(_with_booleans(table, map(tuple, rows)))


def _with_booleans(table: sa.Table, rows: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    """The rows with booleans where SQLite and MySQL have 0 and 1: PostgreSQL takes no others."""
    places = {n for n, column in enumerate(table.columns) if isinstance(column.type, sa.Boolean)}
    if not places:
        return rows
    return (
        tuple(bool(v) if n in places and v is not None else v for n, v in enumerate(row))
        for row in rows
    )


def _store_as(
    connection: sa.Connection, holder: Holder, name: str, store: Callable[[sa.Connection], None]
) -> None:
    """Store rows while the lease lasts: another process may have taken it over."""
    if lease_rules.renew(connection, [LEASE], holder, datetime.now(UTC)):
        raise _is_copied(name, None)
    store(connection)


def _store(
    connection: sa.Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]], before: int
) -> None:
    """Insert rows, unless an earlier try did, whose COMMIT was not answered."""
    if is_in_doubt(connection) and _count(connection, table) > before:
        return
    insert_many(connection, table, [column.name for column in table.columns], rows)
