"""Translations into each dialect, in golden files; `WXCUBE_WRITE_GOLDEN=1` updates them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wxcube.cube.engines.dialect import Dialect, translated
from wxcube.cube.steps import STEPS, Step

GOLDEN = Path(__file__).parent / "golden"
QUERIES = {
    "cast": "SELECT acct, CAST(SUM(n) AS BIGINT) AS n FROM t GROUP BY acct",
    "alias like a column": "SELECT acct, CAST(MIN(d) AS INT) AS d FROM t GROUP BY acct, d",
    "count of a bit": "SELECT CAST(SUM(((mask >> 3) & 1) * n) AS BIGINT) AS shared FROM t",
    "bits combined": "SELECT acct, BIT_OR(mask) AS mask FROM t GROUP BY acct",
    "bits set for the first time": """SELECT b.d, b.mask - (b.mask & COALESCE(BIT_OR(b.mask) OVER (
        PARTITION BY b.acct ORDER BY b.d ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))
        AS first_time FROM t b""",
    "nested bits": "SELECT (mask & 7) >> (code & 1) AS bits FROM t",
    "column names of a join": "SELECT a.acct, b.n FROM t a JOIN u b ON a.acct = b.acct AND a.d = b.d",
    "sum so far": """SELECT acct, CAST(SUM(COALESCE(n, 0)) OVER (PARTITION BY acct ORDER BY d
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) AS n FROM t""",
    "union all": """SELECT acct, n FROM t
        UNION ALL SELECT acct, CAST(0 AS BIGINT) AS n FROM u""",
    "cross": "SELECT a.acct, g.age FROM t a CROSS JOIN u g JOIN c ON c.d = a.d + g.age",
    "case": "SELECT CASE WHEN n <= 5 THEN 1 ELSE 2 END AS many, h * 100 AS hour FROM t",
    "quoted": 'SELECT "user" AS person FROM t',
    "short cast": "SELECT SUM(n)::BIGINT AS n FROM t",
}


@pytest.mark.parametrize("dialect", Dialect)
def test_each_query_is_translated_as_in_the_golden_file(dialect: Dialect) -> None:
    translations = [f"-- {name}\n{translated(sql, dialect)}\n" for name, sql in QUERIES.items()]
    file = GOLDEN / f"{dialect.value}.sql"
    if os.environ.get("WXCUBE_WRITE_GOLDEN"):
        file.write_text("\n".join(translations), "utf-8")
    assert "\n".join(translations) == file.read_text("utf-8")


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_no_step_uses_what_clickhouse_does_not_support(step: Step) -> None:
    sql = translated(step.sql, Dialect.CLICKHOUSE)
    assert "Nullable" not in sql
    assert "&" not in sql
    assert ">>" not in sql


@pytest.mark.parametrize("dialect", Dialect)
def test_a_translation_is_deterministic(dialect: Dialect) -> None:
    first = [translated(step.sql, dialect) for step in STEPS]
    translated.cache_clear()
    assert [translated(step.sql, dialect) for step in STEPS] == first
