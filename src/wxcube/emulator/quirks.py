"""Quirks: deviations from the documents that real replies have shown, each optional."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from wxcube.contract.article import getarticlesummary, getarticletotal
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Column, Label, Row, members
from wxcube.contract.user import getusersummary
from wxcube.errors import SettingsError
from wxcube.i18n import Listing, _, verbatim
from wxcube.i18n.mismatch import mismatch
from wxcube.server.backend import RowSet
from wxcube.server.messages import Reply

# placeholders from the private use area, which no simulated title contains
_CONTROL, _SURROGATE = "\ue000", "\ue001"
_AS_SENT = {_CONTROL.encode(): b"\x0b", _SURROGATE.encode(): b"\\ud83d"}
_TEXT_NUMBERS = 10_000_000
"""Far above the numbers of articles, so that texts have numbers of their own."""
EXTRA_ROW_AGE = timedelta(days=730)
"""How much older the extra rows are: some real ones were two years old."""


class DelayForm(StrEnum):
    """The JSON type of `is_delay`."""

    BOOL = "bool"
    STRING = "string"
    INT = "int"


class Quirks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The quirks that replies have."""

    undocumented_columns: bool = False
    """Undocumented columns of real replies: user_source 0, total_online_time 0, url."""
    unknown_column: bool = False
    """An unknown column, `new_figure`, in every row."""
    is_delay: DelayForm = DelayForm.BOOL
    """`false`, `"false"` or `0`."""
    extra_rows: bool = False
    """The first row again, with a date two years earlier."""
    repeated_rows: bool = False
    """The first row twice."""
    digit_strings: bool = False
    """Integers as strings: `"12"`."""
    out_of_order: bool = False
    """Rows in reverse order."""
    odd_titles: bool = False
    """Titles with a raw control character and half of a surrogate pair."""
    later_columns: bool = False
    """getarticletotal with the four columns of Top Stories and Search, which captures lack."""
    idle_days_absent: bool = False
    """getusersummary without rows of days on which nobody followed or unfollowed."""
    text_sends: Annotated[int, Meta(ge=0, le=100_000)] = 0
    """So many mass-sent texts on each day with articles, listed as articles of their own."""
    hyphenated_date: bool = False
    """The Date header as `Thu, 22-Feb-2018 08:00:00 GMT`."""
    connection_close: bool = False
    """The header `Connection: close`: every call needs a new connection."""


NO_QUIRKS = Quirks()
"""Replies as documented."""


def parse_quirks(words: Iterable[str]) -> Quirks:
    """The quirks written as names or as `is_delay=string`.

    Raises:  SettingsError for an unknown quirk.
    """
    pairs = (word.replace("-", "_").partition("=") for word in words)
    chosen: dict[str, object] = {name: value if sign else True for name, sign, value in pairs}
    try:
        return msgspec.convert(chosen, Quirks, strict=False)
    except msgspec.ValidationError as error:
        reason = mismatch(chosen, Quirks, strict=False) or verbatim(str(error))
        raise SettingsError(
            _("no such quirk: {reason}", reason=reason),
            hint=_("the quirks are {names}", names=Listing(Quirks.__struct_fields__)),
        ) from error


def encode_with_quirks(quirks: Quirks, endpoint: Endpoint[Any], row_set: RowSet[Any]) -> bytes:
    """WeChat's response body for these rows, with the quirks."""
    rows = [
        _row_with_quirks(quirks, endpoint.row, row)
        for row in _list_with_quirks(quirks, endpoint, row_set.rows)
    ]
    content: dict[str, Any] = {"list": rows}
    if endpoint.has_delay_flag:
        content["is_delay"] = _delay(quirks.is_delay, value=row_set.is_delay)
    body = msgspec.json.encode(content)
    for placeholder, sent in _AS_SENT.items():
        body = body.replace(placeholder, sent)
    return body


def reply_with_quirks(quirks: Quirks, reply: Reply) -> Reply:
    """The reply with the quirks of its headers."""
    if not (quirks.hyphenated_date or quirks.connection_close):
        return reply
    return replace(
        reply, hyphenated_date=quirks.hyphenated_date, closes_connection=quirks.connection_close
    )


def _list_with_quirks(quirks: Quirks, endpoint: Endpoint[Any], rows: Iterable[Any]) -> list[Any]:
    changed = list(rows)
    if quirks.idle_days_absent and endpoint is getusersummary:
        moved = {row.ref_date for row in changed if row.new_user or row.cancel_user}
        changed = [row for row in changed if row.ref_date in moved]
    if quirks.text_sends and endpoint in {getarticlesummary, getarticletotal}:
        changed += _text_sends(quirks.text_sends, changed)
    if changed and quirks.extra_rows:
        changed.append(_older(changed[0]))
    if changed and quirks.repeated_rows:
        changed.append(changed[0])
    return changed[::-1] if quirks.out_of_order else changed


def _text_sends(count: int, rows: Sequence[Any]) -> Iterator[Any]:
    """Texts with the title and the figures of the first article of each day."""
    for _day, of_day in groupby(rows, key=attrgetter("ref_date")):
        first = next(of_day)
        number = int(first.msgid.partition("_")[0])
        for text in range(count):
            msgid = f"{number + _TEXT_NUMBERS + text}_1"
            yield msgspec.structs.replace(first, msgid=msgid)


def _older(row: Any) -> Any:
    day: date = row.ref_date
    return msgspec.structs.replace(row, ref_date=day - EXTRA_ROW_AGE)


def _row_with_quirks(quirks: Quirks, kind: type[Row], row: Row) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(row)
    if quirks.undocumented_columns:
        fields = _undocumented(kind) | fields
    if quirks.odd_titles and "title" in fields:
        fields["title"] = f"{_CONTROL}{fields['title']}{_SURROGATE}"
    if quirks.later_columns and kind is getarticletotal.row:
        fields["details"] = [_with_later_columns(stat) for stat in fields["details"]]
    if quirks.unknown_column:
        fields["new_figure"] = 1
    return _digits(fields) if quirks.digit_strings else fields


def _with_later_columns(stat: dict[str, Any]) -> dict[str, Any]:
    """Running totals with the readers from Top Stories and Search apart from the others."""
    changed = dict(stat)
    for unit in ("user", "count"):
        other = stat[f"int_page_from_other_read_{unit}"]
        # each part grows with the whole, so that no running total ever falls
        changed |= {
            f"int_page_from_other_read_{unit}": other - other // 2,
            f"int_page_from_kanyikan_read_{unit}": other // 2 - other // 8,
            f"int_page_from_souyisou_read_{unit}": other // 8,
        }
    return changed


def _undocumented(kind: type[Row]) -> dict[str, Any]:
    """The columns that are only in real replies, with the value they had."""
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
