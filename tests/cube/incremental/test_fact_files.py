"""Fact files as engines write them: one per day and group."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental.fact_files import Facts
from wxcube.cube.steps import Step
from wxcube.errors import EngineError

GROUPS = 2
DAYS = range(20_000, 20_010)
ROWS = 10_000
MESSAGES = Step(
    "message_day",
    (),
    f"""SELECT CAST(0 AS INTEGER) AS acct, CAST({DAYS[0]} + range % {len(DAYS)} AS INTEGER) AS d,
    CAST(1 AS INTEGER) AS msg_type, range AS person, CAST(1 AS BIGINT) AS n FROM range({ROWS})""",
)


@pytest.fixture
def engine() -> Iterator[DuckDbEngine]:
    """An engine with the table of a fact, with rows of one group and several days."""
    with DuckDbEngine(threads=1, memory_limit="256MB") as duckdb:
        duckdb.run(MESSAGES)
        yield duckdb


def test_each_day_and_group_gets_a_file(engine: DuckDbEngine, tmp_path: Path) -> None:
    facts = Facts(tmp_path, GROUPS, [])
    facts.save(engine, "message_day", DAYS, range(GROUPS))
    assert {(one.day, one.group): one.file is None for one in facts.uncommitted()} == {
        (day, group): group != 0 for day in DAYS for group in range(GROUPS)
    }
    facts.commit()
    assert facts.read(engine, "message_day", "again", DAYS, range(GROUPS))
    assert engine.query("SELECT COUNT(*) AS n FROM again")["n"].tolist() == [ROWS]


def test_several_files_of_a_day_and_group_are_an_error_that_names_them(
    engine: DuckDbEngine, tmp_path: Path
) -> None:
    # DuckDB keeps one file open, and starts another file when rows of an earlier day occur again
    engine._execute("SET partitioned_write_max_open_files = 1")
    engine._execute("SET partitioned_write_flush_threshold = 1")
    facts = Facts(tmp_path, GROUPS, [])
    with pytest.raises(
        EngineError, match=r"message_day to several files in .*part=40000"
    ) as caught:
        facts.save(engine, "message_day", DAYS, range(GROUPS))
    written = [path.name for path in (tmp_path / "draft" / "part=40000").iterdir()]
    assert len(written) > 1
    assert all(name in str(caught.value) for name in written)
    assert facts.uncommitted() == []
    assert not (tmp_path / "message_day").exists()
