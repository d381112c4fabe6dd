"""Rows of the wire that lack members or cannot be read."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import msgspec

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Column, Row, element_key, members

Path = tuple[str, ...]


def removable(endpoint: Endpoint[Any]) -> list[Path]:
    """The paths of all members that an answer may lack, nested ones included."""
    return list(_paths(endpoint.row, endpoint.key, ()))


def _paths(row: type[Row], key: tuple[str, ...], before: Path) -> Iterator[Path]:
    for member in members(row):
        path = (*before, member.name)
        if member.name not in key:
            yield path
        if not isinstance(member, Column):
            yield from _paths(member.row, element_key(member.row) if member.many else (), path)


def without(row: Any, path: Path, *, null: bool = False) -> Any:
    """A row of the wire without a member, or with null there; in lists in every element."""
    damaged = copy.deepcopy(row)
    _damage(damaged, path, null=null)
    return damaged


def _damage(value: Any, path: Path, *, null: bool) -> None:
    if isinstance(value, list):
        for element in value:
            _damage(element, path, null=null)
    elif isinstance(value, dict) and len(path) > 1:
        _damage(value.get(path[0]), path[1:], null=null)
    elif isinstance(value, dict) and null:
        value[path[0]] = None
    elif isinstance(value, dict):
        value.pop(path[0], None)


def on_wire(rows: list[Row]) -> list[dict[str, Any]]:
    """Rows as WeChat's JSON."""
    listed: list[dict[str, Any]] = json.loads(msgspec.json.encode(rows))
    return listed
