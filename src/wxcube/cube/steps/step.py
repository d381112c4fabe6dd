"""A step of the cube, and the few phrases its SQL is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wxcube.beijing import day_number
from wxcube.contract.endpoint import EARLIEST_CONTENT
from wxcube.cube.steps.actions import Done
from wxcube.events.action_bits import READ_FROM, ActionBit

CONTENT = day_number(EARLIEST_CONTENT)
"""First day of the published-content endpoints."""
COUNT = "CAST(COUNT(*) AS BIGINT)"
ZERO = "CAST(0 AS BIGINT)"
SCENE_MARKS = (*READ_FROM, ActionBit.READ_IN_OTHER_SCENE)
"""Marks from which readers by scene_desc are told."""


@dataclass(frozen=True, slots=True)
class Step:
    """A table made from other tables."""

    name: str
    inputs: tuple[str, ...]
    sql: str


def step(name: str, sql: str) -> Step:
    """A step whose inputs are the tables its SQL names after FROM and JOIN."""
    inputs = dict.fromkeys(re.findall(r"\b(?:FROM|JOIN) (\w+)", sql))
    return Step(name, tuple(inputs), " ".join(sql.split()))


def sum_of(expression: str, name: str) -> str:
    """A sum as a column."""
    return f"CAST(SUM({expression}) AS BIGINT) AS {name}"


_LANE = 32
_SPREAD = 1 + (1 << (_LANE - 1))
_LOWEST = 1 + (1 << _LANE)
_FULL = (1 << _LANE) - 1


def people(keys: str, source: str, marks: Iterable[ActionBit]) -> str:
    """A SELECT with one column per mark: how many people of a key have it.

    `source` has a line per person, with the keys and a mask. Two neighbouring bits are counted in
    one sum, each in half of a 64-bit number, so a key may have 2**31 people.
    """
    shown = {mark.value: column(mark) for mark in marks}
    pairs = sorted({value // 2 * 2 for value in shown})
    sums = ", ".join(
        f"CAST(SUM((((mask >> {low}) & 3) * {_SPREAD}) & {_LOWEST}) AS BIGINT) AS s{low}"
        for low in pairs
    )
    halves = ", ".join(
        f"s{value // 2 * 2} & {_FULL} AS {name}"
        if value % 2 == 0
        else f"s{value // 2 * 2} >> {_LANE} AS {name}"
        for value, name in shown.items()
    )
    return f"""SELECT {keys}, {halves} FROM (SELECT {keys}, {sums}
        FROM (SELECT {keys}, CAST(mask AS BIGINT) AS mask FROM {source}) m GROUP BY {keys}) s"""


def times(things: Mapping[str, Done]) -> str:
    """One column per thing done: how often, from a table of actions and their times."""
    parts = things.items()
    return ", ".join(sum_of(f"CASE WHEN {it.sql} THEN n ELSE 0 END", name) for name, it in parts)


def column(bit: ActionBit) -> str:
    """The column that counts the people with a mark."""
    return bit.name.lower()
