"""A sink that is not as the newest build left it: another one, or one put back from a backup. Pure.

A build marks the ledger and the sink alike. Where the marks differ nobody knows which rows the sink
has, so everything is handed over again that can be computed: the days that still have events. What
is there of days before stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from wxcube.sources.increment.days import QUIET, NumberedCell


class Mark(NamedTuple):
    """Which build was the newest: the name of its ledger, and its number there."""

    ledger: str
    build: int


KEEPS_NOTHING = Mark("", 0)
"""The mark of a sink that keeps no rows, so that none can be lacking."""


def is_as_left(ledger: Mark | None, sink: Mark | None) -> bool:
    """Whether a sink is as the ledger's newest build left it; a ledger without mark knows of none.

    The next mark counts too: the sink gets it first, and the build may have ended then.
    """
    if ledger is None or sink == KEEPS_NOTHING:
        return True
    return sink in {ledger, ledger._replace(build=ledger.build + 1)}


def first_days(cells: Iterable[NumberedCell]) -> dict[int, int]:
    """The first day of each group's events."""
    found: dict[int, int] = {}
    for day, group in cells:
        found[group] = min(day, found.get(group, day))
    return found


def taken_back(
    built: Mapping[NumberedCell, int], since: Mapping[int, int]
) -> tuple[dict[NumberedCell, int], list[NumberedCell]]:
    """Cells to be built again, with a revision that says so, and those to be forgotten.

    Days without events are forgotten: which days are quiet is found out anew.
    """
    cells = [(day, group) for day, group in built if group in since and day >= since[group]]
    again = {cell: 0 for cell in cells if built[cell] != QUIET}
    return again, [cell for cell in cells if built[cell] == QUIET]


def taken_back_through(through: Mapping[int, int], since: Mapping[int, int]) -> dict[int, int]:
    """The last day of which each group then has all rows."""
    return {g: min(done, since[g] - 1) for g, done in through.items() if g in since}


def lost(
    accounts: Mapping[int, int],
    last_days: Mapping[int, int],
    since: Mapping[int, int],
    group_count: int,
) -> bool:
    """Whether a sink lacks rows that nothing can make again: of days whose events are gone.

    `accounts` and `last_days` are the days of each account's first event, and of its newest rows.
    """
    return any(
        first < since.get(account % group_count, first)
        and last_days.get(account, first - 1) < since[account % group_count] - 1
        for account, first in accounts.items()
    )
