"""The definition of the cube: each step is a name, its input tables and one SELECT.

Partial results shrink step by step from events to rows: by user and hour, by user and day, by user
and week or month. The actions of a user with articles are stored as one integer of action bits
(`wxcube.events.action_bits`), so that distinct users are counted by adding up bits. Running totals
are the sums of the bits that users set for the first time.

The dialect is the part of SQL that DuckDB, ClickHouse and Spark share: GROUP BY, SUM, COUNT, MIN,
MAX, BIT_OR, CASE, JOIN … ON, UNION ALL and window sums; integers only, every sum cast.

Columns are `acct` (account), `d` (day number), `h` (hour), `person` (user; a word that, unlike
`user`, no engine reserves), `n` (number of events) and `mask` (action bits). A step named like an
endpoint has the columns of that endpoint.
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


def needed(names: Iterable[str], present: Iterable[str] = ()) -> list[Step]:
    """The steps that make these tables from the `present` ones, in the order they must run."""
    existing, wanted = set(present), set(names)
    for step in reversed(STEPS):
        if step.name in wanted - existing:
            wanted.update(step.inputs)
    return [step for step in STEPS if step.name in wanted - existing]


__all__ = ["STEPS", "Step", "needed"]
