"""A batch and its events have the same content."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import msgspec
import numpy as np

from support.simulated import FIRST_DAY, accounts
from wxcube.events import kinds as ev
from wxcube.events.columns import Batch, to_batch
from wxcube.simulator.simulator import simulate, to_events

SHORT = simulate(accounts(count=4)[2:], FIRST_DAY + timedelta(days=34))
EVENTS = list(to_events(SHORT))


def test_events_match_the_structs() -> None:
    # Encoded and decoded, since only decoding checks the limits of each member.
    lines = msgspec.json.Encoder().encode_lines(EVENTS)
    assert msgspec.json.Decoder(ev.AnyEvent).decode_lines(lines) == EVENTS


def test_every_kind_of_event_occurs() -> None:
    kinds = Counter(type(event) for event in EVENTS)
    assert set(kinds) == set(ev.AnyEvent.__args__)
    assert len(EVENTS) == len(SHORT)


def test_ids_are_unique_and_do_not_change_when_days_are_added() -> None:
    assert len({(event.account, event.id) for event in EVENTS}) == len(EVENTS)
    longer = simulate(accounts(count=4)[2:], FIRST_DAY + timedelta(days=40))
    by_identity = {(event.account, event.id): event for event in to_events(longer)}
    assert all(by_identity[event.account, event.id] == event for event in EVENTS)


def test_events_restore_the_batch_except_for_user_ids() -> None:
    again = to_batch(EVENTS)
    assert again.accounts == SHORT.accounts
    for name, columns in SHORT.families():
        for column in columns.keys() - {"user"}:
            assert np.array_equal(getattr(again, name)[column], columns[column]), (name, column)
    assert people(again) == people(SHORT)


def people(batch: Batch) -> list[int]:
    """For each row with a user, the first row with the same user."""
    users = np.concatenate([batch.follow["user"], batch.message["user"], batch.activity["user"]])
    first: dict[int, int] = {}
    return [first.setdefault(user, place) for place, user in enumerate(users.tolist())]
