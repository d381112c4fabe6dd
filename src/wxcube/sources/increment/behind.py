"""A sink that lacks rows which were handed over: another one, or an older one put back. Pure.

Of an older one nobody knows which of its days were computed anew since, so everything is handed
over again that can be: the days that still have events. Days before stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from wxcube.contract import article, user
from wxcube.sources.increment.days import QUIET, Hanging, NumberedCell

SINGLE_DAYS, FOLLOWERS = article.getusershare, user.getusersummary
"""Endpoints with something known of every day of an account since its first.

One is handed over day by day as these are built, the other when a build is nearly done.
"""


class Behind(NamedTuple):
    """What a group of accounts lacks, and from when on it can be computed again."""

    lacks: int
    """The first day without rows."""
    since: int
    """The first day of which there are events."""


class Remembered(NamedTuple):
    """What was handed over of some groups, as the ledger remembers it."""

    built: Mapping[NumberedCell, int]
    through: Mapping[int, tuple[int | None, int]]
    pending: Mapping[int, Mapping[Hanging, Collection[int]]]
    first_days: Mapping[int, int]
    """The day of each account's first event."""


class Kept(NamedTuple):
    """The day of the newest rows that a sink has of accounts, by their numbers."""

    single_days: Mapping[int, int]
    followers: Mapping[int, int]


def behind(
    remembered: Remembered, kept: Kept, revisions: Mapping[NumberedCell, int], group_count: int
) -> dict[int, Behind]:
    """The groups of which a sink lacks rows that can be computed again.

    `revisions` are those of the cells that have events.
    """
    since: dict[int, int] = {}
    for day, group in revisions:
        since[group] = min(day, since.get(group, day))
    single_days, followers = _single_days(remembered.built, revisions), _followers(remembered)
    found: dict[int, Behind] = {}
    for account, first in remembered.first_days.items():
        group = account % group_count
        for handed, has in ((single_days, kept.single_days), (followers, kept.followers)):
            lacks = has.get(account, first - 1) + 1
            if group in since and max(lacks, since[group]) <= handed.get(group, 0):
                earlier = found[group].lacks if group in found else lacks
                found[group] = Behind(min(lacks, earlier), since[group])
    return found


def _single_days(
    built: Mapping[NumberedCell, int], revisions: Mapping[NumberedCell, int]
) -> dict[int, int]:
    """The newest day of each group that no build will change.

    Other days may lack accounts that a build which was broken off has just come to know.
    """
    newest: dict[int, int] = {}
    for cell, revision in built.items():
        if revision and revisions.get(cell, revision) == revision:
            day, group = cell
            newest[group] = max(day, newest.get(group, day))
    return newest


def _followers(remembered: Remembered) -> dict[int, int]:
    """The newest day of each group whose followers no build will change."""
    left = {g: work.get(Hanging.FOLLOWERS, ()) for g, work in remembered.pending.items()}
    return {
        group: min([done, *(day - 1 for day in left.get(group, ()))])
        for group, (done, _) in remembered.through.items()
        if done is not None
    }


def taken_back(
    built: Mapping[NumberedCell, int], found: Mapping[int, Behind]
) -> tuple[dict[NumberedCell, int], list[NumberedCell]]:
    """Cells to be built again, with a revision that says so, and those to be forgotten.

    Days without events are forgotten: which days are quiet is found out anew.
    """
    cells = [(day, group) for day, group in built if group in found and day >= found[group].since]
    again = {cell: 0 for cell in cells if built[cell] != QUIET}
    return again, [cell for cell in cells if built[cell] == QUIET]


def taken_back_through(remembered: Remembered, found: Mapping[int, Behind]) -> dict[int, int]:
    """The last day of which each group then has all rows; those that never had stay out."""
    return {
        group: min(done, found[group].since - 1)
        for group, (done, _) in remembered.through.items()
        if group in found and done is not None
    }
