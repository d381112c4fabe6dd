"""Comments on views and their columns, in both languages and with the unit.

PostgreSQL shows them in its tools. Views of MySQL and SQLite have none; there, the table `columns`
says the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy.schema import SetColumnComment

from wxcube.i18n import Meaning
from wxcube.warehouse.views import View, ViewColumn


def comment_on(connection: sa.Connection, views: Iterable[View]) -> None:
    """Write the comments of views, if the database has such."""
    for statement in comments(connection.dialect, views):
        connection.execute(statement)


def comments(dialect: sa.Dialect, views: Iterable[View]) -> Iterator[sa.ExecutableDDLElement]:
    """The statements that comment on views; none for a database that has no such comments."""
    if dialect.name == "postgresql":
        for view in views:
            yield from _statements(view)


def _statements(view: View) -> Iterator[sa.ExecutableDDLElement]:
    columns: list[sa.Column[str]] = [
        sa.Column(one.name, comment=_comment(one)) for one in view.columns
    ]
    sa.Table(view.name, sa.MetaData(), *columns)
    quoted = _in_both(view.title).replace("'", "''").replace("%", "%%")
    yield sa.DDL(f"COMMENT ON VIEW {view.name} IS '{quoted}'")  # type: ignore[no-untyped-call]
    yield from map(SetColumnComment, columns)


def _comment(column: ViewColumn) -> str:
    unit = f" [{column.unit}]" if column.unit else ""
    return f"{_in_both(column.meaning)}{unit}"


def _in_both(meaning: Meaning) -> str:
    """As in the comments of tables."""
    return f"{meaning.zh} / {meaning}"
