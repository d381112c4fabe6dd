"""The events of a batch as structs, so that they can be written to a file or inspected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from wxcube.events import kinds as ev
from wxcube.events.columns import NO_ARTICLE, Action, Batch, Columns, article_msgid


def to_events(batch: Batch) -> Iterator[ev.AnyEvent]:
    """A batch's events, family by family.

    Ids number the events of each account and family, so the first events of a longer batch keep
    their ids. `user` is derived from the user's number, since a batch holds no openids.
    """
    for name, columns in batch.families():
        numbers = [count(1) for _ in batch.accounts]
        for row in _rows(columns):
            account = row.pop("account")
            event_id = f"{name}-{next(numbers[account])}"
            yield _EVENT[name](row, {"id": event_id, "account": batch.accounts[account]})


def _rows(columns: Columns) -> Iterator[dict[str, Any]]:
    """The rows as Python values."""
    lists = [values.tolist() for values in columns.values()]
    return (dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True))


Row = dict[str, Any]


def _user(row: Row) -> str:
    return f"u{row['user'] & 2**64 - 1:016x}"


def _follow(row: Row, head: Row) -> ev.AnyEvent:
    head = head | {"at": row["at"], "user": _user(row), "source": row["source"]}
    if row["change"] < 0:
        return ev.Unfollow(**head)
    has_article = row["article"] != NO_ARTICLE
    return ev.Follow(**head, msgid=article_msgid(row["article"]) if has_article else None)


def _publish(row: Row, head: Row) -> ev.AnyEvent:
    return ev.Publish(**head, msgid=article_msgid(row.pop("article")), **row)


def _message(row: Row, head: Row) -> ev.AnyEvent:
    return ev.Message(**head, **(row | {"user": _user(row)}))


def _activity(row: Row, head: Row) -> ev.AnyEvent:
    kind, members = _KIND_OF_ACTION[Action(row["action"])]
    own = {name: row[name] for name in members}
    msgid = article_msgid(row["article"])
    return kind(**head, at=row["at"], user=_user(row), msgid=msgid, **own)


_KIND_OF_ACTION: dict[Action, tuple[Callable[..., ev.AnyEvent], tuple[str, ...]]] = {
    Action.READ: (ev.Read, ("source", "seconds", "finished", "position")),
    Action.READ_ORIGINAL: (ev.ReadOriginal, ()),
    Action.SHARE: (ev.Share, ("source", "scene")),
    Action.FAVOURITE: (ev.Favourite, ()),
    Action.LIKE: (ev.Like, ()),
    Action.ZAIKAN: (ev.Zaikan, ()),
    Action.COMMENT: (ev.Comment, ()),
    Action.PRAISE: (ev.Praise, ("fen",)),
}

_EVENT: dict[str, Callable[[Row, Row], ev.AnyEvent]] = {
    "open": lambda row, head: ev.Open(**head, **row),
    "follow": _follow,
    "message": _message,
    "reply": lambda row, head: ev.Reply(**head, **row),
    "publish": _publish,
    "activity": _activity,
}
