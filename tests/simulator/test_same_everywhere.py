"""The same seed gives the same events, on every machine and for any number of days."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.simulated import FIRST_DAY, LAST_DAY, accounts, batch, events_before, of_account
from wxcube.beijing import ready_at
from wxcube.events.columns import FAMILIES, Batch, Columns
from wxcube.simulator import simulator
from wxcube.simulator.simulator import simulate, simulated_accounts

GOLDEN = {
    "open": "ed9e8235659a7bb3",
    "follow": "a0eaf48b61fd3e2c",
    "message": "be365a45a9fa619b",
    "reply": "7facb9ffd8f6223b",
    "publish": "5df9f1f47148435d",
    "activity": "87dad8bf49070a66",
}
"""Fingerprints of seed 7 with two accounts and 120 days; they change only with the simulation."""


def bytes_of(columns: Columns) -> Iterator[bytes]:
    for name, values in columns.items():
        yield name.encode()
        if values.dtype == object:
            yield "\n".join(values.tolist()).encode()
        else:
            yield values.astype(values.dtype.newbyteorder("<")).tobytes()


def fingerprint(columns: Columns) -> str:
    return sha256(b"\0".join(bytes_of(columns))).hexdigest()[:16]


def assert_equal(one: Batch, other: Batch) -> None:
    assert one.accounts == other.accounts
    for name, columns in one.families():
        for column, values in columns.items():
            twin = getattr(other, name)[column]
            assert values.dtype == twin.dtype, (name, column)
            assert np.array_equal(values, twin), (name, column)


@pytest.mark.parametrize("family", FAMILIES)
def test_seed_7_gives_the_same_events_as_before(family: str) -> None:
    assert fingerprint(getattr(batch(), family)) == GOLDEN[family]


def test_columns_have_the_types_of_their_family() -> None:
    for name, columns in batch().families():
        assert {c: v.dtype for c, v in columns.items()} == {
            c: np.dtype(t) for c, t in FAMILIES[name].items()
        }


def cut_at(events: Batch, day: date) -> Batch:
    return events_before(events, int(ready_at(day + timedelta(days=1), 0).timestamp()) - 8 * 3600)


@pytest.mark.parametrize("days", [1, 2, 7, 36, 100, 119])
def test_more_days_do_not_change_earlier_events(days: int) -> None:
    day = FIRST_DAY + timedelta(days=days - 1)
    assert_equal(simulate(accounts(), day), cut_at(batch(), day))


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**63),
    st.dates(date(2014, 12, 1), date(2030, 1, 1)),
    st.integers(0, 25),
    st.integers(0, 12),
)
def test_any_seed_and_first_day_is_stable(seed: int, first: date, days: int, more: int) -> None:
    chosen = simulated_accounts(seed, 4, first)[2:]
    day = first + timedelta(days=days)
    assert_equal(simulate(chosen, day), cut_at(simulate(chosen, day + timedelta(days=more)), day))


def test_an_account_does_not_depend_on_the_others() -> None:
    alone, among = simulate(accounts()[1:], LAST_DAY), of_account(batch(), 1)
    for name, columns in alone.families():
        for column in columns.keys() - {"account"}:
            assert np.array_equal(columns[column], among[name][column]), (name, column)


def test_other_seeds_give_other_events() -> None:
    appids = {
        account.appid for seed in range(5) for account in simulated_accounts(seed, 5, FIRST_DAY)
    }
    assert len(appids) == 25
    assert len(batch(seed=8).activity["at"]) != len(batch().activity["at"])


def test_before_its_first_day_an_account_has_no_events() -> None:
    assert len(simulate(accounts(), FIRST_DAY - timedelta(days=1))) == 0
    assert len(simulate([], LAST_DAY)) == 0


SOURCES = Path(simulator.__file__).parent
MODULES = [*sorted(path.name for path in SOURCES.glob("simulat*.py")), "dice.py"]
UNSTEADY = {"random", "mean", "sqrt", "log", "exp", "sin", "cos", "power", "float", "float64"}


@pytest.mark.parametrize("module", MODULES)
def test_only_integers_are_used(module: str) -> None:
    # Floating point and mathematics libraries differ in the last bit between machines.
    for node in ast.walk(ast.parse((SOURCES / module).read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.Div), module
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), module
        name = getattr(node, "attr", None) or getattr(node, "id", None)
        assert name not in UNSTEADY, (module, name)
