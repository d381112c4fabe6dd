"""Why a decoded value does not match a msgspec type: as data, and as a message.

msgspec reports this as an English text. `mismatch` finds the same reason in the value itself, so
that it can be shown in any language or reworded; the English message is msgspec's text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, auto
from functools import lru_cache
from operator import ge, gt, le, lt
from types import EllipsisType
from typing import Any, Literal, NamedTuple, TypeAlias
from uuid import UUID

import msgspec
from msgspec import inspect

from wxcube.i18n.message import Message, _, joined, verbatim

Comparison: TypeAlias = Literal[">", ">=", "<", "<="]
MemberPath: TypeAlias = tuple[str | int | EllipsisType, ...]
"""Members, indexes of arrays, and `...` for any value of a mapping, from the outside in."""


class Kind(Enum):
    """What does not match."""

    MISSING = auto()
    """A required member is missing."""
    UNKNOWN = auto()
    """A member that the type does not have."""
    TYPE = auto()
    """A value of another type."""
    RANGE = auto()
    """A number below the minimum or above the maximum."""
    LENGTH = auto()
    """A string or an array that is too short or too long."""
    PATTERN = auto()
    """A string that does not match the regular expression."""
    CHOICE = auto()
    """None of the allowed values."""
    DATE = auto()
    """A string that is not a date."""
    OTHER = auto()
    """Anything else, such as a check of the struct itself."""


class Limit(NamedTuple):
    """What a number or a length must be, such as `>= 1`."""

    comparison: Comparison
    value: Any

    def holds(self, number: Any) -> bool:
        """Whether a number is within the limit; NaN is not."""
        return bool(_COMPARE[self.comparison](number, self.value))


class Mismatch(NamedTuple):
    """The first thing that does not match: what, where, and what was expected there."""

    kind: Kind
    path: MemberPath
    reason: Message
    """The reason without the path."""
    member: str = ""
    """The name of the missing or unknown member of the object at the path."""
    value: Any = None
    """The value at the path, unless a member is missing or unknown."""
    expected: tuple[inspect.Type, ...] = ()
    """The types that a value at the path may have."""
    limit: Limit | None = None
    """The limit of the number or the length."""

    @property
    def message(self) -> Message:
        """The reason with the path, as msgspec words it."""
        path = "".join(map(_step, self.path))
        if path.startswith("."):
            return _("{problem} - at `$.{member}`", problem=self.reason, member=path[1:])
        return (
            _("{problem} - at `${path}`", problem=self.reason, path=path) if path else self.reason
        )


def mismatch(value: Any, type_: Any, *, strict: bool = True, reported: str = "") -> Message | None:
    """The message of the first mismatch of a value and a type; None if they match.

    Takes what `first_mismatch` takes.

    >>> mismatch({"at": "x"}, dict[str, int])
    'Expected `int`, got `str` - at `$[...]`'
    """
    first = first_mismatch(value, type_, strict=strict, reported=reported)
    return first.message if first else None


def first_mismatch(
    value: Any, type_: Any, *, strict: bool = True, reported: str = ""
) -> Mismatch | None:
    """The first mismatch of a value and a type; None if they match.

    `strict` is that of `msgspec.convert`; `reported` is the text of a decoder, which words some
    reasons differently. A reason that is not found is the text of `msgspec.convert`.
    """
    try:
        msgspec.convert(value, type_, strict=strict)
    except msgspec.ValidationError as error:
        decoded = reported not in {"", str(error)}
        first = _Search(strict=strict, decoded=decoded).find(value, _type_info(type_), ())
        if first and first.message in {reported, str(error)}:
            return first
        return Mismatch(Kind.OTHER, (), _raised(error))
    return None


def _raised(error: msgspec.ValidationError) -> Message:
    """The message that a struct's own check raised, or msgspec's text."""
    arguments = error.__cause__.args if error.__cause__ else ()
    own = (one for one in arguments if isinstance(one, Message) and one == str(error))
    return next(own, verbatim(str(error)))


def _step(step: str | int | EllipsisType) -> str:
    if isinstance(step, str):
        return f".{step}"
    return "[...]" if step is ... else f"[{step}]"


_type_info = lru_cache(100)(inspect.type_info)


class _Search:
    """Finds the first problem of a value, in the order in which msgspec finds it."""

    def __init__(self, *, strict: bool, decoded: bool) -> None:
        self._strict = strict
        self._decoded = decoded

    def find(self, value: Any, kind: inspect.Type, path: MemberPath) -> Mismatch | None:
        """The first problem of a value; None if there is none."""
        options = _options(kind)
        structs = [one for one in options if isinstance(one, inspect.StructType)]
        if structs and isinstance(value, Mapping):
            return self._in_struct(value, structs, path)
        for option in options:
            parts = _parts(value, option, path)
            if parts is not None:
                problems = (self.find(*part) for part in parts)
                first = next((problem for problem in problems if problem), None)
                return first or _exceeded(value, option, path)
        return self._in_scalar(value, options, path)

    def _in_struct(
        self, value: Mapping[Any, Any], structs: Sequence[inspect.StructType], path: MemberPath
    ) -> Mismatch | None:
        tag_field = structs[0].tag_field
        if not tag_field:
            return self._in_fields(value, structs[0], path)
        if tag_field not in value:
            return _missing(tag_field, path)
        tag, tag_path = value[tag_field], (*path, tag_field)
        if not isinstance(tag, str):
            reason = self._wrong_tag(tag)
            return Mismatch(Kind.TYPE, tag_path, reason, value=tag, expected=(inspect.StrType(),))
        struct = next((one for one in structs if one.tag == tag), None)
        if struct is None:
            reason = _("Invalid value {value!r}", value=tag)
            tags = inspect.LiteralType(tuple(one.tag for one in structs))
            return Mismatch(Kind.CHOICE, tag_path, reason, value=tag, expected=(tags,))
        return self._in_fields(value, struct, path)

    def _wrong_tag(self, tag: Any) -> Message:
        if self._decoded:
            return _("Expected `{expected}`", expected=_TYPES[str])
        actual = verbatim(type(tag).__name__)
        return _("Expected `{expected}`, got `{actual}`", expected=_TYPES[str], actual=actual)

    def _in_fields(
        self, value: Mapping[Any, Any], struct: inspect.StructType, path: MemberPath
    ) -> Mismatch | None:
        fields = {field.encode_name: field for field in struct.fields}
        for name, member in value.items():
            problem = None
            if name in fields:
                problem = self.find(member, fields[name].type, (*path, name))
            elif struct.forbid_unknown_fields and name != struct.tag_field:
                reason = _("Object contains unknown field `{field}`", field=name)
                problem = Mismatch(Kind.UNKNOWN, path, reason, member=name)
            if problem:
                return problem
        required = (name for name, field in fields.items() if field.required)
        missing = next((name for name in required if name not in value), None)
        return _missing(missing, path) if missing else None

    def _in_scalar(
        self, value: Any, options: Sequence[inspect.Type], path: MemberPath
    ) -> Mismatch | None:
        if any(isinstance(one, inspect.AnyType | inspect.RawType) for one in options):
            return None
        for option in options:
            converted = self._converted(value, option)
            if converted is not msgspec.UNSET:
                return _exceeded(converted, option, path)
        if any(type(value) is type(choice) for one in options for choice in _choices(one)):
            kind, reason = Kind.CHOICE, _("Invalid enum value {value!r}", value=value)
        elif isinstance(value, str) and expected_types(options) & _DATES.keys():
            kind, reason = Kind.DATE, _wrong_date(options)
        else:
            kind, reason = Kind.TYPE, _wrong_type(value, options)
        return Mismatch(kind, path, reason, value=value, expected=tuple(options))

    def _converted(self, value: Any, option: inspect.Type) -> Any:
        """The value as the type of an option, without its limits; UNSET if it does not match."""
        if isinstance(option, inspect.LiteralType | inspect.EnumType):
            return value if value in _choices(option) else msgspec.UNSET
        python_type = _PYTHON_TYPES.get(type(option))
        if python_type is None:
            return msgspec.UNSET
        try:
            return msgspec.convert(value, python_type, strict=self._strict)
        except msgspec.ValidationError:
            return msgspec.UNSET


def _options(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """The alternatives of a type, without annotations."""
    if isinstance(kind, inspect.Metadata):
        return _options(kind.type)
    if isinstance(kind, inspect.UnionType):
        return tuple(option for one in kind.types for option in _options(one))
    return (kind,)


def _parts(
    value: Any, option: inspect.Type, path: MemberPath
) -> Iterator[tuple[Any, inspect.Type, MemberPath]] | None:
    """The items of a list or a dict with their types and paths; None for other values."""
    if isinstance(option, inspect.ListType) and isinstance(value, list | tuple):
        return ((one, option.item_type, (*path, n)) for n, one in enumerate(value))
    if isinstance(option, inspect.DictType) and isinstance(value, Mapping):
        return ((one, option.value_type, (*path, ...)) for one in value.values())
    return None


def _missing(name: str, path: MemberPath) -> Mismatch:
    reason = _("Object missing required field `{field}`", field=name)
    return Mismatch(Kind.MISSING, path, reason, member=name)


def _wrong_date(options: Sequence[inspect.Type]) -> Message:
    types = expected_types(options)
    return next(reason for python_type, reason in _DATES.items() if python_type in types)


def _wrong_type(value: Any, options: Sequence[inspect.Type]) -> Message:
    types = expected_types(options)
    names = (name for python_type, name in _TYPES.items() if python_type in types)
    actual = _TYPES.get(type(value)) or verbatim(type(value).__name__)
    return _(
        "Expected `{expected}`, got `{actual}`", expected=joined(names, _(" | ")), actual=actual
    )


def allowed_values(options: Iterable[inspect.Type]) -> list[Any]:
    """The values of the literals and enums among types."""
    return [value for option in options for value in _choices(option)]


def expected_types(options: Iterable[inspect.Type]) -> set[type]:
    """The Python types of decoded values for msgspec's types."""
    return set(map(_python_type, options))


def _choices(option: inspect.Type) -> list[Any]:
    if isinstance(option, inspect.LiteralType):
        return list(option.values)
    return [one.value for one in option.cls] if isinstance(option, inspect.EnumType) else []


def _exceeded(value: Any, option: inspect.Type, path: MemberPath) -> Mismatch | None:
    """The first limit of a type that a value of this type exceeds."""
    name = _TYPES[_python_type(option)]
    for kind, limit in _limits(option):
        if not limit.holds(value if kind is Kind.RANGE else len(value)):
            reason = _LIMITS[kind, limit.comparison](type=name, limit=limit.value)
            return Mismatch(kind, path, reason, value=value, expected=(option,), limit=limit)
    if isinstance(option, inspect.StrType) and not re.search(option.pattern or "", value):
        reason = _(
            "Expected `{type}` matching regex {pattern!r}", type=name, pattern=option.pattern
        )
        return Mismatch(Kind.PATTERN, path, reason, value=value, expected=(option,))
    return None


def _limits(option: inspect.Type) -> Iterator[tuple[Kind, Limit]]:
    """The limits of a type, in the order in which msgspec checks them."""
    if isinstance(option, inspect.IntType):
        yield from _range(option.ge if option.gt is None else option.gt + 1, ">=")
        yield from _range(option.le if option.lt is None else option.lt - 1, "<=")
    if isinstance(option, inspect.FloatType):
        yield from _range(_float(option.ge), ">=")
        yield from _range(_float(option.gt), ">")
        yield from _range(_float(option.le), "<=")
        yield from _range(_float(option.lt), "<")
    if isinstance(option, inspect.StrType | inspect.ListType):
        yield from _length(option.min_length, ">=")
        yield from _length(option.max_length, "<=")


def _range(value: float | None, comparison: Comparison) -> Iterator[tuple[Kind, Limit]]:
    if value is not None:
        yield Kind.RANGE, Limit(comparison, value)


def _length(value: int | None, comparison: Comparison) -> Iterator[tuple[Kind, Limit]]:
    if value is not None:
        yield Kind.LENGTH, Limit(comparison, value)


def _float(limit: float | None) -> float | None:
    return None if limit is None else float(limit)


def _python_type(option: inspect.Type) -> type:
    choices = _choices(option)
    if choices:
        return type(choices[0])
    if isinstance(option, inspect.StructType | inspect.DictType):
        return dict
    return _PYTHON_TYPES.get(type(option), list)


_TYPES: dict[type, Message] = {
    bool: _("bool"),
    int: _("int"),
    float: _("float"),
    str: _("str"),
    bytes: _("bytes"),
    datetime: _("datetime"),
    date: _("date"),
    time: _("time"),
    UUID: _("uuid"),
    Decimal: _("decimal"),
    dict: _("object"),
    list: _("array"),
    tuple: _("array"),
    type(None): _("null"),
}
"""Python types by msgspec's names, in the order in which it lists alternatives."""
_DATES: dict[type, Message] = {
    datetime: _("Invalid RFC3339 encoded datetime"),
    date: _("Invalid RFC3339 encoded date"),
}
_PYTHON_TYPES: dict[type[inspect.Type], type] = {
    inspect.BoolType: bool,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.StrType: str,
    inspect.DateTimeType: datetime,
    inspect.DateType: date,
    inspect.NoneType: type(None),
}
_COMPARE: dict[Comparison, Callable[[Any, Any], Any]] = {">": gt, ">=": ge, "<": lt, "<=": le}
_LIMITS: dict[tuple[Kind, Comparison], Callable[..., Message]] = {
    (Kind.RANGE, ">"): lambda **values: _("Expected `{type}` > {limit}", **values),
    (Kind.RANGE, ">="): lambda **values: _("Expected `{type}` >= {limit}", **values),
    (Kind.RANGE, "<"): lambda **values: _("Expected `{type}` < {limit}", **values),
    (Kind.RANGE, "<="): lambda **values: _("Expected `{type}` <= {limit}", **values),
    (Kind.LENGTH, ">="): lambda **values: _("Expected `{type}` of length >= {limit}", **values),
    (Kind.LENGTH, "<="): lambda **values: _("Expected `{type}` of length <= {limit}", **values),
}
