"""How WeChat's figures of a day differ from those computed from events, in words and numbers. Pure.

Messages and replies only: callbacks have the events that these are made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wxcube.contract.endpoint import Endpoint, Group
from wxcube.contract.field import Adding
from wxcube.i18n import Listing, Message, _, plural
from wxcube.warehouse.rules import is_figure

GROUPS = frozenset({Group.MESSAGE, Group.INTERFACE})
_SHOWN_KEYS = 3

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A column that differs on a day: what both origins have, and how that can have come about."""

    column: str
    what: Message
    cause: Message


def is_compared(endpoint: Endpoint[Any]) -> bool:
    """Whether callbacks have what the figures of an endpoint are made of."""
    return endpoint.group in GROUPS


def differences(endpoint: Endpoint[Any], wechat: Rows, computed: Rows) -> Iterator[Difference]:
    """The columns that differ between the rows of a day of both origins."""
    key = tuple(name for name in endpoint.key if name != "ref_date")
    theirs, ours = _by_key(wechat, key), _by_key(computed, key)
    for column in endpoint.columns:
        if not is_figure(column.kind):
            continue
        values = {
            one: (_value(theirs, one, column.name), _value(ours, one, column.name))
            for one in sorted(theirs.keys() | ours.keys())
        }
        differing = {one: pair for one, pair in values.items() if pair[0] != pair[1]}
        if differing:
            is_added = column.kind.adding is Adding.SUM
            what = _summed(column.name, values) if is_added else _single(column.name, differing)
            where = Listing(_place(key, one, pair) for one, pair in _largest(differing))
            if key:
                what = _("{what} ({where})", what=what, where=where)
            yield Difference(column.name, what, _cause(column.name, theirs, ours))


def _by_key(rows: Rows, key: Sequence[str]) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    return {tuple(row[name] for name in key): row for row in rows}


def _value(
    rows: Mapping[tuple[Any, ...], Mapping[str, Any]], key: tuple[Any, ...], name: str
) -> int:
    """The figure of a key; no row means nothing happened."""
    return (rows[key][name] or 0) if key in rows else 0


_Pairs = Mapping[tuple[Any, ...], tuple[int, int]]


def _summed(column: str, values: _Pairs) -> Message:
    theirs, ours = (sum(pair[place] for pair in values.values()) for place in (0, 1))
    return _said(column, theirs, ours)


def _single(column: str, differing: _Pairs) -> Message:
    _key, (theirs, ours) = _largest(differing)[0]
    return _said(column, theirs, ours)


def _said(column: str, theirs: int, ours: int) -> Message:
    return _(
        "{column} is {theirs} at WeChat and {ours} from your events: {difference:+,}",
        column=column,
        theirs=theirs,
        ours=ours,
        difference=ours - theirs,
    )


def _largest(differing: _Pairs) -> list[tuple[tuple[Any, ...], tuple[int, int]]]:
    ordered = sorted(differing.items(), key=lambda one: -abs(one[1][0] - one[1][1]))
    return ordered[:_SHOWN_KEYS]


def _place(key: Sequence[str], values: tuple[Any, ...], pair: tuple[int, int]) -> Message:
    names = Listing(f"{name} {value}" for name, value in zip(key, values, strict=True))
    return _("{names}: {theirs} and {ours}", names=names, theirs=pair[0], ours=pair[1])


def _cause(column: str, theirs: Mapping[Any, Any], ours: Mapping[Any, Any]) -> Message:
    if column in {"total_time_cost", "max_time_cost"}:
        return _cause_of_times(theirs, ours)
    if not ours:
        return _("no callback of the day was recorded: the tap did not run, or was not reached")
    counts = [sum(_count(row) for row in rows.values()) for rows in (theirs, ours)]
    missing = counts[0] - counts[1]
    if column == "fail_count" and missing == 0:
        return _(
            "the tap saw every push; a reply that is valid there can still reach WeChat too late "
            "or not at all, and WeChat may judge contents that the tap cannot see"
        )
    if missing > 0:
        return plural(
            "{n} of {whole} was not recorded: the tap was not running, was not reached, or "
            "refused it; callbacks of before its first start are missing too",
            "{n} of {whole} were not recorded: the tap was not running, was not reached, or "
            "refused them; callbacks of before its first start are missing too",
            n=missing,
            whole=counts[0],
        )
    if missing < 0:
        return plural(
            "{n} more was recorded than WeChat counts: WeChat does not say whether it counts "
            "pushes of events and repeated pushes, nor where it counts a short video; or another "
            "program sends events of the account",
            "{n} more were recorded than WeChat counts: WeChat does not say whether it counts "
            "pushes of events and repeated pushes, nor where it counts short videos; or another "
            "program sends events of the account",
            n=-missing,
        )
    return _(
        "both count the same number in all; it is divided differently, as if some belonged to "
        "another hour, type or user"
    )


def _cause_of_times(theirs: Mapping[Any, Any], ours: Mapping[Any, Any]) -> Message:
    calls = [sum(_count(row) for row in rows.values()) for rows in (theirs, ours)]
    if calls[0] != calls[1] or not calls[0]:
        return _(
            "WeChat counts {theirs} calls and the tap {ours}, which differs in time too",
            theirs=calls[0],
            ours=calls[1],
        )
    times = [sum(row["total_time_cost"] or 0 for row in rows.values()) for rows in (theirs, ours)]
    return _(
        "both count {calls} calls; WeChat's clock also runs on the way to the tap and back, "
        "{each:.1f} ms for each call",
        calls=calls[0],
        each=(times[0] - times[1]) / calls[0],
    )


def _count(row: Mapping[str, Any]) -> int:
    """The number of things that a row counts."""
    for name in ("callback_count", "msg_count", "msg_user"):
        if name in row:
            return row[name] or 0
    return 0
