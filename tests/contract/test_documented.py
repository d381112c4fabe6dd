"""Every documented answer is decoded into our rows and encoded without changes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from support import evidence
from wxcube.contract import ENDPOINTS, Endpoint, named
from wxcube.contract.codes import ALL_CHANNELS
from wxcube.contract.field import Nested, Row, members

OLD = "getuserread_before_2020-02-28"


def shape(value: Any) -> Any:
    """JSON with objects as lists of pairs, so that the order of members is compared."""
    if isinstance(value, dict):
        return [(name, shape(member)) for name, member in value.items()]
    return [shape(item) for item in value] if isinstance(value, list) else value


def listed(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(evidence.documented(name))["list"]
    return rows


def decode(endpoint: Endpoint[Row]) -> list[Row]:
    return [msgspec.convert(row, endpoint.row, strict=True) for row in listed(endpoint.name)]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_documented_answers_survive_decoding_and_encoding(endpoint: Endpoint[Row]) -> None:
    encoded = json.loads(msgspec.json.encode(decode(endpoint)))
    assert shape(encoded) == shape(listed(endpoint.name))


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_documented_answers_have_no_unknown_columns(endpoint: Endpoint[Row]) -> None:
    for row in listed(endpoint.name):
        assert unknown(row, endpoint.row) == set()


def unknown(answer: dict[str, Any], row: type[Row]) -> set[str]:
    known = {member.name: member for member in members(row)}
    unknown_names = answer.keys() - known.keys()
    for name in answer.keys() & known.keys():
        member = known[name]
        if isinstance(member, Nested):
            parts = answer[name] if member.many else [answer[name]]
            unknown_names |= {f"{name}.{s}" for part in parts for s in unknown(part, member.row)}
    return unknown_names


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_keys_of_documented_rows_are_unique(endpoint: Endpoint[Row]) -> None:
    keys = [tuple(getattr(row, name) for name in endpoint.key) for row in decode(endpoint)]
    assert len(set(keys)) == len(keys) > 0


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_only_published_content_has_the_delay_flag(endpoint: Endpoint[Row]) -> None:
    answer = json.loads(evidence.documented(endpoint.name))
    assert answer.keys() - {"list"} == ({"is_delay"} if endpoint.has_delay_flag else set())


def test_every_documented_answer_belongs_to_an_endpoint() -> None:
    names = {path.stem for path in (evidence.HERE / "documented").iterdir()}
    assert names == {endpoint.name for endpoint in ENDPOINTS} | {OLD}


def test_answers_of_the_first_years_lack_the_channel_and_survive_too() -> None:
    implied = named("getuserread").implied_key
    assert implied is not None
    rows = [msgspec.convert(row, implied.row, strict=True) for row in listed(OLD)]
    assert [row.user_source for row in rows] == [ALL_CHANNELS]  # type: ignore[attr-defined] # of its rows
    assert shape(json.loads(msgspec.json.encode(rows))) == shape(listed(OLD))


def test_is_pay_of_a_coupon_is_optional() -> None:
    row = listed("getcardcardinfo")[0]
    decoded = msgspec.convert(row | {"is_pay": 1}, named("getcardcardinfo").row)
    assert "is_pay" not in row
    assert getattr(decoded, "is_pay", None) == 1
