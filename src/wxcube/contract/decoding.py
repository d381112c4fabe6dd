"""Rows or errors from the bodies of WeChat's answers.

msgspec decodes a body twice: into the contract's rows, and into a struct that refuses unknown
columns. Only a body that one of them refuses is repaired member by member. If the contract's rows
refuse it still, it is decoded into structs in which only keys are required, and if they refuse it
too, row by row: a row that cannot be decoded leaves the others unaffected.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from itertools import pairwise
from operator import attrgetter, lt
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from wxcube.contract.codes import reply_error
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.field import Column, Nested, Row, element_key, members
from wxcube.contract.source import Answer, UnreadableRow
from wxcube.contract.unknown_codes import unknown_codes
from wxcube.contract.window import Window
from wxcube.errors import ShapeError, TransportError
from wxcube.i18n import Message, _, verbatim
from wxcube.i18n.mismatch import mismatch

MAX_SHOWN = 120
"""The maximum number of characters of a reply in an error."""

T = TypeVar("T")

_MEMBERS = ("list", "is_delay", "errcode", "errmsg")
_OPENID = re.compile(r"(?<![0-9A-Za-z_-])o[0-9A-Za-z_-]{27}(?![0-9A-Za-z_-])")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def read(
    endpoint: Endpoint[RowT],
    window: Window,
    body: bytes,
    asked_at: datetime,
    server_date: datetime | None = None,
    ask: int | None = None,
) -> Answer[RowT]:
    """The rows of a reply that belong to a window, without duplicate keys, in natural order.

    Raises:  ReplyError for an errcode, TransportError for a truncated body, ShapeError for anything
        else that is not a list of the endpoint's rows, or in which no row can be decoded.
    """
    reply, irregular = _decode(endpoint, window, body)
    if reply.errcode:
        errmsg = _without_openids(reply.errmsg or "")
        raise reply_error(reply.errcode, errmsg, endpoint=endpoint.name, window=window)
    if isinstance(reply.rows, msgspec.UnsetType):
        raise _shape_error(endpoint, window, body, _("the reply has no list - at `$`"))
    rows, dropped_rows = _select(endpoint, window, reply.rows)
    is_delay = _is_true(reply.is_delay)
    codes = unknown_codes(endpoint.row, rows)
    return Answer(
        endpoint,
        window,
        rows,
        body,
        asked_at,
        is_delay,
        dropped_rows,
        irregular.unknown_columns,
        codes,
        irregular.missing_columns,
        irregular.unreadable,
        server_date,
        ask,
    )


class _Reply(msgspec.Struct, Generic[RowT], kw_only=True):
    rows: list[RowT] | msgspec.UnsetType = msgspec.field(name="list", default=msgspec.UNSET)
    is_delay: Any = None
    errcode: int = 0
    errmsg: str | None = None


_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


@cache
def _decoder(row: type[RowT]) -> msgspec.json.Decoder[_Reply[RowT]]:
    return msgspec.json.Decoder(_Reply[row], strict=False)  # type: ignore[valid-type] # at run time


@cache
def _shape(row: type[Row]) -> type[msgspec.Struct]:
    """A struct with the row's members that refuses others, and integers above 64 bits."""
    fields = [(m.name, _loose(m), msgspec.UNSET) for m in members(row)]
    return msgspec.defstruct(row.__name__, fields, kw_only=True, forbid_unknown_fields=True, gc=False)


def _loose(member: Column | Nested) -> Any:
    if isinstance(member, Nested):
        part = _shape(member.row)
        return list[part] | None if member.many else part | None  # type: ignore[valid-type] # at run time
    return _Int64 | None if member.type is int else msgspec.Raw


@cache
def _answer_shape(row: type[Row]) -> type[msgspec.Struct]:
    others = [(name, msgspec.Raw, msgspec.Raw()) for name in _MEMBERS[1:]]
    rows = ("list", list[_shape(row)], msgspec.UNSET)  # type: ignore[misc] # a type made at run time
    return msgspec.defstruct("Answer", [rows, *others], kw_only=True, forbid_unknown_fields=True, gc=False)


@cache
def _shape_decoder(row: type[Row]) -> msgspec.json.Decoder[msgspec.Struct]:
    return msgspec.json.Decoder(_answer_shape(row), strict=False)


@dataclass(frozen=True, slots=True)
class _Irregular:
    """What of a reply does not match the contract."""

    unknown_columns: frozenset[str] = frozenset()
    missing_columns: frozenset[str] = frozenset()
    unreadable: tuple[UnreadableRow, ...] = ()


_REGULAR = _Irregular()


def _decode(endpoint: Endpoint[RowT], window: Window, body: bytes) -> tuple[_Reply[RowT], _Irregular]:
    try:
        reply = _decoder(endpoint.row).decode(body)
        _shape_decoder(endpoint.row).decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _decode_irregular(endpoint, window, body)
    return reply, _REGULAR


def _decode_irregular(endpoint: Endpoint[RowT], window: Window, body: bytes) -> tuple[_Reply[RowT], _Irregular]:
    try:
        content, unknown_columns = _repair(endpoint.row, body)
        try:
            return _decode_repaired(endpoint.row, content), _Irregular(unknown_columns)
        except (ValueError, RecursionError):
            reply, irregular = _decode_tolerantly(endpoint, content)
    except json.JSONDecodeError as error:
        raise _syntax_error(endpoint, window, body, error) from None
    except (ValueError, RecursionError) as error:
        raise _shape_error(endpoint, window, body, _reason(error)) from None
    return reply, replace(irregular, unknown_columns=unknown_columns)


def _decode_repaired(row: type[RowT], content: Any) -> _Reply[RowT]:
    text = _as_text(content)
    reply = _checked(_decoder(row), text, content)
    _checked(_shape_decoder(row), text, content)
    return reply


def _as_text(content: Any) -> str:
    return _LONE_SURROGATE.sub("\ufffd", json.dumps(content, ensure_ascii=False))


def _checked(decoder: msgspec.json.Decoder[T], text: str, content: Any) -> T:
    """The decoded text.

    Raises:  ValueError with a message.
    """
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        _refuse_constants(content)
        reason = mismatch(content, decoder.type, strict=False, reported=str(error))
        raise ValueError(reason or verbatim(str(error))) from None


def _reason(error: Exception) -> Message:
    """The message of an exception of this module, or the text of another."""
    reason = error.args[0] if error.args else ""
    return reason if isinstance(reason, Message) else verbatim(str(error))


def _repair(row: type[Row], body: bytes) -> tuple[Any, frozenset[str]]:
    """The content of a reply with known columns only, and the paths of the unknown ones."""
    # WECHAT: titles contain raw control characters, lone surrogates and invalid UTF-8
    text = body.decode("utf-8-sig", "replace")
    answer = json.loads(text, strict=False, parse_constant=_Constant)
    unknown: set[str] = set()
    if isinstance(answer, dict):
        unknown = {f"$.{name}" for name in answer.keys() - set(_MEMBERS)}
        answer = {name: v for name, v in answer.items() if f"$.{name}" not in unknown}
        if "list" in answer:
            answer["list"] = _known_list(answer["list"], row, "", unknown)
    return answer, frozenset(unknown)


def _known_list(values: Any, row: type[Row], path: str, unknown: set[str]) -> Any:
    if not isinstance(values, list):
        return values
    return [_known(value, row, path, unknown) for value in values]


def _known(value: Any, row: type[Row], path: str, unknown: set[str]) -> Any:
    """The value without members that the row does not have; their paths are added to `unknown`."""
    if not isinstance(value, dict):
        return value
    by_name = {member.name: member for member in members(row)}
    unknown.update(f"{path}{name}" for name in value.keys() - by_name.keys())
    return {name: _known_part(part, by_name[name], f"{path}{name}.", unknown) for name, part in value.items() if name in by_name}


def _known_part(part: Any, member: Column | Nested, path: str, unknown: set[str]) -> Any:
    if isinstance(member, Column):
        return part
    keep: Callable[..., Any] = _known_list if member.many else _known
    return keep(part, member.row, path, unknown)


class _Constant(list[str]):
    """NaN or Infinity, which no member accepts: only the row that has it is unreadable."""

    def __init__(self, name: str) -> None:
        super().__init__([name])


def _refuse_constants(content: Any) -> None:
    if isinstance(content, _Constant):
        raise ValueError(_("{name} is not a JSON number", name=content[0]))  # noqa: TRY004 - of JSON
    if isinstance(content, list | dict):
        for part in content.values() if isinstance(content, dict) else content:
            _refuse_constants(part)


# --- members that are missing, and rows that cannot be decoded -----------------------------------


@cache
def _tolerant(row: type[Row], key: tuple[str, ...]) -> type[msgspec.Struct]:
    """A struct with the row's members in which only the key is required."""
    fields = [(m.name, _tolerant_type(m)) if m.name in key else (m.name, _tolerant_type(m) | None, None) for m in members(row)]
    return msgspec.defstruct(row.__name__, fields, kw_only=True)


def _tolerant_type(member: Column | Nested) -> Any:
    if isinstance(member, Column):
        return _Int64 if member.type is int else member.type
    if member.many:
        element: Any = _tolerant(member.row, element_key(member.row))
        return list[element]
    return _tolerant(member.row, ())


@cache
def _row_decoder(endpoint: Endpoint[Any]) -> msgspec.json.Decoder[msgspec.Struct]:
    row: Any = endpoint.row
    return msgspec.json.Decoder(_tolerant(row, endpoint.key), strict=False)


def _decode_tolerantly(endpoint: Endpoint[RowT], content: Any) -> tuple[_Reply[RowT], _Irregular]:
    """The rows with their key, and those that cannot be decoded.

    Raises:  ValueError with a message if no row can be decoded.
    """
    listed = content.get("list") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        return _decode_repaired(endpoint.row, content), _REGULAR
    reply = _decode_repaired(endpoint.row, {**content, "list": []})
    if reply.errcode:
        return reply, _REGULAR
    complete = {"list": [_with_implied_key(endpoint, value) for value in listed]}
    row_type: Any = _tolerant(endpoint.row, endpoint.key)
    whole: Any = _decoder(row_type)
    decoded: list[msgspec.Struct | None]
    unreadable: list[UnreadableRow] = []
    try:
        decoded = _checked(whole, _as_text(complete), complete).rows
    except (ValueError, RecursionError):
        decoded, unreadable = _decode_each(endpoint, complete["list"])
        if len(unreadable) == len(listed):
            raise
    missing: set[str] = set()
    rows: list[Any] = []
    for one, value, given in zip(decoded, complete["list"], listed, strict=True):
        if one is not None:
            row = _as_row(endpoint.row, one, "", missing)
            implied = endpoint.implied_key if value is not given else None
            rows.append(implied.marked(row) if implied else row)
    return (
        msgspec.structs.replace(reply, rows=rows),
        _Irregular(missing_columns=frozenset(missing), unreadable=tuple(unreadable)),
    )


def _with_implied_key(endpoint: Endpoint[Any], value: Any) -> Any:
    """The row itself, or one with the key column that answers of its day leave out."""
    implied = endpoint.implied_key
    if implied is None or not isinstance(value, dict) or value.get(implied.column) is not None:
        return value
    day = _readable_day(value)
    return {**value, implied.column: implied.value} if day and day < implied.before else value


def _readable_day(value: Any) -> date | None:
    try:
        return msgspec.convert(value["ref_date"], date)
    except (msgspec.MsgspecError, TypeError, KeyError, IndexError):
        return None


def _decode_each(endpoint: Endpoint[Any], listed: list[Any]) -> tuple[list[msgspec.Struct | None], list[UnreadableRow]]:
    """The decoded rows, None for each that cannot be decoded, and these."""
    decoder = _row_decoder(endpoint)
    decoded: list[msgspec.Struct | None] = []
    unreadable: list[UnreadableRow] = []
    for position, value in enumerate(listed):
        try:
            decoded.append(_checked(decoder, _as_text(value), value))
        except (ValueError, RecursionError) as error:
            decoded.append(None)
            unreadable.append(UnreadableRow(position, _readable_day(value), _reason(error)))
    return decoded, unreadable


def _as_row(row: type[RowT], value: Any, path: str, missing: set[str]) -> RowT:
    """The contract's row of a decoded value; its missing columns are added to `missing`."""
    values: dict[str, Any] = {}
    for member in members(row):
        part = getattr(value, member.name)
        if part is None:
            if not member.optional:
                missing.add(path + member.name)
        elif isinstance(member, Nested):
            inner = f"{path}{member.name}."
            many = member.many
            parts = [_as_row(member.row, one, inner, missing) for one in (part if many else [part])]
            part = parts if many else parts[0]
        values[member.name] = part
    return row(**values)


def _is_true(flag: Any) -> bool:
    # WECHAT: is_delay is a boolean, a string, or 0 and 1
    if isinstance(flag, str):
        return flag.strip().lower() in {"true", "1"}
    return bool(flag)


# --- selecting ---------------------------------------------------------------------------------


def _select(endpoint: Endpoint[RowT], window: Window, rows: list[RowT]) -> tuple[list[RowT], int]:
    """The rows of a window in natural order, the last of each key, and how many were dropped."""
    selected = rows if _is_in_order(endpoint, window, rows) else _sorted(endpoint, window, rows)
    dropped = len(rows) - len(selected)
    if endpoint.running is None:
        return selected, dropped
    pairs = [_with_sorted_totals(row, endpoint.running.name) for row in selected]
    return [row for row, _count in pairs], dropped + sum(count for _row, count in pairs)


def _is_in_order(endpoint: Endpoint[RowT], window: Window, rows: list[RowT]) -> bool:
    # PERF: true of nearly every reply, and takes a quarter of the time of sorting
    keys = [*map(_key_of(endpoint), rows)]
    return all(map(lt, keys, keys[1:])) and all(_day_of(row) in window for row in (*rows[:1], *rows[-1:]))


def _sorted(endpoint: Endpoint[RowT], window: Window, rows: list[RowT]) -> list[RowT]:
    key = _key_of(endpoint)
    by_key = {key(row): row for row in rows if _day_of(row) in window}
    return [by_key[k] for k in sorted(by_key)]


_day_of = attrgetter("ref_date")


@cache
def _key_of(endpoint: Endpoint[Any]) -> Callable[[Row], Any]:
    return attrgetter(*endpoint.key)


def _with_sorted_totals(row: RowT, name: str) -> tuple[RowT, int]:
    """The row with its running totals by stat_date, one per day, and how many were dropped."""
    totals, day = getattr(row, name), attrgetter("stat_date")
    if totals is None or all(day(earlier) < day(later) for earlier, later in pairwise(totals)):
        return row, 0
    by_day = {day(total): total for total in totals}
    in_order = [by_day[d] for d in sorted(by_day)]
    return msgspec.structs.replace(row, **{name: in_order}), len(totals) - len(in_order)


# --- errors ------------------------------------------------------------------------------------


def _syntax_error(endpoint: Endpoint[Any], window: Window, body: bytes, error: json.JSONDecodeError) -> TransportError | ShapeError:
    if _is_cut_off(error.doc.rstrip(), error.pos):
        return TransportError(
            _(
                "{endpoint} {window}: the reply ends early, after {count} bytes",
                endpoint=endpoint.name,
                window=str(window),
                count=len(body),
            ),
            hint=_("try again"),
        )
    reason = _(
        "the reply is not JSON: {error} at character {position}",
        error=error.msg,
        position=error.pos,
    )
    return _shape_error(endpoint, window, body, reason)


def _is_cut_off(text: str, stopped_at: int) -> bool:
    """Whether JSON that is valid up to a character is only missing its end."""
    if not text or stopped_at >= len(text):
        return not text or text[0] == "{"
    # TRICKY: an unfinished string or number is reported at its beginning
    return text[0] == "{" and text[-1] != "}" and not text[:stopped_at].rstrip().endswith("}")


def _shape_error(endpoint: Endpoint[Any], window: Window, body: bytes, reason: Message) -> ShapeError:
    return ShapeError(
        _(
            "{endpoint} {window}: {reason}; it begins with: {beginning}",
            endpoint=endpoint.name,
            window=str(window),
            reason=reason,
            beginning=_beginning(body),
        ),
        hint=_("the whole reply is in the error's `body`"),
        body=body,
    )


def _beginning(body: bytes) -> str:
    """The first characters of a reply, on one line."""
    text = body[: 4 * MAX_SHOWN].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in _without_openids(text)[:MAX_SHOWN])


def _without_openids(text: str) -> str:
    return _OPENID.sub("[openid]", text)
