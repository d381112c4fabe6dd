"""Every engine computes the same rows, and its methods behave in the same way."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from support.events import histories
from support.many_stories import many_stories, together
from support.simulated import batch as simulated
from support.spark_cluster import on_spark
from wxcube.contract.article import getarticletotal
from wxcube.contract.content import getarticletotaldetail
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.message import getupstreammsgdist
from wxcube.contract.user import getusercumulate, getusersummary
from wxcube.cube.compute import CUBE_ENDPOINTS, CubeRows, compute
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.steps import Step
from wxcube.errors import EngineError
from wxcube.events.columns import Batch, to_batch

YEARS = {2014, 2015, 2020, 2025, 2026}
FEW = settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow])


@cache
def every_era() -> tuple[Batch, date]:
    """Random events around each day on which rules change, and two simulated accounts."""
    histories, last = many_stories()
    return together(histories, simulated(count=2, through=date(2025, 12, 2))), last


WITHOUT_STEPS: tuple[Endpoint[Any], ...] = (
    getusersummary,
    getusercumulate,
    getarticletotal,
    getarticletotaldetail,
)
"""Endpoints that a build computes without their steps, from its ledger and with numpy. The test of a
build on Spark runs the steps of all others, also in every era."""


def assert_same_rows(
    actual: CubeRows,
    expected: CubeRows,
    batch: Batch,
    endpoints: tuple[Endpoint[Any], ...] = CUBE_ENDPOINTS,
) -> None:
    for endpoint in endpoints:
        for account in batch.accounts:
            assert actual.rows(account, endpoint) == expected.rows(account, endpoint), endpoint.name


def test_every_row_of_every_endpoint_equals_duckdbs(
    clickhouse_engine: OpenEngine, duckdb_engine: DuckDbEngine
) -> None:
    batch, through = every_era()
    expected = compute(batch, through, engine=duckdb_engine)
    assert_same_rows(compute(batch, through, engine=clickhouse_engine), expected, batch)


@on_spark
def test_spark_computes_the_endpoints_that_a_build_computes_without_steps(
    spark_engine: OpenEngine, duckdb_engine: DuckDbEngine
) -> None:
    batch, through = every_era()
    chosen = {"endpoints": WITHOUT_STEPS}
    expected = compute(batch, through, engine=duckdb_engine, **chosen)
    actual = compute(batch, through, engine=spark_engine, **chosen)
    assert_same_rows(actual, expected, batch, WITHOUT_STEPS)


def test_the_compared_rows_are_of_every_era_and_endpoint(duckdb_engine: DuckDbEngine) -> None:
    batch, through = every_era()
    years = np.unique((batch.message["at"] + 8 * 3600).astype("datetime64[s]").astype("M8[Y]"))
    assert {int(str(year)) for year in years} >= YEARS
    rows = compute(batch, through, engine=duckdb_engine)
    assert not [e.name for e in CUBE_ENDPOINTS if not any(rows.rows(a, e) for a in batch.accounts)]


@given(history=histories())
@FEW
def test_clickhouse_computes_random_histories_as_duckdb(
    clickhouse_engine: OpenEngine,
    duckdb_engine: DuckDbEngine,
    history: tuple[list[Any], date],
) -> None:
    events, through = history
    batch = to_batch(events)
    actual = compute(batch, through, engine=clickhouse_engine)
    assert_same_rows(actual, compute(batch, through, engine=duckdb_engine), batch)


def test_no_events_give_no_rows(other_engine: OpenEngine) -> None:
    day = date(2026, 3, 2)
    computed = compute(to_batch([]), day, engine=other_engine, endpoints=[getupstreammsgdist])
    assert computed.rows("nobody", getupstreammsgdist) == []


NUMBERS = {
    "acct": np.asarray([1, 0, 1], "i4"),
    "d": np.asarray([3, 2, 1], "i4"),
    "small": np.asarray([-128, 127, 0], "i1"),
    "short": np.asarray([-(2**15), 2**15 - 1, 0], "i2"),
    "long": np.asarray([-(2**63), 2**63 - 1, 0], "i8"),
    "flag": np.asarray([True, False, True]),
}


def test_numbers_of_every_type_are_returned_in_order(other_engine: OpenEngine) -> None:
    other_engine.load("numbers", NUMBERS)
    try:
        actual = other_engine.fetch("numbers", ["acct", "d"])
    finally:
        other_engine.drop("numbers")
    for name, array in NUMBERS.items():
        assert actual[name].tolist() == array[[1, 2, 0]].tolist(), name
        assert actual[name].dtype == array.dtype, name


def test_a_dropped_table_is_missing_and_its_name_can_be_used_again(
    other_engine: OpenEngine,
) -> None:
    for _ in range(2):
        other_engine.load("numbers", NUMBERS)
        other_engine.drop("numbers")
    with pytest.raises(EngineError, match="numbers"):
        other_engine.fetch("numbers", ["acct"])


def test_a_step_that_fails_is_named_and_the_engine_remains_usable(other_engine: OpenEngine) -> None:
    with pytest.raises(EngineError, match="computing wrong failed") as caught:
        other_engine.run(Step("wrong", (), "SELECT acct FROM nowhere"))
    assert "\n" not in str(caught.value)
    other_engine.load("numbers", NUMBERS)
    other_engine.drop("numbers")
