"""WeChat's datacube protocol as an OpenAPI 3.1 document, made from the contract.

Clients in any language can be generated from it, and servers validated against it. `x-unit` and
`x-adding` of each column give its unit and how its figures are aggregated. Every call has WeChat's
documented request and answer as examples, and an example with its meaning for each of its errcodes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec

from wxcube.contract import ENDPOINTS, VERSION
from wxcube.contract.codes import ERRCODES, PERMISSION_SETS, TABLES, ErrCode
from wxcube.contract.endpoint import GROUP_TITLES, Endpoint, Param
from wxcube.contract.examples import example_answer, example_request
from wxcube.contract.export import TYPES, formatted
from wxcube.contract.field import Code, Column, Label, Row, element_key, members, nested
from wxcube.contract.openapi_parts import Schema, as_json_body, either, errcodes_of, reference
from wxcube.contract.other_calls import SCHEMAS as OTHER_SCHEMAS
from wxcube.contract.other_calls import TAGS as OTHER_TAGS
from wxcube.contract.other_calls import other_calls

WECHAT = "https://api.weixin.qq.com"
_ABOUT = """\
Statistics of a WeChat Official Account. Every answer has HTTP status 200: rows in `list`, or `errcode` and `errmsg`.
Days are Beijing days; figures of a day are available from 08:00 on the next day. `end_date` is yesterday at the latest.
"""
_RID = "6004f3da-1529ba72-5c345f67"


def as_json() -> str:
    """The OpenAPI document as indented JSON text that ends with a line feed."""
    return formatted(openapi())


def openapi(newest: date | None = None) -> Schema:
    """The OpenAPI document as dicts, lists, strings and numbers.

    Its example requests ask for the last day, week or month up to the day `newest`, by default for
    those that WeChat documents.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "WeChat Official Account datacube",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": WECHAT}],
        "tags": [
            *OTHER_TAGS,
            *({"name": group.value, "description": f"{title.zh}: {title}"} for group, title in GROUP_TITLES.items()),
        ],
        "paths": other_calls() | {e.path: {"post": _operation(e, newest)} for e in ENDPOINTS},
        "components": {
            "securitySchemes": {"access_token": {"type": "apiKey", "in": "query", "name": "access_token"}},
            "schemas": _error_schema() | OTHER_SCHEMAS | _rows() | _bodies(),
            "examples": {f"errcode{code}": _error_example(known) for code, known in ERRCODES.items()},
        },
    }


def _operation(endpoint: Endpoint[Row], newest: date | None) -> Schema:
    request, answer = f"{endpoint.row.__name__}Request", f"{endpoint.row.__name__}Answer"
    retired: Schema = {"deprecated": True} if endpoint.is_retired else {}
    return retired | {
        "operationId": endpoint.name,
        "tags": [endpoint.group.value],
        "summary": f"{endpoint.title_zh}: {endpoint.title_en}",
        "description": _describe(endpoint),
        "security": [{"access_token": []}],
        "requestBody": {"required": True, "content": as_json_body(reference(request), example=example_request(endpoint, newest))},
        "responses": {"200": either(answer, errcodes_of("datacube"), example_answer(endpoint))},
        "x-span-days": endpoint.span_days,
        "x-first-date": endpoint.first_date.isoformat(),
        "x-errcodes": list(endpoint.errcodes),
    }


def _describe(endpoint: Endpoint[Row]) -> str:
    days = "1 day" if endpoint.span_days == 1 else f"{endpoint.span_days} days"
    right = PERMISSION_SETS[endpoint.permission_set]
    lines = [
        f"One row: {endpoint.row_en} ({endpoint.row_zh})",
        f"At most {days} in one call, from {endpoint.first_date} on. Permission set {right.code}: {right.zh} ({right.en}).",
    ]
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
    properties: Schema = {"list": {"type": "array", "items": reference(endpoint.row.__name__), "description": "rows; empty when there are none"}}
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


def _error_schema() -> Schema:
    return {
        "Error": {
            "type": "object",
            "description": "an error; HTTP status 200 as well",
            "properties": {
                "errcode": {"type": "integer", "description": "code of the error, never 0", "not": {"const": 0}},
                "errmsg": {"type": "string", "description": "WeChat's text, most often with a rid to look the call up by"},
            },
            "required": ["errcode", "errmsg"],
            "examples": [_error(ERRCODES[code]) for code in (40001, 61501)],
        }
    }


def _error_example(known: ErrCode) -> Schema:
    status = "" if known.status == "official" else f" ({known.status})"
    return {
        "summary": f"{known.code}: {known.en} ({known.zh})",
        "description": f"{known.en}{status}. {known.hint}.",
        "value": _error(known),
    }


def _error(known: ErrCode) -> Schema:
    return {"errcode": known.code, "errmsg": f"{known.errmsg.replace('{ip}', '203.0.113.5')} rid: {_RID}"}
