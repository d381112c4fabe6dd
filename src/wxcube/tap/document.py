"""The body of a callback or of a reply to it: XML or JSON, read so that it can do no harm."""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

import msgspec

from wxcube.tap.refused import Reason, RefusedError

Members = dict[str, Any]
"""Members by name: texts, further members, or lists of them where a name is repeated."""

MAX_DEPTH = 8
MAX_ELEMENTS = 1_000
"""Elements of an XML document; a callback about eight articles has about 60."""


def members_of(body: bytes) -> Members:
    """The members of a body.

    Raises:  RefusedError if it is neither XML nor a JSON object, or could do harm.
    """
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<"):
        return _Reader().read(start)
    if start.startswith(b"{"):
        return _json(start)
    raise RefusedError(Reason.MALFORMED)


def text(members: Members, name: str) -> str:
    """A member as text without surrounding space; empty if it is missing or has members itself."""
    value = members.get(name)
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) else ""


def items(value: Any) -> list[Members]:
    """A list's members, whether XML or JSON: `{"item": [...]}`, `{"item": {...}}` or `[...]`."""
    if isinstance(value, dict) and "item" in value:
        value = value["item"]
    listed = value if isinstance(value, list) else [value]
    return [one for one in listed if isinstance(one, dict)]


def _json(body: bytes) -> Members:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise RefusedError(Reason.MALFORMED) from None


class _Reader:
    """Reads one XML document without document type, entities or processing of any kind."""

    def __init__(self) -> None:
        self._parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse
        parser.UnparsedEntityDeclHandler = parser.ExternalEntityRefHandler = _refuse
        self._open: list[tuple[Members, list[str]]] = []
        self._count = 0
        self._root: Members = {}

    def read(self, body: bytes) -> Members:
        try:
            self._parser.Parse(body, True)
        except (expat.ExpatError, UnicodeError, LookupError, ValueError):
            raise RefusedError(Reason.MALFORMED) from None
        return self._root

    def _start(self, _name: str, _attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise RefusedError(Reason.HOSTILE, "too many elements")
        self._open.append(({}, []))

    def _characters(self, content: str) -> None:
        self._open[-1][1].append(content)

    def _end(self, name: str) -> None:
        members, texts = self._open.pop()
        if not self._open:
            self._root = members
            return
        parent = self._open[-1][0]
        value = members or "".join(texts)
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]


def _refuse(*_: object) -> int:
    raise RefusedError(Reason.HOSTILE, "a document type or an entity")
