"""Reasons of refused lines: msgspec's text in English, Chinese beside it, and never an openid."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.event_files import PLANTED
from wxcube.events import kinds as ev
from wxcube.events.intake.reasons import Reasons

READ: dict[str, Any] = {"event": "read", "id": "1", "account": "a", "at": 1_772_300_000}
READ |= {"user": "o1", "msgid": "1_1"}
VALUES: list[Any] = [None, True, 0, -1, 8, 1.5, "", "x", "x" * 129, "read", [], {}]
DUPLICATE = b'{"at":"x",' + msgspec.json.encode(READ)[1:]
CHANGES: list[dict[str, Any]] = [
    {name: value}
    for name in (*ev.Read.__struct_fields__, "event", "colour")
    for value in VALUES
    # these are redacted
    if not (name == "event" and value in ("", "x" * 129))
]


def reason_of(line: bytes) -> tuple[str, Any]:
    """msgspec's text and ours."""
    with pytest.raises((msgspec.DecodeError, UnicodeError)) as raised:
        msgspec.json.decode(line, type=ev.AnyEvent)
    return str(raised.value), Reasons().of_line(raised.value, line)


def is_event(record: dict[str, Any], *, strict: bool) -> bool:
    try:
        msgspec.convert(record, ev.AnyEvent, strict=strict)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_the_english_reason_of_a_line_is_msgspecs(change: dict[str, Any]) -> None:
    if not is_event(READ | change, strict=True):
        text, reason = reason_of(msgspec.json.encode(READ | change))
        assert reason == text
        assert reason.in_language("zh") != text


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_the_english_reason_of_a_record_is_msgspecs(change: dict[str, Any]) -> None:
    if not is_event(READ | change, strict=False):
        with pytest.raises(msgspec.ValidationError) as raised:
            msgspec.convert(READ | change, ev.AnyEvent, strict=False)
        reason = Reasons().of_record(raised.value, READ | change)
        text = str(raised.value)
        assert reason == text
        assert "event" in change or reason.in_language("zh") != text


@pytest.mark.parametrize("line", [b"{x", b'{"event', b"\\"])
def test_the_english_reason_of_malformed_json_is_msgspecs(line: bytes) -> None:
    text, reason = reason_of(line)
    assert reason == text
    assert reason.in_language("zh") == f"不是正确的 JSON（{text}）"


@pytest.mark.parametrize(
    ("line", "reason", "chinese"),
    [
        (rb'{"id":"\ud83d"}', "half of a surrogate pair", "半个代理对"),
        (b'{"id":"\xff"}', "it is not UTF-8", "UTF-8"),
        (DUPLICATE, "it does not match the structure of an event", "事件"),
    ],
)
def test_reasons_of_our_own(line: bytes, reason: str, chinese: str) -> None:
    _, actual = reason_of(line)
    assert reason in actual
    assert chinese in actual.in_language("zh")


QUOTES = [
    ({"event": "dance"}, "Invalid value 'dance' - at `$.event`"),
    ({"event": PLANTED}, "Invalid value '***' - at `$.event`"),
    ({"event": "\0".join(PLANTED)}, "Invalid value '***' - at `$.event`"),
    ({**READ, "colour": 1}, "Object contains unknown field `colour`"),
    ({**READ, PLANTED: 1}, "Object contains unknown field `***`"),
    ({**READ, "\0".join(PLANTED): 1}, "Object contains unknown field `***`"),
]


@pytest.mark.parametrize(("record", "reason"), QUOTES)
def test_a_reason_quotes_only_short_names(record: dict[str, Any], reason: str) -> None:
    reasons = Reasons()
    for _ in range(2):
        with pytest.raises(msgspec.ValidationError) as raised:
            msgspec.json.decode(msgspec.json.encode(record), type=ev.AnyEvent)
        line = msgspec.json.encode(record)
        assert reasons.of_line(raised.value, line) == reason
        assert reasons.of_record(raised.value, record) == reason
        assert "PLANTED" not in reasons.of_line(raised.value, line).in_language("zh")


@given(st.dictionaries(st.sampled_from([*READ, PLANTED]), st.sampled_from([*VALUES, PLANTED])))
def test_no_reason_contains_an_openid(record: dict[str, Any]) -> None:
    if not is_event(record, strict=False):
        with pytest.raises(msgspec.ValidationError) as raised:
            msgspec.convert(record, ev.AnyEvent, strict=False)
        reason = Reasons().of_record(raised.value, record)
        assert "PLANTED" not in reason + reason.in_language("zh")
