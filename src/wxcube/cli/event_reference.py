"""The reference of events: their kinds and members, and how files give them.

Kinds and members are read from the structs of `wxcube.events.kinds`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import msgspec
from msgspec import inspect

from wxcube.contract.codes import TABLES
from wxcube.contract.codes import Meaning as CodeMeaning
from wxcube.contract.field import Code, Kind
from wxcube.events import kinds as ev
from wxcube.i18n import Meaning, Message, _

KINDS: dict[str, type[ev.Event]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(ev.AnyEvent)
}
"""Every kind of event by its tag, the value of the member `event`."""
TAG = str(ev.Open.__struct_config__.tag_field)
"""The name of the member that holds the kind."""
CSV_EXAMPLE = ("message", "read", "reply")
"""The kinds in the example of a CSV file."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an event."""

    name: str
    type: inspect.StrType | inspect.IntType | inspect.BoolType
    is_nullable: bool
    is_required: bool
    default: Any
    kind: Kind
    example: Any

    @property
    def json_type(self) -> str:
        """The name of its type in JSON."""
        return _JSON_TYPES[type(self.type)] + (" | null" if self.is_nullable else "")

    @property
    def table(self) -> str:
        """The name of its code table; empty if it has none."""
        return self.kind.table if isinstance(self.kind, Code) else ""

    @property
    def codes(self) -> tuple[CodeMeaning, ...]:
        """The codes of its table that are valid for it."""
        low, high = limits(self.type) if isinstance(self.type, inspect.IntType) else (0, 0)
        known = TABLES[self.table].meanings if self.table else ()
        return tuple(m for m in known if isinstance(m.code, int) and low <= m.code <= high)


_JSON_TYPES: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.IntType: "integer",
    inspect.BoolType: "boolean",
}


@dataclass(frozen=True, slots=True)
class Notation:
    """How values of a JSON type are written in each file format."""

    json_type: str
    json_lines: Message
    csv: Message
    parquet: Message


NOTATIONS = (
    Notation(
        "string",
        json_lines=_("a string in quotes"),
        csv=_("text"),
        parquet=_(
            "a column of type `VARCHAR`, `ENUM` or `UUID`; integers and `BLOB` are not accepted"
        ),
    ),
    Notation(
        "integer",
        json_lines=_("a number without quotes or decimal point"),
        csv=_("digits only: no spaces, plus sign or leading zeros"),
        parquet=_(
            "an integer column of any width, `DECIMAL` with scale 0, floating-point numbers with "
            "integer values, or text of digits only; `TIMESTAMP` is not accepted"
        ),
    ),
    Notation(
        "boolean",
        json_lines=_("`true` or `false`"),
        csv=_("`true`, `false`, `1` or `0`, in upper or lower case"),
        parquet=_("a `BOOLEAN` column, or an integer column with values 0 and 1"),
    ),
    Notation(
        "",
        json_lines=_("the member is left out; `null` if its type includes null"),
        csv=_("an empty cell, or no such column"),
        parquet=_("`NULL`, or no such column"),
    ),
)
"""The notation of each type; the last one is that of an omitted member."""
RULES = (
    _(
        "The extension of the file name sets the format: `.csv` is CSV, `.parquet` and `.pq` are "
        "Parquet, any other is JSON Lines; `--format` overrides it. Files compressed with gzip or "
        "Zstandard are decompressed automatically."
    ),
    _(
        "JSON Lines: UTF-8, one object per line, members in any order; empty lines are skipped. "
        "`POST /events` accepts only this format, uncompressed."
    ),
    _(
        "CSV: UTF-8, separated by commas; the first line holds the names of the members, in any "
        "order. Each line is one event, so a cell cannot contain a line break; empty rows are "
        "skipped."
    ),
    _("Parquet: columns are named like the members."),
    _(
        "A file may hold several kinds of events; in CSV and Parquet, members that a kind does not "
        "have stay empty."
    ),
    _("A line with a member that its kind does not have is refused."),
)
"""The rules for each file format."""


def without_markdown(text: str) -> str:
    """The text for a terminal, without Markdown's backticks.

    >>> without_markdown("`true` or `false`")
    'true or false'
    """
    return text.replace("`", "")


def members(kind: type[ev.Event]) -> tuple[Member, ...]:
    """The members of a kind of event, in order, without the one that holds the kind."""
    types = {field.name: field.type for field in _struct(kind).fields}
    return tuple(_member(field, types[field.name]) for field in msgspec.structs.fields(kind))


def description(kind: type[ev.Event]) -> Meaning:
    """What happened, for a kind of event."""
    return Meaning((kind.__doc__ or "").strip().removesuffix("."), kind.zh)


def allowed(member: Member) -> Message:
    """The length, pattern or range of a member's values."""
    match member.type:
        case inspect.StrType(pattern=str(pattern)):
            return _("matches `{pattern}`", pattern=pattern)
        case inspect.StrType(min_length=int(low), max_length=int(high)):
            return _("{low} to {high} characters", low=low, high=high)
        case inspect.StrType():
            return _("any text")
        case inspect.IntType():
            low, high = limits(member.type)
            return _("{low} to {high}", low=low, high=high)
        case _:
            return _("true or false")


def limits(whole: inspect.IntType) -> tuple[int, int]:
    """The smallest and largest number allowed; every integer of an event has both limits."""
    low = whole.ge if whole.ge is not None else whole.gt + 1  # type: ignore[operator]
    high = whole.le if whole.le is not None else whole.lt - 1  # type: ignore[operator]
    return low, high


def presence(member: Member) -> Message:
    """Whether a member is required, and its default if it is not."""
    if member.is_required:
        return _("required")
    if member.default is None:
        return _("optional")
    default = msgspec.json.encode(member.default).decode()
    return _("default {default}", default=default)


def example(kind: type[ev.Event]) -> dict[str, Any]:
    """An example of a kind, with all its members and an id of its own."""
    tag = str(kind.__struct_config__.tag)
    return {TAG: tag, **{m.name: m.example for m in members(kind)}, "id": f"{tag}-1"}


def as_json(event: dict[str, Any]) -> str:
    """An event as a line of JSON, with a space after each comma and colon."""
    return msgspec.json.format(msgspec.json.encode(event), indent=0).decode()


def as_csv(events: Sequence[dict[str, Any]]) -> str:
    """Events as CSV, with the columns of all of them."""
    header = dict.fromkeys(name for event in events for name in event)
    file = io.StringIO()
    writer = csv.DictWriter(file, [*header], lineterminator="\n")
    writer.writeheader()
    writer.writerows({n: _cell(v) for n, v in event.items()} for event in events)
    return file.getvalue()


def as_sql(event: dict[str, Any], path: str) -> str:
    """The SQL statement that makes DuckDB write an event to a Parquet file."""
    columns = ",\n  ".join(f"{_literal(value)} AS {name}" for name, value in event.items())
    return f"COPY (SELECT\n  {columns}\n) TO '{path}' (FORMAT parquet);\n"


def _struct(kind: type[ev.Event]) -> inspect.StructType:
    struct = inspect.type_info(kind)
    assert isinstance(struct, inspect.StructType)
    return struct


def _member(field: msgspec.structs.FieldInfo, known: inspect.Type) -> Member:
    annotations = _annotations(field.type)
    options = [
        _bare(t) for t in (known.types if isinstance(known, inspect.UnionType) else (known,))
    ]
    [plain] = [t for t in options if isinstance(t, tuple(_JSON_TYPES))]
    return Member(
        name=field.name,
        type=plain,  # type: ignore[arg-type]  # one of the keys of _JSON_TYPES
        is_nullable=any(isinstance(t, inspect.NoneType) for t in options),
        is_required=field.required,
        default=None if field.required else field.default,
        kind=next(part for part in annotations if isinstance(part, Kind)),
        example=next(
            p.examples[0] for p in annotations if isinstance(p, msgspec.Meta) and p.examples
        ),
    )


def _bare(known: inspect.Type) -> inspect.Type:
    return known.type if isinstance(known, inspect.Metadata) else known


def _annotations(hint: Any) -> list[Any]:
    """The annotations of a type, the outermost first."""
    base, *own = get_args(hint)
    inner = [part for option in (base, *get_args(base)) for part in get_args(option)[1:]]
    return [*own, *inner]


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _literal(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else _cell(value)
