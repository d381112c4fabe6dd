"""Rows as WeChat's JSON: members that an answer did not have are absent again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Row


def encode_answer(endpoint: Endpoint[Any], rows: Sequence[Row], *, is_delay: bool = False) -> bytes:
    """The body of WeChat's answer with these rows."""
    flag = {"is_delay": is_delay} if endpoint.has_delay_flag else {}
    body = msgspec.json.encode({"list": rows, **flag})
    # PERF: nearly no answer has a null
    if b":null" not in body:
        return body
    present = [_without_null(msgspec.to_builtins(row)) for row in rows]
    return msgspec.json.encode({"list": present, **flag})


def answer_of(endpoint: Endpoint[Any], rows: bytes, *, is_delay: bool = False) -> bytes:
    """The body of WeChat's answer with a list of rows that is encoded."""
    flag = b',"is_delay":%b' % (b"true" if is_delay else b"false")
    return b'{"list":%b%b}' % (rows, flag if endpoint.has_delay_flag else b"")


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_null(part) for name, part in value.items() if part is not None}
    return [_without_null(part) for part in value] if isinstance(value, list) else value
