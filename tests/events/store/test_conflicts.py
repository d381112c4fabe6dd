"""Events that have the id of another event: duplicates, conflicts, and other kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.event_files import (
    FIRST,
    NOW,
    count_events,
    message,
    open_store,
    sample_events,
    store_events,
    stored,
)
from support.events import moment
from wxcube.events import kinds as ev
from wxcube.events.store.repair import rotate_key
from wxcube.events.store.status import status
from wxcube.events.store.store import EventStore


def test_events_of_different_kinds_may_have_the_same_id(store: EventStore) -> None:
    head: dict[str, Any] = {"id": "1", "account": "wxdemo-a", "at": moment(FIRST), "user": "o1"}
    happened: list[ev.AnyEvent] = [
        ev.Follow(**head),
        ev.Unfollow(**head),
        ev.Message(**head, msg_type=1),
        ev.Read(**head, msgid="1_1"),
        ev.Like(**head, msgid="1_1"),
    ]
    for _ in range(2):
        store_events(store, happened)
        done = store.compact()
    assert (count_events(store), done.duplicates, done.conflicts) == (5, 5, 0)


@pytest.mark.parametrize("is_stored", [True, False])
def test_other_content_with_the_same_id_is_a_conflict_and_the_first_counts(
    store: EventStore, *, is_stored: bool
) -> None:
    store_events(store, [message(1), message(2), message(3)])
    if is_stored:
        store.compact()
    store_events(store, [message(1, msg_type=2), message(2), message(3, user="o-other")])
    done = store.compact()
    assert (done.duplicates, done.conflicts, len(done.examples)) == (3, 2, 2)
    assert "wxdemo-a: message #" in done.examples[0]
    assert "msg_type (2 ≠ 1)" in done.examples[0]
    assert "user (#" in done.examples[1]
    assert {row["msg_type"] for row in stored(store, "message")} == {1}
    assert status(store).conflicts == 2


def test_every_member_is_compared(store: EventStore) -> None:
    happened = sample_events(300)
    store_events(store, happened)
    store.compact()
    store_events(store, happened)
    assert store.compact().conflicts == 0
    later = [
        msgspec.structs.replace(one, at=one.at + (1 if one.at % 10 < 9 else -1)) for one in happened
    ]
    store_events(store, later)
    done = store.compact()
    assert (done.conflicts, len(done.examples)) == (300, 5)


def test_conflicts_are_kept_on_request_without_openids(tmp_path: Path) -> None:
    with open_store(tmp_path / "events", keep_conflicts=True) as store:
        store_events(
            store,
            [message(1), ev.Publish(id="1", account="wxdemo-a", at=moment(FIRST), msgid="1_1")],
        )
        again = ev.Publish(id="1", account="wxdemo-a", at=moment(FIRST), msgid="2_1", title="other")
        store_events(store, [message(1, user="oPLANTED"), again])
        store.compact()
    letters = [
        msgspec.json.decode(line)
        for file in (tmp_path / "events" / "dead").iterdir()
        for line in file.read_bytes().splitlines()
    ]
    contents = {one["content"]["event"]: one["content"] for one in letters}
    assert contents["message"]["account"] == "wxdemo-a"
    assert contents["message"]["user"].startswith("#")
    assert contents["publish"]["msgid"] == "2_1"
    assert contents["publish"]["title"] == "***"
    assert "PLANTED" not in str(letters)


def test_after_a_rotation_another_hash_of_a_user_is_no_conflict(tmp_path: Path) -> None:
    with open_store(tmp_path / "events") as store:
        store_events(store, [message(1)])
        store.compact()
    rotate_key(tmp_path / "events", NOW)
    with open_store(tmp_path / "events") as store:
        store_events(store, [message(1)])
        done = store.compact()
        assert (done.duplicates, done.conflicts) == (1, 0)
        store_events(store, [message(1, msg_type=2)])
        assert store.compact().conflicts == 1
