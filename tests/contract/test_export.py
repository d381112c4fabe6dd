"""The exported contract is complete, up to date and agrees with the Python data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support import evidence
from wxcube.contract import ENDPOINTS, VERSION, export, openapi
from wxcube.contract.__main__ import main
from wxcube.contract.field import leaves

CHECKED_IN = Path(__file__).parents[2] / "docs" / "contract"
FORMATS = {"contract.json": export.as_json, "openapi.json": openapi.as_json}


@pytest.mark.parametrize("name", FORMATS)
def test_the_checked_in_file_is_current(name: str) -> None:
    text = (CHECKED_IN / name).read_text(encoding="utf-8")
    assert text == FORMATS[name](), (
        f"docs/contract/{name} is out of date: run `make contract` and look at the difference"
    )


@pytest.fixture(scope="module")
def exported() -> dict[str, Any]:
    contract: dict[str, Any] = json.loads(export.as_json())
    return contract


def test_the_version_is_included(exported: dict[str, Any]) -> None:
    assert exported["version"] == VERSION


def test_every_column_is_included(exported: dict[str, Any]) -> None:
    ours = {e.name: [path for path, _ in leaves(e.row)] for e in ENDPOINTS}
    assert {e["name"]: [c["path"] for c in e["columns"]] for e in exported["endpoints"]} == ours


def test_spans_and_keys_are_those_of_the_fact_sheet(exported: dict[str, Any]) -> None:
    sheet = evidence.facts()["endpoints"]
    for endpoint in exported["endpoints"]:
        assert endpoint["span_days"] == sheet[endpoint["name"]]["span_days"]
        assert endpoint["key"] == sheet[endpoint["name"]]["key"]


def test_codes_and_errcodes_are_those_of_the_fact_sheet(exported: dict[str, Any]) -> None:
    for name, fact in evidence.facts()["enums"].items():
        assert [m["code"] for m in exported["codes"][name]["meanings"]] == [
            v["code"] for v in fact["values"]
        ]
    assert [e["code"] for e in exported["errcodes"]] == [
        e["code"] for e in evidence.errors()["errors"] if e["code"]
    ]


def test_empty_members_are_not_exported(exported: dict[str, Any]) -> None:
    for endpoint in exported["endpoints"]:
        assert all(value not in ("", [], None) for value in endpoint.values())


@pytest.mark.parametrize(
    ("format_name", "start"), [("json", '{\n  "contract"'), ("openapi", '{\n  "openapi"')]
)
def test_the_command_prints_a_format(
    format_name: str, start: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([format_name]) == 0
    assert capsys.readouterr().out.startswith(start)


@pytest.mark.parametrize("arguments", [[], ["yaml"], ["json", "openapi"]])
def test_wrong_arguments_print_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "json|openapi" in capsys.readouterr().err
