"""Conflicts: events with the identity of an earlier event, but with other content.

The earlier event counts. A conflict shows that a sender uses an id twice, and so loses events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from wxcube.beijing import BEIJING
from wxcube.events.columns import NO_ARTICLE, Action, Columns, article_msgid
from wxcube.events.intake.families import ID_COLUMNS, STORED, Chunk, pick
from wxcube.events.intake.refusal import REDACTED, Refusal
from wxcube.events.store.identity import hash_text
from wxcube.events.store.partitions import Repeated
from wxcube.i18n import Listing, Message, _

Row = dict[str, Any]
_TEXTS = {"title", "content_url"}


@dataclass(frozen=True)
class Conflict:
    """An event that does not count, and the event with the same identity that came first."""

    family: str
    sent: Row
    first: Row

    def as_message(self, accounts: tuple[str, ...]) -> Message:
        """The event and its differences; `accounts` are the names by number."""
        return _(
            "{account}: {kind} {id} of {at:%Y-%m-%d %H:%M:%S} has another {members} than the event "
            "of this id that came first, which counts",
            account=accounts[self.sent["account"]],
            kind=self._kind,
            id=hash_text(self.sent),
            at=datetime.fromtimestamp(self.sent["at"], BEIJING),
            members=Listing(self._differences()),
        )

    def as_refusal(self, accounts: tuple[str, ...]) -> Refusal:
        """The event as a dead letter, without openids."""
        content = {"event": self._kind, "id": hash_text(self.sent)}
        content |= {
            _member(name): _shown(name, value)
            for name, value in self.sent.items()
            if name not in ID_COLUMNS
        }
        content["account"] = accounts[self.sent["account"]]
        return Refusal(0, self.as_message(accounts), content)

    @property
    def _kind(self) -> str:
        if self.family == "follow":
            return "follow" if self.sent["change"] > 0 else "unfollow"
        if self.family == "activity":
            return Action(self.sent["action"]).name.lower()
        return self.family

    def _differences(self) -> Iterator[str]:
        for name, value in self.sent.items():
            if value != self.first[name]:
                shown = f" ({_shown(name, value)} ≠ {_shown(name, self.first[name])})"
                yield _member(name) + ("" if name in _TEXTS else shown)


@dataclass(frozen=True)
class Conflicts:
    """The conflicts of a family: the columns of the events sent, and of those that came first."""

    family: str
    sent: Columns
    first: Columns

    def __len__(self) -> int:
        return len(self.sent["at"])

    def __iter__(self) -> Iterator[Conflict]:
        for sent, first in zip(_rows(self.sent), _rows(self.first), strict=True):
            yield Conflict(self.family, sent, first)


def find(
    part: Chunk,
    repeated: Mapping[str, Repeated],
    content: Callable[[int, str], Columns],
    *,
    with_users: bool,
) -> Iterator[Conflicts]:
    """The conflicts among repeated events of a chunk.

    `content` gives the columns of a stored part, or of the chunk itself, for a family. Users are
    compared only `with_users`: under another key the same user has another number.
    """
    for family, one in repeated.items():
        sent = pick(part[family], one.rows)
        first = {name: np.empty_like(values) for name, values in sent.items()}
        for number in np.unique(one.part).tolist():
            is_there = one.part == number
            columns = content(number, family)
            for name, values in first.items():
                values[is_there] = columns[name][one.place[is_there]]
        names = STORED[family].keys() - (set() if with_users else {"user"})
        differs = np.any([sent[name] != first[name] for name in names], axis=0)
        if differs.any():
            yield Conflicts(family, pick(sent, differs), pick(first, differs))


def _rows(columns: Columns) -> Iterator[Row]:
    lists = (values.tolist() for values in columns.values())
    return (dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True))


def _member(column: str) -> str:
    return "msgid" if column == "article" else column


def _shown(name: str, value: Any) -> Any:
    if name == "user":
        return f"#{value & 2**64 - 1:016x}"
    if name == "article":
        return None if value == NO_ARTICLE else article_msgid(value)
    return REDACTED if name in _TEXTS else value
