"""Every answer WeChat documents decodes into our rows and comes out the same."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from support import evidence
from wxcube.contract import ENDPOINTS, Endpoint, named
from wxcube.contract.field import Nested, Row, members

OLD = "getuserread_before_2020-02-28"


def shape(value: Any) -> Any:
    """JSON with its member order made visible."""
    if isinstance(value, dict):
        return [(name, shape(member)) for name, member in value.items()]
    return [shape(item) for item in value] if isinstance(value, list) else value


def listed(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(evidence.documented(name))["list"]
    return rows


def decode(endpoint: Endpoint[Row]) -> list[Row]:
    return [msgspec.convert(row, endpoint.row, strict=True) for row in listed(endpoint.name)]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_a_documented_answer_comes_out_as_it_went_in(endpoint: Endpoint[Row]) -> None:
    again = json.loads(msgspec.json.encode(decode(endpoint)))
    assert shape(again) == shape(listed(endpoint.name))


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_a_documented_answer_has_no_column_we_do_not_know(endpoint: Endpoint[Row]) -> None:
    for row in listed(endpoint.name):
        assert unknown(row, endpoint.row) == set()


def unknown(found: dict[str, Any], row: type[Row]) -> set[str]:
    known = {member.name: member for member in members(row)}
    strange = found.keys() - known.keys()
    for name in found.keys() & known.keys():
        member = known[name]
        if isinstance(member, Nested):
            parts = found[name] if member.many else [found[name]]
            strange |= {f"{name}.{s}" for part in parts for s in unknown(part, member.row)}
    return strange


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_the_key_of_documented_rows_is_unique(endpoint: Endpoint[Row]) -> None:
    keys = [tuple(getattr(row, name) for name in endpoint.key) for row in decode(endpoint)]
    assert len(set(keys)) == len(keys) > 0


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_only_published_content_says_whether_figures_are_late(endpoint: Endpoint[Row]) -> None:
    answer = json.loads(evidence.documented(endpoint.name))
    assert answer.keys() - {"list"} == ({"is_delay"} if endpoint.has_delay_flag else set())


def test_every_file_of_documented_answers_is_an_endpoints() -> None:
    names = {path.stem for path in (evidence.HERE / "documented").iterdir()}
    assert names == {endpoint.name for endpoint in ENDPOINTS} | {OLD}


def test_the_answer_of_the_first_years_lacks_the_channel_and_says_so() -> None:
    with pytest.raises(msgspec.ValidationError, match="user_source"):
        msgspec.convert(listed(OLD)[0], named("getuserread").row)


def test_a_coupon_may_leave_out_whether_it_is_paid_for() -> None:
    row = listed("getcardcardinfo")[0]
    kept = msgspec.convert(row | {"is_pay": 1}, named("getcardcardinfo").row)
    assert "is_pay" not in row
    assert getattr(kept, "is_pay", None) == 1
