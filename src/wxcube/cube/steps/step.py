"""A step of the cube, and the SQL fragments that several steps use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wxcube.beijing import day_number
from wxcube.contract.endpoint import EARLIEST_CONTENT
from wxcube.cube.steps.actions import EventFilter
from wxcube.events.action_bits import READ_FROM, ActionBit

CONTENT = day_number(EARLIEST_CONTENT)
"""The first day of the published-content endpoints."""
COUNT = "CAST(COUNT(*) AS BIGINT)"
ZERO = "CAST(0 AS BIGINT)"
SCENE_BITS = (*READ_FROM, ActionBit.READ_IN_OTHER_SCENE)
"""The action bits that give the readers by scene_desc."""


@dataclass(frozen=True, slots=True)
class Step:
    """A table computed from other tables."""

    name: str
    inputs: tuple[str, ...]
    sql: str


def step(name: str, sql: str) -> Step:
    """A step whose inputs are the tables after FROM and JOIN in its SQL."""
    inputs = dict.fromkeys(re.findall(r"\b(?:FROM|JOIN) (\w+)", sql))
    return Step(name, tuple(inputs), " ".join(sql.split()))


def sum_of(expression: str, name: str) -> str:
    """A sum as a column."""
    return f"CAST(SUM({expression}) AS BIGINT) AS {name}"


_LANE = 32
_SPREAD = 1 + (1 << (_LANE - 1))
_LOWEST = 1 + (1 << _LANE)
_FULL = (1 << _LANE) - 1


def count_users(keys: str, source: str, bits: Iterable[ActionBit]) -> str:
    """A SELECT with one column per action bit: the number of users who have it, by key.

    `source` has a row per user with the keys and a mask. Two neighbouring bits are counted in one
    sum, each in one half of a 64-bit number, so a key may have 2**31 users.
    """
    names = {bit.value: column(bit) for bit in bits}
    pairs = sorted({value // 2 * 2 for value in names})
    sums = ", ".join(
        f"CAST(SUM((((mask >> {low}) & 3) * {_SPREAD}) & {_LOWEST}) AS BIGINT) AS s{low}"
        for low in pairs
    )
    halves = ", ".join(
        f"s{value // 2 * 2} & {_FULL} AS {name}"
        if value % 2 == 0
        else f"s{value // 2 * 2} >> {_LANE} AS {name}"
        for value, name in names.items()
    )
    return f"""SELECT {keys}, {halves} FROM (SELECT {keys}, {sums}
        FROM (SELECT {keys}, CAST(mask AS BIGINT) AS mask FROM {source}) m GROUP BY {keys}) s"""


def count_events(filters: Mapping[str, EventFilter]) -> str:
    """One column per filter: the number of events, from a table with a column `n`."""
    return ", ".join(
        sum_of(f"CASE WHEN {it.sql} THEN n ELSE 0 END", name) for name, it in filters.items()
    )


def column(bit: ActionBit) -> str:
    """The column that counts the users with an action bit."""
    return bit.name.lower()
