"""The contract as JSON, for programs in any language.

Everything in the Python data: endpoints with their columns, code tables, permission sets and errcodes.
Empty members are left out.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

import msgspec

from wxcube import beijing
from wxcube.contract import ENDPOINTS, VERSION
from wxcube.contract.codes import ERRCODES, PERMISSION_SETS, TABLES, CodeTable, ErrCode
from wxcube.contract.endpoint import EARLIEST, Endpoint, Param
from wxcube.contract.field import Adding, Column, Row, leaves

TYPES: dict[type, str] = {int: "integer", float: "number", str: "string", date: "date"}
"""Names of the Python types of columns and parameters."""


def as_json() -> str:
    """The whole contract as indented JSON text that ends with a line feed."""
    return formatted(contract())


def formatted(document: dict[str, Any]) -> str:
    """A document as JSON text, in the format of the checked-in files."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def contract() -> dict[str, Any]:
    """The whole contract as dicts, lists, strings and numbers."""
    return {
        "contract": "WeChat Official Account datacube",
        "version": VERSION,
        "dates": {
            "timezone": str(beijing.BEIJING),
            "first_date": EARLIEST.isoformat(),
            "last_date": "yesterday",
            "ready_at": f"{beijing.READY_AT:%H:%M}",
        },
        "adding": {adding.value: _adding(adding) for adding in Adding},
        "endpoints": [_endpoint(endpoint) for endpoint in ENDPOINTS],
        "codes": {name: _table(table) for name, table in TABLES.items()},
        "permission_sets": [_without_empty(asdict(right)) for right in PERMISSION_SETS.values()],
        "errcodes": [_errcode(errcode) for errcode in ERRCODES.values()],
    }


def _adding(adding: Adding) -> str:
    return {
        Adding.NONE: "not a figure, or never to be combined",
        Adding.SUM: "may be added up",
        Adding.DISTINCT: "distinct users: never add, count again",
        Adding.LAST: "a running total or snapshot: take the newest",
        Adding.MAX: "take the largest",
    }[adding]


def _endpoint(endpoint: Endpoint[Row]) -> dict[str, Any]:
    return _without_empty(
        {
            "name": endpoint.name,
            "path": endpoint.path,
            "title": {"zh": endpoint.title_zh, "en": endpoint.title_en},
            "row": {"zh": endpoint.row_zh, "en": endpoint.row_en},
            "group": endpoint.group.value,
            "grain": endpoint.grain.value,
            "span_days": endpoint.span_days,
            "first_date": endpoint.first_date.isoformat(),
            "moves_days": endpoint.moves_days,
            "life": endpoint.life.value,
            "retired_since": endpoint.retired_since,
            "successors": endpoint.successors,
            "permission_set": endpoint.permission_set,
            "has_delay_flag": endpoint.has_delay_flag,
            "has_every_day": endpoint.has_every_day,
            "part_of": endpoint.part_of,
            "balance": asdict(endpoint.balance) if endpoint.balance else None,
            "table": endpoint.table,
            "view": endpoint.view,
            "key": endpoint.key,
            "params": [_param(param) for param in endpoint.params],
            "columns": [_column(path, column) for path, column in leaves(endpoint.row)],
            "errcodes": endpoint.errcodes,
            "evidence": [_without_empty(asdict(evidence)) for evidence in endpoint.evidence],
            "notes": list(map(str, endpoint.notes)),
        }
    )


def _param(param: Param) -> dict[str, Any]:
    return _without_empty(asdict(param) | {"type": TYPES[param.type]})


def _column(path: str, column: Column) -> dict[str, Any]:
    return _without_empty(
        {
            "path": path,
            "type": TYPES[column.type],
            "optional": column.optional,
            "kind": type(column.kind).__name__.lower(),
            "unit": column.kind.unit,
            "adding": column.kind.adding.value,
            "may_fall": getattr(column.kind, "may_fall", None) or None,
            "codes": getattr(column.kind, "table", ""),
            "zh": column.kind.zh,
            "en": column.kind.en,
            "status": column.kind.status,
            "note": column.kind.note,
        }
    )


def _table(table: CodeTable) -> dict[str, Any]:
    return _without_empty(
        {"used_by": table.used_by, "whole": table.whole, "meanings": [_without_empty(asdict(meaning)) for meaning in table.meanings]}
    )


def _errcode(errcode: ErrCode) -> dict[str, Any]:
    return {
        "code": errcode.code,
        "zh": errcode.zh,
        "en": errcode.en,
        "errmsg": errcode.errmsg,
        "error": errcode.error.__name__,
        "remedy": errcode.remedy.value,
        "hint": str(errcode.hint),
        "scope": errcode.scope,
        "status": errcode.status,
    }


def _without_empty(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value not in ("", None, (), [])}
