"""Simulated accounts for tests, made once for each process."""

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
    """Accounts that begin on the first day."""
    return tuple(simulated_accounts(seed, count, FIRST_DAY))


@cache
def batch(count: int = 2, seed: int = 7, through: date = LAST_DAY) -> Batch:
    """Their events; not to be changed."""
    return simulate(accounts(count, seed), through)


def until(events: Batch, end: int) -> Batch:
    """The events before a moment."""
    cut = {n: _rows(columns, columns["at"] < end) for n, columns in events.families()}
    return Batch(accounts=events.accounts, **cut)


def of_account(events: Batch, place: int) -> dict[str, Columns]:
    """One account's events by family."""
    return {n: _rows(columns, columns["account"] == place) for n, columns in events.families()}


def _rows(columns: Columns, chosen: NDArray[np.bool_]) -> Columns:
    return {name: values[chosen] for name, values in columns.items()}
