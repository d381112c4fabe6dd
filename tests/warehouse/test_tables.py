"""Tables are derived from the contract, and the migrations create exactly these tables."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from wxcube.contract import ENDPOINTS, named
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Column, Nested, Row, members
from wxcube.warehouse.databases.sqlite import SqliteDatabase
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.tables import METADATA, REVISION, ROW_TABLES, RowTable

each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)


def _wire_columns(row: type[Row]) -> list[str]:
    names = []
    for member in members(row):
        if isinstance(member, Column):
            names.append(member.name)
        elif not member.many:
            names += _wire_columns(member.row)
    return names


def _nested(row: type[Row]) -> list[Nested]:
    nested = [m for m in members(row) if isinstance(m, Nested)]
    return nested + [deep for m in nested for deep in _nested(m.row)]


@each_endpoint
def test_a_table_has_every_column_of_its_row_by_its_wire_name(endpoint: Endpoint[Any]) -> None:
    for part in ROW_TABLES[endpoint.name].walk():
        names = [column.name for column in part.table.columns]
        wire = _wire_columns(part.row)
        assert len(set(wire)) == len(wire)
        assert [name for name in names if name in wire] == wire
        added = set(names) - set(wire) - set(part.key)
        assert added - {"absent"} == {"place", "withdrawn_at"}


@each_endpoint
def test_the_primary_key_is_the_scope_and_the_natural_key(endpoint: Endpoint[Any]) -> None:
    part = ROW_TABLES[endpoint.name]
    scope = ("appid", "origin", "params") if endpoint.params else ("appid", "origin")
    assert part.key == (*scope, *endpoint.key)
    assert [column.name for column in part.table.primary_key] == list(part.key)


@each_endpoint
def test_every_nested_list_has_a_table(endpoint: Endpoint[Any]) -> None:
    parts = list(ROW_TABLES[endpoint.name].walk())
    lists = [nested for nested in _nested(endpoint.row) if nested.many]
    assert sorted(n.row.__name__ for n in lists) == sorted(p.row.__name__ for p in parts[1:])
    assert all(not nested.optional for nested in _nested(endpoint.row)), (
        "absent lists have no column"
    )


@each_endpoint
def test_all_columns_but_those_of_the_key_may_be_null(endpoint: Endpoint[Any]) -> None:
    for part in ROW_TABLES[endpoint.name].walk():
        for cell in part.columns:
            assert part.table.c[cell.name].nullable == (cell.name not in part.key)
            assert part.table.c[cell.name].comment


@pytest.mark.parametrize(
    ("endpoint", "tables"),
    [
        ("getuserread", {"user_read": ["ref_date", "user_source"]}),
        (
            "getarticletotal",
            {
                "article_total": ["ref_date", "msgid"],
                "article_total__details": ["ref_date", "msgid", "stat_date"],
            },
        ),
        (
            "getbizsummary",
            {
                "biz_summary": ["ref_date"],
                "biz_summary__read_user_source": ["ref_date", "scene_desc"],
            },
        ),
        (
            "getarticletotaldetail",
            {
                "article_total_detail": ["ref_date", "msgid"],
                "article_total_detail__detail_list": ["ref_date", "msgid", "stat_date"],
                "article_total_detail__detail_list__read_user_source": [
                    "ref_date",
                    "msgid",
                    "stat_date",
                    "scene_desc",
                ],
                "article_total_detail__detail_list__read_jump_position": [
                    "ref_date",
                    "msgid",
                    "stat_date",
                    "position",
                ],
            },
        ),
    ],
)
def test_names_and_keys_of_nested_tables(endpoint: str, tables: dict[str, list[str]]) -> None:
    parts: list[RowTable] = list(ROW_TABLES[named(endpoint).name].walk())
    assert {
        p.table.name: [k for k in p.key if k not in {"appid", "origin"}] for p in parts
    } == tables


def test_keys_are_short_enough_for_every_database() -> None:
    # MySQL: 64 characters for a name, 3072 bytes for a key, 4 bytes a character
    for table in METADATA.tables.values():
        assert len(table.name) <= 64
        lengths = [getattr(c.type, "length", None) or 8 for c in table.primary_key]
        assert sum(lengths) * 4 <= 3072, table.name
        assert all(not isinstance(c.type, sa.Text) for c in table.primary_key)


def test_migrations_create_the_tables_of_the_contract(empty_file: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = SqliteDatabase(empty_file, read_only=True).engine
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == REVISION
        assert _primary_keys(connection) == _declared_primary_keys()
    engine.dispose()


def _primary_keys(connection: sa.Connection) -> dict[str, list[str]]:
    inspector = sa.inspect(connection)
    return {t: inspector.get_pk_constraint(t)["constrained_columns"] for t in METADATA.tables}


def _declared_primary_keys() -> dict[str, list[str]]:
    return {name: [c.name for c in t.primary_key] for name, t in METADATA.tables.items()}


def test_migrations_can_be_reverted(path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    engine = SqliteDatabase(path).engine
    config = Config()
    folder = Path(sys.modules["wxcube.warehouse.tables"].__file__ or "").with_name("migrations")
    config.set_main_option("script_location", str(folder))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    engine.dispose()
    Warehouse.open(path).close()


def test_an_up_to_date_file_is_opened_without_alembic(path: Path) -> None:
    code = (
        "import sys; from wxcube.warehouse.store import Warehouse; "
        "Warehouse.open(sys.argv[1]).close(); assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=60)
