"""Mismatches of values and types: as data, and in English as msgspec words them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, inspect

from wxcube.emulator.faults import Fault
from wxcube.events.kinds import AnyEvent, Read
from wxcube.i18n.mismatch import (
    Kind,
    Limit,
    allowed_values,
    expected_types,
    first_mismatch,
    mismatch,
)
from wxcube.server.apps import LocalApp
from wxcube.settings import AccountSettings, Settings, SyncSettings


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """A struct with one limit of each kind."""

    number: Annotated[int, Meta(ge=1, le=9)]
    code: Annotated[str, Meta(min_length=2, max_length=4, pattern="^[a-z]*$")] = "aa"
    share: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    size: Literal["small", "large"] = "small"
    day: date | None = None
    parts: list[Order] = []
    options: dict[str, str | int] = {}


class Apps(msgspec.Struct, forbid_unknown_fields=True):
    """Local apps, as in their file."""

    apps: list[LocalApp] = []


TYPES: dict[Any, list[str]] = {
    AnyEvent: ["event", *Read.__struct_fields__],
    Settings: [*Settings.__struct_fields__, *SyncSettings.__struct_fields__],
    SyncSettings: [*SyncSettings.__struct_fields__],
    AccountSettings: [*AccountSettings.__struct_fields__],
    Apps: ["apps", *LocalApp.__struct_fields__],
    Fault: [*Fault.__struct_fields__],
    Order: [*Order.__struct_fields__],
}
VALUES: list[Any] = [None, True, 0, 1, -1, 99, 1.5, "", "a", "1", "A1", "abcde", "2026-03-01"]
VALUES += ["read", "reply", "stable"]


def values(type_: Any) -> st.SearchStrategy[Any]:
    """Values nested as settings, events and files are; most match no type."""
    key = names_of(type_)
    dates = [] if type_ is AnyEvent else [date(2026, 3, 1)]
    return st.recursive(
        st.sampled_from([*VALUES, *dates]),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(key, inner, max_size=4),
        max_leaves=8,
    )


def names_of(type_: Any) -> st.SearchStrategy[str]:
    """Names of members, with an unknown one."""
    # an unknown language is a SettingsError of our own
    return st.sampled_from([*(name for name in TYPES[type_] if name != "language"), "other"])


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("type_", TYPES, ids=lambda type_: getattr(type_, "__name__", "AnyEvent"))
@settings(max_examples=50)
@given(data=st.data())
def test_the_english_message_is_msgspecs(type_: Any, strict: bool, data: st.DataObject) -> None:
    value = data.draw(st.dictionaries(names_of(type_), values(type_)))
    first, text = first_mismatch(value, type_, strict=strict), text_of(value, type_, strict)
    assert (str(first.message) if first else "") == text
    assert first is None or first.kind is not Kind.OTHER or "has exactly one of" in text


def text_of(value: Any, type_: Any, strict: bool) -> str:
    """The text of msgspec's error; empty if there is none."""
    try:
        msgspec.convert(value, type_, strict=strict)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


EXAMPLES: list[tuple[Any, Kind, tuple[Any, ...], str, Any]] = [
    ({}, Kind.MISSING, (), "number", None),
    ({"numbr": 1}, Kind.UNKNOWN, (), "numbr", None),
    ({"number": "x"}, Kind.TYPE, ("number",), "", "x"),
    ({"number": 0}, Kind.RANGE, ("number",), "", 0),
    ({"number": 1, "code": "a"}, Kind.LENGTH, ("code",), "", "a"),
    ({"number": 1, "code": "A1"}, Kind.PATTERN, ("code",), "", "A1"),
    ({"number": 1, "size": "big"}, Kind.CHOICE, ("size",), "", "big"),
    ({"number": 1, "day": "soon"}, Kind.DATE, ("day",), "", "soon"),
    ({"number": 1, "parts": [{"number": 1}, {}]}, Kind.MISSING, ("parts", 1), "number", None),
    ({"number": 1, "options": {"a": 1.5}}, Kind.TYPE, ("options", ...), "", 1.5),
]


@pytest.mark.parametrize(("value", "kind", "path", "member", "part"), EXAMPLES)
def test_a_mismatch_names_kind_path_member_and_value(
    value: Any, kind: Kind, path: tuple[Any, ...], member: str, part: Any
) -> None:
    first = first_mismatch(value, Order)
    assert first is not None
    assert first[:2] == (kind, path)
    assert (first.member, first.value) == (member, part)


def test_a_mismatch_has_the_expected_types_and_values() -> None:
    choice = first_mismatch({"number": 1, "size": "big"}, Order)
    assert choice is not None
    assert allowed_values(choice.expected) == ["large", "small"]
    wrong = first_mismatch({"number": 1, "options": {"a": []}}, Order)
    assert wrong is not None
    assert expected_types(wrong.expected) == {str, int}


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        ({"number": 0}, Limit(">=", 1)),
        ({"number": 10}, Limit("<=", 9)),
        ({"number": 1, "code": "a"}, Limit(">=", 2)),
        ({"number": 1, "share": 0}, Limit(">", 0.0)),
        ({"number": 1, "share": float("nan")}, Limit(">", 0.0)),
        ({"number": 1, "share": 1}, Limit("<", 1.0)),
    ],
)
def test_a_mismatch_has_the_limit(value: Any, limit: Limit) -> None:
    first = first_mismatch(value, Order)
    assert first is not None
    assert first.limit == limit
    assert first.message == text_of(value, Order, strict=True)


def test_only_the_first_mismatch_is_reported() -> None:
    first = first_mismatch({"code": 1, "number": "x"}, Order)
    assert first is not None
    assert first.path == ("code",)


def test_a_reason_that_is_not_found_is_msgspecs_text() -> None:
    first = first_mismatch({1: "x"}, dict[int, Annotated[str, Meta(title="t")]] | int, strict=True)
    assert first is None
    first = first_mismatch("x", bytes)
    assert first is not None
    assert first.kind is Kind.OTHER
    assert first.message == "Invalid base64 encoded string"
    assert not first.expected


def test_a_message_is_translated() -> None:
    message = mismatch({"number": 0}, Order)
    assert message is not None
    assert message == "Expected `int` >= 1 - at `$.number`"
    assert message.in_language("zh") == "成员 `number`：不能小于 1"


def test_the_types_are_those_of_msgspec() -> None:
    first = first_mismatch({"number": "x"}, Order)
    assert first is not None
    assert [type(one) for one in first.expected] == [inspect.IntType]
