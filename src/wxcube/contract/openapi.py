"""WeChat's datacube protocol as an OpenAPI 3.1 document, made from the contract.

Clients in any language can be generated from it, and servers validated against it. `x-unit` and
`x-adding` of each column give its unit and how its figures are aggregated.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from wxcube.contract import ENDPOINTS, VERSION
from wxcube.contract.codes import ERRCODES, TABLES
from wxcube.contract.endpoint import GROUP_TITLES, Endpoint, Param
from wxcube.contract.export import TYPES, formatted
from wxcube.contract.field import Code, Column, Label, Row, element_key, members, nested

Schema = dict[str, Any]

_ABOUT = """\
Statistics of a WeChat Official Account. Every answer has HTTP status 200: rows in `list`, or `errcode` and `errmsg`.
Days are Beijing days; figures of a day are available from 08:00 on the next day. `end_date` is yesterday at the latest.
"""
_RID = "6004f3da-1529ba72-5c345f67"


def as_json() -> str:
    """The OpenAPI document as indented JSON text that ends with a line feed."""
    return formatted(openapi())


def openapi() -> Schema:
    """The OpenAPI document as dicts, lists, strings and numbers."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "WeChat Official Account datacube",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "https://api.weixin.qq.com"}],
        "tags": [
            {"name": "token", "description": "access tokens"},
            *({"name": group.value, "description": f"{title.zh}: {title}"} for group, title in GROUP_TITLES.items()),
        ],
        "paths": _token_paths() | {e.path: {"post": _operation(e)} for e in ENDPOINTS},
        "components": {
            "securitySchemes": {"access_token": {"type": "apiKey", "in": "query", "name": "access_token"}},
            "schemas": _shared() | _rows() | _bodies(),
        },
    }


def _operation(endpoint: Endpoint[Row]) -> Schema:
    retired: Schema = {"deprecated": True} if endpoint.is_retired else {}
    return retired | {
        "operationId": endpoint.name,
        "tags": [endpoint.group.value],
        "summary": f"{endpoint.title_zh}: {endpoint.title_en}",
        "description": _describe(endpoint),
        "security": [{"access_token": []}],
        "requestBody": {"required": True, "content": _json(_ref(f"{endpoint.row.__name__}Request"))},
        "responses": {"200": _either(f"{endpoint.row.__name__}Answer")},
        "x-span-days": endpoint.span_days,
        "x-first-date": endpoint.first_date.isoformat(),
        "x-errcodes": list(endpoint.errcodes),
    }


def _describe(endpoint: Endpoint[Row]) -> str:
    days = "1 day" if endpoint.span_days == 1 else f"{endpoint.span_days} days"
    lines = [f"One row: {endpoint.row_en} ({endpoint.row_zh})", f"At most {days} in one call, from {endpoint.first_date} on."]
    if endpoint.is_retired:
        lines.append("WeChat has switched this call off and answers errcode 47009.")
    return "\n\n".join([*lines, *endpoint.notes])


def _bodies() -> Schema:
    return {f"{e.row.__name__}{part}": schema(e) for e in ENDPOINTS for part, schema in (("Request", _request), ("Answer", _answer))}


def _request(endpoint: Endpoint[Row]) -> Schema:
    day = {"type": "string", "format": "date"}
    dates = {
        "begin_date": day | {"description": "first day of the window"},
        "end_date": day | {"description": f"last day of the window, less than {endpoint.span_days} days after begin_date"},
    }
    required = [*dates, *(p.name for p in endpoint.params if p.required)]
    return {"type": "object", "properties": dates | {p.name: _param(p) for p in endpoint.params}, "required": required}


def _param(param: Param) -> Schema:
    schema: Schema = {"type": TYPES[param.type], "title": param.zh, "description": param.en}
    if param.codes:
        schema["enum"] = [meaning.code for meaning in TABLES[param.codes].meanings]
    return schema


def _answer(endpoint: Endpoint[Row]) -> Schema:
    properties: Schema = {"list": {"type": "array", "items": _ref(endpoint.row.__name__), "description": "rows; empty when there are none"}}
    if endpoint.has_delay_flag:
        properties["is_delay"] = {
            "anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}],
            "description": "whether the figures are still being computed; some accounts get it as text",
        }
    return {"type": "object", "properties": properties, "required": ["list"]}


def _rows() -> Schema:
    _, schemas = msgspec.json.schema_components([e.row for e in ENDPOINTS], ref_template="#/components/schemas/{name}")
    for row in _parts(e.row for e in ENDPOINTS):
        _annotate(schemas[row.__name__], row)
    for endpoint in ENDPOINTS:
        _require_keys(schemas, endpoint.row, endpoint.key)
    return dict(sorted(schemas.items()))


def _require_keys(schemas: Schema, row: type[Row], key: tuple[str, ...]) -> None:
    """Require only the members of keys, since answers may lack any other."""
    schemas[row.__name__]["required"] = [name for name in schemas[row.__name__]["required"] if name in key]
    for part in nested(row):
        _require_keys(schemas, part.row, element_key(part.row) if part.many else ())


def _parts(rows: Iterable[type[Row]]) -> set[type[Row]]:
    """Row structs and the structs nested in them, at any depth."""
    structs = set(rows)
    return structs.union(*(_parts(part.row for part in nested(row)) for row in structs))


def _annotate(schema: Schema, row: type[Row]) -> None:
    for member in members(row):
        if isinstance(member, Column):
            schema["properties"][member.name] = _property(member)


def _property(column: Column) -> Schema:
    schema: Schema = {"type": TYPES[column.type], "title": column.kind.zh, "description": _meaning(column)}
    if schema["type"] == "date":
        schema |= {"type": "string", "format": "date"}
    if schema["type"] == "integer":
        schema["format"] = "int64"
    return schema | {"x-unit": column.kind.unit, "x-adding": column.kind.adding.value}


def _meaning(column: Column) -> str:
    text = f"{column.kind.en} ({column.kind.note})" if column.kind.note else column.kind.en
    if not isinstance(column.kind, Code | Label) or not column.kind.table:
        return text
    codes = TABLES[column.kind.table].meanings
    return f"{text}: {', '.join(f'{m.code} {m.zh}' if m.zh != m.code else m.zh for m in codes)}"


def _shared() -> Schema:
    return {
        "Error": {
            "type": "object",
            "description": "an error; HTTP status 200 as well",
            "properties": {
                "errcode": {"type": "integer", "description": "code of the error, never 0", "not": {"const": 0}},
                "errmsg": {"type": "string", "description": "WeChat's text, most often with a rid to look the call up by"},
            },
            "required": ["errcode", "errmsg"],
            "examples": [{"errcode": code, "errmsg": f"{ERRCODES[code].errmsg} rid: {_RID}"} for code in (40001, 61501)],
        },
        "Token": {
            "type": "object",
            "properties": {
                "access_token": {"type": "string", "maxLength": 512},
                "expires_in": {"type": "integer", "description": "seconds it is still good for", "minimum": 0, "maximum": 7200},
            },
            "required": ["access_token", "expires_in"],
        },
        "StableTokenRequest": {
            "type": "object",
            "properties": {
                "grant_type": {"const": "client_credential"},
                "appid": {"type": "string"},
                "secret": {"type": "string"},
                "force_refresh": {"type": "boolean", "default": False, "description": "invalidate the old token now; 20 a day, 30 s apart"},
            },
            "required": ["grant_type", "appid", "secret"],
        },
    }


def _token_paths() -> Schema:
    shared: Schema = {"tags": ["token"], "security": [], "responses": {"200": _either("Token")}}
    token = {
        "operationId": "token",
        "summary": "new access token",
        "description": "Ends the token before it, which stays good for 5 more minutes. 2000 a day.",
        "parameters": [
            _query("grant_type", {"const": "client_credential"}),
            _query("appid", {"type": "string"}),
            _query("secret", {"type": "string"}),
        ],
    }
    stable = {
        "operationId": "stable_token",
        "summary": "access token that all callers share",
        "description": "The same token for everybody until its last 5 minutes. 10000 a minute, 500000 a day.",
        "requestBody": {"required": True, "content": _json(_ref("StableTokenRequest"))},
    }
    return {"/cgi-bin/token": {"get": token | shared}, "/cgi-bin/stable_token": {"post": stable | shared}}


def _query(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "required": True, "schema": schema}


def _either(answer: str) -> Schema:
    return {"description": "the answer, or an error", "content": _json({"oneOf": [_ref(answer), _ref("Error")]})}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
