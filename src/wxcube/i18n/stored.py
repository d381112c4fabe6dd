"""Messages as JSON, so that stored messages can be shown in any language later."""

from __future__ import annotations

import json
from typing import Any

from wxcube.i18n.message import HasMessage, Listing, Meaning, Message, verbatim

_MESSAGE, _LISTING, _MEANING = "message", "listing", "meaning"


def dumped(message: Message) -> str:
    """A message as one line of JSON."""
    return json.dumps(_simple(message), ensure_ascii=False, separators=(",", ":"))


def loaded(text: str) -> Message:
    """The message of a JSON string; any other text becomes a message unchanged.

    >>> loaded(dumped(Message("{path} is empty", {"path": "a.db"}))).template
    '{path} is empty'
    >>> loaded("a text of an older version")
    'a text of an older version'
    """
    try:
        message = _restored(json.loads(text))
    except (ValueError, LookupError, TypeError, AttributeError):
        return verbatim(text)
    return message if isinstance(message, Message) else verbatim(text)


def _simple(value: Any) -> Any:
    if isinstance(value, Message):
        values = {name: _simple(part) for name, part in value.values.items()}
        return {_MESSAGE: value.template, "plural": value.plural, "values": values}
    if isinstance(value, Meaning):
        return {_MEANING: [str(value), value.zh]}
    if isinstance(value, Listing):
        return {_LISTING: [_simple(part) for part in value]}
    if isinstance(value, HasMessage):
        return _simple(value.as_message())
    return value if isinstance(value, str | int | float | None) else str(value)


def _restored(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if _MESSAGE in value:
        values = {name: _restored(part) for name, part in value["values"].items()}
        return Message(value[_MESSAGE], values, value["plural"])
    if _LISTING in value:
        return Listing(map(_restored, value[_LISTING]))
    return Meaning(*value[_MEANING])
