"""Simulated accounts and their events for tests, created once per process."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from wxcube.events.columns import Batch, Columns
from wxcube.simulator.simulator import SimulatedAccount, simulate, simulated_accounts

FIRST_DAY = date(2025, 11, 11)
LAST_DAY = date(2026, 3, 10)
"""A hundred and twenty days."""


@cache
def accounts(count: int = 2, seed: int = 7) -> tuple[SimulatedAccount, ...]:
    """Accounts that start on the first day."""
    return tuple(simulated_accounts(seed, count, FIRST_DAY))


@cache
def batch(count: int = 2, seed: int = 7, through: date = LAST_DAY) -> Batch:
    """The events of the accounts; callers must not change them."""
    return simulate(accounts(count, seed), through)


def events_before(events: Batch, end: int) -> Batch:
    """The events before a timestamp."""
    columns_before = {n: _rows(columns, columns["at"] < end) for n, columns in events.families()}
    return Batch(accounts=events.accounts, **columns_before)


def of_account(events: Batch, index: int) -> dict[str, Columns]:
    """The events of one account by family."""
    return {n: _rows(columns, columns["account"] == index) for n, columns in events.families()}


def _rows(columns: Columns, selected: NDArray[np.bool_]) -> Columns:
    return {name: values[selected] for name, values in columns.items()}
