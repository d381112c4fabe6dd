"""The contract agrees with the fact sheet, by endpoint and by column."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from support import evidence
from wxcube.contract import ENDPOINTS, Endpoint, Grain, Group
from wxcube.contract.codes import PERMISSION_SETS, TABLES
from wxcube.contract.endpoint import EARLIEST
from wxcube.contract.field import Adding, Code, Column, Label, Row, leaves

UNITS = {
    "date YYYY-MM-DD": "day",
    "hour code": "hour",
    "code": "",
    "flag": "",
    "id": "",
    "label": "",
    "text": "",
    "url": "",
    "unknown": "",
    "people": "people",
    "times": "times",
    "messages": "times",
    "items": "times",
    "fen": "fen",
    "fen (0.01 CNY)": "fen",
    "ms": "ms",
    "minutes": "minutes",
    "fraction 0-1": "fraction",
}
TYPES = {"integer": int, "number": float, "string": str}
ADDING = {"sum": Adding.SUM, "none": Adding.DISTINCT, "last": Adding.LAST, "max": Adding.MAX}
NEVER_COMBINED = {"fraction", "minutes"}
ABSENT_IN_THE_SAMPLE = {("getcardcardinfo", "is_pay")}
"""Required in the fact sheet, but missing in the documented answer."""
ONLY_OVER_INTERVALS = {"getupstreammsgdist", "getupstreammsgdistweek", "getupstreammsgdistmonth"}
"""The fact sheet allows sums over count_interval, which counts no user twice; sums over days are wrong."""


def facts(endpoint: Endpoint[Row]) -> dict[str, Any]:
    facts_of_endpoint: dict[str, Any] = evidence.facts()["endpoints"][endpoint.name]
    return facts_of_endpoint


CASES = [
    pytest.param(endpoint, path, column, id=f"{endpoint}.{path}")
    for endpoint in ENDPOINTS
    for path, column in leaves(endpoint.row)
]
column_cases = pytest.mark.parametrize(("endpoint", "path", "column"), CASES)
endpoint_cases = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)


def fact(endpoint: Endpoint[Row], path: str) -> dict[str, Any]:
    column: dict[str, Any] = next(c for c in facts(endpoint)["columns"] if c["path"] == path)
    return column


def test_endpoints_are_those_of_the_fact_sheet() -> None:
    assert [e.name for e in ENDPOINTS] == list(evidence.facts()["endpoints"])


@endpoint_cases
def test_path_group_and_titles(endpoint: Endpoint[Row]) -> None:
    sheet = facts(endpoint)
    assert (endpoint.path, "POST") == (sheet["path"], sheet["method"])
    assert endpoint.group == Group(sheet["group"])
    assert (endpoint.title_zh, endpoint.title_en) == (sheet["title_zh"], sheet["title_en"])


@endpoint_cases
def test_dates(endpoint: Endpoint[Row]) -> None:
    sheet = facts(endpoint)
    first = sheet["first_date"]
    assert endpoint.span_days == sheet["span_days"]
    assert endpoint.first_date == (date.fromisoformat(first) if first else EARLIEST)


@endpoint_cases
def test_grain(endpoint: Endpoint[Row]) -> None:
    sheet = facts(endpoint)
    totals = "cumulative" in sheet["semantics"]
    assert endpoint.grain == (Grain.CUMULATIVE if totals else Grain(sheet["grain"]))


@endpoint_cases
def test_how_long_figures_can_change(endpoint: Endpoint[Row]) -> None:
    notes = {
        "getarticletotal": "at most 7 stat_dates",
        "getarticletotaldetail": "up to 30 stat_dates",
    }
    semantics = facts(endpoint)["semantics"]
    assert notes.get(endpoint.name, "") in semantics
    assert endpoint.moves_days == (
        int("".join(filter(str.isdigit, semantics))) if endpoint.is_cumulative else 1
    )


@endpoint_cases
def test_life_and_permission_set(endpoint: Endpoint[Row]) -> None:
    sheet = facts(endpoint)
    assert endpoint.life.value == sheet["life"]
    assert endpoint.permission_set == sheet["permission_set"]
    assert bool(endpoint.retired_since) == (sheet["life"] == "retired")


@endpoint_cases
def test_keys(endpoint: Endpoint[Row]) -> None:
    sheet = facts(endpoint)
    assert list(endpoint.key) == sheet["key"]
    if endpoint.running is not None:
        assert sheet["nested_keys"][f"{endpoint.running.name}[]"] == ["stat_date"]


@endpoint_cases
def test_request(endpoint: Endpoint[Row]) -> None:
    ours = [{"name": n, "type": "string", "required": True} for n in ("begin_date", "end_date")]
    ours += [
        {"name": p.name, "type": {int: "integer", str: "string"}[p.type], "required": p.required}
        for p in endpoint.params
    ]
    assert ours == facts(endpoint)["request"]


@endpoint_cases
def test_delay_flag_and_errcodes(endpoint: Endpoint[Row]) -> None:
    sheet = facts(endpoint)
    assert endpoint.has_delay_flag == sheet["has_delay_flag"]
    errcodes = sheet["documented_errors"]
    assert list(endpoint.errcodes) == (errcodes if isinstance(errcodes, list) else [])


@endpoint_cases
def test_a_disputed_span_has_evidence(endpoint: Endpoint[Row]) -> None:
    notes = [e for e in endpoint.evidence if "days" in e.note or "begin_date = end_date" in e.note]
    if facts(endpoint)["span_conflict"]:
        assert notes


@endpoint_cases
def test_columns_are_those_of_the_fact_sheet(endpoint: Endpoint[Row]) -> None:
    assert {path for path, _ in leaves(endpoint.row)} == {
        c["path"] for c in facts(endpoint)["columns"]
    }


@column_cases
def test_type_and_unit(endpoint: Endpoint[Row], path: str, column: Column) -> None:
    sheet = fact(endpoint, path)
    unit = UNITS[sheet["unit"]]
    assert column.kind.unit == unit
    assert column.type is (date if unit == "day" else TYPES[sheet["type"]])


@column_cases
def test_how_figures_are_aggregated(endpoint: Endpoint[Row], path: str, column: Column) -> None:
    sheet = fact(endpoint, path)
    expected = ADDING[sheet["adding"]] if "adding" in sheet else Adding.NONE
    if column.kind.unit in NEVER_COMBINED:
        expected = Adding.NONE
    if endpoint.name in ONLY_OVER_INTERVALS and path == "msg_user":
        expected = Adding.DISTINCT
    assert column.kind.adding is expected


@column_cases
def test_meaning_and_status(endpoint: Endpoint[Row], path: str, column: Column) -> None:
    sheet = fact(endpoint, path)
    assert column.kind.zh == sheet["zh"]
    assert column.kind.status == sheet["status"]


@column_cases
def test_optional_columns(endpoint: Endpoint[Row], path: str, column: Column) -> None:
    absent = fact(endpoint, path)["optional"] or (endpoint.name, path) in ABSENT_IN_THE_SAMPLE
    assert column.optional == absent


@column_cases
def test_code_tables(endpoint: Endpoint[Row], path: str, column: Column) -> None:
    table = column.kind.table if isinstance(column.kind, Code | Label) else ""
    expected = facts(endpoint)["enums"].get(column.name)
    if expected is not None and fact(endpoint, path)["status"] == "official":
        assert table == expected


@pytest.mark.parametrize("name", evidence.facts()["enums"])
def test_meanings_of_codes(name: str) -> None:
    values = evidence.facts()["enums"][name]["values"]
    table = TABLES[name]
    assert [m.code for m in table.meanings] == [v["code"] for v in values]
    for value in values:
        assert table[value["code"]].zh == (value.get("zh", value["code"]) or "未知")
        assert table[value["code"]].since == value.get("since", "")


@pytest.mark.parametrize("name", evidence.facts()["enums"])
def test_historic_codes_have_a_note(name: str) -> None:
    for value in evidence.facts()["enums"][name]["values"]:
        past = "historic" in value.get("status", "")
        assert ("historic" in TABLES[name][value["code"]].note) == past


def test_permission_sets() -> None:
    sheet = {
        int(number): words.split()[0]
        for number, words in evidence.facts()["permission_sets"].items()
    }
    assert {number: known.zh for number, known in PERMISSION_SETS.items()} == sheet


def test_dates_of_the_whole_datacube() -> None:
    dates = evidence.facts()["dates"]
    assert EARLIEST.isoformat() == dates["earliest"]
    content = {e.first_date.isoformat() for e in ENDPOINTS if e.group is Group.CONTENT}
    assert content == {dates["earliest_published_content"]}
