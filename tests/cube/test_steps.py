"""The steps use only the dialect that all engines share, and each runs after its inputs."""

import re

import numpy as np
import pytest

from wxcube.beijing import day_number
from wxcube.cube.compute import CUBE_ENDPOINTS
from wxcube.cube.inputs import inputs
from wxcube.cube.steps import STEPS, Step, needed
from wxcube.events.columns import to_batch

INPUTS = set(inputs(to_batch([]), CUBE_ENDPOINTS[0].first_date))
FUNCTIONS = {"CAST", "SUM", "COUNT", "MIN", "MAX", "BIT_OR", "COALESCE"}
KEYWORDS_BEFORE_A_BRACKET = {"AS", "FROM", "OVER", "IN", "AND", "ON", "SELECT", "WHERE"}
FORBIDDEN = ("FILTER", "GROUP BY ALL", "USING", "DISTINCT", "DATE", "TIMESTAMP", "QUALIFY", "<<")


def test_every_endpoint_has_a_step_and_names_are_unique() -> None:
    names = [step.name for step in STEPS]
    assert len(set(names)) == len(names)
    assert {endpoint.name for endpoint in CUBE_ENDPOINTS} <= set(names)


def test_a_step_reads_only_input_tables_and_earlier_steps() -> None:
    known = set(INPUTS)
    for step in STEPS:
        assert step.inputs, step.name
        assert set(step.inputs) <= known, step.name
        known.add(step.name)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_uses_only_the_shared_dialect(step: Step) -> None:
    called = set(re.findall(r"\b([A-Z_]+) ?\(", step.sql)) - KEYWORDS_BEFORE_A_BRACKET
    assert called <= FUNCTIONS
    words = re.sub(r"\b[a-z_0-9]+\b", "", step.sql)
    assert not [word for word in FORBIDDEN if word in words]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_sum_and_count_is_cast(step: Step) -> None:
    assert len(re.findall(r"\b(?:SUM|COUNT)\(", step.sql)) == len(
        re.findall(r"CAST\((?:SUM|COUNT)\(", step.sql)
    )


def test_a_table_needs_only_the_steps_it_depends_on() -> None:
    names = [step.name for step in needed(["getupstreammsgdistweek"])]
    assert names == ["message_hour", "message_day", "message_week", "getupstreammsgdistweek"]


def test_inputs_have_only_numbers() -> None:
    """No openid, title or other text is passed to an engine."""
    for name, columns in inputs(to_batch([]), CUBE_ENDPOINTS[0].first_date).items():
        assert all(
            np.issubdtype(c.dtype, np.integer) or c.dtype == bool for c in columns.values()
        ), name


def test_days_are_numbered_from_1970() -> None:
    assert day_number(CUBE_ENDPOINTS[0].first_date) == 16_405
