"""What an event may say, in words: its kinds, their members, and how files give them.

Everything here is read from the structs of `wxcube.events.kinds`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import msgspec
from msgspec import inspect

from wxcube.contract.codes import TABLES, Meaning
from wxcube.contract.field import Code, Kind
from wxcube.events import kinds as ev
from wxcube.i18n.language import Language

KINDS: dict[str, type[ev.Event]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(ev.AnyEvent)
}
"""Every kind of event by the word that `event` has."""
TAG = str(ev.Open.__struct_config__.tag_field)
"""The member that tells the kind."""
IN_CSV = ("message", "read", "reply")
"""Kinds shown together in one CSV file."""


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
        """Its type as JSON calls it."""
        return _JSON_TYPES[type(self.type)] + (" | null" if self.is_nullable else "")

    @property
    def table(self) -> str:
        """The name of its code table, empty where it has none."""
        return self.kind.table if isinstance(self.kind, Code) else ""

    @property
    def codes(self) -> tuple[Meaning, ...]:
        """The codes of its table that it may have."""
        low, high = limits(self.type) if isinstance(self.type, inspect.IntType) else (0, 0)
        known = TABLES[self.table].meanings if self.table else ()
        return tuple(m for m in known if isinstance(m.code, int) and low <= m.code <= high)


_JSON_TYPES: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.IntType: "integer",
    inspect.BoolType: "boolean",
}


@dataclass(frozen=True, slots=True)
class Given:
    """How values of a JSON type are given in each form of file; texts are Chinese, then English."""

    json_type: str
    lines: tuple[str, str]
    csv: tuple[str, str]
    parquet: tuple[str, str]


GIVEN = (
    Given(
        "string",
        ("带引号的文本", "text in quotes"),
        ("文本", "text"),
        (
            "文本列（`VARCHAR`、`ENUM`）或 `UUID`；不能是整数、`BLOB`",
            "a column of text (`VARCHAR`, `ENUM`) or `UUID`; no integers or `BLOB`",
        ),
    ),
    Given(
        "integer",
        ("不带引号、不带小数点的数", "a number without quotes or fraction"),
        ("只写数字，没有空格、正号和前导零", "digits without spaces, plus sign or leading zeros"),
        (
            (
                "整数列，宽度不限；没有小数位的 `DECIMAL`；值为整数的浮点列；只写数字的文本列；"
                "不能是 `TIMESTAMP`"
            ),
            (
                "a column of integers of any width; `DECIMAL` without places; floats that are "
                "whole numbers; texts of digits alone; no `TIMESTAMP`"
            ),
        ),
    ),
    Given(
        "boolean",
        ("`true` 或 `false`", "`true` or `false`"),
        (
            "`true`、`false`、`1` 或 `0`，大小写不限",
            "`true`, `false`, `1` or `0`, in capitals or not",
        ),
        ("`BOOLEAN` 列；0 和 1 的整数列也行", "a `BOOLEAN` column; also integers 0 and 1"),
    ),
    Given(
        "",
        (
            "不写这个成员；类型含 null 的也可写 `null`",
            "no such member; `null` where the type has null",
        ),
        ("单元格为空，或没有这一列", "an empty cell, or no such column"),
        ("`NULL`，或没有这一列", "`NULL`, or no such column"),
    ),
)
"""How each type is given; the last one is a member that is left out."""
RULES = (
    (
        (
            "文件名决定格式：`.csv` 是 CSV，`.parquet` 和 `.pq` 是 Parquet，其余是 JSON Lines，"
            "也可用 `--format` 指定；gzip 和 Zstandard 压缩的文件会自动解压。"
        ),
        (
            "A file's name tells its form: `.csv` is CSV, `.parquet` and `.pq` are Parquet, others "
            "are JSON lines; `--format` overrules it. gzip and Zstandard are unpacked."
        ),
    ),
    (
        (
            "JSON Lines：UTF-8，一行一个对象，成员顺序不限，空行跳过。"
            "`POST /events` 只收这种格式，且不能压缩。"
        ),
        (
            "JSON lines: UTF-8, one object on a line, members in any order, empty lines passed "
            "over. `POST /events` takes only these, not packed."
        ),
    ),
    (
        (
            "CSV：UTF-8，逗号分隔；第一行是成员名，顺序不限。一行文字就是一条事件，"
            "单元格里不能换行；全空的行跳过。"
        ),
        (
            "CSV: UTF-8, commas; the first line has the members' names, in any order. A row is one "
            "line: cells hold no line ends. Empty rows are passed over."
        ),
    ),
    (
        "Parquet：列名就是成员名。读取需要 DuckDB（`wxcube[cube]`）。",
        "Parquet: columns have the members' names. Reading needs DuckDB (`wxcube[cube]`).",
    ),
    (
        "一个文件里可以有多种事件；在 CSV 和 Parquet 里，某种事件没有的成员留空。",
        "A file may have several kinds; in CSV and Parquet, members that a kind lacks stay empty.",
    ),
    (
        "写了这种事件没有的成员，该行会被拒绝。",
        "A line with a member that its kind does not have is refused.",
    ),
)
"""What holds for each form of file, in Chinese and English."""


def plain(text: str) -> str:
    """A text as a terminal shows it: without the marks of Markdown.

    >>> plain("`true` or `false`")
    'true or false'
    """
    return text.replace("`", "")


def members(kind: type[ev.Event]) -> tuple[Member, ...]:
    """The members of a kind of event, in their order, without the one that tells the kind."""
    types = {field.name: field.type for field in _struct(kind).fields}
    return tuple(_member(field, types[field.name]) for field in msgspec.structs.fields(kind))


def happened(kind: type[ev.Event], say: Language) -> str:
    """What a kind of event tells."""
    return say(kind.zh, (kind.__doc__ or "").strip().removesuffix("."))


def allowed(member: Member, say: Language) -> str:
    """The length, form or range of a member's values."""
    match member.type:
        case inspect.StrType(pattern=str(pattern)):
            return say(f"匹配 `{pattern}`", f"matches `{pattern}`")
        case inspect.StrType(min_length=int(low), max_length=int(high)):
            return say(f"{low} 到 {high} 个字符", f"{low} to {high} characters")
        case inspect.StrType():
            return say("任意文本", "any text")
        case inspect.IntType():
            low, high = limits(member.type)
            return say(f"{low} 到 {high}", f"{low} to {high}")
        case _:
            return say("true 或 false", "true or false")


def limits(whole: inspect.IntType) -> tuple[int, int]:
    """The smallest and largest number allowed; every number of an event has both."""
    low = whole.ge if whole.ge is not None else whole.gt + 1  # type: ignore[operator]
    high = whole.le if whole.le is not None else whole.lt - 1  # type: ignore[operator]
    return low, high


def presence(member: Member, say: Language) -> str:
    """Whether a member must be there, and what holds where it is not."""
    if member.is_required:
        return say("必填", "required")
    if member.default is None:
        return say("可省略", "optional")
    default = msgspec.json.encode(member.default).decode()
    return say(f"默认 {default}", f"default {default}")


def example(kind: type[ev.Event]) -> dict[str, Any]:
    """An event of a kind with all its members, and an id of its own."""
    tag = str(kind.__struct_config__.tag)
    return {TAG: tag, **{m.name: m.example for m in members(kind)}, "id": f"{tag}-1"}


def as_json(event: dict[str, Any]) -> str:
    """An event as a line of JSON, with a space after each comma and colon."""
    return msgspec.json.format(msgspec.json.encode(event), indent=0).decode()


def as_csv(events: Sequence[dict[str, Any]]) -> str:
    """Events as a CSV file with the columns of all."""
    header = dict.fromkeys(name for event in events for name in event)
    file = io.StringIO()
    writer = csv.DictWriter(file, [*header], lineterminator="\n")
    writer.writeheader()
    writer.writerows({n: _cell(v) for n, v in event.items()} for event in events)
    return file.getvalue()


def as_sql(event: dict[str, Any], path: str) -> str:
    """A statement with which DuckDB writes an event into a Parquet file."""
    columns = ",\n  ".join(f"{_literal(value)} AS {name}" for name, value in event.items())
    return f"COPY (SELECT\n  {columns}\n) TO '{path}' (FORMAT parquet);\n"


def _struct(kind: type[ev.Event]) -> inspect.StructType:
    found = inspect.type_info(kind)
    assert isinstance(found, inspect.StructType)
    return found


def _member(field: msgspec.structs.FieldInfo, known: inspect.Type) -> Member:
    told = _told(field.type)
    options = [
        _bare(t) for t in (known.types if isinstance(known, inspect.UnionType) else (known,))
    ]
    [plain] = [t for t in options if isinstance(t, tuple(_JSON_TYPES))]
    return Member(
        name=field.name,
        type=plain,  # type: ignore[arg-type]  # one of the types that JSON has a word for
        is_nullable=any(isinstance(t, inspect.NoneType) for t in options),
        is_required=field.required,
        default=None if field.required else field.default,
        kind=next(part for part in told if isinstance(part, Kind)),
        example=next(p.examples[0] for p in told if isinstance(p, msgspec.Meta) and p.examples),
    )


def _bare(known: inspect.Type) -> inspect.Type:
    return known.type if isinstance(known, inspect.Metadata) else known


def _told(hint: Any) -> list[Any]:
    """What a type is annotated with, the outermost first."""
    base, *own = get_args(hint)
    inner = [part for option in (base, *get_args(base)) for part in get_args(option)[1:]]
    return [*own, *inner]


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _literal(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else _cell(value)
