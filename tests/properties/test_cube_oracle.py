"""The cube's rows equal those of the plain oracle, for every endpoint, and however it is cut."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.events import ACCOUNTS, crowded, histories
from support.oracle import RULES, Oracle
from wxcube.contract.visible import visible
from wxcube.cube.compute import CUBE_ENDPOINTS, compute
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.events.columns import to_batch
from wxcube.simulator.simulator import simulate, simulated_accounts, to_events

FEW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDbEngine]:
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        yield engine


def test_the_oracle_computes_every_endpoint_of_the_cube() -> None:
    assert RULES.keys() == {endpoint.name for endpoint in CUBE_ENDPOINTS}
    assert len(RULES) == 21


@given(history=histories())
@settings(FEW, max_examples=25)
def test_every_row_equals_the_oracles(
    engine: DuckDbEngine, history: tuple[list[Any], date]
) -> None:
    assert_equal_to_oracle(engine, *history)


@given(seed=st.integers(0, 2**32))
@settings(FEW, max_examples=12)
def test_every_row_of_crowded_days_equals_the_oracles(engine: DuckDbEngine, seed: int) -> None:
    assert_equal_to_oracle(engine, *crowded(seed))


@given(seed=st.integers(0, 2**32), earlier=st.integers(0, 40))
@settings(FEW, max_examples=8)
def test_later_rows_cut_at_a_day_equal_the_rows_of_that_day(
    engine: DuckDbEngine, seed: int, earlier: int
) -> None:
    events, through = crowded(seed)
    day = through - timedelta(days=earlier)
    batch = to_batch(events)
    later, then = (compute(batch, t, engine=engine) for t in (through, day))
    for account in batch.accounts:
        for endpoint in CUBE_ENDPOINTS:
            shown = visible(endpoint, later.rows(account, endpoint), day)
            assert shown == then.rows(account, endpoint), endpoint.name


def assert_equal_to_oracle(engine: DuckDbEngine, events: list[Any], through: date) -> None:
    computed = compute(to_batch(events), through, engine=engine)
    for account in ACCOUNTS:
        oracle = Oracle(events, account, through)
        for endpoint in CUBE_ENDPOINTS:
            assert computed.rows(account, endpoint) == oracle.rows(endpoint.name), endpoint.name


def test_simulated_days_equal_the_oracles(engine: DuckDbEngine) -> None:
    """Two weeks of one account, some seventy thousand events, over the first content day."""
    through = date(2025, 11, 9)
    accounts = simulated_accounts(seed=3, count=1, first_day=date(2025, 10, 27))
    batch = simulate(accounts, through)
    computed = compute(batch, through, engine=engine)
    oracle = Oracle(to_events(batch), accounts[0].appid, through)
    for endpoint in CUBE_ENDPOINTS:
        rows = computed.rows(accounts[0].appid, endpoint)
        assert rows, endpoint.name
        assert rows == oracle.rows(endpoint.name), endpoint.name
