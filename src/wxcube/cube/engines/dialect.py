"""The cube's SQL in the words of other engines."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from wxcube.errors import SettingsError

if TYPE_CHECKING:
    from sqlglot import exp


class Dialect(StrEnum):
    """An engine whose SQL differs from DuckDB's."""

    SPARK = "spark"
    CLICKHOUSE = "clickhouse"


@cache
def translated(sql: str, dialect: Dialect) -> str:
    """A step's SELECT as another engine wants it; the same rows by the same column names.

    Raises:  SettingsError without sqlglot.
    """
    tree = _parsed(sql)
    if dialect is Dialect.CLICKHOUSE:
        _never_null(tree)
        _plain_names(tree)
        _functions(tree)
    return tree.sql(dialect=dialect.value)


def type_name(kind: str, dialect: Dialect) -> str:
    """A type of DuckDB's in another engine's words, without NULL.

    >>> type_name("BIGINT", Dialect.CLICKHOUSE), type_name("VARCHAR", Dialect.SPARK)
    ('Int64', 'STRING')
    """
    tree = _parsed(f"CAST(x AS {kind})")
    _never_null(tree)
    return str(tree.args["to"].sql(dialect=dialect.value))


def empty_table(types: str) -> str:
    """A SELECT of no rows, with these columns and types.

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
            "engines other than DuckDB need sqlglot",
            hint='install it with: pip install "wxcube[spark]" or "wxcube[clickhouse]"',
        ) from missing
    return sqlglot.parse_one(sql, dialect="duckdb")


def _never_null(tree: exp.Expr) -> None:
    """Types as they are: sqlglot writes Nullable(T), which is slow and never needed here."""
    from sqlglot import exp

    for kind in tree.find_all(exp.DataType):
        kind.set("nullable", False)


def _plain_names(tree: exp.Expr) -> None:
    """Names for `t.column` in a SELECT: a table made of it would have a column "t.column"."""
    from sqlglot import exp

    for select in tree.find_all(exp.Select):
        shown = [
            exp.alias_(one, one.name) if isinstance(one, exp.Column) and one.table else one
            for one in select.expressions
        ]
        select.set("expressions", shown)


def _functions(tree: exp.Expr) -> None:
    """ClickHouse has functions where others have the operators `&` and `>>`."""
    from sqlglot import exp

    names: dict[type[exp.Expr], str] = {
        exp.BitwiseAnd: "bitAnd",
        exp.BitwiseRightShift: "bitShiftRight",
    }
    for node in list(tree.find_all(*names)):
        call = exp.Anonymous(this=names[type(node)], expressions=list(node.iter_expressions()))
        node.replace(call)
