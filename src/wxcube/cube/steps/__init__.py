"""The cube as data: each step is a name, its input tables, and one SELECT.

A chain of partial results shrinks from events to rows: person and hour, person and day, person
and week or month. What people did with articles is kept as one number of bits per person
(`wxcube.events.action_bits`), so that distinct people are counted by adding up bits. Running totals
come from the bits a person sets for the first time.

The dialect is the part of SQL that DuckDB, ClickHouse and Spark share: GROUP BY, SUM, COUNT, MIN,
MAX, BIT_OR, CASE, JOIN … ON, UNION ALL and window sums; integers only, every sum cast. Columns:
`acct` account, `d` day number, `h` hour, `person`, `n` times; the steps named like an endpoint
give that endpoint's columns in WeChat's words.
"""

from __future__ import annotations

from collections.abc import Iterable

from wxcube.cube.steps.articles import ARTICLES
from wxcube.cube.steps.followers import FOLLOWERS
from wxcube.cube.steps.messages import MESSAGES
from wxcube.cube.steps.readers import READERS
from wxcube.cube.steps.replies import REPLIES
from wxcube.cube.steps.step import Step

STEPS: tuple[Step, ...] = (*FOLLOWERS, *MESSAGES, *REPLIES, *READERS, *ARTICLES)
"""Every step, each after its inputs."""


def needed(names: Iterable[str], given: Iterable[str] = ()) -> list[Step]:
    """The steps behind these tables, in the order they must run; `given` tables are there."""
    present, wanted = set(given), set(names)
    for step in reversed(STEPS):
        if step.name in wanted - present:
            wanted.update(step.inputs)
    return [step for step in STEPS if step.name in wanted - present]


__all__ = ["STEPS", "Step", "needed"]
