"""Messages of the ledger as two columns: the English text, and JSON for the other languages."""

from __future__ import annotations

from typing import Any

from wxcube.i18n import NOTHING, HasMessage, Listing, Meaning, Message, verbatim
from wxcube.i18n.stored import dumped, loaded
from wxcube.log import redact

MESSAGE_LENGTH = 500
"""Characters of a stored English text."""
VALUE_LENGTH = 300
"""Characters of a value in a message, such as a text of WeChat."""


def to_columns(message: Message) -> tuple[str, str | None]:
    """The English text, and the message as JSON; None where the text is all there is.

    Neither has secrets, tokens or openids.
    """
    cleaned = _cleaned(message)
    text = redact(cleaned)[:MESSAGE_LENGTH]
    if cleaned.template in {NOTHING.template, verbatim("").template}:
        return text, None
    data = dumped(cleaned)
    return text, data if loaded(data) == text else None


def from_columns(text: str, data: str | None) -> Message:
    """The message of a ledger entry; entries of older versions have the English text only."""
    message = loaded(data) if data else verbatim(text)
    return message if message == text else verbatim(text)


def _cleaned(message: Message) -> Message:
    values = {name: _cleaned_value(value) for name, value in message.values.items()}
    return Message(message.template, values, message.plural)


def _cleaned_value(value: Any) -> Any:
    if isinstance(value, Message):
        return _cleaned(value)
    if isinstance(value, Listing):
        return Listing(map(_cleaned_value, value))
    if isinstance(value, HasMessage):
        return _cleaned(value.as_message())
    if isinstance(value, str) and not isinstance(value, Meaning):
        return redact(value)[:VALUE_LENGTH]
    return value
