"""A sink that is not as the newest build left it: another one, or one put back from a backup. Pure.

A sink counts the parts it takes, and the ledger notes that count with whatever it writes down as
done. A sink whose count is lower, or another ledger's, is not the one it was: nobody knows which
rows it has, so everything is handed over again that can be computed, the days that still have
events. What is there of days before stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from wxcube.cube.incremental.schedule import QUIET, NumberedCell


class Watermark(NamedTuple):
    """How many parts a sink has taken, and for which ledger."""

    ledger: str
    parts: int


KEEPS_NOTHING = Watermark("", 0)
"""The mark of a sink that keeps no rows, so that none can be lacking."""


def is_as_left(ledger: Watermark | None, sink: Watermark | None) -> bool:
    """Whether a sink has all that the ledger noted; a ledger without mark noted nothing.

    It may have more: a build that was broken off had not noted all of it.
    """
    if ledger is None or sink == KEEPS_NOTHING:
        return True
    return sink is not None and sink.ledger == ledger.ledger and sink.parts >= ledger.parts


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
