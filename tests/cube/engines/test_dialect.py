"""The words of each dialect, kept in files; `WXCUBE_WRITE_GOLDEN=1` writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wxcube.cube.engines.dialect import Dialect, translated
from wxcube.cube.steps import STEPS, Step

GOLDEN = Path(__file__).parent / "golden"
PHRASES = {
    "cast": "SELECT acct, CAST(SUM(n) AS BIGINT) AS n FROM t GROUP BY acct",
    "alias like a column": "SELECT acct, CAST(MIN(d) AS INT) AS d FROM t GROUP BY acct, d",
    "bits of people": "SELECT CAST(SUM(((mask >> 3) & 1) * n) AS BIGINT) AS shared FROM t",
    "bits together": "SELECT acct, BIT_OR(mask) AS mask FROM t GROUP BY acct",
    "bits not set before": """SELECT b.d, b.mask - (b.mask & COALESCE(BIT_OR(b.mask) OVER (
        PARTITION BY b.acct ORDER BY b.d ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))
        AS fresh FROM t b""",
    "nested bits": "SELECT (mask & 7) >> (code & 1) AS bits FROM t",
    "names after a join": "SELECT a.acct, b.n FROM t a JOIN u b ON a.acct = b.acct AND a.d = b.d",
    "sum so far": """SELECT acct, CAST(SUM(COALESCE(n, 0)) OVER (PARTITION BY acct ORDER BY d
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) AS n FROM t""",
    "under each other": """SELECT acct, n FROM t
        UNION ALL SELECT acct, CAST(0 AS BIGINT) AS n FROM u""",
    "cross": "SELECT a.acct, g.age FROM t a CROSS JOIN u g JOIN c ON c.d = a.d + g.age",
    "case": "SELECT CASE WHEN n <= 5 THEN 1 ELSE 2 END AS many, h * 100 AS hour FROM t",
    "quoted": 'SELECT "user" AS person FROM t',
    "short cast": "SELECT SUM(n)::BIGINT AS n FROM t",
}


@pytest.mark.parametrize("dialect", Dialect)
def test_each_phrase_is_said_as_in_the_golden_file(dialect: Dialect) -> None:
    said = [f"-- {name}\n{translated(sql, dialect)}\n" for name, sql in PHRASES.items()]
    file = GOLDEN / f"{dialect.value}.sql"
    if os.environ.get("WXCUBE_WRITE_GOLDEN"):
        file.write_text("\n".join(said), "utf-8")
    assert "\n".join(said) == file.read_text("utf-8")


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_no_step_says_what_clickhouse_gets_wrong(step: Step) -> None:
    said = translated(step.sql, Dialect.CLICKHOUSE)
    assert "Nullable" not in said
    assert "&" not in said
    assert ">>" not in said


@pytest.mark.parametrize("dialect", Dialect)
def test_a_step_said_twice_is_the_same(dialect: Dialect) -> None:
    first = [translated(step.sql, dialect) for step in STEPS]
    translated.cache_clear()
    assert [translated(step.sql, dialect) for step in STEPS] == first
