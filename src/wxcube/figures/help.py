"""What a number means: its definition, period and unit, and whether it can still change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wxcube.contract.endpoint import Endpoint, Grain
from wxcube.contract.field import UNITS, Adding, Column, leaves
from wxcube.i18n import Meaning, Message, _, plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """The meaning of a column of WeChat, or of a figure that is computed from some."""

    endpoint: str
    column: str
    definition: Meaning | Message
    unit: Meaning | None
    period: Message
    """What one value covers."""
    adding: Message
    """How values are aggregated."""
    moves: Message
    """Until when values can change."""
    notes: tuple[Message, ...] = ()


_PERIODS = {
    Grain.DAY: _("a Beijing day"),
    Grain.HOUR: _("an hour of a Beijing day"),
    Grain.WEEK: _("a week from Monday to Sunday"),
    Grain.MONTH: _("a calendar month"),
    Grain.CUMULATIVE: _("all days since publishing"),
}
ADDING = {
    Adding.NONE: _("It is not added up."),
    Adding.SUM: _("It adds up over days."),
    Adding.DISTINCT: _("People are counted once per value, so values are never added up."),
    Adding.LAST: _("It is a running total: the newest value counts."),
    Adding.MAX: _("Of several values the largest counts."),
}
"""How figures are aggregated, in words."""
_COMPUTED_AGAIN = _("It is computed again for every range, never added up.")


def help_of(endpoint: Endpoint[Any], *names: str) -> tuple[Help, ...]:
    """The meaning of columns of an endpoint, from the contract."""
    by_name: dict[str, Column] = {}
    for _path, column in leaves(endpoint.row):
        by_name.setdefault(column.name, column)
    return tuple(_help(endpoint, by_name[name]) for name in names)


def computed(
    endpoint: Endpoint[Any],
    name: str,
    unit: str,
    definition: Message,
    adding: Adding = Adding.NONE,
) -> Help:
    """The meaning of a figure that is computed from columns of an endpoint."""
    return Help(
        endpoint=endpoint.name,
        column=name,
        definition=definition,
        unit=UNITS.get(unit),
        period=_PERIODS[endpoint.grain],
        adding=_COMPUTED_AGAIN if adding is Adding.NONE else ADDING[adding],
        moves=_moves(endpoint),
    )


def _moves(endpoint: Endpoint[Any]) -> Message:
    return plural(
        "It is final from 08:00 on the next day.",
        "It can change for {n} days, and is final from 08:00 on the day after.",
        n=endpoint.moves_days,
    )


def _help(endpoint: Endpoint[Any], column: Column) -> Help:
    return Help(
        endpoint=endpoint.name,
        column=column.name,
        definition=Meaning.of(column.kind),
        unit=UNITS.get(column.kind.unit),
        period=_PERIODS[endpoint.grain],
        adding=ADDING[column.kind.adding],
        moves=_moves(endpoint),
        notes=endpoint.notes,
    )
