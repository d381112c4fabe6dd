"""WeChat's wire format, pure: a request out of a window, rows or an error out of an answer.

A plain answer is decoded twice by msgspec: into the contract's rows, and by a struct that refuses
unknown columns. Only an answer that one of them refuses is looked at member by member.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from http import HTTPStatus
from itertools import pairwise
from operator import attrgetter, lt
from typing import Annotated, Any, Generic, NoReturn
from urllib.parse import urlencode

import msgspec

from wxcube.contract.codes import reply_error
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.field import Column, Nested, Row, members
from wxcube.contract.source import Answer
from wxcube.contract.unknown_codes import unknown_codes
from wxcube.contract.window import Window
from wxcube.errors import ShapeError, TransportError

SHOWN = 120
"""At most this many characters of an answer stand in an error."""

SHORTEST_TOKEN = 16

_MAY_PASS = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
_ANSWER = ("list", "is_delay", "errcode", "errmsg")
_OPENID = re.compile(r"(?<![0-9A-Za-z_-])o[0-9A-Za-z_-]{27}(?![0-9A-Za-z_-])")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request to WeChat; what may hold a token or secret does not show."""

    path: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    method: str = "POST"
    title: str = ""
    """What errors call the request, where the path may hold a secret too."""

    def __str__(self) -> str:
        return self.title or self.path

    @property
    def target(self) -> str:
        """Path and query as they stand in the first line of the request."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: bytes = field(repr=False)


def request(
    endpoint: Endpoint[Any], window: Window, token: str, params: Mapping[str, object] | None = None
) -> Request:
    """The call that asks an endpoint for a window."""
    asked = {"begin_date": window.first, "end_date": window.last, **(params or {})}
    return Request(endpoint.path, {"access_token": token}, msgspec.json.encode(asked))


def encode(endpoint: Endpoint[RowT], rows: Sequence[RowT], *, is_delay: bool = False) -> bytes:
    """The body WeChat would answer with these rows."""
    flag = {"is_delay": is_delay} if endpoint.has_delay_flag else {}
    return msgspec.json.encode({"list": rows, **flag})


def without(reply: Reply, token: str) -> Reply:
    """The answer without the token, should the server have repeated it.

    So it gets into no error and no kept answer; words too short for a token are left alone.
    """
    if len(token) < SHORTEST_TOKEN:
        return reply
    return replace(reply, body=reply.body.replace(token.encode(), b"[token]"))


def body_of(reply: Reply, asked: object) -> bytes:
    """The body of an answer, whatever its charset header says.

    Raises:  TransportError for an HTTP status that may pass, ShapeError for any other but 200.
    """
    if reply.status == HTTPStatus.OK:
        return reply.body
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR or reply.status in _MAY_PASS:
        raise TransportError(f"{asked}: HTTP {reply.status}", hint="it may pass; try again later")
    missing = reply.status == HTTPStatus.NOT_FOUND
    hint = "the server has no such path: check the base URL" if missing else ""
    raise ShapeError(f"{asked}: HTTP {reply.status}", hint=hint, body=reply.body)


def read(endpoint: Endpoint[RowT], window: Window, body: bytes, asked_at: datetime) -> Answer[RowT]:
    """The rows of an answer that belong to a window, each key once, in natural order.

    Raises:  ReplyError for an errcode, TransportError for a body that ends too early, ShapeError
        for anything that is no list of the endpoint's rows.
    """
    found, unknown = _decode(endpoint, window, body)
    if found.errcode:
        errmsg = _without_openids(found.errmsg or "")
        raise reply_error(found.errcode, errmsg, endpoint=endpoint.name, window=window)
    if isinstance(found.rows, msgspec.UnsetType):
        _refuse(endpoint, window, body, "the answer has no list - at `$`")
    rows, dropped = _chosen(endpoint, window, found.rows)
    flag = _is_true(found.is_delay)
    codes = unknown_codes(endpoint.row, rows)
    return Answer(endpoint, window, rows, body, asked_at, flag, dropped, unknown, codes)


# --- decoding ----------------------------------------------------------------------------------


class _Found(msgspec.Struct, Generic[RowT], kw_only=True):
    rows: list[RowT] | msgspec.UnsetType = msgspec.field(name="list", default=msgspec.UNSET)
    is_delay: Any = None
    errcode: int = 0
    errmsg: str | None = None


_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


@cache
def _decoder(row: type[RowT]) -> msgspec.json.Decoder[_Found[RowT]]:
    return msgspec.json.Decoder(_Found[row], strict=False)  # type: ignore[valid-type] # at run time


@cache
def _shape(row: type[Row]) -> type[msgspec.Struct]:
    """A struct with the row's members that refuses any other, and numbers above 64 bit."""
    fields = [(m.name, _loose(m), msgspec.UNSET) for m in members(row)]
    return msgspec.defstruct(row.__name__, fields, kw_only=True, forbid_unknown_fields=True)


def _loose(member: Column | Nested) -> Any:
    if isinstance(member, Nested):
        part = _shape(member.row)
        return list[part] | None if member.many else part | None  # type: ignore[valid-type] # at run time
    return _Int64 | None if member.type is int else msgspec.Raw


@cache
def _answer_shape(row: type[Row]) -> type[msgspec.Struct]:
    others = [(name, msgspec.Raw, msgspec.Raw()) for name in _ANSWER[1:]]
    rows = ("list", list[_shape(row)], msgspec.UNSET)  # type: ignore[misc] # a type made at run time
    return msgspec.defstruct("Answer", [rows, *others], kw_only=True, forbid_unknown_fields=True)


@cache
def _shape_decoder(row: type[Row]) -> msgspec.json.Decoder[msgspec.Struct]:
    return msgspec.json.Decoder(_answer_shape(row), strict=False)


def _decode(
    endpoint: Endpoint[RowT], window: Window, body: bytes
) -> tuple[_Found[RowT], frozenset[str]]:
    try:
        found = _decoder(endpoint.row).decode(body)
        _shape_decoder(endpoint.row).decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _decode_slowly(endpoint, window, body)
    return found, frozenset()


def _decode_slowly(
    endpoint: Endpoint[RowT], window: Window, body: bytes
) -> tuple[_Found[RowT], frozenset[str]]:
    try:
        mended, unknown = _mend(endpoint.row, body)
        found = _decoder(endpoint.row).decode(mended)
        _shape_decoder(endpoint.row).decode(mended)
    except json.JSONDecodeError as error:
        _refuse_syntax(endpoint, window, body, error)
    except (ValueError, RecursionError) as error:
        _refuse(endpoint, window, body, str(error))
    return found, unknown


def _mend(row: type[Row], body: bytes) -> tuple[bytes, frozenset[str]]:
    """The answer as proper UTF-8 JSON of known columns, and the paths of the unknown ones."""
    # WECHAT: titles hold raw control characters, lone surrogates and broken UTF-8
    text = body.decode("utf-8-sig", "replace")
    answer = json.loads(text, strict=False, parse_constant=_refuse_constant)
    unknown: set[str] = set()
    if isinstance(answer, dict):
        unknown = {f"$.{name}" for name in answer.keys() - set(_ANSWER)}
        answer = {name: v for name, v in answer.items() if f"$.{name}" not in unknown}
        answer |= (
            {"list": _known_list(answer["list"], row, "", unknown)} if "list" in answer else {}
        )
    mended = _LONE_SURROGATE.sub("\ufffd", json.dumps(answer, ensure_ascii=False))
    return mended.encode(), frozenset(unknown)


def _known_list(values: Any, row: type[Row], path: str, unknown: set[str]) -> Any:
    if not isinstance(values, list):
        return values
    return [_known(value, row, path, unknown) for value in values]


def _known(value: Any, row: type[Row], path: str, unknown: set[str]) -> Any:
    """The value without members the row does not have; their paths go to `unknown`."""
    if not isinstance(value, dict):
        return value
    by_name = {member.name: member for member in members(row)}
    unknown.update(f"{path}{name}" for name in value.keys() - by_name.keys())
    return {
        name: _known_part(part, by_name[name], f"{path}{name}.", unknown)
        for name, part in value.items()
        if name in by_name
    }


def _known_part(part: Any, member: Column | Nested, path: str, unknown: set[str]) -> Any:
    if isinstance(member, Column):
        return part
    keep: Callable[..., Any] = _known_list if member.many else _known
    return keep(part, member.row, path, unknown)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _is_true(flag: Any) -> bool:
    # WECHAT: is_delay comes as a bool, as text or as 0 and 1
    if isinstance(flag, str):
        return flag.strip().lower() in {"true", "1"}
    return bool(flag)


# --- choosing ----------------------------------------------------------------------------------


def _chosen(endpoint: Endpoint[RowT], window: Window, rows: list[RowT]) -> tuple[list[RowT], int]:
    """The rows of a window in natural order, the last of each key, and how many fell out."""
    chosen = rows if _is_in_order(endpoint, window, rows) else _put_in_order(endpoint, window, rows)
    dropped = len(rows) - len(chosen)
    if endpoint.running is None:
        return chosen, dropped
    tidied = [_tidied(row, endpoint.running.name) for row in chosen]
    return [row for row, _ in tidied], dropped + sum(n for _, n in tidied)


def _is_in_order(endpoint: Endpoint[RowT], window: Window, rows: list[RowT]) -> bool:
    # PERF: true of nearly every answer, and a quarter of the work of putting it in order
    keys = [*map(_key_of(endpoint), rows)]
    return all(map(lt, keys, keys[1:])) and all(
        _day_of(row) in window for row in (*rows[:1], *rows[-1:])
    )


def _put_in_order(endpoint: Endpoint[RowT], window: Window, rows: list[RowT]) -> list[RowT]:
    key = _key_of(endpoint)
    by_key = {key(row): row for row in rows if _day_of(row) in window}
    return [by_key[k] for k in sorted(by_key)]


_day_of = attrgetter("ref_date")


@cache
def _key_of(endpoint: Endpoint[Any]) -> Callable[[Row], Any]:
    return attrgetter(*endpoint.key)


def _tidied(row: RowT, part: str) -> tuple[RowT, int]:
    """The row with its running totals in order of stat_date, each day once."""
    totals, day = getattr(row, part), attrgetter("stat_date")
    if all(day(earlier) < day(later) for earlier, later in pairwise(totals)):
        return row, 0
    by_day = {day(total): total for total in totals}
    tidy = [by_day[d] for d in sorted(by_day)]
    return msgspec.structs.replace(row, **{part: tidy}), len(totals) - len(tidy)


# --- refusing ----------------------------------------------------------------------------------


def _refuse_syntax(
    endpoint: Endpoint[Any], window: Window, body: bytes, error: json.JSONDecodeError
) -> NoReturn:
    if _is_cut_off(error.doc.rstrip(), error.pos):
        raise TransportError(
            f"{endpoint} {window}: the answer ends after {len(body)} bytes, before its end",
            hint="ask again",
        )
    _refuse(endpoint, window, body, f"the answer is not JSON: {error.msg} at character {error.pos}")


def _is_cut_off(text: str, stopped_at: int) -> bool:
    """Whether JSON that could be read up to a character only lacks its end."""
    if not text or stopped_at >= len(text):
        return not text or text[0] == "{"
    # TRICKY: text or a number that was begun is reported where it begins
    return text[0] == "{" and text[-1] != "}" and not text[:stopped_at].rstrip().endswith("}")


def _refuse(endpoint: Endpoint[Any], window: Window, body: bytes, why: str) -> NoReturn:
    raise ShapeError(
        f"{endpoint} {window}: {why}; it begins with: {beginning(body)}",
        hint="the whole answer is in the error's `body`",
        body=body,
    )


def beginning(body: bytes) -> str:
    """The first characters of an answer, fit to be shown on one line."""
    text = body[: 4 * SHOWN].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in _without_openids(text)[:SHOWN])


def _without_openids(text: str) -> str:
    return _OPENID.sub("[openid]", text)
