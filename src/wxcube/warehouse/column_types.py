"""Types of columns, so that every database stores, compares and gives the same values.

Texts are compared by their characters, without padding: "C" in PostgreSQL, binary collations in
MariaDB and MySQL. Days are dates where a database has them; the driver gives and takes ISO text.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa

POSTGRESQL_COLLATION = "C"
MARIADB_COLLATION = "utf8mb4_nopad_bin"
MYSQL_COLLATION = "utf8mb4_0900_bin"
_LONGEST_TEXT = 2**24
"""More characters than the 64 KiB of MySQL's TEXT."""
_LONGEST_BYTES = 2**32 - 1


def short_text(length: int) -> sa.String:
    """Text that can be part of a key."""
    return (
        sa.String(length)
        .with_variant(sa.Text(collation=POSTGRESQL_COLLATION), "postgresql")
        .with_variant(sa.String(length, collation=MARIADB_COLLATION), "mariadb")
        .with_variant(sa.String(length, collation=MYSQL_COLLATION), "mysql")
    )


def long_text() -> sa.Text:
    """Text of any length."""
    return (
        sa.Text()
        .with_variant(sa.Text(collation=POSTGRESQL_COLLATION), "postgresql")
        .with_variant(sa.Text(_LONGEST_TEXT, collation=MARIADB_COLLATION), "mariadb")
        .with_variant(sa.Text(_LONGEST_TEXT, collation=MYSQL_COLLATION), "mysql")
    )


def blob() -> sa.LargeBinary:
    """Bytes, up to 4 GiB."""
    return sa.LargeBinary().with_variant(sa.LargeBinary(_LONGEST_BYTES), "mysql", "mariadb")


class Day(sa.types.TypeDecorator[date]):
    """A day, which the driver gives as ISO text."""

    impl = sa.Date
    cache_ok = True

    def process_result_value(self, value: Any, _dialect: sa.Dialect) -> date | None:
        """The day of a stored text."""
        return date.fromisoformat(value) if isinstance(value, str) else value
