"""Oddities that WeChat's answers have shown, on request."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Column, Label, Row, members
from wxcube.errors import SettingsError
from wxcube.server.backend import Found

# stand-ins from the private use area, which no simulated title holds
_CONTROL, _SURROGATE = "\ue000", "\ue001"
_AS_SENT = {_CONTROL.encode(): b"\x0b", _SURROGATE.encode(): b"\\ud83d"}
EXTRA_ROW_AGE = timedelta(days=730)
"""How far back the extra rows lie: some real ones were two years old."""


class DelayForm(StrEnum):
    """How `is_delay` is written."""

    BOOL = "bool"
    STRING = "string"
    INT = "int"


class Quirks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which oddities answers have."""

    undocumented_columns: bool = False
    """Columns no document has, as real answers do: user_source 0, total_online_time 0, url."""
    unknown_column: bool = False
    """A column nobody has seen yet, `new_figure`, in every row."""
    is_delay: DelayForm = DelayForm.BOOL
    """`false`, `"false"` or `0`."""
    extra_rows: bool = False
    """The first row once more with a date two years earlier."""
    repeated_rows: bool = False
    """The first row twice."""
    digit_strings: bool = False
    """Integers as strings: `"12"`."""
    out_of_order: bool = False
    """Rows from last to first."""
    odd_titles: bool = False
    """Titles with a raw control character and half of a surrogate pair."""


PLAIN = Quirks()
"""No oddities."""


def parse_quirks(words: Iterable[str]) -> Quirks:
    """The quirks written as names, or `is_delay=string`.

    Raises:  SettingsError for a word that is no quirk.
    """
    pairs = (word.replace("-", "_").partition("=") for word in words)
    given: dict[str, object] = {name: value if sign else True for name, sign, value in pairs}
    try:
        return msgspec.convert(given, Quirks, strict=False)
    except msgspec.ValidationError as fault:
        names = ", ".join(Quirks.__struct_fields__)
        raise SettingsError(f"no such quirk: {fault}", hint=f"quirks are {names}") from fault


def encode_oddly(quirks: Quirks, endpoint: Endpoint[Any], found: Found[Any]) -> bytes:
    """The answer for these rows, with the oddities."""
    rows = [_odd_row(quirks, endpoint.row, row) for row in _odd_list(quirks, found.rows)]
    content: dict[str, Any] = {"list": rows}
    if endpoint.has_delay_flag:
        content["is_delay"] = _delay(quirks.is_delay, value=found.is_delay)
    body = msgspec.json.encode(content)
    for stand_in, sent in _AS_SENT.items():
        body = body.replace(stand_in, sent)
    return body


def _odd_list(quirks: Quirks, rows: Iterable[Any]) -> list[Any]:
    found = list(rows)
    if found and quirks.extra_rows:
        found.append(_older(found[0]))
    if found and quirks.repeated_rows:
        found.append(found[0])
    return found[::-1] if quirks.out_of_order else found


def _older(row: Any) -> Any:
    day: date = row.ref_date
    return msgspec.structs.replace(row, ref_date=day - EXTRA_ROW_AGE)


def _odd_row(quirks: Quirks, kind: type[Row], row: Row) -> dict[str, Any]:
    cells: dict[str, Any] = msgspec.to_builtins(row)
    if quirks.undocumented_columns:
        cells = _undocumented(kind) | cells
    if quirks.odd_titles and "title" in cells:
        cells["title"] = f"{_CONTROL}{cells['title']}{_SURROGATE}"
    if quirks.unknown_column:
        cells["new_figure"] = 1
    return _digits(cells) if quirks.digit_strings else cells


def _undocumented(kind: type[Row]) -> dict[str, Any]:
    """The columns of a row that only real answers show, with the value they had."""
    reported = (
        member
        for member in members(kind)
        if isinstance(member, Column) and member.optional and member.kind.status == "reported"
    )
    return {
        member.name: "https://mp.weixin.qq.com/s/example" if isinstance(member.kind, Label) else 0
        for member in reported
    }


def _digits(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _digits(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_digits(part) for part in value]
    return str(value) if type(value) is int else value


def _delay(form: DelayForm, *, value: bool) -> bool | str | int:
    if form is DelayForm.STRING:
        return "true" if value else "false"
    return int(value) if form is DelayForm.INT else value
