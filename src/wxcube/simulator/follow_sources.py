"""Follow channels before their time: those that WeChat did not yet tell apart are 0, all others."""

from __future__ import annotations

from datetime import date

from wxcube.beijing import day_number
from wxcube.contract.codes import USER_SOURCE_FOLLOW
from wxcube.simulator.dice import Integers

_UNDATED = dict.fromkeys((149, 200, 201), date(2021, 1, 1))
"""First days that are not known: our choice, later than any answer without these codes."""


def sources_of_their_time(sources: Integers, days: Integers) -> Integers:
    """The user_source of each follow, 0 if WeChat had no such code on its day."""
    known = sources.copy()
    for code, first in _FIRST_DAYS.items():
        known[(known == code) & (days < day_number(first))] = 0
    return known


_FIRST_DAYS = _UNDATED | {
    int(meaning.code): date.fromisoformat(f"{meaning.since}-01")
    for meaning in USER_SOURCE_FOLLOW.meanings
    if meaning.since
}
