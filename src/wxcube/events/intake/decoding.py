"""Decoding of JSON lines in one batch: the members of all events, by kind, each as a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

import msgspec

from wxcube.events import kinds as ev
from wxcube.events.intake.tables import KINDS, MemberColumns


def _fast(kind: type[ev.Event]) -> type[msgspec.Struct]:
    """The kind without its most expensive rules, which are checked on columns instead."""
    plain: dict[Any, Any] = {ev.MsgId: str, ev.ReadBefore: str | None}
    members = [
        (f.name, plain.get(f.type, f.type), *(() if f.required else (f.default,)))
        for f in msgspec.structs.fields(kind)
    ]
    return msgspec.defstruct(
        kind.__name__,
        members,
        tag_field="event",
        tag=kind.__struct_config__.tag,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
    )


_FAST = {_fast(kind): tag for tag, kind in KINDS.items()}
_TAGS: dict[type, str] = _FAST | {kind: tag for tag, kind in KINDS.items()}
_MEMBERS = {tag: kind.__struct_fields__ for tag, kind in KINDS.items()}
# PERF: per member 0.03 us with a comprehension, 0.06 with attrgetter, 0.09 with astuple and zip
_GETTERS: dict[str, Callable[[Sequence[Any]], list[Any]]] = {
    "id": lambda events: [event.id for event in events],
    "account": lambda events: [event.account for event in events],
    "at": lambda events: [event.at for event in events],
    "user": lambda events: [event.user for event in events],
    "msgid": lambda events: [event.msgid for event in events],
    "followers": lambda events: [event.followers for event in events],
    "source": lambda events: [event.source for event in events],
    "msg_type": lambda events: [event.msg_type for event in events],
    "ms": lambda events: [event.ms for event in events],
    "ok": lambda events: [event.ok for event in events],
    "title": lambda events: [event.title for event in events],
    "publish_type": lambda events: [event.publish_type for event in events],
    "target_user": lambda events: [event.target_user for event in events],
    "content_url": lambda events: [event.content_url for event in events],
    "seconds": lambda events: [event.seconds for event in events],
    "finished": lambda events: [event.finished for event in events],
    "position": lambda events: [event.position for event in events],
    "scene": lambda events: [event.scene for event in events],
    "fen": lambda events: [event.fen for event in events],
}
"""For each member, the function that lists its values."""
_ANY: Any = Union[tuple(_FAST)]  # noqa: UP007 - a union of a computed list
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_ANY)


def decode(lines: bytes) -> Sequence[Any]:
    """The events of JSON lines; the pattern of `msgid` is not checked.

    Raises:  msgspec.DecodeError for anything else that is not an event; UnicodeError;
    RecursionError.
    """
    return _decoder.decode_lines(lines)


def convert(records: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
    """The events of records, in which numbers may be text; the pattern of `msgid` is not checked.

    Raises:  msgspec.ValidationError for anything else that is not an event; UnicodeError.
    """
    events: Sequence[Any] = msgspec.convert(records, list[_ANY], strict=False)
    return events


def by_member(events: Sequence[Any]) -> dict[str, MemberColumns]:
    """The values of events by kind and member; events of `decode` or of the full structs."""
    return {
        tag: {name: _GETTERS[name](of_kind) for name in _MEMBERS[tag]}
        for tag, of_kind in _by_tag(events).items()
    }


def _by_tag(events: Sequence[Any]) -> dict[str, list[Any]]:
    """Events by kind."""
    by_tag: dict[str, list[Any]] = {tag: [] for tag in _MEMBERS}
    append = {kind: by_tag[tag].append for kind, tag in _TAGS.items()}
    for event in events:
        append[type(event)](event)
    return {tag: of_kind for tag, of_kind in by_tag.items() if of_kind}
