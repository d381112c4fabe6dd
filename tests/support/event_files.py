"""Events for tests of the store: of every kind, as JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import msgspec

from support.events import KINDS, moment
from wxcube.beijing import BEIJING, ManualClock
from wxcube.events import kinds as ev
from wxcube.events.store.store import EventStore

FIRST = date(2026, 3, 1)
NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
GROUPS = 2
WAIT_SECONDS = 120
"""A generous limit for what takes milliseconds on an idle machine."""
PLANTED = "oPLANTEDopenid-0123456789_AB"
"""An openid in WeChat's form, for tests that search for it."""


def lines(events: Iterable[ev.AnyEvent]) -> bytes:
    """Events as JSON lines."""
    return msgspec.json.Encoder().encode_lines(list(events))


def message(number: int, **members: Any) -> ev.Message:
    """A message with an id of its own."""
    defaults: dict[str, Any] = {"id": f"m{number}", "msg_type": 1, "account": "wxdemo-a"}
    defaults |= {"at": moment(FIRST, number % 86_400), "user": f"o{number % 50}"}
    return ev.Message(**(defaults | members))


def sample_events(number: int, seed: int = 1, accounts: int = 20) -> list[ev.AnyEvent]:
    """Events of every kind over four days, each with an id of its own."""
    dice = Random(seed)
    return [_one(dice, f"{seed}-{place}", accounts) for place in range(number)]


def _one(dice: Random, identity: str, accounts: int) -> ev.AnyEvent:
    kind = dice.choice(KINDS)
    members: dict[str, Any] = {
        "id": identity,
        "account": f"wxdemo-{dice.randrange(accounts)}",
        "at": moment(FIRST, dice.randrange(4 * 86_400)),
    }
    drawn = {
        "user": f"o{dice.randrange(500)}",
        "msgid": f"{dice.randrange(1, 30)}_1",
        "source": dice.randrange(8),
        "msg_type": dice.choice([1, 2, 6]),
        "ms": dice.randrange(5_000),
        "ok": dice.random() < 0.9,
        "seconds": dice.randrange(300),
        "position": dice.randrange(6),
        "finished": dice.random() < 0.5,
        "scene": dice.choice([1, 2]),
        "fen": 100,
        "followers": 7,
        "title": "标题",
    }
    members |= {name: drawn[name] for name in kind.__struct_fields__ if name in drawn}
    event: ev.AnyEvent = kind(**members)  # type: ignore[assignment]  # KINDS are AnyEvent's members
    return event


def open_store(folder: Path, **options: Any) -> EventStore:
    """A store at NOW."""
    defaults: dict[str, Any] = {"clock": ManualClock(NOW), "groups": GROUPS}
    return EventStore.open(folder, **(defaults | options))


def store_events(store: EventStore, events: Sequence[ev.AnyEvent]) -> None:
    """Store events and wait for the disk."""
    admitted = store.admit(lines(events))
    assert not admitted.refused
    store.append(admitted).result(WAIT_SECONDS)


def stored(store: EventStore, family: str) -> list[dict[str, Any]]:
    """Every stored row of a family."""
    files: list[str] = []
    for day, group in store.partitions():
        files += [str(path) for path in store.files(family, day, group)]
    if not files:
        return []
    with duckdb.connect() as connection:
        result = connection.execute("SELECT * FROM read_parquet(?)", [files])
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def count_events(store: EventStore) -> int:
    """The number of stored events."""
    return sum(cell.events for _, _, cell in store.manifest().partitions())
