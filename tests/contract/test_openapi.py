"""The OpenAPI document is valid and accepts WeChat's documented answers."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from support import evidence
from support.documented import DocumentedServer, content
from wxcube.contract import ENDPOINTS, Endpoint, codes
from wxcube.contract.examples import example_answer, example_request
from wxcube.contract.field import Row
from wxcube.contract.openapi import openapi

DOCUMENT = openapi()
endpoint_cases = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)


def schema(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}


def answer(endpoint: Endpoint[Row]) -> Draft202012Validator:
    response = DOCUMENT["paths"][endpoint.path]["post"]["responses"]["200"]
    either: dict[str, Any] = response["content"]["application/json"]["schema"]
    return Draft202012Validator(either | {"components": DOCUMENT["components"]})


def test_the_document_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_exactly_the_calls_of_the_server_are_included() -> None:
    assert set(DOCUMENT["paths"]) == set(DocumentedServer().api._handlers)


@endpoint_cases
def test_documented_answers_are_valid(endpoint: Endpoint[Row]) -> None:
    documented = json.loads(evidence.documented(endpoint.name))
    answer(endpoint).validate(documented)
    answer(endpoint).validate({"list": []})


@endpoint_cases
def test_the_example_answer_is_the_documented_one(endpoint: Endpoint[Row]) -> None:
    assert example_answer(endpoint) == json.loads(evidence.documented(endpoint.name))


@pytest.mark.parametrize("newest", [None, date(2026, 3, 9), date(2026, 2, 28), date(2026, 3, 1)])
def test_examples_of_requests_and_answers_are_valid(newest: date | None) -> None:
    document = openapi(newest)
    components = {"components": document["components"]}
    for path, item in document["paths"].items():
        for operation in item.values():
            bodies = [operation["responses"]["200"], operation.get("requestBody")]
            for media in (body["content"]["application/json"] for body in bodies if body):
                check = Draft202012Validator(media["schema"] | components)
                examples = media.get("examples", {"only": {"value": media.get("example")}})
                assert examples, path
                for example in examples.values():
                    check.validate(resolved(document, example)["value"])


def resolved(document: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in example:
        return example
    name = example["$ref"].removeprefix("#/components/examples/")
    found: dict[str, Any] = document["components"]["examples"][name]
    return found


@endpoint_cases
def test_the_example_request_is_answered_with_the_example_answer(endpoint: Endpoint[Row]) -> None:
    server = DocumentedServer()
    query = f"access_token={server.token()}"
    request = example_request(endpoint)
    assert content(server.post(endpoint.path, request, query)) == example_answer(endpoint)


@endpoint_cases
def test_newest_requests_are_of_a_period_that_is_over(endpoint: Endpoint[Row]) -> None:
    newest = date(2026, 3, 9)
    label = date.fromisoformat(example_request(endpoint, newest)["begin_date"])
    assert endpoint.label(label) == label
    assert endpoint.period(label).last <= newest < endpoint.period(label).last + timedelta(days=31)


@pytest.mark.parametrize("code", codes.ERRCODES)
def test_every_errcode_is_an_example_of_the_calls_that_answer_it(code: int) -> None:
    known = codes.ERRCODES[code]
    example = DOCUMENT["components"]["examples"][f"errcode{code}"]
    assert known.en in example["summary"]
    assert str(known.hint) in example["description"]
    of_datacube = DOCUMENT["paths"][ENDPOINTS[0].path]["post"]["responses"]["200"]
    examples = of_datacube["content"]["application/json"]["examples"]
    assert (f"errcode{code}" in examples) == bool({"datacube", "all"} & set(known.scope))
    assert (f"`{code}`" in of_datacube["description"]) == (f"errcode{code}" in examples)


@endpoint_cases
def test_answers_without_a_key_column_are_invalid(endpoint: Endpoint[Row]) -> None:
    for name in endpoint.key:
        documented = json.loads(evidence.documented(endpoint.name))
        del documented["list"][0][name]
        assert not answer(endpoint).is_valid(documented)


@endpoint_cases
def test_values_of_the_wrong_type_are_invalid(endpoint: Endpoint[Row]) -> None:
    documented = json.loads(evidence.documented(endpoint.name))
    documented["list"][0]["ref_date"] = 20260301
    assert not answer(endpoint).is_valid(documented)


@pytest.mark.parametrize("code", codes.ERRCODES)
def test_errors_are_valid_answers(code: int) -> None:
    error = {"errcode": code, "errmsg": codes.ERRCODES[code].errmsg}
    assert answer(ENDPOINTS[code % len(ENDPOINTS)]).is_valid(error)


@pytest.mark.parametrize(
    "wrong",
    [
        {"errcode": 0, "errmsg": "ok"},
        {"errcode": 40001},
        {},
        [],
        {"list": {}},
        {"list": [], "errcode": 1, "errmsg": "x"},
    ],
)
def test_other_objects_are_invalid(wrong: object) -> None:
    assert not answer(ENDPOINTS[0]).is_valid(wrong)


@pytest.mark.parametrize("delay", [True, False, "true", "false"])
def test_is_delay_may_be_text(delay: object) -> None:
    late = next(endpoint for endpoint in ENDPOINTS if endpoint.has_delay_flag)
    assert answer(late).is_valid({"list": [], "is_delay": delay})


@endpoint_cases
def test_requests_need_their_required_members(endpoint: Endpoint[Row]) -> None:
    check = Draft202012Validator(schema(f"{endpoint.row.__name__}Request"))
    request = evidence.facts()["endpoints"][endpoint.name]["request"]
    values = {
        "begin_date": "2026-03-01",
        "end_date": "2026-03-01",
        "cond_source": 1,
        "card_id": "p1",
    }
    complete = {member["name"]: values[member["name"]] for member in request}
    check.validate(complete)
    for member in request:
        incomplete = {name: value for name, value in complete.items() if name != member["name"]}
        assert check.is_valid(incomplete) != member["required"]


@endpoint_cases
def test_retired_calls_are_deprecated(endpoint: Endpoint[Row]) -> None:
    life = evidence.facts()["endpoints"][endpoint.name]["life"]
    assert DOCUMENT["paths"][endpoint.path]["post"].get("deprecated", False) == (life == "retired")


@endpoint_cases
def test_columns_have_meaning_and_unit(endpoint: Endpoint[Row]) -> None:
    properties = DOCUMENT["components"]["schemas"][endpoint.row.__name__]["properties"]
    for column in endpoint.columns:
        assert properties[column.name]["title"] == column.kind.zh
        assert properties[column.name]["description"].startswith(column.kind.en)
        assert properties[column.name]["x-unit"] == column.kind.unit


@pytest.mark.parametrize(
    ("expires", "is_valid"), [(7200, True), (0, True), (7201, False), ("7200", False)]
)
def test_token_answers(expires: object, is_valid: bool) -> None:
    check = Draft202012Validator(schema("Token"))
    assert check.is_valid({"access_token": "t", "expires_in": expires}) == is_valid
