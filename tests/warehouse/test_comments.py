"""Comments on tables, views and columns, in both languages: in the databases that have them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from wxcube.warehouse.databases.opening import open_database
from wxcube.warehouse.renewal import all_views
from wxcube.warehouse.tables import METADATA

IN_BOTH = re.compile(r"[a-z].*[\u4e00-\u9fff]|[\u4e00-\u9fff].* / .*[a-z]", re.DOTALL)
tables = pytest.mark.parametrize("table", METADATA.sorted_tables, ids=lambda table: table.name)


@tables
def test_every_table_and_column_has_a_comment_in_both_languages(table: sa.Table) -> None:
    comments = {column.name: column.comment for column in table.columns}
    for name, comment in {"": table.comment, **comments}.items():
        assert comment, f"{table.name}.{name}"
        assert IN_BOTH.search(comment), f"{table.name}.{name}: {comment}"


def test_postgresql_has_the_comments_of_tables_and_views(postgresql: str) -> None:
    found = comments(
        postgresql,
        "SELECT c.relname, coalesce(a.attname, ''), d.description FROM pg_description d"
        " JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass"
        " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid"
        " AND d.objsubid > 0",
    )
    for table in METADATA.sorted_tables:
        assert found[table.name, ""] == table.comment
        assert {found[table.name, one.name] == one.comment for one in table.columns} == {True}
    for view in all_views():
        assert found[view.name, ""] == f"{view.title.zh} / {view.title}"
        assert all((view.name, column.name) in found for column in view.columns)
    assert found["v_interface_day", "max_time_cost"] == "最大耗时 / longest single wait [ms]"


def test_mariadb_has_the_comments_of_tables(mysql: str) -> None:
    found = comments(
        mysql,
        "SELECT table_name, column_name, column_comment FROM information_schema.columns"
        " WHERE table_schema = database()",
    )
    for table in METADATA.sorted_tables:
        for column in table.columns:
            assert found[table.name, column.name] == column.comment


def comments(url: str, statement: str) -> dict[tuple[str, str], Any]:
    database = open_database(url)
    with database.reading() as connection:
        rows = connection.exec_driver_sql(statement).all()
    database.close()
    return {(table, column): comment for table, column, comment in rows}
