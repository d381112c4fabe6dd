"""Translation of the cube's SQL into the dialects of other engines."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from wxcube.errors import SettingsError
from wxcube.i18n import _

if TYPE_CHECKING:
    from sqlglot import exp


class Dialect(StrEnum):
    """The dialect of an engine whose SQL differs from DuckDB's."""

    SPARK = "spark"
    CLICKHOUSE = "clickhouse"


@cache
def translated(sql: str, dialect: Dialect) -> str:
    """A SELECT in another dialect; it gives the same rows with the same column names.

    Raises:  SettingsError if sqlglot is not installed.
    """
    tree = _parsed(sql)
    if dialect is Dialect.CLICKHOUSE:
        _never_null(tree)
        _plain_names(tree)
        _functions(tree)
    return tree.sql(dialect=dialect.value)


def type_name(duckdb_type: str, dialect: Dialect) -> str:
    """The name of a DuckDB type in another dialect, not nullable.

    >>> type_name("BIGINT", Dialect.CLICKHOUSE), type_name("VARCHAR", Dialect.SPARK)
    ('Int64', 'STRING')
    """
    tree = _parsed(f"CAST(x AS {duckdb_type})")
    _never_null(tree)
    return str(tree.args["to"].sql(dialect=dialect.value))


def empty_table(types: str) -> str:
    """A SELECT that gives no rows, with these columns and types.

    >>> empty_table("acct INT, title TEXT")
    'SELECT CAST(0 AS INT) AS acct, CAST(0 AS TEXT) AS title WHERE 1 = 0'
    """
    pairs = (column.split() for column in types.split(","))
    return f"SELECT {', '.join(f'CAST(0 AS {kind}) AS {name}' for name, kind in pairs)} WHERE 1 = 0"


def _parsed(sql: str) -> exp.Expr:
    try:
        import sqlglot
    except ImportError as missing:
        raise SettingsError(
            _("engines other than DuckDB need sqlglot"),
            hint=_('install it with: pip install "wxcube[spark]" or "wxcube[clickhouse]"'),
        ) from missing
    return sqlglot.parse_one(sql, dialect="duckdb")


def _never_null(tree: exp.Expr) -> None:
    """Make types not nullable: sqlglot writes Nullable(T), which is slow and not needed here."""
    from sqlglot import exp

    for data_type in tree.find_all(exp.DataType):
        data_type.set("nullable", False)


def _plain_names(tree: exp.Expr) -> None:
    """Add aliases to `t.column` in a SELECT: a table made of it would have a column "t.column"."""
    from sqlglot import exp

    for select in tree.find_all(exp.Select):
        aliased = [
            exp.alias_(one, one.name) if isinstance(one, exp.Column) and one.table else one
            for one in select.expressions
        ]
        select.set("expressions", aliased)


def _functions(tree: exp.Expr) -> None:
    """Replace the operators `&` and `>>` by functions, which ClickHouse has instead."""
    from sqlglot import exp

    names: dict[type[exp.Expr], str] = {
        exp.BitwiseAnd: "bitAnd",
        exp.BitwiseRightShift: "bitShiftRight",
    }
    for node in list(tree.find_all(*names)):
        call = exp.Anonymous(this=names[type(node)], expressions=list(node.iter_expressions()))
        node.replace(call)
