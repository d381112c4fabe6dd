"""The contract as JSON, for programs in any language.

Everything the Python data says: endpoints with their columns, code tables, rights and errcodes. What is
empty is left out.
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
    return written(contract())


def written(document: dict[str, Any]) -> str:
    """A document as JSON text the way the checked-in files have it."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def contract() -> dict[str, Any]:
    """The whole contract as plain dicts, lists, texts and numbers."""
    return {
        "contract": "WeChat Official Account datacube",
        "version": VERSION,
        "dates": {
            "timezone": str(beijing.BEIJING),
            "first_date": EARLIEST.isoformat(),
            "last_date": "yesterday",
            "ready_at": f"{beijing.READY_AT:%H:%M}",
        },
        "adding": {way.value: _adding(way) for way in Adding},
        "endpoints": [_endpoint(endpoint) for endpoint in ENDPOINTS],
        "codes": {name: _table(table) for name, table in TABLES.items()},
        "permission_sets": [_filled(asdict(known)) for known in PERMISSION_SETS.values()],
        "errcodes": [_errcode(known) for known in ERRCODES.values()],
    }


def _adding(way: Adding) -> str:
    return {
        Adding.NONE: "not a figure, or never to be combined",
        Adding.SUM: "may be added up",
        Adding.DISTINCT: "distinct people: never added, only counted anew",
        Adding.LAST: "a running total or snapshot: take the newest",
        Adding.MAX: "take the largest",
    }[way]


def _endpoint(endpoint: Endpoint[Row]) -> dict[str, Any]:
    return _filled(
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
            "table": endpoint.table,
            "key": endpoint.key,
            "params": [_param(param) for param in endpoint.params],
            "columns": [_column(path, column) for path, column in leaves(endpoint.row)],
            "errcodes": endpoint.errcodes,
            "evidence": [_filled(asdict(known)) for known in endpoint.evidence],
            "notes": endpoint.notes,
        }
    )


def _param(param: Param) -> dict[str, Any]:
    return _filled(asdict(param) | {"type": TYPES[param.type]})


def _column(path: str, column: Column) -> dict[str, Any]:
    return _filled(
        {
            "path": path,
            "type": TYPES[column.type],
            "optional": column.optional,
            "kind": type(column.kind).__name__.lower(),
            "unit": column.kind.unit,
            "adding": column.kind.adding.value,
            "codes": getattr(column.kind, "table", ""),
            "zh": column.kind.zh,
            "en": column.kind.en,
            "status": column.kind.status,
            "note": column.kind.note,
        }
    )


def _table(table: CodeTable) -> dict[str, Any]:
    return {"used_by": table.used_by, "meanings": [_filled(asdict(meaning)) for meaning in table.meanings]}


def _errcode(known: ErrCode) -> dict[str, Any]:
    return {
        "code": known.code,
        "zh": known.zh,
        "en": known.en,
        "errmsg": known.errmsg,
        "error": known.error.__name__,
        "remedy": known.remedy.value,
        "hint": known.hint,
        "scope": known.scope,
        "status": known.status,
    }


def _filled(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value not in ("", None, (), [])}
