"""Parts of OpenAPI documents that all calls of WeChat's protocol share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from wxcube.contract.codes import ERRCODES

Schema = dict[str, Any]


def errcodes_of(scope: str) -> list[int]:
    """The errcodes that calls of a scope can answer, those of all calls included."""
    return [code for code, known in ERRCODES.items() if {scope, "all"} & set(known.scope)]


def either(answer: str, errcodes: Sequence[int], example: object) -> Schema:
    """A response that is the answer, with an example, or an error with one of some errcodes."""
    either_schema = {"oneOf": [reference(answer), reference("Error")]}
    examples = {"answer": {"summary": "the documented answer", "value": example}}
    return {
        "description": "\n".join(["The answer, or an error:", "", *_explained(errcodes)]),
        "content": {"application/json": {"schema": either_schema, "examples": examples | _error_examples(errcodes)}},
    }


def as_json_body(schema: Schema, *, example: object) -> Schema:
    """The content of a JSON body with an example."""
    return {"application/json": {"schema": schema, "example": example}}


def reference(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def _explained(errcodes: Sequence[int]) -> Iterable[str]:
    return (f"- `{code}` {ERRCODES[code].en} ({ERRCODES[code].zh})" for code in errcodes)


def _error_examples(errcodes: Sequence[int]) -> Schema:
    return {f"errcode{code}": {"$ref": f"#/components/examples/errcode{code}"} for code in errcodes}
