"""The identity of an event within its day: the account, the kind, and the hash of the id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from wxcube.events.columns import Columns
from wxcube.events.intake.families import ID_COLUMNS, STORED

_KIND_COLUMN = {"follow": "change", "activity": "action"}
"""The column that tells the kinds of a family apart; a family without one has one kind."""
_FAMILIES = {family: number for number, family in enumerate(STORED)}
_KINDS = 16
"""Numbers for the kinds of a family: more than any has."""
OWNER = "owner"
"""The column of an identity with account and kind in one number."""
COLUMNS_OF = {
    family: ("account", *ID_COLUMNS, *([_KIND_COLUMN[family]] if family in _KIND_COLUMN else []))
    for family in STORED
}
"""The columns that the identity of each family's events is made of."""


def identity(family: str, columns: Columns) -> Columns:
    """The identity of each event of a family: account with kind, and both halves of the id."""
    owner = columns["account"].astype("i8") * (len(_FAMILIES) * _KINDS)
    owner += _FAMILIES[family] * _KINDS + 1
    if family in _KIND_COLUMN:
        owner += columns[_KIND_COLUMN[family]]
    return {OWNER: owner, **{name: columns[name] for name in ID_COLUMNS}}


def accounts_of(identities: Columns) -> NDArray[Any]:
    """The account number of each identity."""
    numbers: NDArray[Any] = identities[OWNER] // (len(_FAMILIES) * _KINDS)
    return numbers


def hash_text(row: Mapping[str, int]) -> str:
    """The hash of an event's id as it is shown: `#` and 32 hexadecimal digits."""
    return "#" + "".join(f"{row[name] & 2**64 - 1:016x}" for name in ID_COLUMNS)
